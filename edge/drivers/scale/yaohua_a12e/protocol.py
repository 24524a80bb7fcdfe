"""Yaohua XK3190-A12(E) continuous output with check digits, pure.

    'W' 'G'|'N' vvvvvvv 'kg' XH XL CR LF        v value with its point; '-' in front; ' ' at the end when no point
    9 spaces 'OL'|'LO' '23' CR LF               overloaded, or below -20 divisions

XH XL are the XOR of the eleven bytes before them.  Source: XK3190-A12(E) manual p.13.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from edge.drivers.framing import FrameParser
from edge.drivers.readings import Display, Reading, described
from edge.drivers.rows import Indicator, IndicatorOptions
from edge.drivers.scale.yaohua_a12_text.protocol import VALUE, value_in, value_text
from edge.drivers.scale.yaohua_cont12.protocol import check_digits
from kernel.errors import ProtocolError

_FRAME = re.compile(rb"(?:W([GN])%s| {9}(OL|LO))([0-9A-F]{2})\r\n" % VALUE)
_SIZE = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class A12eOptions(IndicatorOptions):
    """`bytes` is 15, the form with check digits; the lines of 13 bytes are the driver `yaohua-a12-text`."""

    bytes: Literal[15] = 15


def parser(_options: A12eOptions) -> FrameParser[Reading]:
    return FrameParser(_FRAME, longest=_SIZE, decode=_reading)


def _reading(found: re.Match[bytes], _repeated: bool) -> Reading:
    raw = found[0]
    letter, text, unit, range_, check = found.groups()
    if check_digits(raw[:11]) != check:
        raise ProtocolError("wrong checksum", raw)
    if range_ is not None:
        return Reading(
            mantissa=None,
            kind=None,
            valid=False,
            over_range=range_ == b"OL",
            under_range=range_ == b"LO",
            checked=True,
            confirmed=True,
            raw=raw,
        )
    mantissa, exponent = value_in(text)
    return Reading(
        mantissa=mantissa,
        exponent=exponent,
        unit=unit.decode(),
        kind="net" if letter == b"N" else "gross",
        checked=True,
        confirmed=True,
        raw=raw,
    )


def describe(item: Reading) -> dict[str, object]:
    return described(item) | {"overload": item.over_range, "underload": item.under_range}


def write(shown: Display, _options: A12eOptions) -> bytes:
    """ValueError when the display does not fit the frame."""
    if shown.over_range or shown.under_range:
        body = b" " * 9 + (b"OL" if shown.over_range else b"LO")
    else:
        body = (b"WN" if shown.net else b"WG") + value_text(shown) + shown.unit.encode()
    return body + check_digits(body) + b"\r\n"


INDICATOR = Indicator(
    name="yaohua-a12e",
    title="Yaohua XK3190-A12(E), 15 bytes 耀华 A12E",
    makers="Yaohua XK3190-A12, A12E",
    frame="15 bytes",
    lines=("9600 8N1", "4800 8N1", "2400 8N1", "1200 8N1"),
    says=frozenset({"checksum", "unit", "gross_net", "range"}),
    options=A12eOptions,
    parser=parser,
    describe=describe,
    write=write,
    source="XK3190-A12(E) manual p.13",
)
