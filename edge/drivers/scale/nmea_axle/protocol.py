r"""Axle loads as text lines, pure (Right Weigh).

    $OAWTS*00                               a vehicle begins; its checksum is a constant
    $RWAWT,<name>,<pounds>,<serial>*CS      one sensor, serial of eight digits; CS is the XOR of all between $ and *,
                                            as two hex digits
    $OAWTE*00                               it ends

The lines say neither unit nor whether a sensor carries one axle or a group, so both are options.  The same digit lost
twice leaves the XOR as it was: so the serial must be whole, and a sensor's weight may not suddenly have two digits less.
Source: Right Weigh RS-232 manual, sample output.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import reduce
from operator import xor
from typing import Literal

import msgspec

from edge.drivers.framing import FrameParser
from edge.drivers.readings import Passed
from edge.drivers.rows import Doubt, Weigher, WeigherOptions
from kernel.errors import ProtocolError
from kernel.settings import must, refuse

LINE = re.compile(rb"\$([ -#%-\)+-~]{1,70})\*([0-9A-F]{2})\r\n")
LONGEST = 76
SERIAL_DIGITS = 8
MOST_NAMES = 64  # of sensors that are remembered
BEGIN, END, AXLE = b"OAWTS", b"OAWTE", b"RWAWT"
MARKS: dict[bytes, Literal["begin", "end"]] = {BEGIN: "begin", END: "end"}


class Axle(msgspec.Struct, frozen=True, kw_only=True):
    """What one sensor carries, in `unit`."""

    name: str
    weight: int
    unit: str
    serial: str
    raw: bytes = b""


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    kind: Literal["begin", "end"]
    raw: bytes = b""


Message = Axle | Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class NmeaOptions(WeigherOptions):
    """`unit` is that of the lines: pounds as the maker ships it, and refused unless `allow_lb` lets them be converted.
    `sensor` says what one line weighs; as long as it is unknown the number of axles is too.
    """

    unit: Literal["lb", "kg"] = "lb"
    allow_lb: bool = False
    sensor: Literal["axle", "group", "unknown"] = "unknown"

    def __post_init__(self) -> None:
        refuse(must(0 < self.silent_ms <= self.reopen_ms, "silent_ms", "must be from 1 to reopen_ms"))


def check_digits(data: bytes) -> bytes:
    return b"%02X" % reduce(xor, data, 0)


def parser(options: NmeaOptions) -> FrameParser[Message]:
    return FrameParser(LINE, longest=LONGEST, decode=_Lines(options.unit).message)


class _Lines:
    """Makes messages of lines and remembers how many digits the weight of each sensor has."""

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._usual: dict[str, int] = {}
        self._odd: dict[str, int] = {}  # refused the last time: the second time it is believed

    def message(self, found: re.Match[bytes], _repeated: bool) -> Message:
        message = _message(found, self._unit)
        if isinstance(message, Axle):
            self._check(message.name, len(message.raw.split(b",")[2]), message.raw)
        return message

    def _check(self, name: str, digits: int, raw: bytes) -> None:
        if len(self._usual) > MOST_NAMES:
            self._usual.clear()
        if abs(self._usual.get(name, digits) - digits) > 1 and self._odd.get(name) != digits:
            self._odd = {name: digits}
            raise ProtocolError("far fewer or more digits than this sensor's last weight", raw)
        self._odd.pop(name, None)
        self._usual[name] = digits


def _message(found: re.Match[bytes], unit: str) -> Message:
    raw, body, check = found[0], found[1], found[2]
    if (mark := MARKS.get(body)) is not None and check == b"00":
        return Mark(kind=mark, raw=raw)
    if check_digits(body) != check:
        raise ProtocolError("wrong checksum", raw)
    fields = body.split(b",")
    if len(fields) != 4 or fields[0] != AXLE:
        raise ProtocolError("not an axle line", raw)
    _, name, weight, serial = fields
    if not 1 <= len(weight) <= 7 or not weight.isdigit():
        raise ProtocolError("not a weight", raw)
    if len(serial) != SERIAL_DIGITS or not serial.isdigit():
        raise ProtocolError("not a serial number of eight digits", raw)
    return Axle(
        name=name.decode("ascii"), weight=int(weight), unit=unit, serial=serial.decode("ascii"), raw=raw
    )


def describe(message: Message) -> dict[str, object]:
    if isinstance(message, Mark):
        return {"record": message.kind, "checksum": "constant-00"}
    return {
        "record": "axle",
        "axle": message.name,
        "weight": str(message.weight),
        "unit": message.unit,
        "serial": message.serial,
        "checksum": "ok",
    }


def line(body: bytes, check: bytes | None = None) -> bytes:
    return b"$" + body + b"*" + (check or check_digits(body)) + b"\r\n"


def write(passed: Passed, options: NmeaOptions) -> bytes:
    """Begin, one line an axle, end.  Pounds are rounded to whole ones."""
    axles = b""
    for number, kg in enumerate(passed.axle_kg, start=1):
        weight = kg if options.unit == "kg" else round(kg * 100_000_000 / 45_359_237)
        axles += line(b"%s,Axle %d,%d,%08d" % (AXLE, number, weight, 10_000_000 + number))
    return line(BEGIN, b"00") + axles + line(END, b"00")


WEIGHER = Weigher(
    name="nmea-axle",
    title="Axle loads as text lines, Right Weigh 车载轴重",
    makers="Right Weigh",
    frame="lines of up to 76 characters",
    lines=("9600 8N1",),
    says=frozenset({"checksum", "axles"}),
    options=NmeaOptions,
    parser=parser,
    describe=describe,
    write=write,
    driver="edge.drivers.scale.nmea_axle.driver:NmeaAxle",
    doubts=(
        Doubt(option="sensor", why="a line may be an axle or a group of axles"),
        Doubt(option="unit", why="the lines do not say it; the manual's are pounds"),
    ),
    source="Right Weigh RS-232 manual, sample output; the four checksums verified",
)
