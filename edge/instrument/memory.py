"""The book of the instrument over restarts: read back from the journals, and beside them how far they were read.

The file outlives journals that have left the box.  Without it every journal that is here is walked through.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec import Struct

from edge.instrument.book import FACTS, Awaited, Book, Fact, fact_of
from journal.database import StoredEntry
from journal.keys import write_durably
from journal.writer import Appended
from kernel.errors import ProtocolError
from kernel.events import JournalOpened, JournalRecovered
from kernel.evidence import header, recovery
from kernel.evidence.frames import WireEntry

log = logging.getLogger(__name__)

NAME = "instrument.json"


class Finds(Protocol):
    """A journal that tells what was appended under a key."""

    @property
    def volumes(self) -> Sequence[Readable]: ...

    async def find(self, key: str) -> Appended | None: ...


class Readable(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def size(self) -> int: ...

    async def holding(self, words: Sequence[str], start: int = 0) -> list[int]: ...

    async def read(self, start: int, count: int) -> list[StoredEntry]: ...

    async def genesis(self) -> WireEntry: ...


class Told(Struct, frozen=True, kw_only=True):
    stream: str
    body: msgspec.Raw


class Kept(Struct, frozen=True, kw_only=True):
    """What the file holds: how far each journal was read, what they told, and whether anything may be missing.

    `awaited` stands in no journal yet: without the file it must be said again.
    """

    read: dict[str, int]
    facts: tuple[Told, ...]
    whole: bool = True
    awaited: Awaited | None = None


class Memory:
    """`whole` is false when journals of before are missing here and nothing tells what they said of the instrument.

    It is true again once a certificate was taken into use: somebody has looked.
    """

    def __init__(self, path: Path, book: Book) -> None:
        self._path = path
        self._book = book
        self._read: dict[str, int] = {}
        self._asked = self._served = 0  # calls of `keep`
        self._turn = asyncio.Lock()
        self._writing = threading.Lock()  # a task that is cancelled leaves its thread behind
        self.whole = True

    async def recall(self, journals: Sequence[Readable]) -> None:
        """Everything that was told by now, oldest journal first."""
        kept = load(self._path)
        if kept is None:
            self.whole = await _is_first(journals[0])
        else:
            self._read, self.whole = dict(kept.read), kept.whole
            self._book.awaited = kept.awaited
            for told in kept.facts:
                self._book.add(fact_of(told.stream, bytes(told.body)))
        for journal in journals:
            await self._read_on(journal)
        self.save()

    async def _read_on(self, journal: Readable) -> None:
        until = journal.size
        words = [*FACTS, JournalRecovered.stream]
        for seq in await journal.holding(words, self._read.get(journal.id, 0)):
            for entry in await journal.read(seq, 1):
                if (fact := _fact(entry)) is not None:
                    self._book.add(fact)
        self._read[journal.id] = until

    async def keep(self) -> None:
        """Return once the file holds the book of now.  One writes at a time, for all who wait."""
        self._asked += 1
        asked = self._asked
        async with self._turn:
            if self._served >= asked:
                return
            serves, kept = self._asked, self._kept()
            await asyncio.to_thread(self._write, kept)
            self._served = serves

    def save(self) -> None:
        """Blocking."""
        self._write(self._kept())

    def _kept(self) -> bytes:
        self.whole = self.whole or bool(self._book.history.certified)
        facts = [
            Told(stream=fact.stream, body=msgspec.Raw(msgspec.json.encode(fact)))
            for fact in self._book.facts()
        ]
        return msgspec.json.encode(
            Kept(read=self._read, facts=tuple(facts), whole=self.whole, awaited=self._book.awaited)
        )

    def _write(self, kept: bytes) -> None:
        """What cannot be written is read from the journals again at the next start."""
        try:
            with self._writing:
                write_durably(self._path, kept)
        except OSError as error:
            log.warning("instrument not remembered", extra={"reason": str(error)})


def load(path: Path) -> Kept | None:
    """None: there is no such file, or none that can be read."""
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=Kept)
        for told in kept.facts:
            fact_of(told.stream, bytes(told.body))
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, ProtocolError) as error:
        log.warning("what was remembered of the instrument is unreadable", extra={"reason": str(error)})
        return None
    return kept


async def said_under(key: str, journal: Finds) -> tuple[Appended, Fact | None] | None:
    """Where the entry of this key is, and what it says unless its journal has left; None: there is none."""
    appended = await journal.find(key)
    if appended is None:
        return None
    for volume in journal.volumes:
        if volume.id == appended.journal:
            [entry] = await volume.read(appended.seq, 1)
            return appended, _fact(entry)
    return appended, None


async def _is_first(journal: Readable) -> bool:
    _header, _salt, body = await journal.genesis()
    return body is not None and msgspec.json.decode(body, type=JournalOpened).predecessor is None


def _fact(entry: StoredEntry) -> Fact | None:
    try:
        head, body = header.decode(entry.header), entry.body
        if head.stream == JournalRecovered.stream and body is not None:
            first = recovery.unwrap(body)
            head, body = first.header, first.body
        return fact_of(head.stream, body) if head.stream in FACTS and body is not None else None
    except (ProtocolError, msgspec.MsgspecError) as error:
        log.warning("entry of another version", extra={"reason": str(error)})
        return None
