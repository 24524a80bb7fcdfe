"""What lies on this box, of which passage and since when: made from the journals, and made again when it is lost.

Holds nothing personal: digests, passages, outcomes, places in the journals.  keeping.db, blocking, for one thread.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edge.keeping.planning import Kind
from journal.database import StoredEntry
from kernel.errors import ProtocolError
from kernel.events import (
    EntryRef,
    FileEvicted,
    FileStored,
    JournalRecovered,
    Outcome,
    RecordErased,
    RecordHeld,
    VehiclePictured,
    VehicleWeighed,
)
from kernel.evidence import header, recovery
from kernel.evidence.header import Header

log = logging.getLogger(__name__)

# An entry is filed under its first identity; (place, place_seq) is where it lies now.
SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (
  journal TEXT, seq INTEGER, leaf TEXT NOT NULL, place TEXT NOT NULL, place_seq INTEGER NOT NULL,
  place_leaf TEXT NOT NULL, passage TEXT, since_ms INTEGER, plates INTEGER NOT NULL, PRIMARY KEY (journal, seq)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS entry_by_age ON entry (since_ms);
CREATE INDEX IF NOT EXISTS entry_by_place ON entry (place, place_seq);
CREATE INDEX IF NOT EXISTS entry_by_passage ON entry (passage);
CREATE TABLE IF NOT EXISTS named (
  sha256 TEXT, journal TEXT, seq INTEGER, what TEXT NOT NULL, size INTEGER NOT NULL,
  PRIMARY KEY (sha256, journal, seq)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS named_by_entry ON named (journal, seq);
CREATE TABLE IF NOT EXISTS passage (passage TEXT PRIMARY KEY, outcome TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS hold (
  kind TEXT, name TEXT, journal TEXT, seq INTEGER, until_ms INTEGER, PRIMARY KEY (kind, name, journal, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS scanned (journal TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
"""
_HELD = """EXISTS (SELECT 1 FROM hold WHERE (until_ms IS NULL OR until_ms > :today) AND (
  (kind = 'passage' AND name = entry.passage)
  OR (kind = 'entry' AND name IN (entry.journal || '/' || entry.seq, entry.place || '/' || entry.place_seq))
  OR (kind = 'file' AND name IN (SELECT sha256 FROM named AS own WHERE (own.journal, own.seq) = (entry.journal, entry.seq)))
))"""
_OUTCOME = "coalesce((SELECT outcome FROM passage WHERE passage.passage = entry.passage), 'undetermined')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One entry in the register; `ref` is who it was first, `place` where it lies now."""

    ref: EntryRef
    place: EntryRef
    passage: str | None
    outcome: Outcome
    since_ms: int | None
    held: bool

    @property
    def refs(self) -> tuple[EntryRef, ...]:
        return (self.ref,) if self.ref == self.place else (self.ref, self.place)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """One entry that names this file."""

    sha256: str
    size: int
    what: Kind
    row: Row


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRow:
    """A hold, and the entry that says who wants it and why."""

    kind: str
    name: str
    journal: str
    seq: int
    until_ms: int | None


