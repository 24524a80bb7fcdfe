"""Cuts frames out of a journal and proves its parts; everything signed here is over leaves that are durable."""

from __future__ import annotations

from collections import OrderedDict

from journal.database import Reader, StoredEntry
from journal.keys import SigningKey
from kernel.evidence import frames, header, tree
from kernel.evidence.frames import Frame
from kernel.evidence.texts import Absent, Checkpoint
from kernel.evidence.tree import Frontier

ENTRIES = 64
# Room for the frame's own fields, its checkpoint and the statement of absences.
ROOM = frames.MAX_FRAME - 1024 - 64 * ENTRIES
REMEMBERED = 16
ERASED = "erased"


class Cutter:
    """Blocking, for one thread.  Remembers the last few frontiers, so that the next frame costs no rebuild."""

    def __init__(self, reader: Reader, *, key: SigningKey) -> None:
        self._reader = reader
        self._key = key
        self._journal = header.journal_id(key.public)
        self._frontiers: OrderedDict[int, Frontier] = OrderedDict()

    def frontier(self, size: int) -> Frontier:
        """The caller may not append to it."""
        found = self._frontiers.get(size)
        if found is None:
            found = self._reader.frontier(size)
            self._remember(found)
        return found

    def checkpoint(self, size: int) -> str:
        return self._signed(self.frontier(size))

    def frame(self, start: int, end: int) -> Frame:
        """Entries from `start`, below `end`, as many as fit."""
        taken = _fitting(self._reader.entries(start, min(ENTRIES, end - start)))
        frontier = self.frontier(start).copy()
        frontier.extend(entry.leaf for entry in taken)
        self._remember(frontier)
        return Frame(
            journal=self._journal,
            start=start,
            entries=tuple((entry.header, entry.salt, entry.body) for entry in taken),
            checkpoint=self._signed(frontier),
            absent=self._absent(taken),
        )

    def inclusion_proof(self, seq: int, size: int) -> list[bytes]:
        return self._reader.proof(tree.inclusion_spans(seq, size))

    def consistency_proof(self, old: int, new: int) -> list[bytes]:
        return self._reader.proof(tree.consistency_spans(old, new))

    def _absent(self, entries: list[StoredEntry]) -> str | None:
        gone = tuple((entry.seq, ERASED) for entry in entries if entry.body is None)
        if not gone:
            return None
        absent = Absent(journal=self._journal, reasons=gone)
        return absent.signed(public_key=self._key.public, sign=self._key.sign).format()

    def _signed(self, frontier: Frontier) -> str:
        checkpoint = Checkpoint(journal=self._journal, size=frontier.size, root=frontier.root())
        return checkpoint.signed(public_key=self._key.public, sign=self._key.sign).format()

    def _remember(self, frontier: Frontier) -> None:
        self._frontiers[frontier.size] = frontier
        self._frontiers.move_to_end(frontier.size)
        while len(self._frontiers) > REMEMBERED:
            self._frontiers.popitem(last=False)


def _fitting(entries: list[StoredEntry]) -> list[StoredEntry]:
    room, taken = ROOM, list[StoredEntry]()
    for entry in entries:
        room -= len(entry.header) + len(entry.body or b"") + 40
        if room < 0:
            break
        taken.append(entry)
    return taken
