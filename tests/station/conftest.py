"""Folders without a disk under them, and a station over them."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.station.desk import Desk

MEMORY = Path("/dev/shm")


@pytest.fixture
def quick_path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        yield Path(name)


@pytest.fixture
async def desk(quick_path: Path) -> AsyncIterator[Desk]:
    made = await Desk.open(quick_path)
    yield made
    made.close()
