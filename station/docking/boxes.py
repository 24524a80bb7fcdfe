"""Whether a recording is whole, by the sizes that its own container states: nothing is decoded."""

from __future__ import annotations

import os
from typing import BinaryIO, Literal

Fault = Literal["truncated", "no_index"]
_MOST = 100_000  # boxes of one file
_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"moof", b"sidx", b"uuid")


def media_type(head: bytes) -> str:
    """By the first bytes; empty when they tell nothing."""
    if head[4:8] in _BOXES:
        return "video/mp4"
    if head[:4] == b"RIFF":
        return {b"AVI ": "video/x-msvideo", b"WAVE": "audio/wav"}.get(head[8:12], "")
    if head[:1] == b"\x47" and head[188:189] in (b"\x47", b""):
        return "video/mp2t"
    known = {b"\xff\xd8\xff": "image/jpeg", b"\x89PN": "image/png", b"ID3": "audio/mpeg"}
    return known.get(head[:3], "")


def fault_of(file: BinaryIO, kind: str) -> Fault | None:
    """What is missing at its end; None for kinds that do not state their size."""
    if kind == "video/mp4":
        return _mp4(file)
    if kind in ("video/x-msvideo", "audio/wav"):
        return _riff(file)
    return None


def _mp4(file: BinaryIO) -> Fault | None:
    size = file.seek(0, os.SEEK_END)
    at, seen = 0, set()
    for _ in range(_MOST):
        if at >= size:
            break
        length, name = _box(file, at, size)
        seen.add(name)
        if length is None or at + length > size:
            return "truncated" if seen & {b"moov"} else "no_index"
        at += length
    return None if b"moov" in seen else "no_index"


def _box(file: BinaryIO, at: int, size: int) -> tuple[int | None, bytes]:
    """Its length, None when it states none that can be."""
    file.seek(at)
    head = file.read(16)
    length, name = int.from_bytes(head[:4], "big"), head[4:8]
    if length == 1 and len(head) == 16:
        length = int.from_bytes(head[8:], "big")
    elif length == 0 and len(head) >= 8:
        length = size - at
    return (length if length >= 8 else None), name


def _riff(file: BinaryIO) -> Fault | None:
    """Of an AVI over 1 GB the first chunk is stated only; it is inside the file all the same."""
    size = file.seek(0, os.SEEK_END)
    file.seek(4)
    return "truncated" if int.from_bytes(file.read(4), "little") + 8 > size else None
