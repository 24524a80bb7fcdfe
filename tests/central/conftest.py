"""A migrated database for each test, copied and not migrated again; the same tests run over both engines."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from central.store.engines import Database, connect
from central.store.migrate import migrate
from tests.central.made import open_database
from tests.support.postgresql import create, drop, running_postgresql

_numbers = count()


@pytest.fixture(scope="session")
def _migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("migrated")
    open_database(folder).close()
    return folder / "centre.db"


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """A running server with the database `migrated` to copy."""
    with running_postgresql() as address:
        database = connect(create(address, "migrated"))
        migrate(database)
        database.close()
        yield address


_ENGINES = ["sqlite", pytest.param("postgresql", marks=[pytest.mark.wire, pytest.mark.timeout(60)])]


@pytest.fixture(params=_ENGINES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("_migrated"), tmp_path / "centre.db")
        yield f"sqlite:///{tmp_path / 'centre.db'}"
        return
    address, name = request.getfixturevalue("postgresql"), f"test_{next(_numbers)}"
    yield create(address, name, template="migrated")
    drop(address, name)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = connect(database_url)
    yield database
    database.close()


@pytest.fixture(params=_ENGINES)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database that nobody has opened yet."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    address, name = request.getfixturevalue("postgresql"), f"test_{next(_numbers)}"
    yield create(address, name)
    drop(address, name)
