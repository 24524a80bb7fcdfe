"""One writer and several readers over the URL of the settings; SQLite is opened the way that survives a power cut."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Event
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Connection,
    Engine,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    create_engine,
    event,
)
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


def connect(url: str, *, beside: bool = False) -> Database:
    """The database at the URL; nothing is opened before the first use.

    `beside`: another process may have it open as its own, and does what keeps SQLite's WAL short.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed, beside=beside)
    return Database(
        writer=create_engine(
            parsed, pool_size=_WRITERS, max_overflow=0, pool_pre_ping=True, hide_parameters=True
        ),
        reader=create_engine(
            parsed, pool_size=_READERS, max_overflow=0, pool_pre_ping=True, hide_parameters=True
        ),
    )


@contextmanager
def snapshot(database: Database) -> Iterator[Connection]:
    """A reader for which nothing changes, however many statements it takes."""
    reader = database.reader
    if reader.dialect.name == "postgresql":
        reader = reader.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with reader.connect() as connection:
        yield connection


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
    """Insert rows; where the primary key is taken replace the columns of `update`, or leave it if there are none.

    Every row has the same columns, and their values are what the driver takes.
    """
    if rows:
        keys = tuple(str(column.name) for column in table.primary_key)
        added = f" ON CONFLICT ({_names(keys)}) DO {_replacing(update)}"
        _insert(connection, table, _once_each(rows, keys, update) if update else rows, added)


def append(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows that are new; IntegrityError when one is not."""
    if rows:
        _insert(connection, table, rows, "")


def _insert(connection: Connection, table: Table, rows: Sequence[dict[str, Any]], added: str) -> None:
    """Past the work that SQLAlchemy does for each value: that is half of what taking in an entry costs.

    PostgreSQL gets one statement with a list for each column: many small ones keep it busy with itself.
    """
    columns = tuple(rows[0])
    if connection.dialect.name == "postgresql":
        lists = tuple([row[name] for row in rows] for name in columns)
        connection.exec_driver_sql(_insert_lists(table, columns) + added, lists)
    else:
        values = [tuple(map(row.__getitem__, columns)) for row in rows]
        connection.exec_driver_sql(_insert_row(table.name, columns) + added, values)


def _once_each(
    rows: Sequence[dict[str, Any]], keys: tuple[str, ...], update: Sequence[str]
) -> Sequence[dict[str, Any]]:
    """As if they had come one after the other: no statement may change a row twice."""
    merged: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        key = tuple(map(row.__getitem__, keys))
        held = merged.setdefault(key, row)
        if held is not row:
            merged[key] = held | {name: row[name] for name in update}
    return list(merged.values())


@cache
def _insert_row(table: str, columns: tuple[str, ...]) -> str:
    marks = ", ".join("?" * len(columns))
    return f'INSERT INTO "{table}" ({_names(columns)}) VALUES ({marks})'  # noqa: S608 - only our own names


@cache
def _insert_lists(table: Table, columns: tuple[str, ...]) -> str:
    lists = ", ".join(f"%b::{_POSTGRESQL[type(table.c[name].type)]}[]" for name in columns)
    return f'INSERT INTO "{table.name}" ({_names(columns)}) SELECT * FROM unnest({lists})'  # noqa: S608 - our names


_POSTGRESQL: dict[type[Any], str] = {
    BigInteger: "bigint",
    Boolean: "boolean",
    Integer: "integer",
    LargeBinary: "bytea",
    String: "varchar",
    Text: "text",
}


def _replacing(columns: Sequence[str]) -> str:
    fresh = ", ".join(f'"{name}" = excluded."{name}"' for name in columns)
    return f"UPDATE SET {fresh}" if fresh else "NOTHING"


def _names(columns: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def _sqlite(url: URL, *, beside: bool) -> Database:
    path = Path(url.database or "")
    path.parent.mkdir(parents=True, exist_ok=True)
    # Errors are logged; what they were about are plates.
    options: dict[str, Any] = {"max_overflow": 0, "pool_timeout": _WAIT_S, "hide_parameters": True}
    arguments = {"check_same_thread": False, "timeout": _WAIT_S}
    writer = create_engine(url, pool_size=1, connect_args=arguments, **options)
    read_only = url.set(database=path.absolute().as_uri()).update_query_dict({"mode": "ro", "uri": "true"})
    reader = create_engine(read_only, pool_size=_READERS, connect_args=arguments, **options)
    event.listen(writer, "connect", _prepare_writer)
    if beside:
        event.listen(writer, "connect", _prepare_guest)
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


def _prepare_guest(connection: sqlite3.Connection, _record: object) -> None:
    # SQLite before 3.51.3 can corrupt a WAL that two connections checkpoint: only the centre's own writer ever does.
    connection.execute("PRAGMA wal_autocheckpoint=0")


def _prepare_reader(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA wal_autocheckpoint=0")


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")
