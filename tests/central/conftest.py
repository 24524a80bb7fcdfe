"""A migrated database, copied for each test instead of migrated for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from central.store.engines import Database, connect
from tests.central.made import open_database


@pytest.fixture(scope="session")
def _migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("migrated")
    open_database(folder).close()
    return folder / "centre.db"


@pytest.fixture
def database(_migrated: Path, tmp_path: Path) -> Iterator[Database]:
    shutil.copy(_migrated, tmp_path / "centre.db")
    database = connect(f"sqlite:///{tmp_path / 'centre.db'}")
    yield database
    database.close()
