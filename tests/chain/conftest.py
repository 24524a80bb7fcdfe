"""A chain of real processes in a folder of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.journal.conftest import quick_path
from tests.support.chain import Chain, chain_in

__all__ = ["quick_path"]


@pytest.fixture
async def chain(tmp_path: Path) -> AsyncIterator[Chain]:
    async with chain_in(tmp_path) as made:
        yield made
