"""One writer and several readers over the URL of the settings; SQLite is opened the way that survives a power cut."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Event
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url

_READERS = 4
_WRITERS = 4  # PostgreSQL only; SQLite has one
_WAIT_S = 60
_SCRUB_MS = 200
_TRIES, _PAUSE_S = 40, 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """Two engines over one database; with PostgreSQL they differ only in their pools."""

    writer: Engine
    reader: Engine

    def close(self) -> None:
        self.reader.dispose()
        self.writer.dispose()


def connect(url: str) -> Database:
    """The database at the URL; nothing is opened before the first use."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed)
    return Database(
        writer=create_engine(
            parsed, pool_size=_WRITERS, max_overflow=0, pool_pre_ping=True, hide_parameters=True
        ),
        reader=create_engine(
            parsed, pool_size=_READERS, max_overflow=0, pool_pre_ping=True, hide_parameters=True
        ),
    )


def scrub(database: Database, tables: Sequence[Table]) -> bool:
    """Leave nothing readable of rows that were deleted; False when a reader was in the way: try again.

    SQLite has overwritten them in its pages (secure_delete), and the WAL that still holds old pages is emptied.
    PostgreSQL gives their room free; the bytes go as it is used again, and with the WAL as that is recycled.
    """
    if database.writer.dialect.name == "sqlite":
        return _empty_wal(database.writer)
    with database.writer.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in tables:
            connection.exec_driver_sql(f'VACUUM "{table.name}"')
    return True


def _empty_wal(writer: Engine) -> bool:
    raw = writer.raw_connection()
    try:
        cursor = raw.cursor()
        cursor.execute(f"PRAGMA busy_timeout={_SCRUB_MS}")  # others want to write meanwhile
        busy, _pages, _moved = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        cursor.execute(f"PRAGMA busy_timeout={_WAIT_S * 1000}")
    finally:
        raw.close()
    return not busy


def upsert(
    connection: Connection, table: Table, rows: Sequence[dict[str, Any]], *, update: Sequence[str]
) -> None:
    """Insert rows; where the primary key is taken replace the columns of `update`, or leave it if there are none."""
    if rows:
        connection.execute(_upsert(connection.dialect.name, table, tuple(update)), list(rows))


@cache
def _upsert(dialect: str, table: Table, update: tuple[str, ...]) -> Any:
    """Made once: building such a statement costs more than running it."""
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    statement: Any = insert(table)
    keys = [column.name for column in table.primary_key]
    if not update:
        return statement.on_conflict_do_nothing(index_elements=keys)
    fresh = {name: statement.excluded[name] for name in update}
    return statement.on_conflict_do_update(index_elements=keys, set_=fresh)


def _sqlite(url: URL) -> Database:
    path = Path(url.database or "")
    path.parent.mkdir(parents=True, exist_ok=True)
    # Errors are logged; what they were about are plates.
    options: dict[str, Any] = {"max_overflow": 0, "pool_timeout": _WAIT_S, "hide_parameters": True}
    arguments = {"check_same_thread": False, "timeout": _WAIT_S}
    writer = create_engine(url, pool_size=1, connect_args=arguments, **options)
    read_only = url.set(database=path.absolute().as_uri()).update_query_dict({"mode": "ro", "uri": "true"})
    reader = create_engine(read_only, pool_size=_READERS, connect_args=arguments, **options)
    event.listen(writer, "connect", _prepare_writer)
    event.listen(writer, "begin", _begin_immediate)
    event.listen(reader, "connect", _prepare_reader)
    event.listen(reader, "begin", _begin)
    return Database(writer=writer, reader=reader)


def _prepare_writer(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    _use_wal(connection)
    for pragma in ("synchronous=FULL", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _use_wal(connection: sqlite3.Connection) -> None:
    """Of two that open a new file at one moment SQLite refuses one at once, however long it would have waited."""
    for _ in range(_TRIES):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            Event().wait(_PAUSE_S)
        else:
            return
    connection.execute("PRAGMA journal_mode=WAL")


def _prepare_reader(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    # SQLite before 3.51.3 can corrupt a WAL that two connections checkpoint: only the writer ever does.
    connection.execute("PRAGMA wal_autocheckpoint=0")


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")
