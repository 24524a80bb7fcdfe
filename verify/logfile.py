"""Reads a journal.db or an export of one, damaged or hostile, without writing a byte beside it.

entry(seq, leaf, header)  body(seq, salt, body)  block(i, root)  head(size, checkpoint)
note(note), certificate(place, note)        only in exports: cosigned checkpoints, who vouches for the box
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import starmap
from pathlib import Path
from typing import Any, NamedTuple

from verify.package import RefutedError

BLOCK = 256
SMALLEST_ENTRY = 200  # bytes of a row: no header is shorter, so a file holds no more entries than size / this
# What is too large to be right is not even loaded: 4096, 28672 and 65536 bytes are the most there can be.
ROWS = """
SELECT entry.seq, CASE WHEN length(leaf) = 32 THEN leaf END, CASE WHEN length(header) <= 4096 THEN header END,
  salt, CASE WHEN body IS NULL OR length(body) <= 28672 THEN body ELSE x'' END
FROM entry LEFT JOIN body USING (seq) WHERE entry.seq >= ? AND entry.seq < ? ORDER BY entry.seq
"""
ONE_ENTRY = """
SELECT CASE WHEN length(leaf) = 32 THEN leaf END, CASE WHEN length(header) <= 4096 THEN header END
FROM entry WHERE seq = ?
"""
ONE_BODY = "SELECT salt, CASE WHEN length(body) <= 28672 THEN body ELSE x'' END FROM body WHERE seq = ?"
ONE_LEAF = "SELECT CASE WHEN length(leaf) = 32 THEN leaf END FROM entry WHERE seq = ?"
HEAD = "SELECT size, CASE WHEN length(checkpoint) <= 65536 THEN checkpoint END FROM head LIMIT 1"
NOTES = "SELECT CASE WHEN length(note) <= 65536 THEN note END FROM note LIMIT 256"
CERTIFICATES = "SELECT CASE WHEN length(note) <= 65536 THEN note END FROM certificate ORDER BY place LIMIT 16"
DAMAGED = (sqlite3.DatabaseError, UnicodeDecodeError)  # the second where SQLite's message quotes the damage
TABLES = {"entry": ("seq", "leaf", "header"), "body": ("seq", "salt", "body"), "head": ("size", "checkpoint")}


class Row(NamedTuple):
    """One entry as it lies there.  `torn`: its body cannot be read, though a row may be there."""

    seq: int
    leaf: Any
    header: Any
    salt: Any
    body: Any
    torn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadRow:
    size: int
    checkpoint: bytes


class LogFile:
    """One file, open for reading; what cannot be read is left out of the answers, never raised."""

    def __init__(self, path: Path) -> None:
        """OSError when it cannot be opened as a file, RefutedError when it is no journal."""
        self.path = path
        with path.open("rb"):
            self.most = path.stat().st_size + _size(_beside(path, "-wal"))
        self._copy: tempfile.TemporaryDirectory[str] | None = None
        self._db = self._open()
        try:
            self._check_tables()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._db.close()
        if self._copy is not None:
            self._copy.cleanup()

    def _open(self) -> sqlite3.Connection:
        """A WAL that no process has open is read from a copy: reading it in place would write beside it."""
        path, wal = self.path.resolve(), _beside(self.path, "-wal")
        if wal.exists() and not _beside(self.path, "-shm").exists():
            self._copy = tempfile.TemporaryDirectory(prefix="weighpost-verify-")
            path = Path(self._copy.name) / "journal.db"
            shutil.copyfile(self.path, path)
            shutil.copyfile(wal, _beside(path, "-wal"))
        immutable = "" if _beside(path, "-wal").exists() else "&immutable=1"
        db = sqlite3.connect(
            f"{path.as_uri()}?mode=ro{immutable}", uri=True, isolation_level=None, check_same_thread=False
        )
        db.text_factory = bytes
        return db

    def _check_tables(self) -> None:
        """Plain tables only: a view or a virtual table could compute without end."""
        try:
            for pragma in ("trusted_schema = OFF", "query_only = ON", "wal_autocheckpoint = 0"):
                self._db.execute(f"PRAGMA {pragma}")
            rows = self._db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table'").fetchall()
        except DAMAGED as error:
            raise RefutedError(
                f"不是可读的日志文件:{error}", f"not a journal that can be read: {error}"
            ) from error
        plain = {bytes(name).decode(errors="replace") for name, sql in rows if _is_plain(sql)}
        if missing := sorted(TABLES.keys() - plain):
            told = ", ".join(missing)
            raise RefutedError(f"不是日志文件,缺少表 {told}", f"not a journal: no table {told}")
        self._plain = plain

    def head(self) -> HeadRow | None:
        found = self._ask(HEAD)
        if not found or not isinstance(found[0][0], int) or not isinstance(found[0][1], bytes):
            return None
        return HeadRow(size=found[0][0], checkpoint=found[0][1])

    def bounds(self) -> tuple[int, int] | None:
        """The lowest and the highest number of an entry; None if there is none, or the file does not tell."""
        found = self._ask("SELECT min(seq), max(seq) FROM entry")
        low, high = found[0] if found else (None, None)
        return (low, high) if isinstance(low, int) and isinstance(high, int) else None

    def entry(self, seq: int) -> Row | None:
        return next(iter(self.rows(seq, 1)), None)

    def leaf(self, seq: int) -> bytes | None:
        found = self._ask(ONE_LEAF, seq)
        return found[0][0] if found and isinstance(found[0][0], bytes) else None

    def rows(self, start: int, count: int) -> list[Row]:
        """Those of `count` numbers from `start` that can be read, in order; one by one where a page is damaged."""
        found = self._ask(ROWS, start, start + count)
        if found is None:
            return list(self._one_by_one(start, count))
        return list(starmap(Row, found))

    def _one_by_one(self, start: int, count: int) -> Iterator[Row]:
        for seq in range(start, start + count):
            found = self._ask(ONE_ENTRY, seq)
            if not found:
                continue
            bodies = self._ask(ONE_BODY, seq)
            salt, body = bodies[0] if bodies else (None, None)
            yield Row(
                seq=seq, leaf=found[0][0], header=found[0][1], salt=salt, body=body, torn=bodies is None
            )

    def block(self, place: int) -> bytes | None:
        """The stored root of leaves 256 * place on."""
        found = self._ask("SELECT root FROM block WHERE i = ?", place) if "block" in self._plain else None
        return found[0][0] if found and isinstance(found[0][0], bytes) else None

    def bodies_beyond(self, size: int) -> int:
        found = self._ask("SELECT count(*) FROM body WHERE seq >= ? OR seq < 0", size)
        return int(found[0][0]) if found else 0

    def notes(self) -> list[bytes]:
        """Cosigned checkpoints that an export carries."""
        return self._texts("note", NOTES)

    def certificates(self) -> list[bytes]:
        return self._texts("certificate", CERTIFICATES)

    def _texts(self, table: str, query: str) -> list[bytes]:
        found = self._ask(query) if table in self._plain else None
        return [row[0] for row in found or () if isinstance(row[0], bytes)]

    def _ask(self, query: str, *values: int) -> list[tuple[Any, ...]] | None:
        """All rows, None when the file is damaged there."""
        try:
            with closing(self._db.execute(query, values)) as cursor:
                return cursor.fetchall()
        except (*DAMAGED, OverflowError):
            return None


def _is_plain(sql: object) -> bool:
    text = sql.upper() if isinstance(sql, bytes) else b""
    return text.startswith(b"CREATE TABLE") and b"GENERATED" not in text


def _beside(path: Path, end: str) -> Path:
    return path.with_name(path.name + end)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
