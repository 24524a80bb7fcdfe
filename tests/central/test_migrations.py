"""A new database and one of any age end with the tables of today, whoever starts first."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from central.store.engines import Database, connect
from central.store.migrate import migrate
from central.store.schema import metadata
from kernel.errors import ConfigError

MONTH = re.compile(r"(entry|body)_(default|\d{4}_\d{2})")


def differences(database: Database) -> list[Any]:
    """Between the tables that are there and the schema; months and what they go by are PostgreSQL's own."""

    def belongs(thing: Any, name: str | None, _kind: str, _reflected: bool, _other: Any) -> bool:
        return name != "part_at" and not MONTH.fullmatch(name or "") and not MONTH.fullmatch(_table(thing))

    with database.writer.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": belongs})
        found: list[Any] = compare_metadata(context, metadata)
    return found


def _table(thing: Any) -> str:
    return str(getattr(getattr(thing, "table", None), "name", ""))


def test_the_steps_end_at_the_tables_of_the_schema(database: Database) -> None:
    migrate(database)
    assert differences(database) == []


def test_starts_at_the_same_moment_make_one_database(empty_url: str) -> None:
    def start(_number: int) -> None:
        database = connect(empty_url)
        migrate(database)
        database.close()

    with ThreadPoolExecutor(3) as starts:
        list(starts.map(start, range(3)))
    database = connect(empty_url)
    assert differences(database) == []
    database.close()


def test_a_database_of_a_newer_program_is_not_touched(database: Database) -> None:
    with database.writer.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigError, match="newer version"):
        migrate(database)
