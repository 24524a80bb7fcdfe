"""Brings the database to today's tables, one process at a time, all of it or nothing."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import text

from central.store.engines import Database
from kernel.errors import ConfigError

_LOCK = 0x5745_4947  # any number that nobody else of this database uses
_STEPS = Path(__file__).with_name("migrations")


def migrate(database: Database, *, to: str = "head") -> None:
    """Blocking.  Alembic is loaded here and not before: nothing else needs it."""
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", str(_STEPS))
    config.set_main_option("path_separator", "os")
    with database.writer.begin() as connection:  # on SQLite this is BEGIN IMMEDIATE: the lock itself
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, to)
        except CommandError as error:
            raise ConfigError.one(
                "database.url", f"is of a newer version than this program: {error}"
            ) from error
