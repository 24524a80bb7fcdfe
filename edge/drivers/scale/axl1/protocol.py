r"""The "axl1" records of moving-axle weighers, pure: the neutral frame that this project proposes to makers.

    FA F5 01 type LEN LEN seq lane ... CRC CRC     LEN big-endian, of the whole frame; CRC-16/XMODEM big-endian
    01 vehicle    8-13 yy mm dd hh mi ss | 14-15 ms | 16-17 speed 0.1 km/h | 18 accel int8 0.1 m/s2 | 19 flags
                  20 N axles | 21 G groups | N x u16 axle x10 kg | N-1 x u16 spacing cm | N x u8 axle speed km/h
                  G x u8: low nibble axles of the group, bit 7 dual tyres
    02 status     8 status, 0 is well
    03 reverse    8 seq of the vehicle that is taken back
    04 static     8-9 u16 x10 kg
    7F ack        host to device: 6 seq | 7 code, 0 is "it is in the journal"

The same seq again, with the same bytes, is a copy.  Source: docs/scales.md.
"""

from __future__ import annotations

from binascii import crc_hqx
from dataclasses import dataclass
from datetime import UTC, datetime
from struct import pack, unpack_from
from typing import Literal

import msgspec

from edge.drivers.cutting import CutParser, Cutter
from edge.drivers.readings import Passed, decimal_text
from edge.drivers.rows import Doubt, Weigher, WeigherOptions
from kernel.errors import ProtocolError

HEAD = b"\xfa\xf5"
VERSION = 1
VEHICLE, STATUS, REVERSE, STATIC, ACK = 0x01, 0x02, 0x03, 0x04, 0x7F
NOTICES = {STATUS: "status", REVERSE: "reverse", STATIC: "static"}
SHORTEST, LONGEST_NOTICE, LONGEST = 10, 32, 1_024
FLAG_WORDS = (
    "reverse",
    "speed_out_of_range",
    "straddled",
    "separator_fault",
    "tyre_sensor_fault",
    "device_overload",
    "zero_drift",
)


class Vehicle(msgspec.Struct, frozen=True, kw_only=True):
    """One vehicle.  `time` is the device's clock, in its own zone; None where the bytes are no time."""

    seq: int
    lane: int
    time: datetime | None
    speed_dkmh: int
    accel_dms2: int
    flags: int
    axle_kg: tuple[int, ...]
    spacing_cm: tuple[int, ...]
    axle_speed_kmh: tuple[int, ...]
    group_axles: tuple[int, ...]
    group_dual: tuple[bool, ...]
    raw: bytes = b""

    @property
    def ack(self) -> bytes:
        return acknowledgement(self.seq)


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """A status, a vehicle taken back (`value` is its seq, None: the last), or a static weight in kg."""

    kind: Literal["status", "reverse", "static"]
    seq: int
    lane: int
    value: int | None
    raw: bytes = b""

    @property
    def ack(self) -> bytes:
        return acknowledgement(self.seq)


Message = Vehicle | Notice


def acknowledgement(seq: int, code: int = 0) -> bytes:
    return frame(ACK, bytes([seq, code]))


def frame(kind: int, body: bytes) -> bytes:
    head = HEAD + bytes([VERSION, kind]) + (len(body) + 8).to_bytes(2, "big") + body
    return head + crc_hqx(head, 0).to_bytes(2, "big")


class Parser(CutParser[Message]):
    """Feed it the device's bytes."""

    def __init__(self) -> None:
        super().__init__(HEAD, _frame, _message)


class AckParser:
    """The device's side: feed it the host's bytes; the answers are the sequence numbers that are safe."""

    def __init__(self) -> None:
        self._cutter = Cutter(HEAD, lambda _buffer, _at: (SHORTEST, True))

    def feed(self, data: bytes) -> list[int]:
        frames = [item for item in self._cutter.feed(data) if not isinstance(item, ProtocolError)]
        return [item[6] for item in frames if item[3] == ACK and item[7] == 0]


def _frame(buffer: bytearray, at: int) -> tuple[int, bool] | None:
    """(length, is a record) of the frame that may begin at `at`: length 0 if none can, None if too little is here."""
    here = len(buffer) - at
    if here < 6:
        return None
    kind, size = buffer[at + 3], 256 * buffer[at + 4] + buffer[at + 5]
    if buffer[at + 2] != VERSION or size > LONGEST:
        return 0, True
    if kind == VEHICLE:
        if here < 22:
            return size, True
        return (size if size == _size(buffer[at + 20], buffer[at + 21]) else 0), True
    return (size if kind in NOTICES and SHORTEST <= size <= LONGEST_NOTICE else 0), False


def _size(axles: int, groups: int) -> int:
    return 22 + 5 * axles - 2 + groups + 2 if 1 <= groups <= axles else 0


def _message(whole: bytes | ProtocolError) -> Message | ProtocolError:
    if isinstance(whole, ProtocolError):
        return whole
    return _vehicle(whole) if whole[3] == VEHICLE else _notice(whole)


