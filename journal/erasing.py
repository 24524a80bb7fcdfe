"""Removal 删除: said in an entry first, then done, and done again after a crash until it is.

Headers and leaves stay, so every proof holds.  What is erased is erased wherever it lies: in this journal, in those
before it on this disk, doubted ones too, and in what a successor said again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Literal, NoReturn, Protocol

import msgspec

from journal.cursors import Cursors
from journal.database import DoubtError, StoredEntry
from journal.doubted import Bodies, DoubtedJournal, doubted_journals
from journal.files import FileStore
from journal.writer import Journal
from kernel.clock import Clock
from kernel.errors import FullError, ProtocolError
from kernel.events import EntryRef, FileEvicted, JournalRecovered, RecordErased
from kernel.evidence import header, recovery

log = logging.getLogger(__name__)

ENTRIES, FILES = 40, 80  # of one record.erased: a body has 28 kB, and an entry may lie in several places
CHUNK = 256
EVERY_S = 60.0
REMOVALS = (RecordErased.stream, FileEvicted.stream)


class Sized(Protocol):
    """A file that may go."""

    @property
    def sha256(self) -> str: ...

    @property
    def size(self) -> int: ...


class Erasing:
    """What one process may remove: bodies of its journals, files of its store.  Nobody else removes any.

    `unclean` names journals whose WAL or damaged disk still holds what was erased; `finish` tries again.  What it named
    is forgotten at the end of the process, so the first `finish` takes every journal with a WAL for one of them.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        source: str,
        files: FileStore | None = None,
        cursors: Cursors | None = None,
    ) -> None:
        self._journal = journal
        self._source = source
        self._files = files
        self._cursors = cursors
        here = [volume.folder for volume in journal.volumes]
        self._doubted = doubted_journals(journal.home, but=here)
        self._done: dict[str, int] = {}
        self.unclean: dict[str, str] = {}
        self._is_started = False

    @property
    def places(self) -> list[Bodies]:
        """The journals on this disk, in the order in which they were written."""
        return sorted((*self._doubted, *self._journal.volumes), key=lambda place: place.folder.name)

    async def erase(
        self, entries: Sequence[EntryRef], *, files: Sequence[str] = (), rule: str, by: str
    ) -> None:
        """Erase bodies with their salts, and files, by this rule.  FullError: what is not said yet is not done either.

        Whether they may be erased is the caller's business: holds are not looked at here.
        """
        for some, names in _portions(entries, files):
            everywhere = (*some, *await self._retold(some))
            said = RecordErased(rule=rule, by=by, entries=everywhere, files=names)
            await self._journal.append(said, source=self._source)
            await self._remove(everywhere, names)

    async def evict(
        self, files: Sequence[Sized], *, rule: Literal["kept", "compliant_clip"], free_kb: int
    ) -> None:
        """Let files go to make room, or because of their age; what may go is the caller's business."""
        for start in range(0, len(files), FILES):
            some = files[start : start + FILES]
            names = tuple(file.sha256 for file in some)
            freed = sum(file.size for file in some)
            said = FileEvicted(rule=rule, files=names, freed_bytes=freed, free_kb=free_kb)
            await self._journal.append(said, source=self._source)
            await self._remove((), names)

    async def finish(self) -> int:
        """Do what entries say is removed and is not: how many entries were left undone.  Called at every start, and now and then."""
        undone = 0
        for place in self.places:
            start = await self._removed(place)
            end = await asyncio.to_thread(_size, place)
            words = [f'"stream":"{stream}"' for stream in (*REMOVALS, JournalRecovered.stream)]
            async for entry in _named(place, words, start):
                undone += await self._again(place, entry)
            await self._save_removed(place, end)
        for place in self.places:
            if place.id in self.unclean or (
                not self._is_started and await asyncio.to_thread(_has_wal, place)
            ):
                await self._erase_in(place, ())
        self._is_started = True
        return undone

    async def _again(self, place: Bodies, entry: StoredEntry) -> bool:
        said = _removal(entry)
        if said is None:
            return False
        refs = said.entries if isinstance(said, RecordErased) else ()
        refs = (*refs, *await self._retold(refs))
        left = [ref for ref in refs if await self._still_there(ref)]
        when = self._order(place, entry)
        files = [
            name
            for name in said.files
            if await self._lies_here(name) and not await self._named_since(name, when)
        ]
        if left or files:
            log.warning(
                "removal finished", extra={"seq": entry.seq, "bodies": len(left), "files": len(files)}
            )
            await self._remove(left, files)
        return bool(left or files)

    async def _still_there(self, ref: EntryRef) -> bool:
        for place in self.places:
            if place.id == ref.journal:
                try:
                    return bool(await place.bodies([ref.seq]))
                except DoubtError:
                    return True
        return False

    async def _lies_here(self, sha256: str) -> bool:
        return self._files is not None and await asyncio.to_thread(self._files.path, sha256) is not None

    async def _named_since(self, sha256: str, when: tuple[int, int]) -> bool:
        """A later entry has brought the file back: the same bytes are the same file."""
        for place in self.places:
            async for entry in _named(place, [sha256], 0):
                if self._order(place, entry) > when:
                    return True
        return False

    def _order(self, place: Bodies, entry: StoredEntry) -> tuple[int, int]:
        """Which of two entries was said first, wherever they were said again."""
        journal, seq = _first_identity(entry) or (place.id, entry.seq)
        ids = [one.id for one in self.places]
        return (ids.index(journal) if journal in ids else -1), seq

    async def _remove(self, refs: Sequence[EntryRef], files: Sequence[str]) -> None:
        for place in self.places:
            seqs = [ref.seq for ref in refs if ref.journal == place.id]
            if seqs:
                await self._erase_in(place, seqs)
        if self._files is not None and files:
            await asyncio.to_thread(self._files.remove, files)
        if self._cursors is not None and files:
            await asyncio.to_thread(self._cursors.forget_uploads, files)

    async def _erase_in(self, place: Bodies, seqs: Sequence[int]) -> None:
        try:
            clean, why = await self._erase_from(place, seqs), "somebody reads it, or no room"
        except DoubtError as error:
            clean, why = False, error.problem
            log.error("journal cannot be erased from", extra={"journal": place.id, "reason": why})  # noqa: TRY400
        if clean:
            self.unclean.pop(place.id, None)
        else:
            self.unclean[place.id] = why

    async def _erase_from(self, place: Bodies, seqs: Sequence[int]) -> bool:
        if isinstance(place, DoubtedJournal):
            return await place.erase(seqs)
        [volume] = [one for one in self._journal.volumes if one.id == place.id]
        return await self._journal.erase(volume, seqs)

    async def _retold(self, refs: Sequence[EntryRef]) -> list[EntryRef]:
        """Where successors said these entries again."""
        wanted = {(ref.journal, ref.seq) for ref in refs}
        found: list[EntryRef] = []
        if all(ref.journal == self._journal.id for ref in refs):
            return found  # nothing has followed it yet
        for place in self.places:
            async for entry in _recovered(place):
                old = _first_identity(entry)
                if old in wanted and (place.id, entry.seq) not in wanted:
                    found.append(EntryRef(journal=place.id, seq=entry.seq, leaf=entry.leaf.hex()))
        return found

    async def _removed(self, place: Bodies) -> int:
        """Up to where what is said to be removed is known to be."""
        if place.id not in self._done and self._cursors is not None:
            self._done[place.id] = await asyncio.to_thread(self._cursors.removed, journal=place.id)
        return self._done.get(place.id, 0)

    async def _save_removed(self, place: Bodies, seq: int) -> None:
        if place.id in self.unclean:
            return
        self._done[place.id] = seq
        if self._cursors is not None:
            await asyncio.to_thread(self._cursors.save_removed, seq, journal=place.id)


