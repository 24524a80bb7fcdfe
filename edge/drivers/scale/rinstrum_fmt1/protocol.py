r"""Rinstrum automatic output FMT_1, pure.

    STX sign wwwwwww status ETX     sign blank or -; weight with its point, blanks before it
    status  G gross, N net, M moving (hides gross and net), O over, U under range, E error

The frame says no unit.  Source: Rinstrum R320 003R-682-119 p.44, C530 p.53.
"""

from __future__ import annotations

import re

from edge.drivers.framing import FrameParser
from edge.drivers.printed import column, printed, scaled
from edge.drivers.readings import Display, Kind, Reading, described
from edge.drivers.rows import Doubt, Indicator, IndicatorOptions

FRAME = re.compile(rb"\x02([\x20-])" + column(7) + rb"([GNUOME])\x03")
SIZE = 11
KINDS: dict[bytes, Kind] = {b"G": "gross", b"N": "net"}
STABLE = {b"G": True, b"N": True, b"M": False}


class Fmt1Reading(Reading, frozen=True, kw_only=True):
    """`error`: the device cannot weigh."""

    error: bool = False


def parser(_options: IndicatorOptions) -> FrameParser[Fmt1Reading]:
    return FrameParser(FRAME, longest=SIZE, decode=_reading, between=b"\r\n")


def _reading(found: re.Match[bytes], repeated: bool) -> Fmt1Reading:
    sign, digits, status = found.groups()
    mantissa, exponent = scaled(sign + digits)
    return Fmt1Reading(
        mantissa=mantissa,
        exponent=exponent,
        kind=KINDS.get(status, "unknown"),
        stable=STABLE.get(status),
        valid=status in STABLE,
        over_range=status == b"O",
        under_range=status == b"U",
        confirmed=repeated,
        error=status == b"E",
        raw=found[0],
    )


def describe(reading: Fmt1Reading) -> dict[str, object]:
    told = {"overload": reading.over_range, "error": "scale" if reading.error else None}
    return described(reading) | told | ({"underload": True} if reading.under_range else {})


def write(shown: Display, _options: IndicatorOptions) -> bytes:
    """ValueError when the value does not fit the frame."""
    sign = b"-" if shown.mantissa < 0 else b" "
    return b"\x02" + sign + printed(shown, 7) + _status(shown) + b"\x03"


def _status(shown: Display) -> bytes:
    if shown.over_range or shown.under_range:
        return b"O" if shown.over_range else b"U"
    if not shown.stable:
        return b"M"
    return b"N" if shown.net else b"G"


INDICATOR = Indicator(
    name="rinstrum-fmt1",
    title="Rinstrum automatic output FMT_1",
    makers="Rinstrum R320, C530 and others",
    frame="11 bytes",
    lines=("9600 8N1", "4800 8N1", "2400 8N1"),
    says=frozenset({"stable", "gross_net", "range"}),
    options=IndicatorOptions,
    parser=parser,
    describe=describe,
    write=write,
    doubts=(
        Doubt(option="unit", why="the frame does not send it"),
        Doubt(option="displayed", why="motion hides gross and net"),
    ),
    source="Rinstrum R320 003R-682-119 p.44, C530 p.53",
)
