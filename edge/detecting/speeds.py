"""At which speed a line really runs 波特率, when a port at another hears nonsense: every mismatch has its alphabet.

A port that is too fast sees each bit of the device several times, so its bytes are runs of equal bits; one that is too
slow sees every second or fourth, start and stop bits among them.  Which bytes that gives is worked out by sampling what
the known indicators write, at every ratio of two usual speeds, and compared with the bytes that came.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from math import gcd, log

from edge.detecting.evidence import Row, forms
from edge.detecting.lines import SPEEDS, Line
from edge.detecting.uart import sampled, wave
from edge.drivers.readings import Display
from edge.drivers.rows import Indicator

_ENOUGH = 40  # bytes, before their alphabet means anything
_MARGIN = 0.25  # nats a byte by which an alphabet must explain better than any that is no mismatch
_NEAR = 0.15  # another speed within this is named as well
_CLOSEST = 32  # times: a greater mismatch leaves no alphabet
_VALUES = (0, 20, 4_860, 17_600, 23_940, 35_180)
_IDLE_BITS = 500  # between two frames
_UNIT_BAUD = 1_200  # the slower of two speeds that are multiples of each other
_TEXT = (*range(0x20, 0x7F), 0x02, 0x03, 0x0A, 0x0D)

Alphabet = tuple[float, ...]  # logarithm of the likelihood of each byte


def speeds_behind(data: bytes, port_baud: int, samples: tuple[bytes, ...]) -> tuple[int, ...]:
    """The likeliest speeds of the device, best first; () when the port's own speed, or noise, explains it as well.

    `samples` is what devices may be sending, see `samples_of`.
    """
    if len(data) < _ENOUGH:
        return ()
    counts = Counter(data)
    fits = {
        baud: _fit(counts, _alphabet(samples, baud, port_baud))
        for baud in SPEEDS
        if baud != port_baud and 1 / _CLOSEST <= baud / port_baud <= _CLOSEST
    }
    best = max(fits.values())
    innocent = max(_fit(counts, one) for one in (*_plain(samples), _noise()))
    if best - innocent < _MARGIN:
        return ()
    near = sorted((-fit, baud) for baud, fit in fits.items() if best - fit < _NEAR)
    return tuple(baud for _, baud in near)


def _fit(counts: Counter[int], alphabet: Alphabet) -> float:
    """Mean logarithm of the likelihood of a byte."""
    return sum(alphabet[byte] * count for byte, count in counts.items()) / counts.total()


def _alphabet(samples: tuple[bytes, ...], sent_baud: int, port_baud: int) -> Alphabet:
    """Only the ratio of the two counts."""
    common = gcd(sent_baud, port_baud)
    return _alphabet_of(samples, sent_baud // common * _UNIT_BAUD, port_baud // common * _UNIT_BAUD)


@cache
def _alphabet_of(samples: tuple[bytes, ...], sent_baud: int, port_baud: int) -> Alphabet:
    idle_ms = _IDLE_BITS * 1000 // sent_baud
    seen: Counter[int] = Counter()
    for form in (Line(sent_baud), Line(sent_baud, 7, "even")):
        seen.update(sampled(wave([(sample, idle_ms) for sample in samples], form), Line(port_baud)))
    return _likelihoods(seen)


@cache
def _plain(samples: tuple[bytes, ...]) -> tuple[Alphabet, ...]:
    """At the right speed, without and with parity: the known indicators, or any other text."""
    known = Counter(b"".join(samples))
    weight = max(known.total() // len(_TEXT), 1)
    seen = known + Counter(dict.fromkeys(_TEXT, weight))
    even = Counter({byte | (byte.bit_count() & 1) << 7: count for byte, count in seen.items()})
    odd = Counter({byte | (~byte.bit_count() & 1) << 7: count for byte, count in seen.items()})
    return tuple(map(_likelihoods, (seen, even, odd)))


@cache
def _noise() -> Alphabet:
    return _likelihoods(Counter(range(256)))


def _likelihoods(seen: Counter[int]) -> Alphabet:
    """No byte is impossible: noise is on every line."""
    total = seen.total()
    return tuple(log(0.95 * seen[byte] / max(total, 1) + 0.05 / 256) for byte in range(256))


def samples_of(rows: Sequence[Row]) -> tuple[bytes, ...]:
    """Some displays of every indicator that sends them unasked."""
    return tuple(frame for row in rows for frame in _written(row))


def _written(row: Row) -> Iterator[bytes]:
    known = forms(row.options)
    if not isinstance(row, Indicator) or row.write is None or not known:
        return
    for kg in _VALUES:
        yield row.write(Display(mantissa=kg), known[0].options)
