r"""Rinstrum automatic output FMT_2, pure.

    STX sign wwwwwww S1 S2 S3 S4 uuu ETX     sign blank or -; weight with its point, blanks before it
    S1 G gross, N net, O over, U under range, E error; S2 M moving; S3 Z at zero; S4 range, - where there is one

The unit is blank while the display moves.  Source: Rinstrum R320 003R-682-119 p.44, C530 p.53.
"""

from __future__ import annotations

import re

from edge.drivers.framing import FrameParser
from edge.drivers.printed import column, printed, scaled, unit_of
from edge.drivers.readings import Display, Kind, Reading, described
from edge.drivers.rows import Doubt, Indicator, IndicatorOptions

FRAME = re.compile(
    rb"\x02([\x20-])"
    + column(7)
    + rb"([GNUOE])([\x20M])([\x20Z])([-12])(\x20{3}|\x20\x20[A-Za-z]|\x20[A-Za-z]{2})\x03"
)
SIZE = 17
KINDS: dict[bytes, Kind] = {b"G": "gross", b"N": "net"}


class Fmt2Reading(Reading, frozen=True, kw_only=True):
    """`error`: the device cannot weigh."""

    at_zero: bool = False
    error: bool = False


def parser(_options: IndicatorOptions) -> FrameParser[Fmt2Reading]:
    return FrameParser(FRAME, longest=SIZE, decode=_reading, between=b"\r\n")


def _reading(found: re.Match[bytes], repeated: bool) -> Fmt2Reading:
    sign, digits, status, motion, zero, _range, word = found.groups()
    mantissa, exponent = scaled(sign + digits)
    valid = status in KINDS
    return Fmt2Reading(
        mantissa=mantissa,
        exponent=exponent,
        unit=unit_of(word),
        kind=KINDS.get(status, "unknown"),
        stable=motion != b"M" if valid else None,
        valid=valid,
        over_range=status == b"O",
        under_range=status == b"U",
        confirmed=repeated,
        at_zero=zero == b"Z",
        error=status == b"E",
        raw=found[0],
    )


def describe(reading: Fmt2Reading) -> dict[str, object]:
    told: dict[str, object] = {"zero": reading.at_zero}
    if reading.over_range:
        told["overload"] = True
    if reading.under_range:
        told["underload"] = True
    if reading.error:
        told["error"] = "scale"
    return described(reading) | told


def write(shown: Display, _options: IndicatorOptions) -> bytes:
    """ValueError when the value does not fit the frame."""
    sign = b"-" if shown.mantissa < 0 else b" "
    motion, unit = (b" ", shown.unit.encode()) if shown.stable else (b"M", b"")
    zero = b"Z" if shown.at_zero else b" "
    body = sign + printed(shown, 7) + _status(shown) + motion + zero + b"-"
    return b"\x02" + body + unit.rjust(3) + b"\x03"


def _status(shown: Display) -> bytes:
    if shown.over_range or shown.under_range:
        return b"O" if shown.over_range else b"U"
    return b"N" if shown.net else b"G"


INDICATOR = Indicator(
    name="rinstrum-fmt2",
    title="Rinstrum automatic output FMT_2",
    makers="Rinstrum R320, C530 and others",
    frame="17 bytes",
    lines=("9600 8N1", "4800 8N1", "2400 8N1"),
    says=frozenset({"stable", "gross_net", "zero", "range"}),
    options=IndicatorOptions,
    parser=parser,
    describe=describe,
    write=write,
    doubts=(Doubt(option="unit", why="the frame leaves it blank while the display moves"),),
    source="Rinstrum R320 003R-682-119 p.44, C530 p.53",
)
