"""What the centre's verbs share: its settings and its database."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from central.settings import Settings
from journal import console

if TYPE_CHECKING:
    from central.store.engines import Database


def load_settings(path: Path) -> Settings:
    """ConfigError with every fault of the file."""
    return console.read_settings(Settings, path)


def needs_settings(parser: argparse.ArgumentParser) -> None:
    console.needs_settings(parser, "central.toml")


@contextmanager
def open_database(settings: Settings) -> Iterator[Database]:
    """The centre's database, brought up to date."""
    from central.store.engines import connect
    from central.store.migrate import migrate

    database = connect(settings.database_url, beside=True)
    try:
        migrate(database)
        yield database
    finally:
        database.close()
