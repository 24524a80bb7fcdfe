r"""The "jz" records of moving-axle weighers, pure: bytes in, vehicle records and notices out.

    FF SEQ 02 LEN LEN ... CRC CRC      a vehicle; LEN big-endian, of the whole frame; CRC-16/XMODEM big-endian
    FF SEQ 03 LEN LEN flag ... CRC CRC the same, everything behind the flag one byte later
    FF SEQ CMD byte ... CRC CRC        04 reset, 05 heartbeat, 07 reverse; the byte is a status or the length
    FF SEQ CMD 00 CRC CRC              host to device: it arrived

Known from one host-side decoder, never from a captured frame: bytes 5-11 (a time?), 15 and 18, the status byte and the
unit of speed are unverified, so they are handed on raw.
"""

from __future__ import annotations

from binascii import crc_hqx
from dataclasses import dataclass
from struct import pack, unpack_from
from typing import Literal

import msgspec

from edge.drivers.cutting import CutParser, Cutter
from edge.drivers.readings import Passed
from edge.drivers.rows import Doubt, Weigher, WeigherOptions
from kernel.errors import ProtocolError

HEAD = b"\xff"
VEHICLE, VEHICLE_FLAGGED, RESET, HEARTBEAT, REVERSE = 2, 3, 4, 5, 7
NOTICES: dict[int, Literal["reset", "heartbeat", "reverse"]] = {
    RESET: "reset",
    HEARTBEAT: "heartbeat",
    REVERSE: "reverse",
}
SHORT = 6  # of a notice and of an acknowledgement
LONGEST_NOTICE = 32
MOST_AXLES = 40


class Vehicle(msgspec.Struct, frozen=True, kw_only=True):
    """One vehicle: every axle, and every group with its type code."""

    seq: int
    time_raw: bytes  # bytes 5-11, unverified: never used as time
    status: int
    speed_raw: int
    axle_kg: tuple[int, ...]
    group_kg: tuple[int, ...]
    group_codes: tuple[int, ...]
    flag: int | None = None  # of the second form
    raw: bytes = b""

    @property
    def ack(self) -> bytes:
        return acknowledgement(self.raw)


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """The device was reset, is alive, or takes its last vehicle back."""

    kind: Literal["reset", "heartbeat", "reverse"]
    seq: int
    status: int
    raw: bytes = b""

    @property
    def ack(self) -> bytes:
        return acknowledgement(self.raw)


Message = Vehicle | Notice


def acknowledgement(raw: bytes) -> bytes:
    """FF SEQ CMD 00 CRC CRC for a frame of the device."""
    return checked(raw[:3] + b"\x00")


def checked(body: bytes) -> bytes:
    return body + crc_hqx(body, 0).to_bytes(2, "big")


class Parser(CutParser[Message]):
    """Feed it the device's bytes."""

    def __init__(self) -> None:
        super().__init__(HEAD, _frame, _message)


class AckParser:
    """The device's side: feed it the host's bytes; the answers are the sequence numbers that arrived."""

    def __init__(self) -> None:
        self._cutter = Cutter(HEAD, lambda _buffer, _at: (SHORT, True))

    def feed(self, data: bytes) -> list[int]:
        return [item[1] for item in self._cutter.feed(data) if not isinstance(item, ProtocolError)]


def _frame(buffer: bytearray, at: int) -> tuple[int, bool] | None:
    """(length, is a record) of the frame that may begin at `at`: length 0 if none can, None if too little is here."""
    here = len(buffer) - at
    if here < 5:
        return None
    command = buffer[at + 2]
    if command in NOTICES:
        return _notice_size(buffer, at), False
    if command not in (VEHICLE, VEHICLE_FLAGGED):
        return 0, False
    size, counts = 256 * buffer[at + 3] + buffer[at + 4], 16 + (command == VEHICLE_FLAGGED)
    if here >= counts + 2:
        fits = size == _size(command, buffer[at + counts], buffer[at + counts + 1])
    else:
        fits = 0 < size - _size(command, 0, 0) <= 5 * MOST_AXLES
    return (size if fits else 0), True


