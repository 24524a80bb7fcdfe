"""cursor.db: how far each destination is.  Losing it costs a repeat, so a full disk never stops the sending."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

Statement = tuple[str, Sequence[tuple[object, ...]]]  # and the rows that it is done for

SCHEMA = """
CREATE TABLE IF NOT EXISTS cursor (
  journal TEXT, destination TEXT, store TEXT NOT NULL, sent INTEGER NOT NULL, size INTEGER NOT NULL,
  kept INTEGER NOT NULL, PRIMARY KEY (journal, destination)
);
CREATE TABLE IF NOT EXISTS scanned (
  journal TEXT, destination TEXT, seq INTEGER NOT NULL, PRIMARY KEY (journal, destination)
);
CREATE TABLE IF NOT EXISTS upload (
  destination TEXT, sha256 TEXT, size INTEGER NOT NULL, journal TEXT NOT NULL, seq INTEGER NOT NULL,
  priority INTEGER NOT NULL, state TEXT NOT NULL CHECK (state IN ('waiting', 'on_demand', 'done')),
  kept INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (destination, sha256)
);
CREATE INDEX IF NOT EXISTS upload_order ON upload (destination, state, priority, seq);
CREATE TABLE IF NOT EXISTS removed (journal TEXT PRIMARY KEY, seq INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS upload_unkept ON upload (destination, seq, sha256) WHERE state = 'done' AND kept = 0;
CREATE TABLE IF NOT EXISTS demanded (destination TEXT, sha256 TEXT, PRIMARY KEY (destination, sha256));
CREATE TABLE IF NOT EXISTS uploaded_to (destination TEXT PRIMARY KEY, store TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS command (issuer TEXT PRIMARY KEY, counter INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS obeyed (
  journal TEXT, destination TEXT, seq INTEGER NOT NULL, PRIMARY KEY (journal, destination)
);
"""
# What was asked for goes first, from wherever it is: staying until asked for, or taken by a store that was lost.
DEMANDED = (
    "UPDATE upload SET state = 'waiting', priority = 0 WHERE destination = ? AND sha256 = ? AND state != 'waiting'"
    " AND sha256 IN (SELECT sha256 FROM demanded WHERE demanded.destination = upload.destination)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """`sent`: cut into frames; `size`: committed there; `kept`: out of danger there."""

    store: str = ""
    sent: int = 0
    size: int = 0
    kept: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    sha256: str
    size: int
    journal: str
    seq: int
    priority: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadState:
    """`state`: waiting, on_demand or done; `kept`: the destination has signed that it is out of danger there."""

    state: str
    kept: bool


class Cursors:
    """Blocking; safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self._lock = threading.Lock()
        self._full = False
        self._closed = False
        self._db = _open(folder / "cursor.db")

    def close(self) -> None:
        """What is still on its way here from other threads is not saved, which is allowed."""
        with self._lock:
            self._closed = True
            self._db.close()

    def cursor(self, *, journal: str, destination: str) -> Cursor:
        row = self._one(
            "SELECT store, sent, size, kept FROM cursor WHERE journal = ? AND destination = ?",
            journal,
            destination,
        )
        return Cursor(store=row[0], sent=row[1], size=row[2], kept=row[3]) if row else Cursor()

    def save(self, cursor: Cursor, *, journal: str, destination: str) -> None:
        self._write(
            "INSERT OR REPLACE INTO cursor VALUES (?, ?, ?, ?, ?, ?)",
            [(journal, destination, cursor.store, cursor.sent, cursor.size, cursor.kept)],
        )

    def scanned(self, *, journal: str, destination: str) -> int:
        """Entries below this have had their files put on the list of uploads."""
        row = self._one("SELECT seq FROM scanned WHERE journal = ? AND destination = ?", journal, destination)
        return int(row[0]) if row else 0

    def list_uploads(
        self, uploads: Sequence[tuple[Upload, str]], *, journal: str, destination: str, scanned: int
    ) -> bool:
        """Put files on the list, each with its first state ('waiting' or 'on_demand'); known ones stay as they are.

        False: nothing could be written, and `scanned` is where it was.
        """
        rows = [(destination, u.sha256, u.size, u.journal, u.seq, u.priority, state) for u, state in uploads]
        return self._write_all(
            ("INSERT OR IGNORE INTO upload VALUES (?, ?, ?, ?, ?, ?, ?, 0)", rows),
            (DEMANDED, [(destination, u.sha256) for u, state in uploads if state == "on_demand"]),
            ("INSERT OR REPLACE INTO scanned VALUES (?, ?, ?)", [(journal, destination, scanned)]),
        )

    def next_upload(
        self, *, destination: str, accepted: Mapping[str, int], but: Collection[str] = ()
    ) -> Upload | None:
        """The most urgent file that waits, and is none of `but`; of these journals only what accepted entries name."""
        named = " AND (journal != ? OR seq < ?)" * len(accepted)
        bounds = [value for pair in accepted.items() for value in pair]
        sql = f"SELECT sha256, size, journal, seq, priority FROM upload WHERE destination = ? AND state = 'waiting'{named}"  # noqa: S608
        with self._lock:
            rows = self._db.execute(
                f"{sql} ORDER BY priority, seq LIMIT ?", (destination, *bounds, len(but) + 1)
            ).fetchall()
        for sha256, size, named_by, seq, priority in rows:
            if sha256 not in but:
                return Upload(sha256=sha256, size=size, journal=named_by, seq=seq, priority=priority)
        return None

    def upload_state(self, sha256: str, *, destination: str) -> str | None:
        """'waiting', 'on_demand', 'done', or None when it is not on the list."""
        row = self._one("SELECT state FROM upload WHERE destination = ? AND sha256 = ?", destination, sha256)
        return str(row[0]) if row else None

    def demand(self, sha256: str, *, destination: str) -> None:
        """Somebody who may asks for a file, on the list or not yet: it goes before others, again if need be."""
        asked = [(destination, sha256)]
        self._write_all(("INSERT OR IGNORE INTO demanded VALUES (?, ?)", asked), (DEMANDED, asked))

    def postpone(self, sha256: str, *, destination: str) -> None:
        """Behind everything else that waits."""
        self._write(
            "UPDATE upload SET priority = priority + 10 WHERE destination = ? AND sha256 = ?",
            [(destination, sha256)],
        )

    def uploaded(self, sha256: str, *, destination: str, kept: bool) -> bool:
        """False when it could not be written."""
        done = "UPDATE upload SET state = 'done', kept = ? WHERE destination = ? AND sha256 = ?"
        return self._write_all(
            ("DELETE FROM demanded WHERE destination = ? AND sha256 = ?", [(destination, sha256)]),
            (done, [(int(kept), destination, sha256)]),
        )

    def uploads(self, sha256s: Sequence[str], *, destination: str) -> dict[str, UploadState]:
        """How far these files are; one that is not on the list is not in the answer."""
        marks = ", ".join("?" * len(sha256s))
        sql = f"SELECT sha256, state, kept FROM upload WHERE destination = ? AND sha256 IN ({marks})"  # noqa: S608
        with self._lock:
            rows = self._db.execute(sql, (destination, *sha256s)).fetchall()
        return {row[0]: UploadState(state=row[1], kept=bool(row[2])) for row in rows}

    def forget_uploads(self, sha256s: Sequence[str]) -> None:
        """These files are not here any more and go nowhere."""
        self._write("DELETE FROM upload WHERE sha256 = ?", [(sha256,) for sha256 in sha256s])

    def removed(self, *, journal: str) -> int:
        """What entries below this one say is removed has been removed."""
        row = self._one("SELECT seq FROM removed WHERE journal = ?", journal)
        return int(row[0]) if row else 0

    def save_removed(self, seq: int, *, journal: str) -> None:
        self._write("INSERT OR REPLACE INTO removed VALUES (?, ?)", [(journal, seq)])

    def upload_again(self, *, store: str, destination: str) -> bool:
        """The receiver is `store`: when it was another before, what that one had not kept waits again.

        False too when that could not be written: the next call does it.
        """
        row = self._one("SELECT store FROM uploaded_to WHERE destination = ?", destination)
        if row is not None and row[0] == store:
            return False
        again = "UPDATE upload SET state = 'waiting' WHERE destination = ? AND state = 'done' AND kept = 0"
        saved = self._write_all(
            (again, [(destination,)] if row is not None else []),
            ("INSERT OR REPLACE INTO uploaded_to VALUES (?, ?)", [(destination, store)]),
        )
        return saved and row is not None

    def unkept(self, *, destination: str, count: int, after: int = 0) -> list[tuple[str, int]]:
        """The oldest files that are there and not known to be out of danger, as (digest, size), but for so many."""
        with self._lock:
            return self._db.execute(
                "SELECT sha256, size FROM upload WHERE destination = ? AND state = 'done' AND kept = 0"
                " ORDER BY seq, sha256 LIMIT ? OFFSET ?",
                (destination, count, after),
            ).fetchall()

    def kept(self, digests: Sequence[str], *, destination: str) -> bool:
        """A signed receipt says that these are out of danger; False when it could not be written."""
        return self._write(
            "UPDATE upload SET kept = 1 WHERE destination = ? AND sha256 = ? AND state = 'done'",
            [(destination, sha256) for sha256 in digests],
        )

    def waiting(self, *, destination: str) -> int:
        row = self._one(
            "SELECT count(*) FROM upload WHERE destination = ? AND state = 'waiting'", destination
        )
        return int(row[0]) if row else 0

    def waiting_of(self, *, journal: str) -> int:
        """Files of this journal that some destination has still to get."""
        row = self._one("SELECT count(*) FROM upload WHERE journal = ? AND state = 'waiting'", journal)
        return int(row[0]) if row else 0

    def obeyed(self, *, journal: str, destination: str) -> int:
        """Commands among the entries below this have been acted on."""
        row = self._one("SELECT seq FROM obeyed WHERE journal = ? AND destination = ?", journal, destination)
        return int(row[0]) if row else 0

    def obey_up_to(self, seq: int, *, journal: str, destination: str) -> None:
        self._write("INSERT OR REPLACE INTO obeyed VALUES (?, ?, ?)", [(journal, destination, seq)])

    def counter(self, *, issuer: str) -> int:
        """The largest number seen; losing it costs a walk through the journal."""
        row = self._one("SELECT counter FROM command WHERE issuer = ?", issuer)
        return int(row[0]) if row else 0

    def count_command(self, counter: int, *, issuer: str) -> None:
        self._write("INSERT OR REPLACE INTO command VALUES (?, ?)", [(issuer, counter)])

    def _one(self, sql: str, *values: str | int) -> tuple[Any, ...] | None:
        with self._lock:
            row: tuple[Any, ...] | None = self._db.execute(sql, values).fetchone()
        return row

    def _write(self, sql: str, rows: Sequence[tuple[object, ...]]) -> bool:
        return self._write_all((sql, rows))

    def _write_all(self, *statements: Statement) -> bool:
        """All of them or none; False: they could not be written."""
        try:
            with self._lock:
                if self._closed:
                    return False
                self._transact(statements)
                self._full = False
        except sqlite3.OperationalError as error:
            if not self._full:
                log.warning("cursor not saved", extra={"reason": str(error)})
            self._full = True
            return False
        return True

    def _transact(self, statements: Sequence[Statement]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for sql, rows in statements:
                self._db.executemany(sql, rows)
            self._db.execute("COMMIT")
        except sqlite3.Error:
            if self._db.in_transaction:  # a full disk has ended some of them already
                self._db.execute("ROLLBACK")
            raise


def kept_everywhere(folder: Path, *, journal: str, destinations: Collection[str]) -> int:
    """Entries below this are out of danger at each of these; one that has never answered has nothing."""
    if not (folder / "cursor.db").exists():
        return 0
    with closing(_open(folder / "cursor.db")) as db:
        rows = db.execute("SELECT destination, kept FROM cursor WHERE journal = ?", (journal,))
        kept = dict(rows.fetchall())
    return min((int(kept.get(name, 0)) for name in destinations), default=0)


def _open(path: Path) -> sqlite3.Connection:
    """A cursor file that cannot be read is thrown away: it is only ever a saving."""
    try:
        return _connect(path)
    except sqlite3.DatabaseError:
        log.warning("cursor file unreadable", extra={"path": str(path)})
        for name in (path.name, path.name + "-wal", path.name + "-shm"):
            path.with_name(name).unlink(missing_ok=True)
        return _connect(path)


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.executescript(SCHEMA)
        if db.execute("PRAGMA quick_check").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("damaged")
    except BaseException:
        db.close()
        raise
    return db
