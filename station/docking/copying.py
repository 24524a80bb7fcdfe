"""Copies a file of a recorder and hashes it in the same read; begins again where the copy is known to be on the disk."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from kernel.errors import FullError, LinkError

CHUNK = 1 << 20
FLUSH = 64 << 20  # what a pulled plug of the station costs at most
_NOTHING = bytes(CHUNK)
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_EDGE = 64 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    sha256: str
    size: int


def nothing_to_tell(_bytes: int) -> None:
    """For those who do not watch."""


def copy(
    source: BinaryIO,
    part: Path,
    *,
    begun: int = 0,
    flushed: Callable[[int], None] = nothing_to_tell,
    told: Callable[[int], None] = nothing_to_tell,
    flush_bytes: int = FLUSH,
) -> Copied:
    """Blocking; `part` is durable when it returns.  LinkError: the source ended; FullError: no room, the part is gone.

    `begun` bytes of `part` are known to be on the disk and of this source; what is behind them is written again.
    Each `flush_bytes` the copy is made durable and `flushed` is told how far.
    """
    try:
        with part.open("r+b" if begun else "wb") as target:
            return _Copy(source, target, flushed, told, flush_bytes).run(begun)
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        part.unlink(missing_ok=True)
        raise FullError(f"no room for {part.name}") from error


def fingerprint(source: BinaryIO, size: int) -> str:
    """Of its first and last bytes: files with the same name and time are told apart without reading them whole."""
    try:
        head = source.read(_EDGE)
        source.seek(max(size - _EDGE, 0))
        tail = source.read(_EDGE)
        source.seek(0)
    except OSError as error:
        raise LinkError(f"cannot be read: {error.strerror}") from error
    return hashlib.sha256(head + tail + size.to_bytes(8, "big")).hexdigest()


class _Copy:
    def __init__(
        self,
        source: BinaryIO,
        target: BinaryIO,
        flushed: Callable[[int], None],
        told: Callable[[int], None],
        flush_bytes: int,
    ) -> None:
        self._source = source
        self._target = target
        self._flushed = flushed
        self._told = told
        self._flush_bytes = flush_bytes
        self._hash = hashlib.sha256()

    def run(self, begun: int) -> Copied:
        done = self._take_over(begun)
        durable = done
        self._told(done)
        while data := self._read():
            self._hash.update(data)
            self._put(data)
            done += len(data)
            self._told(done)
            if done - durable >= self._flush_bytes:
                durable = done
                self._flush(done)
                self._flushed(done)
        self._flush(done)
        return Copied(sha256=self._hash.hexdigest(), size=done)

    def _take_over(self, begun: int) -> int:
        done = 0
        while done < begun and (data := self._target.read(min(CHUNK, begun - done))):
            self._hash.update(data)
            done += len(data)
        self._target.seek(done)
        self._target.truncate()
        try:
            self._source.seek(done)
        except OSError as error:
            raise LinkError(f"cannot be read: {error.strerror}") from error
        return done

    def _read(self) -> bytes:
        try:
            return self._source.read(CHUNK)
        except OSError as error:
            raise LinkError(f"cannot be read: {error.strerror}") from error

    def _put(self, data: bytes) -> None:
        """Holes stay holes: a recorder reserves room that it never fills."""
        if data == _NOTHING[: len(data)]:
            self._target.seek(len(data), os.SEEK_CUR)
        else:
            self._target.write(data)

    def _flush(self, done: int) -> None:
        self._target.flush()
        self._target.truncate(done)
        os.fsync(self._target.fileno())
        # It is read again from the disk itself, not from memory.
        os.posix_fadvise(self._target.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