class Register:
    """`path` may be `:memory:`, for a look that leaves nothing behind."""

    def __init__(self, path: Path | str) -> None:
        self._db = _open(path)
        self.holds_taken = 0  # since it was opened; releases too

    def close(self) -> None:
        self._db.close()

    # --- out of the journals -------------------------------------------------------------------------------------

    def scanned(self, journal: str) -> int:
        """Entries below this are in the register."""
        row = self._db.execute("SELECT seq FROM scanned WHERE journal = ?", (journal,)).fetchone()
        return int(row[0]) if row else 0

    def take(self, journal: str, entries: Sequence[StoredEntry], *, today_ms: int | None) -> None:
        """The next entries of this journal, in their order, all or none.  `today_ms`: where their own clock was not to be trusted."""
        if not entries:
            return
        self._db.execute("BEGIN")
        try:
            for entry in entries:
                self._take(entry, today_ms)
            self._db.execute("INSERT OR REPLACE INTO scanned VALUES (?, ?)", (journal, entries[-1].seq + 1))
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # a full disk has rolled it back itself
                self._db.execute("ROLLBACK")
            raise

    def skip(self, journal: str, seq: int) -> None:
        """Nothing below this can be read."""
        self._db.execute("INSERT OR REPLACE INTO scanned VALUES (?, ?)", (journal, seq))

    def date(self, today_ms: int) -> None:
        """What nobody knew the day of is from today: it is kept longer, never shorter."""
        self._db.execute("UPDATE entry SET since_ms = ? WHERE since_ms IS NULL", (today_ms,))

    def forget(self, *, entries: Iterable[EntryRef] = (), files: Iterable[str] = ()) -> None:
        """These bodies and files are gone, and entries of which nothing is left."""
        touched = [(ref.journal, ref.seq) for ref in entries]
        self._db.executemany("UPDATE entry SET plates = 0 WHERE journal = ? AND seq = ?", touched)
        self._db.executemany("UPDATE entry SET plates = 0 WHERE place = ? AND place_seq = ?", touched)
        for name in files:
            touched += self._db.execute(
                "DELETE FROM named WHERE sha256 = ? RETURNING journal, seq", (name,)
            ).fetchall()
        self._db.executemany(
            "DELETE FROM entry WHERE journal = ? AND seq = ? AND plates = 0"
            " AND NOT EXISTS (SELECT 1 FROM named WHERE (named.journal, named.seq) = (entry.journal, entry.seq))",
            touched,
        )

    # --- what is there -------------------------------------------------------------------------------------------

    def plates_before(
        self, outcome: Outcome, since_ms: int, *, today_ms: int, count: int, skip: int
    ) -> list[Row]:
        """Entries that still hold plates, the oldest first."""
        where = f"plates = 1 AND since_ms <= :since AND {_OUTCOME} = :outcome ORDER BY since_ms"
        return self._rows(where, since=since_ms, outcome=outcome, today=today_ms, count=count, skip=skip)

    def files_before(
        self, what: Kind, outcome: Outcome, since_ms: int, *, today_ms: int, count: int, skip: int
    ) -> dict[str, list[FileRow]]:
        """Files of these entries, the oldest first, each with every entry that names it."""
        # In this order, so that a page ends the walk along the ages.
        sql = f"""SELECT sha256 FROM entry CROSS JOIN named
          WHERE (named.journal, named.seq) = (entry.journal, entry.seq) AND what = ? AND since_ms <= ?
          AND {_OUTCOME} = ? ORDER BY since_ms LIMIT ? OFFSET ?"""  # noqa: S608
        names = [row[0] for row in self._db.execute(sql, (what, since_ms, outcome, count, skip))]
        return {name: self.naming(name, today_ms=today_ms) for name in dict.fromkeys(names)}

    def naming(self, sha256: str, *, today_ms: int) -> list[FileRow]:
        """Every entry that names this file; none: it is unknown, or gone."""
        sql = f"""SELECT sha256, size, what, {_ROW} FROM named JOIN entry USING (journal, seq)
          WHERE sha256 = :sha256"""  # noqa: S608
        rows = self._db.execute(sql, {"sha256": sha256, "today": today_ms})
        return [FileRow(sha256=row[0], size=row[1], what=row[2], row=_row(row[3:])) for row in rows]

    def of_passage(self, passage: str, *, today_ms: int) -> list[Row]:
        return self._rows("passage = :passage", passage=passage, today=today_ms, count=-1, skip=0)

    def files_of(self, ref: EntryRef) -> list[str]:
        sql = "SELECT sha256 FROM named WHERE journal = ? AND seq = ?"
        return [row[0] for row in self._db.execute(sql, (ref.journal, ref.seq))]

    def files(self) -> Iterator[str]:
        """Every file that should lie here."""
        for row in self._db.execute("SELECT DISTINCT sha256 FROM named ORDER BY sha256"):
            yield row[0]

    def holds(self, *, today_ms: int) -> list[HoldRow]:
        sql = "SELECT kind, name, journal, seq, until_ms FROM hold WHERE until_ms IS NULL OR until_ms > ? ORDER BY 1, 2"
        return [
            HoldRow(kind=kind, name=name, journal=journal, seq=seq, until_ms=until_ms)
            for kind, name, journal, seq, until_ms in self._db.execute(sql, (today_ms,))
        ]

    def needs(self, journal: str, *, today_ms: int) -> bool:
        """Whether anything lies here, or is on hold, of which only this journal says what it is."""
        of_it = "(entry.journal = :journal OR entry.place = :journal)"
        sql = f"""SELECT EXISTS (SELECT 1 FROM entry WHERE {of_it} AND plates = 1)
          OR EXISTS (SELECT 1 FROM entry JOIN named USING (journal, seq) WHERE {of_it})
          OR EXISTS (SELECT 1 FROM hold WHERE journal = :journal AND (until_ms IS NULL OR until_ms > :today))"""  # noqa: S608
        return bool(self._db.execute(sql, {"journal": journal, "today": today_ms}).fetchone()[0])

    def counts(self) -> dict[str, tuple[int, int]]:
        """What: (files, bytes)."""
        sql = "SELECT what, count(*), sum(size) FROM (SELECT DISTINCT sha256, what, size FROM named) GROUP BY what"
        return {row[0]: (row[1], row[2]) for row in self._db.execute(sql)}

    def _rows(self, where: str, **values: object) -> list[Row]:
        sql = f"SELECT {_ROW} FROM entry WHERE {where} LIMIT :count OFFSET :skip"  # noqa: S608
        return [_row(row) for row in self._db.execute(sql, values)]

    # --- one entry -----------------------------------------------------------------------------------------------

    def _take(self, entry: StoredEntry, today_ms: int | None) -> None:
        head = header.decode(entry.header)
        place = EntryRef(journal=head.journal, seq=entry.seq, leaf=entry.leaf.hex())
        try:
            first, ref, body = _first_said(head, place, entry.body)
            self._file(first, ref, place, body, today_ms)
        except (ProtocolError, msgspec.MsgspecError) as error:
            log.warning("entry of another version", extra={"seq": entry.seq, "reason": str(error)})

    def _file(
        self, head: Header, ref: EntryRef, place: EntryRef, body: bytes | None, today_ms: int | None
    ) -> None:
        match head.stream:
            case VehicleWeighed.stream if body is not None:
                said = msgspec.json.decode(body, type=VehicleWeighed)
                row = (said.passage, said.verdict.outcome)
                self._db.execute("INSERT OR REPLACE INTO passage VALUES (?, ?)", row)
            case RecordErased.stream if body is not None:
                erased = msgspec.json.decode(body, type=RecordErased)
                self.forget(entries=erased.entries, files=erased.files)
            case FileEvicted.stream if body is not None:
                self.forget(files=msgspec.json.decode(body, type=FileEvicted).files)
            case RecordHeld.stream if body is not None:
                self._hold(msgspec.json.decode(body, type=RecordHeld), ref)
            case _ if head.files or head.stream == VehiclePictured.stream:
                self._enter(head, ref, place, body, today_ms)

    def _enter(
        self, head: Header, ref: EntryRef, place: EntryRef, body: bytes | None, today_ms: int | None
    ) -> None:
        passage, what = _belongs(head, body)
        plates = head.stream == VehiclePictured.stream and body is not None
        if not plates and not head.files:
            return
        dated = head.clock.state != "unset"
        self._db.execute(
            "INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(ref.journal, ref.seq, ref.leaf, place.journal, place.seq, place.leaf, passage),
                head.at if dated else today_ms,
                int(plates),
            ),
        )
        self._db.executemany(
            "INSERT OR REPLACE INTO named VALUES (?, ?, ?, ?, ?)",
            [(file.sha256, ref.journal, ref.seq, what, file.size) for file in head.files],
        )

    def _hold(self, said: RecordHeld, ref: EntryRef) -> None:
        self.holds_taken += 1
        names = [("file", sha256) for sha256 in said.files]
        names += [("entry", f"{about.journal}/{about.seq}") for about in said.about]
        names += [("passage", said.passage)] if said.passage else []
        if said.act == "held":
            self._db.executemany(
                "INSERT OR REPLACE INTO hold VALUES (?, ?, ?, ?, ?)",
                [(kind, name, ref.journal, ref.seq, said.until_ms) for kind, name in names],
            )
        else:
            self._db.executemany("DELETE FROM hold WHERE kind = ? AND name = ?", names)


