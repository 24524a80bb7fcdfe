"""cursor.db: how far each destination is.  Losing it costs a repeat, so a full disk never stops the sending."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

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
CREATE TABLE IF NOT EXISTS command (issuer TEXT PRIMARY KEY, counter INTEGER NOT NULL);
"""


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
    ) -> None:
        """Put files on the list, each with its first state ('waiting' or 'on_demand'); known ones stay as they are."""
        rows = [(destination, u.sha256, u.size, u.journal, u.seq, u.priority, state) for u, state in uploads]
        self._write("INSERT OR IGNORE INTO upload VALUES (?, ?, ?, ?, ?, ?, ?, 0)", rows)
        self._write("INSERT OR REPLACE INTO scanned VALUES (?, ?, ?)", [(journal, destination, scanned)])

    def next_upload(self, *, destination: str) -> Upload | None:
        row = self._one(
            "SELECT sha256, size, journal, seq, priority FROM upload WHERE destination = ? AND state = 'waiting'"
            " ORDER BY priority, seq LIMIT 1",
            destination,
        )
        return (
            Upload(sha256=row[0], size=row[1], journal=row[2], seq=row[3], priority=row[4]) if row else None
        )

    def demand(self, sha256: str, *, destination: str) -> bool:
        """Somebody who may asks for a file that stays here otherwise; False when it is not on the list."""
        self._write(
            "UPDATE upload SET state = 'waiting', priority = 0"
            " WHERE destination = ? AND sha256 = ? AND state = 'on_demand'",
            [(destination, sha256)],
        )
        return (
            self._one("SELECT 1 FROM upload WHERE destination = ? AND sha256 = ?", destination, sha256)
            is not None
        )

    def postpone(self, sha256: str, *, destination: str) -> None:
        """Behind everything else that waits."""
        self._write(
            "UPDATE upload SET priority = priority + 10 WHERE destination = ? AND sha256 = ?",
            [(destination, sha256)],
        )

    def uploaded(self, sha256: str, *, destination: str, kept: bool) -> None:
        self._write(
            "UPDATE upload SET state = 'done', kept = ? WHERE destination = ? AND sha256 = ?",
            [(int(kept), destination, sha256)],
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

    def waiting(self, *, destination: str) -> int:
        row = self._one(
            "SELECT count(*) FROM upload WHERE destination = ? AND state = 'waiting'", destination
        )
        return int(row[0]) if row else 0

    def waiting_of(self, *, journal: str) -> int:
        """Files of this journal that some destination has still to get."""
        row = self._one("SELECT count(*) FROM upload WHERE journal = ? AND state = 'waiting'", journal)
        return int(row[0]) if row else 0

    def counter(self, *, issuer: str) -> int:
        row = self._one("SELECT counter FROM command WHERE issuer = ?", issuer)
        return int(row[0]) if row else 0

    def count_command(self, counter: int, *, issuer: str) -> None:
        self._write("INSERT OR REPLACE INTO command VALUES (?, ?)", [(issuer, counter)])

    def _one(self, sql: str, *values: str) -> tuple[Any, ...] | None:
        with self._lock:
            row: tuple[Any, ...] | None = self._db.execute(sql, values).fetchone()
        return row

    def _write(self, sql: str, rows: Sequence[tuple[object, ...]]) -> None:
        try:
            with self._lock:
                if self._closed:
                    return
                self._db.executemany(sql, rows)
                self._full = False
        except sqlite3.OperationalError as error:
            if not self._full:
                log.warning("cursor not saved", extra={"reason": str(error)})
            self._full = True


def kept_everywhere(folder: Path, *, journal: str) -> int:
    """Entries below this are out of danger at every destination that was ever reached."""
    if not (folder / "cursor.db").exists():
        return 0
    with closing(_open(folder / "cursor.db")) as db:
        return int(
            db.execute("SELECT min(kept) FROM cursor WHERE journal = ?", (journal,)).fetchone()[0] or 0
        )


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
