"""Reads a journal whole and hashes it again: every header, body, leaf, block and the newest checkpoint.

In short transactions, a block at a time, so that nobody waits for it and no WAL grows because of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Generator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import closing
from functools import partial

import msgspec

from journal.database import DoubtError, Reader, StoredEntry
from journal.volume import Volume
from journal.writer import Journal
from kernel.clock import Clock
from kernel.errors import ProtocolError, RefusedError
from kernel.events import EntryRef, RecordErased
from kernel.evidence import header
from kernel.evidence.texts import Checkpoint
from kernel.evidence.tree import BLOCK, Frontier, root

log = logging.getLogger(__name__)

PAUSE_S = 0.02  # after each block: the lane's own work goes first
LOOK_S = 600.0
ONCE_MS = 20 * 3_600_000
CHINA_H = 8
KEYS = 1024


class Absences:
    """Bodies that are not there, journal by journal, until the entry is met that erased them."""

    def __init__(self) -> None:
        self._missing: dict[str, bytearray] = {}

    def look(self, journal: str, entries: Sequence[StoredEntry]) -> None:
        marks = self._missing.setdefault(journal, bytearray())
        for entry in entries:
            marks.append(entry.body is None)
            for ref in _erased(entry):
                self._explain(ref)

    def check(self, journal: str) -> None:
        """DoubtError names the first entry without a body that nobody has erased."""
        seq = self._missing.get(journal, bytearray()).find(1)
        if seq >= 0:
            raise DoubtError(f"body {seq} is gone and nobody has erased it")

    def _explain(self, ref: EntryRef) -> None:
        marks = self._missing.get(ref.journal, bytearray())
        if 0 <= ref.seq < len(marks):
            marks[ref.seq] = 0


class _Tree:
    """The leaves read so far, held against the stored roots of blocks and against the head."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._head = reader.head()
        self._at_head: Frontier | None = None
        self._frontier = Frontier()
        self._block: list[bytes] = []

    @property
    def size(self) -> int:
        return self._frontier.size

    @property
    def head_size(self) -> int:
        return self._head.size

    def read(self, end: int) -> list[StoredEntry]:
        """The next entries below `end`, at most to the end of their block."""
        entries = self._reader.entries(self.size, min(BLOCK - self.size % BLOCK, end - self.size))
        if not entries:
            raise DoubtError(f"entries from {self.size} on are missing")
        for entry in entries:
            self._add(entry.leaf)
        return entries

    def check_head(self, journal: str, public_key: bytes) -> None:
        found = self._at_head
        if found is None or found.to_bytes() != self._head.frontier:
            raise DoubtError("tree and head differ")
        try:
            newest = Checkpoint.open(self._head.checkpoint, journal=journal, public_key=public_key)
        except ProtocolError as error:
            raise DoubtError(f"newest checkpoint: {error}") from error
        if (newest.size, newest.root) != (found.size, found.root()):
            raise DoubtError("tree and newest checkpoint differ")

    def _add(self, leaf: bytes) -> None:
        self._frontier.append(leaf)
        self._block.append(leaf)
        if self.size % BLOCK == 0:
            self._check_block(self.size // BLOCK - 1)
        if self.size == self._head.size:
            self._at_head = self._frontier.copy()

    def _check_block(self, i: int) -> None:
        if self._reader.block(i) != root(self._block):
            raise DoubtError(f"block {i} is not the root of its leaves")
        self._block.clear()


async def rehash(journal: Journal, *, clock: Clock, pause_s: float = PAUSE_S) -> int:
    """Entries that were hashed.  RestartError: a journal is not what was written; it is marked, a new start goes on."""
    absences, count = Absences(), 0
    with ThreadPoolExecutor(1, thread_name_prefix="journal-rehash") as thread:
        for volume in journal.volumes:
            with contextlib.suppress(RefusedError):  # it has left meanwhile
                count += await _rehash_one(volume, absences, thread=thread, clock=clock, pause_s=pause_s)
    for volume in journal.volumes:
        volume.undoubted(partial(absences.check, volume.id))
    log.info("journal hashed again", extra={"entries": count})
    return count


async def _rehash_one(
    volume: Volume, absences: Absences, *, thread: Executor, clock: Clock, pause_s: float
) -> int:
    loop, count = asyncio.get_running_loop(), 0
    steps = _steps(volume, absences)
    step = partial(volume.undoubted, partial(next, steps, None))
    try:
        while (done := await loop.run_in_executor(thread, step)) is not None:
            count += done
            await clock.sleep(pause_s)
    finally:
        await loop.run_in_executor(thread, steps.close)
    return count


async def rehash_nightly(journal: Journal, *, hour: int, clock: Clock) -> None:
    """For ever, once a night, in this hour of the day in China."""
    last_ms: int | None = None
    while True:
        now_ms = clock.mono_ms()
        if _hour(clock.now_ms()) == hour and (last_ms is None or now_ms - last_ms >= ONCE_MS):
            last_ms = now_ms
            await rehash(journal, clock=clock)
        await clock.sleep(LOOK_S)


def _hour(now_ms: int) -> int:
    return (now_ms // 3_600_000 + CHINA_H) % 24


def _steps(volume: Volume, absences: Absences) -> Generator[int, None, None]:
    with closing(Reader(volume.folder / "journal.db")) as reader:
        tree = _Tree(reader)
        # On to where its writer is by then: what explains a missing body may have come meanwhile.
        while tree.size < (end := max(volume.size, tree.head_size)):
            entries = tree.read(end)
            absences.look(volume.id, entries)
            yield len(entries)
        tree.check_head(volume.id, volume.key.public)
        after = ""
        while rows := reader.keys(after, KEYS):
            after = rows[-1][0]
            if any(not 0 <= seq < reader.size() for _, seq in rows):
                raise DoubtError("a key names an entry that is not there")
            yield 0


def _erased(entry: StoredEntry) -> Sequence[EntryRef]:
    if entry.body is None or header.decode(entry.header).stream != RecordErased.stream:
        return ()
    try:
        return msgspec.json.decode(entry.body, type=RecordErased).entries
    except msgspec.MsgspecError:
        return ()
