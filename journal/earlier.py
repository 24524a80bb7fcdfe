"""The journals before this one that still lie beside it: read, and erased from, but never written."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
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
    """A journal on this disk, as far as removal needs it."""

    @property
    def id(self) -> str: ...

    @property
    def size(self) -> int: ...

    async def read(self, start: int, count: int) -> list[StoredEntry]: ...

    async def bodies(self, seqs: Sequence[int]) -> set[int]: ...

    async def holding(self, words: Sequence[str], start: int = 0) -> list[int]: ...

    async def erase(self, seqs: Sequence[int]) -> bool: ...


class EarlierJournal:
    """Closed or doubted; every answer may be DoubtError, for its disk may be damaged."""

    def __init__(self, journal: str, *, database: Path) -> None:
        self.id = journal
        self._database = database
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


def earlier_journals(current: Path) -> list[EarlierJournal]:
    """Blocking.  Beside the folder of the current one, oldest first; what a crash left half made is among them."""
    found = []
    for inside in sorted(current.parent.glob("[0-9][0-9][0-9][0-9]*")):
        database = inside / "journal.db"
        if inside == current or not database.exists():
            continue
        try:
            key = SigningKey.load(inside / "journal.key", kind="journal")
        except ConfigError as error:
            log.warning("a journal of nobody", extra={"folder": str(inside), "reason": str(error)})
            continue
        found.append(EarlierJournal(header.journal_id(key.public), database=database))
    return found