_ROW = (
    "entry.journal, entry.seq, entry.leaf, entry.place, entry.place_seq, entry.place_leaf, entry.passage,"
    f" {_OUTCOME}, entry.since_ms, {_HELD}"
)


def _row(row: Sequence[object]) -> Row:
    journal, seq, leaf, place, place_seq, place_leaf, passage, outcome, since_ms, held = row
    return Row(
        ref=msgspec.convert({"journal": journal, "seq": seq, "leaf": leaf}, EntryRef),
        place=msgspec.convert({"journal": place, "seq": place_seq, "leaf": place_leaf}, EntryRef),
        passage=msgspec.convert(passage, str | None),
        outcome=msgspec.convert(outcome, Outcome),
        since_ms=msgspec.convert(since_ms, int | None),
        held=bool(held),
    )


def _first_said(head: Header, place: EntryRef, body: bytes | None) -> tuple[Header, EntryRef, bytes | None]:
    """The entry as it first was; a recovered one whose body is erased is only a place."""
    if head.stream != JournalRecovered.stream or body is None:
        return head, place, body
    first = recovery.unwrap(body)
    return first.header, first.old, first.body


def _belongs(head: Header, body: bytes | None) -> tuple[str | None, Kind]:
    """The passage of an entry with files, and what these are; of an erased one nobody knows: pictures of anybody."""
    if body is not None and head.stream == VehiclePictured.stream:
        return msgspec.json.decode(body, type=VehiclePictured).passage, "pictures"
    if body is not None and head.stream == FileStored.stream:
        said = msgspec.json.decode(body, type=FileStored)
        return said.passage, "clips" if said.kind == "clip" else "pictures"
    return None, "pictures"


def _open(path: Path | str) -> sqlite3.Connection:
    """One that cannot be read is thrown away: it is only ever a saving."""
    try:
        return _connect(path)
    except sqlite3.DatabaseError as error:
        if isinstance(path, str) or isinstance(error, sqlite3.OperationalError):
            raise
        log.warning("register unreadable", extra={"path": str(path)})
        for name in (path.name, path.name + "-wal", path.name + "-shm"):
            path.with_name(name).unlink(missing_ok=True)
        return _connect(path)


def _connect(path: Path | str) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL"):
            db.execute(f"PRAGMA {pragma}")
        if db.execute("PRAGMA quick_check").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("damaged")
        db.executescript(SCHEMA)
    except BaseException:
        db.close()
        raise
    return db
