r"""CAS continuous output of 22 bytes, pure.

    'ST'|'US'|'OL' ',' 'GS'|'NT' ',' id lamp ',' vvvvvvvv ' ' uu CR LF

The lamps 指示灯: bit 7 is 1, 6 stable, 4 hold, 3 print, 2 gross, 1 tare, 0 zero.  The eighth bit carries meaning, so the
line must have 8 data bits.  Bit 5 differs between models and is not looked at.
Source: CAS CI-600D manual p.74, CI-6000A p.63, PDI p.37, CI-400 p.104, CI-150A p.55.
"""

from __future__ import annotations

import re

from edge.drivers.framing import FrameParser
from edge.drivers.readings import Display, Reading, described, number
from edge.drivers.rows import Indicator, IndicatorOptions
from kernel.errors import ProtocolError

ALWAYS, STABLE, HOLD, GROSS, TARE, ZERO = 0x80, 0x40, 0x10, 0x04, 0x02, 0x01
HELD = "display_held"  # it may be the weight of a vehicle that has left
UNITS = {b"kg": "kg", b"t": "t", b"g": "g", b"lb": "lb"}

_FRAME = re.compile(rb"(ST|US|OL),(GS|NT),([\x21-\x7e])([\x80-\xff]),([ -~]{8}) ([ a-z]{2})\r\n", re.ASCII)
_SIZE = 22
_VALUE = re.compile(rb" *([+-]?) *([0-9.]+)")


class CasReading(Reading, frozen=True, kw_only=True):
    zero: bool = False  # the indicator's own lamp
    device_id: int = 0


def parser(_options: IndicatorOptions) -> FrameParser[CasReading]:
    return FrameParser(_FRAME, longest=_SIZE, decode=_reading)


def _reading(found: re.Match[bytes], repeated: bool) -> CasReading:
    state, net, sender, lamp, value, unit = found.groups()
    lamps, over = lamp[0], state == b"OL"
    mantissa, exponent = (None, 0) if over else _number(value, found[0])
    if (name := UNITS.get(unit.strip())) is None:
        raise ProtocolError("not a unit", found[0])
    return CasReading(
        mantissa=mantissa,
        exponent=exponent,
        unit=name,
        kind="net" if net == b"NT" else "gross",
        stable=state == b"ST" and bool(lamps & STABLE),
        valid=not over and not lamps & HOLD,
        over_range=over,
        confirmed=repeated,
        words=(HELD,) if lamps & HOLD else (),
        raw=found[0],
        zero=bool(lamps & ZERO),
        device_id=sender[0],
    )


def _number(value: bytes, raw: bytes) -> tuple[int, int]:
    found = _VALUE.fullmatch(value)
    if found is None:
        raise ProtocolError("not a number", raw)
    mantissa, exponent = number(found[2])
    return (-mantissa if found[1] == b"-" else mantissa), exponent


def describe(item: CasReading) -> dict[str, object]:
    return described(item) | {"zero": item.zero, "device_id": item.device_id, "hold": HELD in item.words}


def write(shown: Display, _options: IndicatorOptions) -> bytes:
    """From device 1; ValueError when the display does not fit the frame."""
    state = b"OL" if shown.over_range else b"ST" if shown.stable else b"US"
    lamps = ALWAYS | STABLE * shown.stable | TARE * shown.net | GROSS * (not shown.net) | ZERO * shown.at_zero
    head = state + b"," + (b"NT" if shown.net else b"GS") + b",1" + bytes([lamps]) + b","
    return head + _value_text(shown) + b" " + shown.unit.encode().rjust(2) + b"\r\n"


def _value_text(shown: Display) -> bytes:
    places, sign = -shown.exponent, b"-" if shown.mantissa < 0 else b""
    digits = b"%0*d" % (8 - len(sign) - bool(places), abs(shown.mantissa))
    if len(sign + digits) + bool(places) > 8 or not 0 <= places <= 4 or shown.unit.encode() not in UNITS:
        raise ValueError(f"{shown.mantissa}e{shown.exponent} {shown.unit} does not fit the frame")
    return sign + (digits[:-places] + b"." + digits[-places:] if places else digits)


INDICATOR = Indicator(
    name="cas-22",
    title="CAS, 22 bytes",
    makers="CAS CI-150A, CI-400, CI-600D, CI-6000A, PDI",
    frame="22 bytes",
    lines=("9600 8N1", "19200 8N1", "4800 8N1", "2400 8N1"),
    says=frozenset({"unit", "stable", "gross_net", "zero", "range"}),
    options=IndicatorOptions,
    parser=parser,
    describe=describe,
    write=write,
    high_bit=True,
    source="CI-600D p.74, CI-6000A p.63, PDI p.37, CI-400 p.104, CI-150A p.55",
)
