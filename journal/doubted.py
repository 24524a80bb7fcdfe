"""Journals that were doubted and still lie here: read as far as they can be, erased from, and never written."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from journal.database import Reader, StoredEntry, doubting, erase_unwritten
from journal.keys import SigningKey
from kernel.errors import ConfigError
from kernel.evidence import header

log = logging.getLogger(__name__)

T = TypeVar("T")


class Bodies(Protocol):
    """A journal on this disk, as far as removal looks at it."""

    @property
    def id(self) -> str: ...

    @property
    def folder(self) -> Path: ...

    @property
    def size(self) -> int: ...

    async def read(self, start: int, count: int) -> list[StoredEntry]: ...

    async def bodies(self, seqs: Sequence[int]) -> set[int]: ...

    async def holding(self, words: Sequence[str], start: int = 0) -> list[int]: ...


class DoubtedJournal:
    """Every answer may be DoubtError, for its disk may be damaged."""

    def __init__(self, journal: str, *, folder: Path) -> None:
        self.id = journal
        self.folder = folder
        self._database = folder / "journal.db"
        self._size: int | None = None

    @property
    def size(self) -> int:
        """Blocking the first time; it never changes again."""
        if self._size is None:
            self._size = self._with_reader(Reader.size)
        return self._size

    async def read(self, start: int, count: int) -> list[StoredEntry]:
        return await self._in_thread(lambda reader: reader.entries(start, count))

    async def bodies(self, seqs: Sequence[int]) -> set[int]:
        return await self._in_thread(lambda reader: reader.bodies(seqs))

    async def holding(self, words: Sequence[str], start: int = 0) -> list[int]:
        return await self._in_thread(lambda reader: reader.holding(words, start))

    async def erase(self, seqs: Sequence[int]) -> bool:
        return await asyncio.to_thread(erase_unwritten, self._database, seqs)

    async def _in_thread(self, work: Callable[[Reader], T]) -> T:
        return await asyncio.to_thread(partial(self._with_reader, work))

    def _with_reader(self, work: Callable[[Reader], T]) -> T:
        with doubting("cannot be read"), closing(Reader(self._database)) as reader:
            return work(reader)


def doubted_journals(home: Path, *, but: Collection[Path]) -> list[DoubtedJournal]:
    """Blocking.  The others in a process's folder, oldest first; what a crash left half made is among them."""
    found = []
    for inside in sorted(home.glob("[0-9][0-9][0-9][0-9]*")):
        if inside in but or not (inside / "journal.db").exists():
            continue
        try:
            key = SigningKey.load(inside / "journal.key", kind="journal")
        except ConfigError as error:
            log.warning("a journal of nobody", extra={"folder": str(inside), "reason": str(error)})
            continue
        found.append(DoubtedJournal(header.journal_id(key.public), folder=inside))
    return found
