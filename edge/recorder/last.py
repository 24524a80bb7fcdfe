"""The last packets of a growing segment, beside it: what the muxer still holds outlives a killed process.

The muxer writes a packet only when the next one comes.  Two places are written in turn, so that one of them is whole
at any moment and no packet that was read is in neither the segment nor here.
"""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

SUFFIX = ".last"
PLACE = 16 * 1024 * 1024  # bytes from one to the other: the file is sparse
_HEAD = struct.Struct(">IIqqqIIB")  # CRC-32 of the rest, length, pts, dts, duration, time base, key


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One packet, its stamps in the segment's time and in `base`."""

    data: bytes
    pts: int
    dts: int
    duration: int
    base: Fraction
    key: bool


class LastPackets:
    """Written by the camera's thread; OSError as from any file."""

    def __init__(self, segment: Path) -> None:
        self._file = os.open(beside(segment), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._count = 0

    def keep(self, packet: Kept) -> None:
        """Before the muxer gets it."""
        if _HEAD.size + len(packet.data) <= PLACE:
            os.pwrite(self._file, _record(packet), PLACE * (self._count % 2))
            self._count += 1

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def beside(segment: Path) -> Path:
    return segment.with_suffix(SUFFIX)


def last_packets(segment: Path) -> list[Kept]:
    """Those that are whole, in the order of decoding; none where there is no such file."""
    try:
        with beside(segment).open("rb") as file:
            found = [_read(file.read(PLACE)) for _ in range(2)]
    except OSError:
        return []
    return sorted((packet for packet in found if packet is not None), key=lambda packet: packet.dts)


def _record(packet: Kept) -> bytes:
    base = packet.base
    head = _HEAD.pack(
        0,
        len(packet.data),
        packet.pts,
        packet.dts,
        packet.duration,
        base.numerator,
        base.denominator,
        packet.key,
    )[4:]
    return zlib.crc32(packet.data, zlib.crc32(head)).to_bytes(4, "big") + head + packet.data


def _read(place: bytes) -> Kept | None:
    if len(place) < _HEAD.size:
        return None
    check, size, pts, dts, duration, numerator, denominator, key = _HEAD.unpack_from(place)
    end = _HEAD.size + size
    if not size or len(place) < end or zlib.crc32(place[4:end]) != check:
        return None
    return Kept(
        data=place[_HEAD.size : end],
        pts=pts,
        dts=dts,
        duration=duration,
        base=Fraction(numerator, denominator),
        key=bool(key),
    )
