r"""The "wj" records of moving-axle weighers, pure: bytes in, vehicle records and notices out.

    FF 00 CMD LEN ... CRC CRC      device to host; LEN counts the whole frame, CRC-16/XMODEM big-endian
    FF 00 CMD d0 d1 CRC CRC        host to device

Known from one host-side decoder, never from a captured frame: the units of spacing, axle speed and acceleration and
the meaning of the time bytes 6-12 are unverified, so they are handed on raw.
"""

from __future__ import annotations

from binascii import crc_hqx
from dataclasses import dataclass, field
from struct import unpack
from typing import Literal

from edge.drivers.cutting import Cutter
from edge.drivers.readings import Passed, decimal_text
from edge.drivers.rows import Doubt, Weigher, WeigherOptions
from kernel.errors import ProtocolError

HEAD = b"\xff\x00"
GROUPS, AXLES, STATUS, REVERSE, STATIC = 0x00, 0x01, 0x05, 0x06, 0x08
RESEND, DELETE, CAPTURE, INIT, INIT_OLD, CHECK = 0x0A, 0x12, 0x13, 0x54, 0x55, 0x05
SHORTEST = 7
COMMAND_LENGTH = 7

AXLES_OF_TYPE = (4, 1, 1, 2, 2, 2, 3, 3, 3, 3)  # by the low nibble of a group's code


