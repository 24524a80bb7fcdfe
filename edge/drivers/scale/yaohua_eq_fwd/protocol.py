"""Yaohua XK3190 continuous output that begins with '=', high digit first 正序, pure.

    '=' '0'|'-' vvvvvvv         v seven characters: digits and at most one point

No checksum, no unit, no end: a frame is nine bytes of which '=' is only the first.  The low-first form uses the same
characters, so =000.3000 is 0.3000 here and 3.000 there: the driver's name must say which.
Source: XK3190-A26 manual p.12-13, -DS1 p.8-9, -A9+ p.10 format 2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from edge.drivers.framing import FrameParser
from edge.drivers.readings import Display, Reading, described, number
from edge.drivers.rows import Doubt, Indicator, IndicatorOptions
from kernel.errors import ProtocolError

SIZE = 9
SOURCE = "XK3190-A26 p.12-13, DS1 p.8-9, A9+ p.10"
MAKERS = "Yaohua XK3190 A9, A9+, DS1, DS3, A23p, A26 and copies"
LINES = ("9600 8N1", "4800 8N1", "2400 8N1", "1200 8N1", "600 8N1")
DOUBTS = (
    Doubt(option="format", why="one frame may be read from either end: the driver's name says which"),
    Doubt(option="unit", why="the frame does not send it"),
    Doubt(option="displayed", why="gross and net look the same"),
)

_FRAME = re.compile(rb"=([-0])([0-9.]{7})")


@dataclass(frozen=True, slots=True, kw_only=True)
class EqFwdOptions(IndicatorOptions):
    """`format` names the form again, as files of frames do; it cannot be another."""

    format: Literal["eq-fwd"] = "eq-fwd"


def equals_reading(sign: bytes, text: bytes, repeated: bool, raw: bytes) -> Reading:
    """What both forms show, once `text` is high digit first; ProtocolError when it is no number."""
    if text[:1] == b".":
        raise ProtocolError("a point before every digit", raw)
    mantissa, exponent = number(text)
    return Reading(
        mantissa=-mantissa if sign == b"-" else mantissa,
        exponent=exponent,
        confirmed=repeated,
        raw=raw,
    )


def equals_text(shown: Display) -> tuple[bytes, bytes]:
    """Sign and seven characters, high digit first; ValueError when the display does not fit them."""
    places = -shown.exponent
    digits = b"%0*d" % (6 if places else 7, abs(shown.mantissa))
    if len(digits) + bool(places) > 7 or not 0 <= places <= 4:
        raise ValueError(f"{shown.mantissa}e{shown.exponent} does not fit the frame")
    text = digits[:-places] + b"." + digits[-places:] if places else digits
    return (b"-" if shown.mantissa < 0 else b"0"), text


def parser(_options: EqFwdOptions) -> FrameParser[Reading]:
    return FrameParser(_FRAME, longest=SIZE, decode=_reading, touching=True)


def _reading(found: re.Match[bytes], repeated: bool) -> Reading:
    return equals_reading(found[1], found[2], repeated, found[0])


def write(shown: Display, _options: EqFwdOptions) -> bytes:
    """ValueError when the display does not fit the frame."""
    sign, text = equals_text(shown)
    return b"=" + sign + text


INDICATOR = Indicator(
    name="yaohua-eq-fwd",
    title="Yaohua XK3190 '=' high digit first 耀华等号正序",
    makers=MAKERS,
    frame="9 bytes",
    lines=LINES,
    says=frozenset(),
    options=EqFwdOptions,
    parser=parser,
    describe=described,
    write=write,
    doubts=DOUBTS,
    kin=frozenset({"yaohua-eq-rev"}),
    source=SOURCE + " format 2",
)