async def finish_for_ever(erasing: Erasing, *, clock: Clock) -> NoReturn:
    """For a task beside the others, where no housekeeping does it: after a start, and then every minute."""
    while True:
        try:
            await erasing.finish()
        except FullError as error:
            log.error("no room to erase", extra={"reason": str(error)})  # noqa: TRY400 - the disk is at fault
        await clock.sleep(EVERY_S)


class _First(msgspec.Struct, frozen=True):
    """As much of a recovered entry as says who it first was."""

    old: EntryRef


_first = msgspec.json.Decoder(_First)


def _first_identity(entry: StoredEntry) -> tuple[str, int] | None:
    """None: it was said here first, or its body is erased."""
    if entry.body is None or header.decode(entry.header).stream != JournalRecovered.stream:
        return None
    old = _first.decode(entry.body).old
    return old.journal, old.seq


async def _recovered(place: Bodies) -> AsyncIterator[StoredEntry]:
    """The entries that a successor begins with: those it could save, one after the other."""
    start = 1
    while entries := await readable(place, start, CHUNK):
        for entry in entries:
            if header.decode(entry.header).stream != JournalRecovered.stream:
                return
            yield entry
        start = entries[-1].seq + 1


async def _named(place: Bodies, words: Sequence[str], start: int) -> AsyncIterator[StoredEntry]:
    try:
        seqs = await place.holding(words, start)
    except DoubtError as error:
        log.error("journal cannot be searched", extra={"journal": place.id, "reason": error.problem})  # noqa: TRY400
        return
    for seq in seqs:
        for entry in await readable(place, seq, 1):
            yield entry


async def readable(place: Bodies, start: int, count: int) -> list[StoredEntry]:
    """What can be read of these entries, one by one where damage makes the whole range unreadable."""
    try:
        return await place.read(start, count)
    except DoubtError:
        if count == 1:
            return []
        return [entry for seq in range(start, start + count) for entry in await readable(place, seq, 1)]


def _removal(entry: StoredEntry) -> RecordErased | FileEvicted | None:
    """What this entry, or the one that it says again, wants removed."""
    stream, body = header.decode(entry.header).stream, entry.body
    try:
        if stream == JournalRecovered.stream and body is not None:
            first = recovery.unwrap(body)
            stream, body = first.header.stream, first.body
        if body is None or stream not in REMOVALS:
            return None
        kind: type[RecordErased | FileEvicted] = (
            RecordErased if stream == RecordErased.stream else FileEvicted
        )
        return msgspec.json.decode(body, type=kind)
    except (ProtocolError, msgspec.DecodeError) as error:
        log.warning("removal not understood", extra={"seq": entry.seq, "reason": str(error)})
        return None


def _portions(
    entries: Sequence[EntryRef], files: Sequence[str]
) -> Iterator[tuple[tuple[EntryRef, ...], tuple[str, ...]]]:
    """As much as one entry can name, entries and files in step."""
    count = max(-(-len(entries) // ENTRIES), -(-len(files) // FILES))
    for n in range(count):
        yield (
            tuple(entries[n * ENTRIES : (n + 1) * ENTRIES]),
            tuple(files[n * FILES : (n + 1) * FILES]),
        )


def _size(place: Bodies) -> int:
    try:
        return place.size
    except DoubtError:
        return 0


def _has_wal(place: Bodies) -> bool:
    """Frames may be left there from before a power cut: bodies as they were, though their rows are gone."""
    wal = place.folder / "journal.db-wal"
    return wal.exists() and wal.stat().st_size > 0
