"""How far a growing fragmented MP4 file can be read: up to its last whole fragment."""

from __future__ import annotations

import io
from typing import BinaryIO

HEAD = 8


def whole_size(file: BinaryIO) -> int:
    """Bytes up to the end of the last complete mdat box, or of the head before the first; 0 while there is neither."""
    file.seek(0, io.SEEK_END)
    end, at, whole = file.tell(), 0, 0
    while at + HEAD <= end:
        size, kind = _box(file, at)
        if size < HEAD or at + size > end:
            break
        at += size
        if kind in (b"moov", b"mdat"):
            whole = at
    return whole


def _box(file: BinaryIO, at: int) -> tuple[int, bytes]:
    file.seek(at)
    head = file.read(HEAD * 2)
    size, kind = int.from_bytes(head[:4], "big"), head[4:8]
    return (int.from_bytes(head[8:16], "big") if size == 1 else size), kind


class Window(io.RawIOBase):
    """The first `size` bytes of a file that may grow meanwhile."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        super().__init__()
        self._file, self._size, self._at = file, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._size - self._at)
        self._file.seek(self._at)
        data = self._file.read(left if size < 0 else min(size, left))
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def tell(self) -> int:
        return self._at
