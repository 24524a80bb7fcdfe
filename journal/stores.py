"""The small store of a station: journal.store.ReceiverStore in one SQLite file, with one callback for its views."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path

import msgspec

from journal.retold import Said, first_said
from journal.store import Accepted, Declared, Head
from kernel.errors import ProtocolError
from kernel.events import STREAMS

log = logging.getLogger(__name__)

SCHEMA = """
CREATE TABLE IF NOT EXISTS head (
  journal TEXT PRIMARY KEY, box TEXT NOT NULL, process TEXT NOT NULL, public_key BLOB NOT NULL, state TEXT NOT NULL,
  size INTEGER NOT NULL, frontier BLOB NOT NULL, root BLOB NOT NULL, kept INTEGER NOT NULL, checkpoint TEXT NOT NULL,
  predecessor TEXT, bound INTEGER
) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS head_open ON head (box, process) WHERE state = 'open';
CREATE TABLE IF NOT EXISTS fork (journal TEXT NOT NULL, ours TEXT NOT NULL, theirs TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS entry (
  journal TEXT, seq INTEGER, leaf BLOB NOT NULL, header BLOB NOT NULL, box TEXT NOT NULL, stream TEXT NOT NULL,
  source TEXT NOT NULL, at INTEGER NOT NULL, received INTEGER NOT NULL, absent TEXT, PRIMARY KEY (journal, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS body (
  journal TEXT, seq INTEGER, salt BLOB NOT NULL, body BLOB NOT NULL, PRIMARY KEY (journal, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS declared (
  box TEXT, sha256 TEXT, size INTEGER NOT NULL, journal TEXT NOT NULL, seq INTEGER NOT NULL, name TEXT NOT NULL,
  stored INTEGER, PRIMARY KEY (box, sha256)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS quarantine (
  journal TEXT, seq INTEGER, reason TEXT NOT NULL, PRIMARY KEY (journal, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS retold (
  box TEXT, journal TEXT, seq INTEGER, PRIMARY KEY (box, journal, seq)
) WITHOUT ROWID;
"""

Project = Callable[[sqlite3.Connection, Sequence[Accepted]], None]

_HEAD = tuple(field.name for field in fields(Head))


def no_views(_db: sqlite3.Connection, _entries: Sequence[Accepted]) -> None:
    """Custody only."""


class SqliteStore:
    """`project` is called inside each transaction with the entries that are new and whose bodies hold their schema.

    An entry that a successor says again comes as it was first said, unless its first identity was here before.  A body
    that does not hold, or that `project` cannot take, goes to quarantine; it is in custody all the same.
    """

    def __init__(self, path: Path, *, store_id: str, project: Project = no_views) -> None:
        self._store_id = store_id
        self._project = project
        self._lock = threading.RLock()
        # One connection for the receiver's thread and, under the lock, for the few questions of uploads.
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.executescript(SCHEMA)
        if "bound" not in [row[1] for row in self._db.execute("PRAGMA table_info(head)")]:
            self._db.execute("ALTER TABLE head ADD COLUMN bound INTEGER")

    @property
    def store_id(self) -> str:
        return self._store_id

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def begin(self) -> Iterator[SqliteTransaction]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield SqliteTransaction(self._db, project=self._project)
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def declared(self, box: str, sha256: str) -> Declared | None:
        with self._lock:
            row = self._db.execute(
                "SELECT sha256, size, journal, seq, name FROM declared WHERE box = ? AND sha256 = ?",
                (box, sha256),
            ).fetchone()
        if row is None:
            return None
        return Declared(sha256=row[0], size=row[1], journal=row[2], seq=row[3], name=row[4])

    def erased(self, _box: str, _sha256: str) -> Declared | None:
        """None: this store erases no files."""
        return None

    def file_stored(self, box: str, sha256: str, *, at_ms: int) -> None:
        with self._lock:
            self._db.execute(
                "UPDATE declared SET stored = ? WHERE box = ? AND sha256 = ? AND stored IS NULL",
                (at_ms, box, sha256),
            )

    def files_kept(self, box: str, digests: Collection[str], *, before_ms: int) -> Collection[str]:
        """journal.store.KnowsKept: by age, this store has no backup."""
        with self._lock:
            rows = self._db.execute(
                f"SELECT sha256 FROM declared WHERE box = ? AND stored < ? AND sha256 IN ({_marks(digests)})",  # noqa: S608
                (box, before_ms, *digests),
            )
            return [row[0] for row in rows]


class SqliteTransaction:
    """journal.store.StoreTransaction (and journal.custody.KnowsWhen) on the open transaction."""

    def __init__(self, db: sqlite3.Connection, *, project: Project) -> None:
        self._db = db
        self._project = project
        self._closed: set[str] = set()

    def heads(self, journals: Sequence[str]) -> dict[str, Head]:
        rows = self._db.execute(
            f"SELECT {', '.join(_HEAD)} FROM head WHERE journal IN ({_marks(journals)})",  # noqa: S608 - only our own names
            tuple(journals),
        )
        heads = {row[0]: Head(**dict(zip(_HEAD, row, strict=True))) for row in rows}
        self._closed |= {journal for journal, head in heads.items() if head.state == "closed"}
        return heads

    def open_journal(self, box: str, process: str) -> str | None:
        row = self._db.execute(
            "SELECT journal FROM head WHERE box = ? AND process = ? AND state = 'open'", (box, process)
        ).fetchone()
        return str(row[0]) if row else None

    def save_head(self, head: Head) -> None:
        names = ", ".join(f":{name}" for name in _HEAD)
        self._db.execute(f"INSERT OR REPLACE INTO head VALUES ({names})", asdict(head))  # noqa: S608

    def leaves(self, journal: str, start: int, count: int) -> list[bytes]:
        rows = self._db.execute(
            "SELECT leaf FROM entry WHERE journal = ? AND seq >= ? AND seq < ? ORDER BY seq",
            (journal, start, start + count),
        )
        return [row[0] for row in rows]

    def received_before(self, journal: str, before_ms: int) -> int:
        row = self._db.execute(
            "SELECT min(seq) FROM entry WHERE journal = ? AND received >= ?", (journal, before_ms)
        ).fetchone()
        if row[0] is not None:
            return int(row[0])
        return int(self._db.execute("SELECT count(*) FROM entry WHERE journal = ?", (journal,)).fetchone()[0])

    def insert(self, journal: str, entries: Sequence[Accepted]) -> None:
        self._db.executemany(
            "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [_entry_row(journal, e) for e in entries],
        )
        self._db.executemany(
            "INSERT INTO body VALUES (?, ?, ?, ?)",
            [(journal, e.seq, e.salt, e.body) for e in entries if e.body is not None],
        )
        self._db.executemany(
            "INSERT OR IGNORE INTO declared VALUES (?, ?, ?, ?, ?, ?, NULL)",
            [(e.box, f.sha256, f.size, journal, e.seq, f.name) for e in entries for f in e.header.files],
        )
        self._view(journal, [said for entry in entries if (said := self._readable(journal, entry))])

    def record_fork(self, journal: str, ours: str, theirs: str) -> None:
        self._db.execute("INSERT INTO fork VALUES (?, ?, ?)", (journal, ours, theirs))

    def _readable(self, journal: str, entry: Accepted) -> Accepted | None:
        """What the views may see of it: the entry as it was first said, once."""
        try:
            said = first_said(entry)
            if not _makes_sense(said.entry) or self._seen_before(said):
                return None
        except (ProtocolError, msgspec.MsgspecError, RecursionError, ValueError) as error:
            self._quarantine(journal, entry, str(error))
            return None
        return said.entry

    def _seen_before(self, said: Said) -> bool:
        if said.old is None:
            return self._said_again(said.entry)
        first = (said.old.journal, said.old.seq)
        # By box: nobody takes the place of what another box has to say again.
        new = self._db.execute(
            "INSERT OR IGNORE INTO retold VALUES (?, ?, ?)", (said.entry.box, *first)
        ).rowcount
        held = self._db.execute("SELECT 1 FROM entry WHERE journal = ? AND seq = ?", first).fetchone()
        return not new or held is not None

    def _said_again(self, entry: Accepted) -> bool:
        """Whether a successor was quicker than what a closed journal still had to say."""
        if entry.header.journal not in self._closed:
            return False
        place = (entry.box, entry.header.journal, entry.seq)
        query = "SELECT 1 FROM retold WHERE box = ? AND journal = ? AND seq = ?"
        return self._db.execute(query, place).fetchone() is not None

    def _quarantine(self, journal: str, entry: Accepted, reason: str) -> None:
        self._db.execute("INSERT INTO quarantine VALUES (?, ?, ?)", (journal, entry.seq, reason[:200]))

    def _view(self, journal: str, entries: Sequence[Accepted]) -> None:
        """All at once; when that fails one by one, so that a single entry never holds up the others."""
        if not entries or self._projected(entries) is None:
            return
        for entry in entries:
            problem = self._projected([entry])
            if problem:
                self._quarantine(journal, entry, problem)

    def _projected(self, entries: Sequence[Accepted]) -> str | None:
        self._db.execute("SAVEPOINT views")
        try:
            self._project(self._db, entries)
        except Exception as error:  # custody does not depend on the views
            log.warning("view failed", exc_info=error, extra={"journal": entries[0].header.journal})
            self._db.execute("ROLLBACK TO views")
            self._db.execute("RELEASE views")
            return repr(error)
        self._db.execute("RELEASE views")
        return None


def _marks(values: Collection[str]) -> str:
    return ", ".join("?" * len(values))


def _makes_sense(entry: Accepted) -> bool:
    """Whether it says something; MsgspecError or ProtocolError when it is not what its stream says."""
    if entry.body is None:
        return False
    stream = STREAMS.get(entry.header.stream)
    if stream is None:
        raise ProtocolError(f"unknown stream {entry.header.stream}")
    msgspec.json.decode(entry.body, type=stream.body)
    return True


def _entry_row(journal: str, entry: Accepted) -> tuple[object, ...]:
    header = entry.header
    return (
        journal,
        entry.seq,
        entry.leaf,
        entry.header_bytes,
        entry.box,
        header.stream,
        header.source,
        header.at,
        entry.received_ms,
        entry.absent,
    )
