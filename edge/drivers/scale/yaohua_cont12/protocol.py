r"""Yaohua XK3190 continuous output (tF=0), pure.

    STX sign d d d d d d p XH XL ETX     six digits, high first; p decimal places; XOR of bytes 1..8 as two hex digits

The frame says neither unit nor stability, nor whether gross or net is displayed.
Source: XK3190-DS1, -A9+, -A23p, -A26 manuals; captured frames at 1200 and 9600 baud.
"""

from __future__ import annotations

import re
from functools import reduce
from operator import xor

from edge.drivers.framing import FrameParser
from edge.drivers.readings import Display, Reading, described
from edge.drivers.rows import Doubt, Indicator, IndicatorOptions
from kernel.errors import ProtocolError

FRAME = re.compile(rb"\x02([+-])([\x20-\x7e]{6})([0-4])([0-9A-F]{2})\x03")
SIZE = 12


def check_digits(data: bytes) -> bytes:
    """XOR of the bytes as two upper-case hexadecimal digits."""
    return b"%02X" % reduce(xor, data, 0)


def parser(_options: IndicatorOptions) -> FrameParser[Reading]:
    return FrameParser(FRAME, longest=SIZE, decode=reading)


def reading(found: re.Match[bytes], _repeated: bool) -> Reading:
    raw = found[0]
    sign, digits, places, check = found.groups()
    if check_digits(raw[1:9]) != check:
        raise ProtocolError("wrong checksum", raw)
    if not digits.isdigit():
        raise ProtocolError("not a number", raw)
    value = int(digits)
    return Reading(
        mantissa=-value if sign == b"-" else value,
        exponent=-int(places),
        checked=True,
        confirmed=True,
        raw=raw,
    )


def write(shown: Display, _options: IndicatorOptions) -> bytes:
    """ValueError when the value does not fit the frame."""
    if not 0 <= -shown.exponent <= 4 or abs(shown.mantissa) > 999_999:
        raise ValueError(f"{shown.mantissa}e{shown.exponent} does not fit the frame")
    sign = b"-" if shown.mantissa < 0 else b"+"
    body = sign + b"%06d%d" % (abs(shown.mantissa), -shown.exponent)
    return b"\x02" + body + check_digits(body) + b"\x03"


INDICATOR = Indicator(
    name="yaohua-cont12",
    title="Yaohua XK3190 continuous, 12 bytes 耀华连续方式",
    makers="Yaohua XK3190 A9, A9+, DS1, DS3, A23p, A26, D10; Keli XK3118 and other copies",
    frame="12 bytes",
    lines=("9600 8N1", "4800 8N1", "2400 8N1", "1200 8N1", "600 8N1"),
    says=frozenset({"checksum"}),
    options=IndicatorOptions,
    parser=parser,
    describe=described,
    write=write,
    doubts=(
        Doubt(option="unit", why="the frame does not send it"),
        Doubt(option="displayed", why="gross and net look the same"),
    ),
    kin=frozenset({"keli"}),
    source="XK3190-DS1 p.8-9, A9+ p.10, A23p p.23-26, A26 p.12-13; captured frames",
)
