"""Files of evidence by digest: whole and durable before the entry that names them, never changed after.

files/YYYYMMDD/<sha256>     one folder fsync covers all files of one event
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path

from journal.keys import sync_folder
from kernel.clock import Clock
from kernel.errors import FullError, ProtocolError
from kernel.evidence.header import FileRef

PIECE = 1 << 20
_DIGEST = re.compile(r"[0-9a-f]{64}")


class FileStore:
    """The files of one process, under `folder`."""

    def __init__(self, folder: Path, *, clock: Clock, may_write: Callable[[], bool] = lambda: True) -> None:
        """`may_write` says whether there is room for more than the journal."""
        self._folder = folder
        self._clock = clock
        self._may_write = may_write
        self._numbers = count()
        folder.mkdir(parents=True, exist_ok=True)
        # What was being written when the process died was never named by an entry.
        for part in folder.glob("*/*.part"):
            part.unlink()

    async def put(self, named: Sequence[tuple[str, bytes | Path]]) -> tuple[FileRef, ...]:
        """Make bytes or files durable under their digests; a given path is taken over and is gone afterwards.

        FullError: no room; none of them is stored and the given paths are still there.
        """
        if not self._may_write():
            raise FullError("no room for files: what is left is the journal's")
        parts: list[Path] = []
        try:
            day = await asyncio.to_thread(self._day)
            parts = [day / f"{os.getpid()}-{next(self._numbers)}.part" for _ in named]
            jobs = (
                asyncio.to_thread(_write_part, part, content)
                for part, (_, content) in zip(parts, named, strict=True)
            )
            written = await asyncio.gather(*jobs, return_exceptions=True)
            for result in written:
                if isinstance(result, BaseException):
                    raise result
            sums = [result for result in written if not isinstance(result, BaseException)]
            await asyncio.to_thread(_publish, day, parts, [digest for digest, _ in sums])
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise FullError("no room for files") from error
            raise
        finally:
            await asyncio.to_thread(_discard, parts)
        await asyncio.to_thread(_discard, [content for _, content in named if isinstance(content, Path)])
        return tuple(
            FileRef(name=name, sha256=digest, size=size)
            for (name, _), (digest, size) in zip(named, sums, strict=True)
        )

    def path(self, sha256: str) -> Path | None:
        """Where this file lies, or None when it is not (or no longer) here."""
        for day in sorted(self._folder.iterdir(), reverse=True):
            found = day / sha256
            if found.exists():
                return found
        return None

    def remove(self, sha256s: Collection[str]) -> int:
        """Blocking.  These files are gone when it returns, also after a power cut; the bytes that were freed.

        What is not here any more is fine.  ProtocolError: one of them is no digest; nothing is removed.
        """
        if not all(_DIGEST.fullmatch(sha256) for sha256 in sha256s):
            raise ProtocolError("not the name of a file")
        freed, days = 0, set[Path]()
        for day in self._folder.iterdir():
            for found in filter(Path.exists, (day / sha256 for sha256 in sha256s)):
                freed += found.stat().st_size
                found.unlink()
                days.add(day)
        for day in days:
            sync_folder(day)
        self._remove_empty(days)
        return freed

    def names(self) -> Iterator[Path]:
        """Blocking.  Every whole file that lies here, day by day."""
        for day in sorted(self._folder.iterdir()):
            if day.is_dir():
                yield from sorted(path for path in day.iterdir() if path.suffix != ".part")

    def _remove_empty(self, days: Collection[Path]) -> None:
        """But for the last one, which is being written into."""
        for day in sorted(set(days) - {max(self._folder.iterdir())}):
            with contextlib.suppress(OSError):  # something lies there, which is why it stays
                day.rmdir()

    def _day(self) -> Path:
        name = datetime.fromtimestamp(self._clock.now_ms() / 1000, tz=UTC).strftime("%Y%m%d")
        day = self._folder / name
        if not day.exists():
            day.mkdir(exist_ok=True)
            sync_folder(self._folder)
        return day


def digest_of(path: Path) -> tuple[str, int]:
    """SHA-256 and size, read piece by piece."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        for piece in iter(partial(file.read, PIECE), b""):
            digest.update(piece)
            size += len(piece)
    return digest.hexdigest(), size


def _write_part(part: Path, content: bytes | Path) -> tuple[str, int]:
    if isinstance(content, Path):
        _link_or_copy(content, part)
    else:
        part.write_bytes(content)
    descriptor = os.open(part, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return digest_of(part)


def _link_or_copy(source: Path, part: Path) -> None:
    try:
        os.link(source, part)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK):
            raise
        shutil.copyfile(source, part)


def _publish(day: Path, parts: Sequence[Path], digests: Sequence[str]) -> None:
    for part, digest in zip(parts, digests, strict=True):
        part.replace(day / digest)
    sync_folder(day)


def _discard(paths: Sequence[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
