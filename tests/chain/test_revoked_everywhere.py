"""A box that the centre revokes is out at its station too, soon, and while the centre is away as well."""

from __future__ import annotations

import asyncio

import pytest

from simulators.demo.layout import LANES
from tests.support.chain import Chain, central_tool, rigs_of

pytestmark = [pytest.mark.wire, pytest.mark.timeout(150)]


async def test_a_revoked_lane_speaks_neither_to_the_centre_nor_to_its_station(chain: Chain) -> None:
    lane, box = chain.tables["lane1"], LANES["lane1"]
    lane["destinations"] = [*lane["destinations"], chain.layout.to_station()]
    async with rigs_of(chain, "lane1", "lane2"):
        await chain.up("central", "station")
        chain.start("lane1")
        chain.start("lane2")
        await chain.heard("lane1", "lane2")
        settings = str(chain.layout.folder / "central.toml")
        revoke = ["revoke", "--box", box, "--reason", "stolen", "--settings", settings]
        await asyncio.to_thread(central_tool, revoke)
        await chain.says("central", "broker refused a client")
        await chain.says("station", "broker refused a client", seconds=60)
        chain.kill("central")
        chain.kill("station")
        chain.children["station"].log.write_text("")
        await chain.up("station")
        await chain.says("station", "broker refused a client", seconds=60)
        await chain.up("central")
        await chain.heard("lane2")
