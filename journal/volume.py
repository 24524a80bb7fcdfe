"""One journal as it is read: entries, frames, checkpoints, proofs; nothing is signed beyond what is durable.

The newest journal of a process grows under its writer.  One that is closed never changes again: its key signs what it
holds, for those who do not have it yet, and nothing new.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import TypeVar

from journal.cutting import Cutter
from journal.database import DoubtError, Known, Reader, StoredEntry, doubting
from journal.keys import SigningKey
from journal.shelf import mark_doubted
from kernel.errors import RefusedError, RestartError
from kernel.evidence import header
from kernel.evidence.frames import Frame, WireEntry

log = logging.getLogger(__name__)

T = TypeVar("T")


class Volume:
    """`reading` has one thread: what is asked of one volume is answered one after the other."""

    def __init__(
        self, folder: Path, *, key: SigningKey, size: int, reading: Executor, closed: bool = False
    ) -> None:
        self.folder = folder
        self.key = key
        self.id = header.journal_id(key.public)
        self.closed = closed
        self._size = size
        self._reader = Reader(folder / "journal.db")
        self._keys: Reader | None = None  # the writer's thread has its own
        self._reading = reading
        self._cutter = Cutter(self._reader, key=key)
        self._gone = False

    @property
    def size(self) -> int:
        """Entries that are durable."""
        return self._size

    def grow(self, size: int) -> None:
        """Its writer has committed."""
        self._size = size

    def known(self, key: str) -> Known | None:
        """The entry that was appended under this key.  For the writer's thread."""

        def look() -> Known | None:
            if self._keys is None:
                self._keys = Reader(self.folder / "journal.db")
            return self._keys.known(key)

        return self.undoubted(look)

    async def read(self, start: int, count: int) -> list[StoredEntry]:
        """RestartError, here and wherever it is read: the disk has changed it; the next start goes on with a new one."""
        return await self._in_thread(partial(self._reader.entries, start, count))

    async def bodies(self, seqs: Sequence[int]) -> set[int]:
        """Which of these entries still have theirs."""
        return await self._in_thread(partial(self._reader.bodies, seqs))

    async def holding(self, words: Sequence[str], start: int = 0) -> list[int]:
        """The entries from `start` on whose headers hold one of these words."""
        return await self._in_thread(partial(self._reader.holding, words, start))

    async def genesis(self) -> WireEntry:
        first = await self._in_thread(self._reader.genesis)
        return first.header, first.salt, first.body

    async def checkpoint(self, size: int | None = None) -> str:
        """A signed note for the journal as it was at `size`, the newest by default; never beyond what is durable."""
        if size is None:
            return await self._in_thread(self._reader.checkpoint)
        if size > self._size:
            raise RefusedError(f"the journal has {self._size} entries, a checkpoint at {size} is not signed")
        return await self._in_thread(partial(self._cutter.checkpoint, size))

    async def root(self, size: int) -> bytes:
        return (await self._in_thread(partial(self._cutter.frontier, size))).root()

    async def frame(self, start: int) -> Frame | None:
        """The next entries from `start` with their signed checkpoint, as many as one frame takes."""
        if start >= self._size:
            return None
        return await self._in_thread(partial(self._cutter.frame, start, self._size))

    async def inclusion_proof(self, seq: int, size: int) -> list[bytes]:
        return await self._in_thread(partial(self._cutter.inclusion_proof, seq, size))

    async def consistency_proof(self, old: int, new: int) -> list[bytes]:
        return await self._in_thread(partial(self._cutter.consistency_proof, old, new))

    def doubt(self, reason: str) -> None:
        """Somebody has shown another story of this journal: the next start keeps it and goes on with a new one."""
        mark_doubted(self.folder, reason)

    def undoubted(self, work: Callable[[], T]) -> T:
        """The answer of `work`, which reads this journal; RestartError, and the journal is marked, when it cannot."""
        try:
            with doubting("cannot be read"):
                return work()
        except DoubtError as error:
            if self._gone:
                raise RefusedError(f"journal {self.id} has left") from error
            log.critical("journal in doubt", extra={"folder": str(self.folder), "reason": error.problem})
            self.doubt(error.problem)
            raise RestartError(
                f"the journal is in doubt and goes on as a new one: {error.problem}"
            ) from error

    async def leave(self) -> None:
        """Nobody may read it any more; RefusedError for who does."""
        await asyncio.get_running_loop().run_in_executor(self._reading, self.close)

    def close(self) -> None:
        self._gone = True
        for reader in (self._reader, self._keys):
            if reader is not None:
                reader.close()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._reading, partial(self._read, work))

    def _read(self, work: Callable[[], T]) -> T:
        if self._gone:
            raise RefusedError(f"journal {self.id} is closed to readers")
        return self.undoubted(work)
