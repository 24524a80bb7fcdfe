r"""Rice Lake stream format, pure.

    STX pol wwwwwww u k s CR [LF]     pol blank or -; weight with its point, blanks before it
    u  L pounds, K kilograms, T tons, G grams, O ounces, blank none;  k  G gross, N net
    s  blank valid, Z at zero, M moving, I invalid, O over or under range

Source: Rice Lake 482-AG p.33, 682 Synergy Plus p.110; Cardinal 200 p.27 (IQ355).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from edge.drivers.framing import FrameParser
from edge.drivers.printed import column, printed, scaled
from edge.drivers.readings import Display, Kind, Reading, described
from edge.drivers.rows import Doubt, Indicator, IndicatorOptions

FRAME = re.compile(rb"\x02([\x20-])" + column(7) + rb"([LKTGO\x20])([GN])([\x20IMOZ])\r")
SIZE = 13
UNITS = {b"L": "lb", b"K": "kg", b"T": "t", b"G": "g", b"O": "oz", b" ": None}
LETTERS = {unit: letter for letter, unit in UNITS.items()}
KINDS: dict[bytes, Kind] = {b"G": "gross", b"N": "net"}
STABLE = {b" ": True, b"Z": True, b"M": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamOptions(IndicatorOptions):
    """`tons` is what the letter T means: `metric`, or `short` tons of 2000 lb, which are never converted."""

    tons: Literal["unknown", "metric", "short"] = "unknown"


class StreamReading(Reading, frozen=True, kw_only=True):
    at_zero: bool = False


def parser(options: StreamOptions) -> FrameParser[StreamReading]:
    return FrameParser(FRAME, longest=SIZE, decode=_decoder(options), between=b"\n")


def _decoder(options: StreamOptions) -> Callable[[re.Match[bytes], bool], StreamReading]:
    units = UNITS | ({b"T": "tn"} if options.tons == "short" else {})
    doubts = {b"T": "tons" if options.tons == "unknown" else "", b" ": "" if options.unit else "unit"}

    def reading(found: re.Match[bytes], repeated: bool) -> StreamReading:
        sign, digits, letter, kind, status = found.groups()
        mantissa, exponent = scaled(sign + digits)
        return StreamReading(
            mantissa=mantissa,
            exponent=exponent,
            unit=units[letter],
            kind=KINDS[kind],
            stable=STABLE.get(status),
            valid=status in STABLE,
            over_range=status == b"O" and sign != b"-",
            under_range=status == b"O" and sign == b"-",
            confirmed=repeated,
            doubt=doubts.get(letter, ""),
            at_zero=status == b"Z",
            raw=found[0],
        )

    return reading


def describe(reading: StreamReading) -> dict[str, object]:
    overload = reading.over_range or reading.under_range
    return described(reading) | {"zero": reading.at_zero, "overload": overload}


def write(shown: Display, _options: StreamOptions) -> bytes:
    """ValueError when the value does not fit the frame, or its unit has no letter."""
    if shown.unit not in LETTERS:
        raise ValueError(f"{shown.unit} has no letter")
    sign = b"-" if shown.mantissa < 0 else b" "
    kind = b"N" if shown.net else b"G"
    return b"\x02" + sign + printed(shown, 7) + LETTERS[shown.unit] + kind + _status(shown) + b"\r\n"


def _status(shown: Display) -> bytes:
    if shown.over_range or shown.under_range:
        return b"O"
    if shown.power_up:
        return b"I"
    if not shown.stable:
        return b"M"
    return b"Z" if shown.at_zero else b" "


INDICATOR = Indicator(
    name="ricelake-stream",
    title="Rice Lake stream format",
    makers="Rice Lake 482, 682, 920i, IQ355; Cardinal 200 and others that copy it",
    frame="13 bytes, or 14 with LF",
    lines=("9600 8N1", "19200 8N1", "4800 8N1"),
    says=frozenset({"unit", "stable", "gross_net", "zero", "range"}),
    options=StreamOptions,
    parser=parser,
    describe=describe,
    write=write,
    doubts=(
        Doubt(option="tons", why="the letter T may be metric or short tons"),
        Doubt(option="unit", why="it may be configured blank"),
    ),
    source="Rice Lake 482-AG p.33, 682 Synergy Plus p.110; Cardinal 200 p.27",
)
