"""What stays equal when a video stream is put into another container: its NAL units, and digests over them.

MPEG-TS and RTSP carry NAL units behind start codes (Annex B), MP4 behind their length.  The normal form is the
MP4 one: each unit without trailing zero bytes, behind its length in four bytes, big endian.  The digest of a group
of pictures 图像组 (GOP) is SHA-256 over the normal form of its packets, in decoding order.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

H264_SPS, HEVC_SPS = 7, 33
_START_CODE = re.compile(rb"\x00\x00\x01")


class Normaliser:
    """Knows from the stream's head (extradata) how its packets are cut into units."""

    def __init__(self, codec: str, head: bytes) -> None:
        self._length = _length_size(codec, head)
        self._plain = codec not in ("h264", "hevc")
        self._hevc = codec == "hevc"

    def normal(self, packet: bytes) -> bytes:
        if self._plain:
            return packet
        units = _by_length(packet, self._length) if self._length else _by_start_code(packet)
        return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)

    def picture_head(self, packet: bytes) -> tuple[bytes, ...]:
        """The sequence parameter sets inside a packet: what size and kind of picture follows."""
        if self._plain:
            return ()
        units = _by_length(packet, self._length) if self._length else _by_start_code(packet)
        return tuple(unit for unit in units if self._is_head(unit))

    def _is_head(self, unit: bytes) -> bool:
        return unit[0] >> 1 & 0x3F == HEVC_SPS if self._hevc else unit[0] & 0x1F == H264_SPS


class GopDigests:
    """One digest a group of pictures, in hex; `gops` holds the finished ones."""

    def __init__(self, normaliser: Normaliser) -> None:
        self._normaliser = normaliser
        self._hash: hashlib._Hash | None = None
        self.gops: list[str] = []

    def add(self, packet: bytes, *, key: bool) -> None:
        if key or self._hash is None:
            self.finish()
            self._hash = hashlib.sha256()
        self._hash.update(self._normaliser.normal(packet))

    def finish(self) -> tuple[str, ...]:
        if self._hash is not None:
            self.gops.append(self._hash.hexdigest())
            self._hash = None
        return tuple(self.gops)


def _length_size(codec: str, head: bytes) -> int:
    """Bytes of a length field, 0 for start codes (avcC and hvcC begin with version 1; start codes with zero)."""
    if codec == "h264" and len(head) >= 7 and head[0] == 1:
        return (head[4] & 3) + 1
    if codec == "hevc" and len(head) >= 23 and head[0] == 1:
        return (head[21] & 3) + 1
    return 0


def _by_start_code(packet: bytes) -> Iterator[bytes]:
    for piece in _START_CODE.split(packet):
        if unit := piece.rstrip(b"\0"):
            yield unit


def _by_length(packet: bytes, size: int) -> Iterator[bytes]:
    at = 0
    while at + size <= len(packet):
        end = at + size + int.from_bytes(packet[at : at + size], "big")
        if unit := packet[at + size : end].rstrip(b"\0"):
            yield unit
        at = end
