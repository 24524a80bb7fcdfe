"""Everything that was said of footage, found again by file, recorder, passage or case; made of entries and made again from them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from kernel.events import STREAMS, Body, EntryRef, FilesReconciled, RecordHeld

T = TypeVar("T", bound=Body)
T_co = TypeVar("T_co", bound=Body, covariant=True)

SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS said (
  place INTEGER PRIMARY KEY AUTOINCREMENT, journal TEXT NOT NULL, seq INTEGER NOT NULL, leaf TEXT NOT NULL,
  at INTEGER NOT NULL, stream TEXT NOT NULL, sha256 TEXT, recorder TEXT, passage TEXT, case_id TEXT,
  body BLOB NOT NULL, UNIQUE (journal, seq)
);
CREATE INDEX IF NOT EXISTS said_stream ON said (stream, at);
CREATE INDEX IF NOT EXISTS said_file ON said (sha256, stream);
CREATE INDEX IF NOT EXISTS said_recorder ON said (recorder, stream, at);
CREATE INDEX IF NOT EXISTS said_passage ON said (passage, stream);
CREATE INDEX IF NOT EXISTS said_case ON said (case_id, stream);
CREATE TABLE IF NOT EXISTS named (
  sha256 TEXT NOT NULL, place INTEGER NOT NULL, PRIMARY KEY (sha256, place)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS own (journal TEXT PRIMARY KEY, size INTEGER NOT NULL) WITHOUT ROWID;
"""
PATIENCE_S = 30.0
AT_ONCE = 1_000
# Said of footage in words that others use too.
ALSO = (RecordHeld.stream, FilesReconciled.stream)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said(Generic[T_co]):
    """One entry and its place in the journal that holds it."""

    ref: EntryRef
    at_ms: int
    body: T_co


class FootageIndex:
    """One SQLite file.  Blocking: call it from a thread.  It can be removed: the journal makes it again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=PATIENCE_S)) as db:
            db.executescript(SCHEMA)

    def hold(self, entries: Sequence[Said[Body]], *, journal: str, size: int) -> None:
        """Entries of one journal up to `size`, in its order; what is held already changes nothing."""
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            db.executemany(
                "INSERT OR IGNORE INTO said (journal, seq, leaf, at, stream, sha256, recorder, passage, case_id, body)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [_row(entry) for entry in entries],
            )
            db.executemany(
                "INSERT OR IGNORE INTO named SELECT ?, place FROM said WHERE journal = ? AND seq = ?",
                [(name, one.ref.journal, one.ref.seq) for one in entries for name in _files(one.body)],
            )
            db.execute(
                "INSERT INTO own VALUES (?, ?) ON CONFLICT (journal) DO UPDATE SET size = max(size, excluded.size)",
                (journal, size),
            )
            db.execute("COMMIT")

    def size(self, journal: str) -> int:
        """How many entries of a journal were held against this index."""
        with self._open() as db:
            row = db.execute("SELECT size FROM own WHERE journal = ?", (journal,)).fetchone()
        return int(row[0]) if row else 0

    def of(
        self,
        kind: type[T],
        *,
        sha256: str | None = None,
        recorder: str | None = None,
        passage: str | None = None,
        case: str | None = None,
        since_ms: int | None = None,
        until_ms: int | None = None,
        newest: int | None = None,
    ) -> list[Said[T]]:
        """Entries of one kind in the order in which they were said; `newest`: only the last so many.

        `since_ms` and `until_ms` are about the time of the entry, the end not included.
        """
        wanted: dict[str, str | int | None] = {"sha256 =": sha256, "recorder =": recorder}
        wanted |= {"passage =": passage, "case_id =": case, "at >=": since_ms, "at <": until_ms}
        given = {column: value for column, value in wanted.items() if value is not None}
        where = " AND ".join(["stream = ?", *(f"{column} ?" for column in given)])
        query = f"SELECT journal, seq, leaf, at, body FROM said WHERE {where} ORDER BY place DESC LIMIT ?"  # noqa: S608
        with self._open() as db:
            rows = db.execute(
                query, (kind.stream, *given.values(), -1 if newest is None else newest)
            ).fetchall()
        return [_said(row, kind) for row in reversed(rows)]

    def after(self, place: int) -> tuple[list[Said[Body]], int]:
        """Everything that this index has come to hold since it answered `place`, and the place to go on from."""
        query = "SELECT place, stream, journal, seq, leaf, at, body FROM said WHERE place > ? ORDER BY place"
        with self._open() as db:
            rows = db.execute(query, (place,)).fetchall()
        known = [_said(row[2:], STREAMS[row[1]].body) for row in rows if row[1] in STREAMS]
        return known, rows[-1][0] if rows else place

    def naming(self, kind: type[T], sha256: str) -> list[Said[T]]:
        """Entries of one kind that name this file among several, in the order in which they were said."""
        query = (
            "SELECT journal, seq, leaf, at, body FROM named JOIN said USING (place)"
            " WHERE named.sha256 = ? AND stream = ? ORDER BY place"
        )
        with self._open() as db:
            rows = db.execute(query, (sha256, kind.stream)).fetchall()
        return [_said(row, kind) for row in rows]

    def each(self, *kinds: type[Body]) -> Iterator[Said[Body]]:
        """Every entry of these kinds, one after the other: there may be more of them than memory."""
        by_stream = {kind.stream: kind for kind in kinds}
        marks = ", ".join("?" * len(by_stream))
        query = f"SELECT place, journal, seq, leaf, at, body, stream FROM said WHERE place > ? AND stream IN ({marks}) ORDER BY place LIMIT ?"  # noqa: S608
        place = 0
        while True:
            with self._open() as db:
                rows = db.execute(query, (place, *by_stream, AT_ONCE)).fetchall()
            for row in rows:
                yield _said(row[1:6], by_stream[row[6]])
            if len(rows) < AT_ONCE:
                return
            place = rows[-1][0]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=PATIENCE_S, isolation_level=None)) as db:
            yield db


def is_footage(stream: str) -> bool:
    """Whether the index takes it in."""
    if stream in ALSO:
        return True
    return stream in STREAMS and STREAMS[stream].body.__module__ == "kernel.footage.bodies"


def _row(entry: Said[Body]) -> tuple[object, ...]:
    body, ref = entry.body, entry.ref
    about = [getattr(body, name, None) for name in ("sha256", "recorder", "passage", "case")]
    return (ref.journal, ref.seq, ref.leaf, entry.at_ms, body.stream, *about, msgspec.json.encode(body))


def _files(body: Body) -> Sequence[str]:
    """The files that a body names beside its own."""
    files = getattr(body, "files", ()) or getattr(body, "sources", ())
    return files if isinstance(files, tuple) else ()


def _said(row: tuple[str, int, str, int, bytes], kind: type[T]) -> Said[T]:
    journal, seq, leaf, at_ms, body = row
    ref = EntryRef(journal=journal, seq=seq, leaf=leaf)
    return Said(ref=ref, at_ms=at_ms, body=msgspec.json.decode(body, type=kind))
