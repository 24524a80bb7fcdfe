r"""What many makers print in the manner of A&D, pure: read by fields, not by columns.

    ST,GS,   245.6 g        T-Scale QHW            US,NT,-  0.200kg     Liden LUW2001
    ST,GS    20.7g          T-Scale NHB            ST, GS, +0123456     Autoda
    ST,NT -  123.4,kg       Tiger TI-02            LO,GS,+       kg     out of range, also OL

A comma may be the decimal sign, or stand before thousands: 12,345 does not tell.  Lines have no fixed length, so a lost byte is seen only by the shape of the line.
Source: captures of T-Scale QHW and NHB, Liden LUW2001 manual p.17, Tiger TI-02 p.21, Excell AM4 p.12, AD-4404.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from edge.drivers.framing import FrameParser
from edge.drivers.printed import Steady, printed, scaled, unit_of
from edge.drivers.readings import Display, Kind, Reading, described
from edge.drivers.rows import Doubt, Indicator, IndicatorOptions
from kernel.errors import ProtocolError

KINDS: dict[bytes, Kind] = {
    b"GS": "gross", b"GR": "gross", b"G": "gross", b"NT": "net", b"N": "net", b"TR": "tare", b"T": "tare",
}  # fmt: skip
# What may stand between two fields never begins like what may follow it, so that no line makes the search slow.
HEADS = rb"(ST|US|OL|LO|HD)[\x20,]{1,3}(GS|GR|NT|TR|G|N|T)[\x20,]{0,14}"
NUMBER = rb"(?:([+-])\x20{0,12})?([0-9]{1,8}(?:[.,][0-9]{1,5})?)"
BLANK = rb"(?:([+-])\x20{0,12})?(?:[.,]\x20{0,6})?"
FRAME = re.compile(
    HEADS + rb"(?:" + NUMBER + rb"[\x20,]{0,6}|" + BLANK + rb")(?:([A-Za-z]{1,4}|%)\x20{0,6})?[\r\n]"
)
THOUSANDS = re.compile(rb",[0-9]{3}$")
LONGEST = 72


@dataclass(frozen=True, slots=True, kw_only=True)
class AdLikeOptions(IndicatorOptions):
    """`decimal` is the sign before the decimals: with `.` a comma stands before thousands.  Unset, a comma before three
    digits is in doubt, and before fewer or more it is the decimal sign.
    """

    decimal: Literal[".", ","] | None = None


class Reader:
    """Makes readings of lines and remembers their shape."""

    def __init__(self, options: AdLikeOptions) -> None:
        self._blank_unit_doubt = "" if options.unit else "unit"
        self._decimal = options.decimal
        self._lines = Steady()

    def reading(self, found: re.Match[bytes], repeated: bool) -> Reading:
        raw = found[0]
        head, kind, sign, digits, blank_sign, word = found.groups()
        out_of_range = head in (b"OL", b"LO")
        if digits is None and not out_of_range:
            raise ProtocolError("no number", raw)
        mantissa, exponent = (None, 0) if digits is None else self._number((sign or b"") + digits)
        unit = unit_of(word or b"")
        steady = self._lines.has((len(raw), unit, exponent, digits is None))
        return Reading(
            mantissa=mantissa,
            exponent=exponent,
            unit=unit,
            kind=KINDS[kind],
            stable={b"ST": True, b"US": False}.get(head),
            valid=head in (b"ST", b"US"),
            over_range=out_of_range and b"-" not in (sign, blank_sign),
            under_range=out_of_range and b"-" in (sign, blank_sign),
            confirmed=repeated and steady,
            doubt=self._doubt(digits or b"", unit),
            words=("display_held",) if head == b"HD" else (),
            raw=raw,
        )

    def _number(self, text: bytes) -> tuple[int, int]:
        if self._decimal != "." or b"," not in text:
            return scaled(text.replace(b",", b"."))
        if not THOUSANDS.search(text):
            raise ProtocolError("decimal is set to a point, but this comma is not before thousands", text)
        return scaled(text.replace(b",", b""))

    def _doubt(self, digits: bytes, unit: str | None) -> str:
        if self._decimal is None and THOUSANDS.search(digits):
            return "decimal"
        return "" if unit else self._blank_unit_doubt


def parser(options: AdLikeOptions) -> FrameParser[Reading]:
    return FrameParser(FRAME, longest=LONGEST, decode=Reader(options).reading, between=b"\r\n")


def describe(reading: Reading) -> dict[str, object]:
    return described(reading) | ({"overload": True} if reading.over_range or reading.under_range else {})


def write(shown: Display, _options: AdLikeOptions) -> bytes:
    """In Liden's columns; ValueError when the value does not fit them."""
    out_of_range = shown.over_range or shown.under_range
    head = b"OL" if out_of_range else b"ST" if shown.stable else b"US"
    kind = b"NT" if shown.net else b"GS"
    sign = b"-" if shown.mantissa < 0 or shown.under_range else b" "
    digits = b" " * 7 if out_of_range else printed(shown, 7)
    return head + b"," + kind + b"," + sign + digits + shown.unit.encode().rjust(2) + b"\r\n"


INDICATOR = Indicator(
    name="ad-like",
    title="Formats that look like A&D's",
    makers="T-Scale QHW, NHB; Liden; Autoda; Tiger TI-02; Excell and many others",
    frame="a line of 15 to 21 characters",
    lines=("9600 8N1", "4800 8N1", "2400 8N1", "2400 7E1"),
    says=frozenset({"unit", "stable", "gross_net", "range"}),
    options=AdLikeOptions,
    parser=parser,
    describe=describe,
    write=write,
    doubts=(
        Doubt(option="unit", why="some devices do not print it"),
        Doubt(option="decimal", why="the comma of 12,345 is a decimal sign, or stands before thousands"),
    ),
    kin=frozenset({"ad-std"}),
    source="T-Scale QHW and NHB captures; Liden LUW2001 p.17; Tiger TI-02 p.21; Excell AM4 p.12; AD-4404 p.80",
)
