"""What was taken from recorders already, and how far a copy had come: on the station's side, the recorder is not touched."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from kernel.errors import FullError

PATIENCE_S = 30.0
SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS collected (source TEXT PRIMARY KEY, sha256 TEXT NOT NULL, at_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS begun (source TEXT PRIMARY KEY, bytes INTEGER NOT NULL, at_ms INTEGER NOT NULL) WITHOUT ROWID;
"""


class Collected:
    """One SQLite file.  Blocking.  It can be removed: files are then read again, and known by their digests."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._open() as db:
            db.executescript(SCHEMA)

    def digest(self, source: str) -> str | None:
        with self._open() as db:
            row = db.execute("SELECT sha256 FROM collected WHERE source = ?", (source,)).fetchone()
        return str(row[0]) if row else None

    def mark(self, source: str, sha256: str, *, at_ms: int) -> None:
        """Its entry is written and its copy proven.  FullError."""
        with self._open() as db:
            db.execute("INSERT OR REPLACE INTO collected VALUES (?, ?, ?)", (source, sha256, at_ms))
            db.execute("DELETE FROM begun WHERE source = ?", (source,))

    def begun(self, source: str) -> int:
        """Bytes of its copy that are on the disk for sure."""
        with self._open() as db:
            row = db.execute("SELECT bytes FROM begun WHERE source = ?", (source,)).fetchone()
        return int(row[0]) if row else 0

    def reached(self, source: str, done: int, *, at_ms: int) -> None:
        with self._open() as db:
            db.execute("INSERT OR REPLACE INTO begun VALUES (?, ?, ?)", (source, done, at_ms))

    def given_up(self, *, before_ms: int) -> list[str]:
        """Copies that were begun before then and never came to an end; they are forgotten."""
        with self._open() as db:
            rows = db.execute("SELECT source FROM begun WHERE at_ms < ?", (before_ms,)).fetchall()
            db.execute("DELETE FROM begun WHERE at_ms < ?", (before_ms,))
        return [str(row[0]) for row in rows]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._path, timeout=PATIENCE_S, isolation_level=None)) as db:
                yield db
        except sqlite3.OperationalError as error:
            if "full" in str(error) or "disk I/O" in str(error):
                raise FullError(f"no room for {self._path.name}") from error
            raise


def source_key(*, recorder: str, place: str, size: int, mtime_ns: int, fingerprint: str) -> str:
    """Names one file of one recorder for ever."""
    told = f"{recorder}\n{place}\n{size}\n{mtime_ns}\n{fingerprint}"
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()