@dataclass(frozen=True, slots=True, kw_only=True)
class Vehicle:
    """One vehicle as the device recorded it; `by` tells whether `weights_kg` are axles or axle groups."""

    by: Literal["axle", "group"]
    serial: int
    cached: int  # records the device holds
    time_raw: bytes  # bytes 6-12, layout unverified: never used as time
    flags: int
    speed_dkmh: int
    accel_raw: int
    weights_kg: tuple[int, ...]
    group_codes: tuple[int, ...]  # low nibble type code, high nibble single/dual flag
    spacing_raw: tuple[int, ...]
    axle_speed_raw: tuple[int, ...]
    raw: bytes = field(default=b"", compare=False)

    @property
    def axle_count(self) -> int:
        return len(self.axle_speed_raw)

    @property
    def gross_kg(self) -> int:
        return sum(self.weights_kg)

    @property
    def type_codes(self) -> tuple[int, ...]:
        return tuple(code & 0x0F for code in self.group_codes)

    def to_bytes(self) -> bytes:
        """The frame as the device sends it; raises ValueError when a value does not fit."""
        body = bytes([self.serial, self.cached]) + self.time_raw + bytes([self.flags])
        body += self.speed_dkmh.to_bytes(2, "big") + self.accel_raw.to_bytes(1, "big", signed=True)
        body += bytes([self.axle_count, len(self.group_codes)])
        body += b"".join((kg // 10).to_bytes(2, "big") for kg in self.weights_kg)
        body += bytes(self.group_codes)
        body += b"".join(spacing.to_bytes(2, "big") for spacing in self.spacing_raw)
        return frame(AXLES if self.by == "axle" else GROUPS, body + bytes(self.axle_speed_raw))


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    status: int
    raw: bytes = field(default=b"", compare=False)

    def to_bytes(self) -> bytes:
        return frame(STATUS, bytes([self.status]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Static:
    """A static weight in the device's own unit, which is unverified."""

    value_raw: int
    raw: bytes = field(default=b"", compare=False)

    def to_bytes(self) -> bytes:
        pairs = (self.value_raw % 100, self.value_raw // 100 % 100, self.value_raw // 10_000)
        return frame(STATIC, bytes(pair // 10 << 4 | pair % 10 for pair in pairs))


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """The device reports an act: a vehicle reversed off, a record deleted, a capture triggered."""

    kind: Literal["reverse", "deleted", "capture"]
    data: bytes = b"\x00"
    raw: bytes = field(default=b"", compare=False)

    def to_bytes(self) -> bytes:
        return frame({kind: code for code, kind in _NOTICES.items()}[self.kind], self.data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What the host asks: resend, delete, initialise, check."""

    code: int
    d0: int = 0
    d1: int = 0

    def to_bytes(self) -> bytes:
        body = HEAD + bytes([self.code, self.d0, self.d1])
        return body + crc_hqx(body, 0).to_bytes(2, "big")


Message = Vehicle | Status | Static | Notice
_NOTICES: dict[int, Literal["reverse", "deleted", "capture"]] = {
    REVERSE: "reverse",
    DELETE: "deleted",
    CAPTURE: "capture",
}


def frame(command: int, body: bytes) -> bytes:
    """Wrap `body` with head, length and checksum."""
    if len(body) + 6 > 255:
        raise ValueError(f"a body of {len(body)} bytes does not fit a frame")
    head = HEAD + bytes([command, max(len(body) + 6, SHORTEST)]) + body.ljust(SHORTEST - 6, b"\x00")
    return head + crc_hqx(head, 0).to_bytes(2, "big")


class Parser:
    """Feed it the device's bytes.  `cmd` leaves only one of the two kinds of records, for devices that send both."""

    def __init__(self, cmd: Literal["groups", "axles"] | None = None) -> None:
        self._cutter = Cutter(HEAD, _device_frame)
        self._left_out = {"groups": AXLES, "axles": GROUPS}.get(cmd or "")

    def feed(self, data: bytes) -> list[Message | ProtocolError]:
        return self._messages(self._cutter.feed(data))

    def finish(self) -> list[Message | ProtocolError]:
        return self._messages(self._cutter.finish())

    def _messages(self, cut: list[bytes | ProtocolError]) -> list[Message | ProtocolError]:
        return [
            _message(item) for item in cut if isinstance(item, ProtocolError) or item[2] != self._left_out
        ]


class CommandParser:
    """The device's side: feed it the host's bytes."""

    def __init__(self) -> None:
        self._cutter = Cutter(HEAD, _host_frame)

    def feed(self, data: bytes) -> list[Command | ProtocolError]:
        return [
            item if isinstance(item, ProtocolError) else Command(code=item[2], d0=item[3], d1=item[4])
            for item in self._cutter.feed(data)
        ]


def _host_frame(_buffer: bytearray, _at: int) -> tuple[int, bool]:
    return COMMAND_LENGTH, True


def _device_frame(buffer: bytearray, at: int) -> tuple[int, bool] | None:
    """(length, is a record) of the frame that may begin at `at`: length 0 if none can, None if too little is here."""
    if at + 3 >= len(buffer):
        return None
    command, size = buffer[at + 2], buffer[at + 3]
    if command in (GROUPS, AXLES):
        if at + 18 < len(buffer) and size != _record_size(command, buffer[at + 17], buffer[at + 18]):
            return 0, True
        return (size if size >= 25 else 0), True
    if command == STATIC:
        return (size if size == 9 else 0), False
    fits = command in (STATUS, *_NOTICES) and SHORTEST <= size <= 16
    return (size if fits else 0), False


def _record_size(command: int, axles: int, groups: int) -> int:
    weights = axles if command == AXLES else groups
    return 19 + 2 * weights + groups + 2 * (axles - 1) + axles + 2


def _message(whole: bytes | ProtocolError) -> Message | ProtocolError:
    if isinstance(whole, ProtocolError):
        return whole
    command, body = whole[2], whole[4:-2]
    try:
        if command in (GROUPS, AXLES):
            return _vehicle(whole)
        if command == STATUS:
            return Status(status=body[0] & 0x1F, raw=whole)
        if command == STATIC:
            return _static(whole)
    except ProtocolError as error:
        return error
    if command in _NOTICES:
        return Notice(kind=_NOTICES[command], data=body, raw=whole)
    return ProtocolError(f"unknown command {command:02X}", whole)


def _vehicle(whole: bytes) -> Vehicle:
    axles, groups = whole[17], whole[18]
    by_axle = whole[2] == AXLES
    weights = axles if by_axle else groups
    if not 1 <= groups <= axles:
        raise ProtocolError(f"{axles} axles in {groups} groups", whole)
    codes = 19 + 2 * weights
    spacings = codes + groups
    speeds = spacings + 2 * (axles - 1)
    return Vehicle(
        by="axle" if by_axle else "group",
        serial=whole[4],
        cached=whole[5],
        time_raw=whole[6:13],
        flags=whole[13],
        speed_dkmh=int.from_bytes(whole[14:16], "big"),
        accel_raw=int.from_bytes(whole[16:17], "big", signed=True),
        weights_kg=tuple([10 * value for value in _words(whole[19:codes])]),
        group_codes=tuple(whole[codes:spacings]),
        spacing_raw=_words(whole[spacings:speeds]),
        axle_speed_raw=tuple(whole[speeds:-2]),
        raw=whole,
    )


def _words(data: bytes) -> tuple[int, ...]:
    return unpack(f">{len(data) // 2}H", data)


def _static(whole: bytes) -> Static:
    pairs = whole[4:7]
    if len(whole) != 9 or any(pair >> 4 > 9 or pair & 15 > 9 for pair in pairs):
        raise ProtocolError("static weight is not three pairs of digits", whole)
    low, middle, high = (10 * (pair >> 4) + (pair & 15) for pair in pairs)
    return Static(value_raw=low + 100 * middle + 10_000 * high, raw=whole)


# --- the row ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class WjFrameOptions(WeigherOptions):
    """`cmd` is which of the two records counts where a device sends both of one vehicle: by axle or by axle group."""

    cmd: Literal["groups", "axles"] | None = None


def parser(options: WjFrameOptions) -> Parser:
    return Parser(options.cmd)


def write(passed: Passed, options: WjFrameOptions) -> bytes:
    """The record with its counter of cached records at one; ValueError when a value does not fit."""
    by_group = options.cmd == "groups"
    return Vehicle(
        by="group" if by_group else "axle",
        serial=passed.seq,
        cached=1,
        time_raw=bytes(7),
        flags=passed.flags,
        speed_dkmh=passed.speed_dkmh,
        accel_raw=passed.accel_mms2 // 100,
        weights_kg=passed.group_kg if by_group else passed.axle_kg,
        group_codes=passed.type_codes,
        spacing_raw=tuple(mm // 10 for mm in passed.spacing_mm),
        axle_speed_raw=tuple(dkmh // 10 for dkmh in passed.axle_speed_dkmh),
    ).to_bytes()


def describe(message: Message) -> dict[str, object]:
    if isinstance(message, Vehicle):
        return _described(message)
    if isinstance(message, Status):
        return {"record": "status", "status": message.status, "checksum": "ok"}
    if isinstance(message, Static):
        return {"record": "static", "static_raw": message.value_raw, "checksum": "ok"}
    return {"record": message.kind, "data": message.data.hex(), "checksum": "ok"}


def _described(vehicle: Vehicle) -> dict[str, object]:
    return {
        "record": "vehicle",
        "seq": vehicle.serial,
        "speed_kmh": decimal_text(vehicle.speed_dkmh, -1),
        "accel_raw": vehicle.accel_raw,
        "axle_count": vehicle.axle_count,
        "group_count": len(vehicle.group_codes),
        "group_kg" if vehicle.by == "group" else "axle_kg": list(vehicle.weights_kg),
        "gross_kg": vehicle.gross_kg,
        "group_codes": list(vehicle.type_codes),
        "spacing_raw": list(vehicle.spacing_raw),
        "axle_speed_raw": list(vehicle.axle_speed_raw),
        "flags": vehicle.flags,
        "checksum": "ok",
    }


WEIGHER = Weigher(
    name="wim-wj",
    title='Records of toll-lane weighers, "wj" 动态轴重衡',
    makers="weighers behind the toll-lane library WtLib, Shanxi",
    frame="7 to 255 bytes, a record at least 25",
    lines=("9600 8N1",),
    says=frozenset({"checksum", "sequence", "axles", "groups", "spacing", "speed"}),
    options=WjFrameOptions,
    parser=parser,
    describe=describe,
    write=write,
    driver="edge.drivers.scale.wim_wj.driver:WimWj",
    settings="edge.drivers.scale.wim_wj.driver:WjOptions",
    doubts=(
        Doubt(option="spacing_unit", why="the record does not say it"),
        Doubt(option="axle_speed_unit", why="the record does not say it"),
        Doubt(option="accel_unit", why="the record does not say it"),
    ),
    high_bit=True,
    source="the host side of a toll-lane library; no captured frame, bytes 6-12 and the flags are unverified",
)
