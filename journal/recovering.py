"""Saves what a doubted journal still holds into a later one: each readable entry once, and the losses by name."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from journal.cursors import kept_everywhere
from journal.database import DoubtError, JournalFile, Known, Reader, StoredEntry, doubting
from journal.shelf import Doubted
from journal.stamping import Stamped, Stamper
from kernel.errors import ProtocolError
from kernel.events import EntryRef, JournalDoubted, JournalRecovered, RecordErased
from kernel.evidence import header

log = logging.getLogger(__name__)

CHUNK = 128
KEYS = 1024
NAMED = 1000


class _Saved:
    """What has become of the entries of one doubted journal."""

    def __init__(self) -> None:
        self.count = 0
        self.lost: list[int] = []
        self.without_body: set[int] = set()
        self.erased: set[int] = set()

    @property
    def bodies_lost(self) -> list[int]:
        return sorted(self.without_body - self.erased)


def recover(
    file: JournalFile, doubted: Doubted, *, cursors: Path, destinations: Collection[str], stamper: Stamper
) -> None:
    """Write every entry that is readable and not known to be kept at every destination, then what was found and what was not.

    What was written before, by a start that did not come to its end, is not written again.
    """
    old = doubted.predecessor
    first = max(kept_everywhere(cursors, journal=old.id, destinations=destinations), 1)
    saved = _Saved()
    end = old.size
    try:
        with doubting("cannot be read"), closing(Reader(doubted.folder / "journal.db")) as reader:
            end = max(end, _size(reader))
            for start in range(first, end, CHUNK):
                _save(file, reader, range(start, min(start + CHUNK, end)), old.id, stamper, saved)
            _carry_keys(file, reader)
    except DoubtError:
        saved.lost = sorted(set(saved.lost) | set(range(first + saved.count + len(saved.lost), end)))
    declared = JournalDoubted(
        predecessor=old,
        reason=doubted.reason,
        first=first,
        recovered=saved.count,
        lost=tuple(saved.lost[:NAMED]),
        lost_count=len(saved.lost),
        bodies_lost=tuple(saved.bodies_lost[:NAMED]),
        bodies_lost_count=len(saved.bodies_lost),
    )
    _commit(file, {f"doubted/{old.id}": stamper.stamp(declared, source=stamper.box)})
    log.warning("journal continued", extra={"old": old.id, "recovered": saved.count, "lost": len(saved.lost)})


def _save(
    file: JournalFile, reader: Reader, wanted: range, journal: str, stamper: Stamper, saved: _Saved
) -> None:
    found = dict(_recoverable(reader, wanted, journal, stamper, saved))
    _commit(file, {f"recovered/{journal}/{seq}": stamped for seq, stamped in found.items()})
    saved.count += len(found)
    saved.lost += sorted(set(wanted) - found.keys())


def _recoverable(
    reader: Reader, wanted: range, journal: str, stamper: Stamper, saved: _Saved
) -> Iterator[tuple[int, Stamped]]:
    for entry in _readable(reader, wanted):
        # What has grown beyond a body by being wrapped is named as lost; the old file still has it.
        with contextlib.suppress(ProtocolError):
            yield entry.seq, _recovered(journal, entry, stamper)
            if entry.body is None:
                saved.without_body.add(entry.seq)
            saved.erased.update(_erased(entry, journal))


def _erased(entry: StoredEntry, journal: str) -> Iterable[int]:
    """The entries of this journal whose bodies this one takes away."""
    if entry.body is None or header.decode(entry.header).stream != RecordErased.stream:
        return ()
    try:
        said = msgspec.json.decode(entry.body, type=RecordErased)
    except msgspec.MsgspecError:
        return ()
    return [ref.seq for ref in said.entries if ref.journal == journal]


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


def _commit(file: JournalFile, stamped: dict[str, Stamped]) -> None:
    new = [(key, each) for key, each in stamped.items() if file.known(key) is None]
    placed = [
        each.placed(journal=file.journal, seq=seq, key=key) for seq, (key, each) in enumerate(new, file.size)
    ]
    if placed:
        file.commit(placed)


# --- keys ------------------------------------------------------------------------------------------------------


def _carry_keys(file: JournalFile, reader: Reader) -> None:
    """A caller that repeats itself is told where its entry first was; keys that cannot be read are forgotten."""
    try:
        with doubting("cannot be read"):
            for known in _keys(reader):
                file.remember(known)
    except DoubtError as error:
        log.error("keys of callers lost", extra={"reason": error.problem})  # noqa: TRY400


def _keys(reader: Reader) -> Iterator[Sequence[Known]]:
    after = ""
    while rows := reader.keys(after, KEYS):
        after = rows[-1][0]
        yield [known for key, _ in rows if (known := _entry_of(reader, key)) is not None]
    after = ""
    while earlier := reader.earlier(after, KEYS):
        after = earlier[-1].key
        yield earlier


def _entry_of(reader: Reader, key: str) -> Known | None:
    """None when its entry is lost: then a repetition is all there is of it."""
    try:
        with doubting("cannot be read"):
            return reader.known(key)
    except DoubtError:
        return None
