r"""Yaohua XK3190-A12 continuous output as text, pure.

    'w' 'w'|'n'|'t' vvvvvvv 'kg' CR LF      w gross, n net, t tare; v value with its point, '-' in front when below zero

Source: XK3190-A12 manual, its lines ww000.000lb, wn-0000.1kg and wt000.000kg.
"""

from __future__ import annotations

import re
from collections import deque

from edge.drivers.framing import FrameParser
from edge.drivers.readings import Display, Kind, Reading, described, number
from edge.drivers.rows import Indicator, IndicatorOptions

VALUE = rb"([-0-9][0-9.]{5}[0-9. ])(kg|lb)"
KINDS: dict[bytes, Kind] = {b"w": "gross", b"n": "net", b"t": "tare"}

_FRAME = re.compile(rb"w([wnt])%s\r\n" % VALUE)
_SIZE = 13


def value_in(text: bytes) -> tuple[int, int]:
    """(mantissa, exponent) of the seven characters; ProtocolError when they are no number."""
    mantissa, exponent = number(text.lstrip(b"-").rstrip(b" "))
    return (-mantissa if text[:1] == b"-" else mantissa), exponent


def value_text(shown: Display) -> bytes:
    """The seven characters; ValueError when the display does not fit them."""
    sign = b"-" if shown.mantissa < 0 else b""
    digits = b"%0*d" % (6 - len(sign), abs(shown.mantissa))
    places = -shown.exponent
    if len(sign + digits) > 6 or not 0 <= places <= 4 or shown.unit not in ("kg", "lb"):
        raise ValueError(f"{shown.mantissa}e{shown.exponent} {shown.unit} does not fit the frame")
    point = len(digits) - places
    return sign + (digits[:point] + b"." + digits[point:] if places else digits + b" ")


class _Lines:
    """Gross, net and tare may take turns: a line is confirmed by the one of its own kind before it in that turn."""

    def __init__(self) -> None:
        self._turn: deque[bytes] = deque(maxlen=len(KINDS))

    def reading(self, found: re.Match[bytes], _repeated: bool) -> Reading:
        letter, text, unit = found.groups()
        mantissa, exponent = value_in(text)
        repeated = found[0] == next((line for line in self._turn if line[1:2] == letter), b"")
        self._turn.appendleft(found[0])
        return Reading(
            mantissa=mantissa,
            exponent=exponent,
            unit=unit.decode(),
            kind=KINDS[letter],
            confirmed=repeated,
            raw=found[0],
        )


def parser(_options: IndicatorOptions) -> FrameParser[Reading]:
    return FrameParser(_FRAME, longest=_SIZE, decode=_Lines().reading)


def write(shown: Display, _options: IndicatorOptions) -> bytes:
    """ValueError when the display does not fit the frame."""
    return (b"wn" if shown.net else b"ww") + value_text(shown) + shown.unit.encode() + b"\r\n"


INDICATOR = Indicator(
    name="yaohua-a12-text",
    title="Yaohua XK3190-A12 text lines 耀华 A12 文本",
    makers="Yaohua XK3190-A12",
    frame="13 bytes",
    lines=("9600 8N1", "4800 8N1", "2400 8N1", "1200 8N1"),
    says=frozenset({"unit", "gross_net"}),
    options=IndicatorOptions,
    parser=parser,
    describe=described,
    write=write,
    source="XK3190-A12 manual",
)
