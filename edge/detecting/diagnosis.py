"""Why nothing was recognised 诊断: a silent line, a wrong speed, parity, print mode, or a protocol nobody knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from edge.detecting.evidence import Evidence, Row, best_evidence
from edge.detecting.lines import Line
from edge.detecting.reading import Heard, eighth_bit
from edge.detecting.speeds import samples_of, speeds_behind

Word = Literal[
    "nothing", "echo", "held_low", "print_only", "too_few", "wrong_speed", "parity", "unknown_protocol"
]

_PAUSE_MS = 1_000  # between two bursts of a device that prints
_TICKET_MS = 1_000  # a ticket at 1200 baud takes as long
_PRINTS = 2  # bursts in one window; who sends unasked sends more often
_SAMPLE = 48  # bytes shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One finding: what, at which setting of the port, and what belongs to it."""

    word: Word
    line: Line | None = None
    protocol: str = ""
    frames: int = 0
    speeds: tuple[int, ...] = ()
    eighth: str = ""
    sample: bytes = b""


def diagnose(heard: Sequence[Heard], rows: Sequence[Row]) -> tuple[Trouble, ...]:
    """Of what gave no claim; never empty."""
    loud = [one for one in heard if one.data]
    if not loud:
        return (Trouble(word="nothing"),)
    if all(one.asked is not None and one.is_echo for one in loud):
        return (Trouble(word="echo", line=loud[0].line),)
    if all(not one.data.strip(b"\x00") for one in loud):
        return (Trouble(word="held_low", line=loud[0].line),)
    begun = [trouble for one in loud if (trouble := _begun(one, rows)) is not None]
    return tuple(begun[:1]) or tuple(_not_one_frame(loud, rows))


def _begun(heard: Heard, rows: Sequence[Row]) -> Trouble | None:
    """Frames of a known protocol, but too few to claim it."""
    found = [best for row in rows if (best := best_evidence(row, heard)) is not None]
    likely = [one for one in found if one.explained_percent >= 50]
    if not likely:
        return None
    best = max(likely, key=_strength)
    return Trouble(
        word="print_only" if _prints(heard) else "too_few",
        line=best.line,
        protocol=best.row.name,
        frames=best.frames,
    )


def _strength(found: Evidence) -> tuple[bool, int]:
    return found.checked, found.explained


def _prints(heard: Heard) -> bool:
    """One or two short bursts, and silence around them."""
    if heard.asked is not None:
        return False
    times = [at for at, _ in heard.chunks]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    bursts = 1 + sum(gap >= _PAUSE_MS for gap in gaps)
    quiet = max([times[0], *gaps, heard.window_ms - times[-1]])
    talk = sum(gap for gap in gaps if gap < _PAUSE_MS)
    return bursts <= _PRINTS and talk <= bursts * _TICKET_MS and quiet >= _PAUSE_MS


def _not_one_frame(loud: Sequence[Heard], rows: Sequence[Row]) -> Iterator[Trouble]:
    speeds = likely_speeds(loud, rows)
    right = next((one for one in loud if one.line.baud in speeds[:1]), None)
    if speeds and right is None:
        yield Trouble(word="wrong_speed", line=loud[0].line, speeds=speeds)
    shown = right or loud[0]
    eighth = eighth_bit(shown.data)
    if eighth is not None and not (speeds and right is None):
        yield Trouble(word="parity", line=shown.line, eighth=eighth)
    yield Trouble(word="unknown_protocol", line=shown.line, sample=shown.data[:_SAMPLE])


def likely_speeds(heard: Sequence[Heard], rows: Sequence[Row]) -> tuple[int, ...]:
    """Those that most of what was heard points to, best first."""
    samples = samples_of(rows)
    votes: Counter[int] = Counter()
    for one in heard:
        votes.update(speeds_behind(one.data, one.line.baud, samples))
    return tuple(baud for baud, count in votes.most_common() if 2 * count >= max(votes.values()))
