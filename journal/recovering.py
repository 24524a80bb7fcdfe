"""Saves what a doubted journal still holds into its successor: each readable entry once, and the losses by name."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from journal.cursors import kept_everywhere
from journal.database import DoubtError, JournalFile, Reader, StoredEntry, doubting
from journal.shelf import Doubted
from journal.stamping import Stamped, Stamper
from kernel.errors import ProtocolError
from kernel.events import EntryRef, JournalDoubted, JournalRecovered
from kernel.evidence import header

log = logging.getLogger(__name__)

CHUNK = 128
NAMED = 1000


def recover(file: JournalFile, doubted: Doubted, *, cursors: Path, stamper: Stamper) -> None:
    """Write every entry that is readable and not known to be kept elsewhere, then what was found and what was not."""
    old = doubted.predecessor
    first = max(kept_everywhere(cursors, journal=old.id), 1)
    end, saved, lost = old.size, 0, list[int]()
    try:
        with closing(Reader(doubted.folder / "journal.db")) as reader:
            end = max(end, _size(reader))
            for start in range(first, end, CHUNK):
                wanted = range(start, min(start + CHUNK, end))
                found = dict(_recoverable(reader, wanted, old.id, stamper))
                _commit(file, list(found.values()))
                saved += len(found)
                lost += sorted(set(wanted) - found.keys())
    except (DoubtError, sqlite3.Error):
        lost = list(range(first, end))
    declared = JournalDoubted(
        predecessor=old,
        reason=doubted.reason,
        first=first,
        recovered=saved,
        lost=tuple(lost[:NAMED]),
        lost_count=len(lost),
    )
    _commit(file, [stamper.stamp(declared, source=stamper.box)])
    log.warning("journal continued", extra={"old": old.id, "recovered": saved, "lost": len(lost)})


def _recoverable(
    reader: Reader, wanted: range, journal: str, stamper: Stamper
) -> Iterator[tuple[int, Stamped]]:
    for entry in _readable(reader, wanted):
        if _whole(entry):
            # What has grown beyond a body by being wrapped is named as lost; the old file still has it.
            with contextlib.suppress(ProtocolError):
                yield entry.seq, _recovered(journal, entry, stamper)


def _size(reader: Reader) -> int:
    with doubting("cannot be read"):
        return reader.size()


def _readable(reader: Reader, wanted: range) -> Iterator[StoredEntry]:
    """Row by row where a damaged page makes the whole range unreadable."""
    try:
        with doubting("cannot be read"):
            yield from reader.entries(wanted.start, len(wanted))
    except DoubtError:
        for seq in wanted:
            try:
                with doubting("cannot be read"):
                    found = reader.entries(seq, 1)
            except DoubtError:
                continue
            yield from found


def _whole(entry: StoredEntry) -> bool:
    try:
        decoded = header.decode(entry.header)
        same = header.leaf(entry.header) == entry.leaf and decoded.seq == entry.seq
        if entry.salt is None or entry.body is None:
            return same
        return same and header.body_matches(decoded, salt=entry.salt, body=entry.body)
    except (ProtocolError, TypeError):
        return False


def _recovered(journal: str, entry: StoredEntry, stamper: Stamper) -> Stamped:
    """From the same source and naming the same files, so that those are still taken by whoever receives this."""
    old = header.decode(entry.header)
    if old.stream == JournalRecovered.stream and entry.body is not None:
        # It was saved once before and says already who it first was.
        body = msgspec.json.decode(entry.body, type=JournalRecovered)
    else:
        body = JournalRecovered(
            old=EntryRef(journal=journal, seq=entry.seq, leaf=entry.leaf.hex()),
            header=entry.header.decode(),
            salt=entry.salt.hex() if entry.salt else None,
            body=entry.body.decode() if entry.body is not None else None,
        )
    return stamper.stamp(body, source=old.source, files=old.files)


def _commit(file: JournalFile, stamped: Sequence[Stamped]) -> None:
    placed = [each.placed(journal=file.journal, seq=seq) for seq, each in enumerate(stamped, file.size)]
    if placed:
        file.commit(placed)
