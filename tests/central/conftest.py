"""A migrated database for each test, copied and not migrated again; the same tests run over both engines."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import count
from pathlib import Path

import httpx
import pytest

from central.store.engines import Database, connect
from central.store.migrate import migrate
from tests.central.made import open_database
from tests.central.world import World
from tests.support.postgresql import create, drop, running_postgresql

MakeUrl = Callable[[bool], str]

_numbers = count()


@pytest.fixture(scope="session")
def _memory() -> Iterator[Path]:
    """A folder without a disk under it: these tests are about content, not about power cuts."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as name:
        yield Path(name)


@pytest.fixture(scope="session")
def _migrated(_memory: Path) -> Path:
    open_database(_memory).close()
    return _memory / "centre.db"


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """A running server with the database `migrated` to copy."""
    with running_postgresql(durable=False) as address:
        database = connect(create(address, "migrated"))
        migrate(database)
        database.close()
        yield address


_ENGINES = [
    "sqlite",
    pytest.param("postgresql", marks=[pytest.mark.wire, pytest.mark.database, pytest.mark.timeout(120)]),
]


@pytest.fixture(params=_ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def make_url(engine: str, request: pytest.FixtureRequest, _memory: Path) -> Iterator[MakeUrl]:
    """URLs of new databases: migrated ones, or ones that nobody has opened yet."""
    made: list[str] = []

    def sqlite(migrated: bool) -> str:
        path = _memory / f"{next(_numbers)}.db"
        if migrated:
            shutil.copy(request.getfixturevalue("_migrated"), path)
        return f"sqlite:///{path}"

    def postgresql(migrated: bool) -> str:
        made.append(f"test_{next(_numbers)}")
        template = "migrated" if migrated else "template1"
        return create(request.getfixturevalue("postgresql"), made[-1], template=template)

    yield sqlite if engine == "sqlite" else postgresql
    for name in made:
        drop(request.getfixturevalue("postgresql"), name)


@pytest.fixture
def empty_url(make_url: MakeUrl) -> str:
    return make_url(False)


@pytest.fixture
def database_url(make_url: MakeUrl) -> str:
    return make_url(True)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = connect(database_url)
    yield database
    database.close()


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    return World(database, tmp_path)


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A program's way to the API, not signed in."""
    transport = httpx.ASGITransport(app=world.app, client=("10.0.0.7", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://centre.test/api/v1") as client:
        yield client