def _notice_size(buffer: bytearray, at: int) -> int:
    """Short ones have a status in place of a length; which it is, the checksum says."""
    if len(buffer) - at >= SHORT and crc_hqx(buffer[at : at + SHORT], 0):
        length = buffer[at + 3]
        return length if SHORT < length <= LONGEST_NOTICE else 0
    return SHORT


def _size(command: int, axles: int, groups: int) -> int:
    if not 0 <= groups <= axles <= MOST_AXLES:
        return -1
    return 21 + (command == VEHICLE_FLAGGED) + 2 * axles + 3 * groups


def _message(whole: bytes | ProtocolError) -> Message | ProtocolError:
    if isinstance(whole, ProtocolError):
        return whole
    if (kind := NOTICES.get(whole[2])) is not None:
        return Notice(kind=kind, seq=whole[1], status=whole[3 if len(whole) == SHORT else 4], raw=whole)
    shift = whole[2] - VEHICLE
    axles, groups = whole[16 + shift], whole[17 + shift]
    if not groups:
        return ProtocolError(f"{axles} axles in no group", whole)
    words = unpack_from(f">{axles + groups}H", whole, 19 + shift)
    return Vehicle(
        seq=whole[1],
        time_raw=whole[5 + shift : 12 + shift],
        status=whole[12 + shift],
        speed_raw=256 * whole[13 + shift] + whole[14 + shift],
        axle_kg=tuple([10 * value for value in words[:axles]]),
        group_kg=tuple([10 * value for value in words[axles:]]),
        group_codes=tuple(whole[-2 - groups : -2]),
        flag=whole[5] if shift else None,
        raw=whole,
    )


# --- the row ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class JzOptions(WeigherOptions):
    """`speed_unit` is that of the record; with "unknown" the speed is left out and the weighing says so.

    The device sends a record again until it is acknowledged.  A record that comes within `memory_ms` of a line that
    was lost or just opened is taken for one out of its memory: when its vehicle passed is then not known.
    """

    speed_unit: Literal["kmh", "dkmh", "unknown"] = "unknown"
    memory_ms: int = 2_000


def parser(_options: JzOptions) -> Parser:
    return Parser()


def write(passed: Passed, options: JzOptions) -> bytes:
    """ValueError when a value does not fit."""
    axles, groups = len(passed.axle_kg), len(passed.axles_of)
    if axles > MOST_AXLES:
        raise ValueError(f"{axles} axles do not fit the frame")
    speed = passed.speed_dkmh if options.speed_unit == "dkmh" else passed.speed_dkmh // 10
    head = pack(
        ">BBBH7xBHBBBB", 0xFF, passed.seq, VEHICLE, 21 + 2 * axles + 3 * groups, passed.flags, speed, 0, axles, groups, 0
    )  # fmt: skip
    words = [kg // 10 for kg in (*passed.axle_kg, *passed.group_kg)]
    return checked(head + pack(f">{len(words)}H", *words) + bytes(passed.type_codes))


def describe(message: Message) -> dict[str, object]:
    said = {"seq": message.seq, "checksum": "ok", "ack": message.ack.hex()}
    if isinstance(message, Notice):
        return {"record": message.kind, "status": message.status, **said}
    return {
        "record": "vehicle",
        "speed_raw": message.speed_raw,
        "axle_count": len(message.axle_kg),
        "group_count": len(message.group_kg),
        "axle_kg": list(message.axle_kg),
        "group_kg": list(message.group_kg),
        "gross_kg": sum(message.axle_kg),
        "group_codes": list(message.group_codes),
        "status": message.status,
        **said,
    }


WEIGHER = Weigher(
    name="wim-jz",
    title='Records of toll-lane weighers, "jz" 动态轴重衡',
    makers="weighers behind the toll-lane library WtLibJZ",
    frame="a record of at least 26 bytes, notices of 6",
    lines=("9600 8N1",),
    says=frozenset({"checksum", "sequence", "axles", "groups", "speed"}),
    options=JzOptions,
    parser=parser,
    describe=describe,
    write=write,
    driver="edge.drivers.scale.wim_jz.driver:WimJz",
    doubts=(Doubt(option="speed_unit", why="the record does not say it"),),
    high_bit=True,
    source="the host side of a toll-lane library; no captured frame, bytes 5-11, 15 and 18 are unverified",
)
