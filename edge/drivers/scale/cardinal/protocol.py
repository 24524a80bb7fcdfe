r"""Cardinal 738 stream format, pure.

    CR pol wwwwww s SP uu SP k SP SP ETX     CR begins the frame, ETX ends it; pol + or - (older: blank)
    w six digits, zeros before them, and the point: last where there are no decimals
    s  blank valid, m moving, o over or under range, e not displayed;  k  g gross, n net

Source: Rice Lake 482-AG p.33, 682 Synergy Plus p.110, 920i p.113 and 880 p.103 (Cardinal 738); Cardinal 225 p.120.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from edge.drivers.framing import FrameParser
from edge.drivers.printed import Steady, scaled, unit_of
from edge.drivers.readings import Display, Kind, Reading, decimal_text, described
from edge.drivers.rows import Doubt, Indicator, IndicatorOptions
from kernel.errors import ProtocolError

FRAME = re.compile(
    rb"\r([\x20+-])(?=(?:[0-9]\.?){6}[\x20moeMOE])([0-9]{1,6}(?:\.[0-9]{0,5})?)([\x20moeMOE])\x20"
    rb"([\x20A-Za-z]{2})\x20([gnGN])\x20\x20\x03"
)
LONGEST = 19
KINDS: dict[bytes, Kind] = {b"g": "gross", b"n": "net"}
STABLE = {b" ": True, b"m": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class CardinalOptions(IndicatorOptions):
    """`point`: whether the digits `always` or `never` hold a decimal point; with `any` a frame that lost it is told by
    the frames around it alone.
    """

    point: Literal["any", "always", "never"] = "any"


def parser(options: CardinalOptions) -> FrameParser[Reading]:
    return FrameParser(FRAME, longest=LONGEST, decode=_decoder(options))


def _decoder(options: CardinalOptions) -> Callable[[re.Match[bytes], bool], Reading]:
    lines = Steady()
    blank_unit_doubt = "" if options.unit else "unit"
    refused = {"any": None, "always": False, "never": True}[options.point]

    def reading(found: re.Match[bytes], repeated: bool) -> Reading:
        raw = found[0]
        sign, digits, status, word, kind = found.groups()
        if (b"." in digits) is refused:
            raise ProtocolError("the number has a point where it must not, or none where it must", raw)
        mantissa, exponent = scaled(digits)
        unit, status = unit_of(word), status.lower()
        return Reading(
            mantissa=-mantissa if sign == b"-" else mantissa,
            exponent=exponent,
            unit=unit,
            kind=KINDS[kind.lower()],
            stable=STABLE.get(status),
            valid=status in STABLE,
            over_range=status == b"o" and sign != b"-",
            under_range=status == b"o" and sign == b"-",
            confirmed=lines.has(len(raw)) and repeated,
            doubt="" if unit else blank_unit_doubt,
            raw=raw,
        )

    return reading


def describe(reading: Reading) -> dict[str, object]:
    return described(reading) | {"overload": reading.over_range or reading.under_range}


def write(shown: Display, options: CardinalOptions) -> bytes:
    """ValueError when the value does not fit the frame."""
    text = decimal_text(abs(shown.mantissa), shown.exponent).encode()
    if b"." not in text and options.point != "never":
        text += b"."
    digits = text.rjust(6 + (b"." in text), b"0")
    if len(digits.replace(b".", b"")) > 6:
        raise ValueError(f"{shown.mantissa}e{shown.exponent} does not fit six digits")
    sign = b"-" if shown.mantissa < 0 else b"+"
    status = b"o" if shown.over_range or shown.under_range else b" " if shown.stable else b"m"
    kind = b"n" if shown.net else b"g"
    return b"\r" + sign + digits + status + b" " + shown.unit.encode().ljust(2) + b" " + kind + b"  \x03"


INDICATOR = Indicator(
    name="cardinal",
    title="Cardinal 738 stream format",
    makers="Cardinal 738 and others; Rice Lake 482, 682, 880, 920i set to it",
    frame="18 bytes, or 19 with a decimal point; CR first and ETX last",
    lines=("9600 8N1", "9600 7E1", "4800 8N1"),
    says=frozenset({"unit", "stable", "gross_net", "range"}),
    options=CardinalOptions,
    parser=parser,
    describe=describe,
    write=write,
    doubts=(
        Doubt(option="point", why="six digits with a point that is always sent, or without one"),
        Doubt(option="unit", why="it may be configured blank"),
    ),
    source="Rice Lake 482-AG p.33, 682 Synergy Plus p.110, 880 p.103, 920i p.113; Cardinal 225 p.120",
)
