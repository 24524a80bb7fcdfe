"""An uplink over a real broker: its memory does not know how long it was away, and a slow link is shared fairly."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.bench.uplink_bench import MBIT_S, Site, broker, delays, memory

pytestmark = [pytest.mark.wire, pytest.mark.timeout(120)]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with broker(tmp_path) as (kind, port):
        yield Site(tmp_path, kind, port)


async def test_i13_memory_of_an_uplink_does_not_depend_on_its_backlog(site: Site) -> None:
    most, grown = await memory(site, backlog=20_000)
    assert most["value"] < 100  # MB
    assert grown["value"] < 10


async def test_facts_pass_photos_on_a_slow_link(site: Site) -> None:
    """Loosely: the machine is shared.  The numbers proper are in `make bench`."""
    there, back, used = await delays(site, "slow", bit_s=MBIT_S, photos=30, count=24)
    assert there["value"] < 1_000  # ms; behind one photo without pieces it would be 1 200 and more
    assert back["value"] < 1_500
    assert 400 < used["value"] < 920  # permille: photos did go, and left room
