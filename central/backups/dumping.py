"""A consistent copy of the database while the centre goes on: SQLite page by page, PostgreSQL table by table.

Both read one snapshot: what is committed meanwhile is in the next backup.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, text
from sqlalchemy.engine import make_url

from central.backups.contents import HeldJournal, Piece, check, piece_of, sync
from central.store import schema
from central.store.engines import Database, snapshot
from journal.database import DoubtError, StoredEntry, verify_entry
from kernel.errors import RefusedError
from kernel.evidence.tree import Frontier

SQLITE = "store.db"
TABLES = "tables"
_PAGES = 512  # a step of 2 MB
_ROWS = 1024  # with their bodies
_PARTED = {"entry": schema.parted_entry, "body": schema.parted_body}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dump:
    """What was copied; `files` are those that the store says it has whole."""

    revision: str
    pieces: tuple[Piece, ...]
    journals: tuple[HeldJournal, ...]
    files: tuple[tuple[str, int], ...]


def dump(database: Database, part: Path) -> Dump:
    """Copy, and read the copy again.  Blocking.  RefusedError: what was written is not what can be read."""
    if database.reader.dialect.name == "sqlite":
        return _dump_sqlite(str(make_url(str(database.writer.url)).database), part)
    return _dump_postgresql(database, part)


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A copy that nobody writes."""
    uri = f"{path.absolute().as_uri()}?immutable=1"
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as db:
        yield db


# --- SQLite ----------------------------------------------------------------------------------------------------


def _dump_sqlite(source: str, part: Path) -> Dump:
    path = part / SQLITE
    with closing(_reader(source)) as db, closing(sqlite3.connect(path, isolation_level=None)) as copy:
        copy.execute("PRAGMA journal_mode=OFF")
        copy.execute("PRAGMA synchronous=OFF")
        # Held for the whole copy: without it every commit of the centre would make it begin again.
        db.execute("BEGIN")
        db.execute("SELECT count(*) FROM alembic_version").fetchone()
        db.backup(copy, pages=_PAGES)
    path.chmod(0o600)
    sync(path)
    piece = piece_of(part, SQLITE)
    check(part, piece)
    with opened(path) as db:
        if db.execute("PRAGMA quick_check").fetchone() != ("ok",):
            raise RefusedError(f"{path}: the copy of the database is damaged")
        journals = tuple(
            _proven(journal, size, root, db.execute(_ENTRIES, {"journal": journal}))
            for journal, size, root in db.execute(_HEADS)
        )
        [[revision]] = db.execute("SELECT version_num FROM alembic_version")
        files = tuple(db.execute(_FILES))
    return Dump(revision=revision, pieces=(piece,), journals=journals, files=files)


def _reader(source: str) -> sqlite3.Connection:
    db = sqlite3.connect(f"{Path(source).absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    db.execute("PRAGMA wal_autocheckpoint=0")
    return db


_HEADS = "SELECT journal, size, root FROM head ORDER BY journal"
_FILES = (
    "SELECT stored_file.sha256, max(named_file.size) FROM stored_file"
    " JOIN named_file ON named_file.sha256 = stored_file.sha256 AND named_file.box = stored_file.box"
    " GROUP BY stored_file.sha256"
)
_ENTRIES = (
    "SELECT entry.seq, entry.leaf, entry.header, body.salt, body.body FROM entry"
    " LEFT JOIN body ON body.journal = entry.journal AND body.seq = entry.seq"
    " WHERE entry.journal = :journal ORDER BY entry.seq"
)


def _proven(journal: str, size: int, root: bytes, rows: Iterable[Any]) -> HeldJournal:
    """Every entry of it read again, with header and body: boxes will remove what is said to be here."""
    frontier = Frontier()
    frontier.extend(_leaf(journal, *row) for row in rows)
    if (frontier.size, frontier.root()) != (size, root):
        raise RefusedError(f"journal {journal} is not whole in the copy")
    return HeldJournal(journal=journal, size=size, root=root.hex())


def _leaf(
    journal: str, seq: int, leaf: bytes, header: bytes, salt: bytes | None, body: bytes | None
) -> bytes:
    """RefusedError unless header and body are what was hashed; a body that was erased is none."""
    try:
        verify_entry(StoredEntry(seq=seq, leaf=leaf, header=header, salt=salt, body=body))
    except (DoubtError, TypeError) as error:  # damage in a row changes types, too
        raise RefusedError(f"journal {journal}, entry {seq}: {error}") from error
    return leaf


# --- PostgreSQL ------------------------------------------------------------------------------------------------


def _dump_postgresql(database: Database, part: Path) -> Dump:
    (part / TABLES).mkdir(mode=0o700)
    with snapshot(database) as connection:
        pieces = tuple(_copy_out(connection, table, part) for table in schema.metadata.sorted_tables)
        journals = tuple(
            _proven_by(connection, row.journal, row.size, bytes(row.root))
            for row in connection.execute(text(_HEADS)).all()
        )
        revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
        files = tuple((row[0], int(row[1])) for row in connection.execute(text(_FILES)))
    for piece in pieces:
        check(part, piece)
    return Dump(revision=revision, pieces=pieces, journals=journals, files=files)


def _copy_out(connection: Connection, table: Table, part: Path) -> Piece:
    columns = tuple(str(column.name) for column in _PARTED.get(table.name, table).columns)
    name = f"{TABLES}/{table.name}"
    with (part / name).open("wb") as file, _cursor(connection) as cursor:
        query = f"COPY (SELECT {_quoted(columns)} FROM {_quoted([table.name])}) TO STDOUT (FORMAT binary)"  # noqa: S608
        with cursor.copy(query) as copy:
            for data in copy:
                file.write(data)
    (part / name).chmod(0o600)
    sync(part / name)
    return piece_of(part, name, columns=columns)


def copy_in(connection: Connection, piece: Piece, backup: Path) -> None:
    """A table of a PostgreSQL backup, into an empty one of the same columns."""
    table = piece.name.removeprefix(f"{TABLES}/")
    query = f"COPY {_quoted([table])} ({_quoted(piece.columns)}) FROM STDIN (FORMAT binary)"
    with (backup / piece.name).open("rb") as file, _cursor(connection) as cursor, cursor.copy(query) as copy:
        while data := file.read(1 << 20):
            copy.write(data)


@contextmanager
def _cursor(connection: Connection) -> Iterator[Any]:
    raw: Any = connection.connection.driver_connection
    with raw.cursor() as cursor:
        yield cursor


def _quoted(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _proven_by(connection: Connection, journal: str, size: int, root: bytes) -> HeldJournal:
    query = text(_ENTRIES).execution_options(yield_per=_ROWS)
    with connection.execute(query, {"journal": journal}) as rows:
        return _proven(journal, size, root, rows)