def _notice(whole: bytes) -> Notice:
    kind, body = NOTICES[whole[3]], whole[8:-2]
    width = 2 if kind == "static" else 1
    value = int.from_bytes(body[:width], "big") if len(body) >= width else None
    if kind == "static" and value is not None:
        value *= 10
    return Notice(kind=kind, seq=whole[6], lane=whole[7], value=value, raw=whole)  # type: ignore[arg-type]


def _vehicle(whole: bytes) -> Vehicle:
    axles, groups = whole[20], whole[21]
    words = unpack_from(f">{2 * axles - 1}H", whole, 22)
    at = 20 + 4 * axles
    codes = whole[at + axles : -2]
    return Vehicle(
        seq=whole[6],
        lane=whole[7],
        time=_time(whole[8:16]),
        speed_dkmh=256 * whole[16] + whole[17],
        accel_dms2=(whole[18] ^ 0x80) - 0x80,
        flags=whole[19],
        axle_kg=tuple([10 * value for value in words[:axles]]),
        spacing_cm=words[axles:],
        axle_speed_kmh=tuple(whole[at : at + axles]),
        group_axles=tuple([code & 0x0F for code in codes[:groups]]),
        group_dual=tuple([code > 0x7F for code in codes[:groups]]),
        raw=whole,
    )


def _time(data: bytes) -> datetime | None:
    year, month, day, hour, minute, second = data[:6]
    ms = 256 * data[6] + data[7]
    try:
        return datetime(2_000 + year, month, day, hour, minute, second, 1_000 * ms, tzinfo=UTC)
    except ValueError:
        return None


# --- the row ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class AxlOptions(WeigherOptions):
    """`clock` is what the device's clock shows: nothing to rely on, UTC, or China Standard Time.  Only a clock that is
    named is believed: the record's time then goes with the weighing, and a clock that is wrong shows.

    The device sends a record again until it is acknowledged.  A record that comes within `memory_ms` of a line that
    was lost or just opened is taken for one out of its memory: when its vehicle passed is then not known.
    """

    clock: Literal["ignore", "utc", "beijing"] = "ignore"
    memory_ms: int = 2_000


def parser(_options: AxlOptions) -> Parser:
    return Parser()


def write(passed: Passed, options: AxlOptions) -> bytes:
    """ValueError when a value does not fit."""
    if _size(len(passed.axle_kg), len(passed.axles_of)) > LONGEST:
        raise ValueError(f"{len(passed.axle_kg)} axles do not fit the frame")
    ahead_ms = 8 * 3_600_000 if options.clock == "beijing" else 0
    seconds, ms = divmod(passed.at_ms + ahead_ms, 1_000)
    at = datetime.fromtimestamp(seconds, UTC)
    body = bytes([passed.seq, passed.lane, max(at.year - 2_000, 0), *at.timetuple()[1:6]])
    body += pack(">HHbB", ms, passed.speed_dkmh, passed.accel_mms2 // 100, passed.flags)
    body += bytes([len(passed.axle_kg), len(passed.axles_of)])
    words = [kg // 10 for kg in passed.axle_kg] + [mm // 10 for mm in passed.spacing_mm]
    body += pack(f">{len(words)}H", *words) + bytes(speed // 10 for speed in passed.axle_speed_dkmh)
    codes = [axles | 0x80 * dual for axles, dual in zip(passed.axles_of, passed.dual, strict=True)]
    return frame(VEHICLE, body + bytes(codes))


def describe(message: Message) -> dict[str, object]:
    said = {"record": "vehicle", "seq": message.seq, "lane": message.lane, "checksum": "ok"}
    if isinstance(message, Notice):
        name = {"status": "status", "reverse": "reversed_seq", "static": "static_kg"}[message.kind]
        return said | {"record": message.kind, name: message.value}
    return said | {
        "time": None if message.time is None else message.time.replace(tzinfo=None).isoformat(timespec="milliseconds"),
        "speed_kmh": decimal_text(message.speed_dkmh, -1),
        "accel_ms2": decimal_text(message.accel_dms2, -1),
        "flags": message.flags,
        "axle_count": len(message.axle_kg),
        "axle_kg": list(message.axle_kg),
        "spacing_cm": list(message.spacing_cm),
        "axle_speed_kmh": list(message.axle_speed_kmh),
        "groups": list(message.group_axles),
        "dual": list(message.group_dual),
        "gross_kg": sum(message.axle_kg),
    }  # fmt: skip


WEIGHER = Weigher(
    name="axl1",
    title="Neutral vehicle record 动态轴重衡中立记录",
    makers="whoever adopts it: it is proposed here, no device is known that speaks it",
    frame="a record of at least 28 bytes, notices of 10 or more",
    lines=("9600 8N1", "115200 8N1"),
    says=frozenset({"checksum", "sequence", "axles", "groups", "tyres", "spacing", "speed", "time"}),
    options=AxlOptions,
    parser=parser,
    describe=describe,
    write=write,
    driver="edge.drivers.scale.axl1.driver:Axl1",
    doubts=(
        Doubt(
            option="clock", why="the record does not say in which zone its time is, nor whether it is right"
        ),
    ),
    high_bit=True,
    source="this project; modelled on what the two toll-lane libraries agree on",
)
