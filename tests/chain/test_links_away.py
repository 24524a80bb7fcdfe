"""Brokers and receivers that go and come back: nothing is lost, nothing is there twice, and the lane weighs on."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from journal.broker import EmbeddedBroker
from journal.guests import Listed
from simulators.demo.layout import CENTRE, HOST, LANES
from simulators.world import Truth
from tests.faults import ledger
from tests.support.chain import Chain, credentials_of, rigs_of

pytestmark = [pytest.mark.wire, pytest.mark.timeout(180)]


async def all_there_once(chain: Chain, truths: list[Truth]) -> None:
    for truth in truths:
        detail = await chain.weighed(truth, seconds=45)
        assert detail["weighed"]["gross_kg"] == truth.wire_gross_kg
    weights = [one["weighed"]["record_hex"] for one in await chain.details() if one["weighed"]["gross_kg"]]
    assert Counter(weights) == Counter(truth.record_hex for truth in truths)
    entries = ledger.promised(chain.layout.folder, ["lane1"])
    held = ledger.held(chain.layout.folder / "centre" / "centre.db")
    assert {held[entry.key] for entry in ledger.weighings(entries)} == {1}
    assert ledger.doubled(entries) == []
    recount = await chain.recount()
    assert (recount["exit_code"], recount["differences"]) == (0, [])


def broker_of(chain: Chain) -> EmbeddedBroker:
    """A broker of its own, as one from the system would be."""
    return EmbeddedBroker(
        host=HOST,
        port=chain.layout.ports.centre_mqtt,
        services=(CENTRE,),
        guests=Listed(LANES.values()),
        context=credentials_of(chain.layout, CENTRE).server(demand=True),
    )


async def test_a_broker_that_goes_and_comes_back_costs_nothing(chain: Chain) -> None:
    chain.tables["central"]["broker"] = {"url": f"mqtts://{HOST}:{chain.layout.ports.centre_mqtt}"}
    async with rigs_of(chain, "lane1") as rigs:
        rig = rigs["lane1"]
        first = broker_of(chain)
        await first.start()
        await chain.up("central")
        chain.start("lane1")
        await chain.heard("lane1")
        await rig.drive()
        await first.stop()
        for _ in range(3):
            await rig.drive()
        again = broker_of(chain)
        await again.start()
        try:
            await rig.drive()
            await all_there_once(chain, rig.truths)
        finally:
            await again.stop()


async def test_a_killed_centre_is_caught_up_by_everybody(chain: Chain) -> None:
    async with rigs_of(chain, "lane1") as rigs:
        rig = rigs["lane1"]
        await chain.up("central")
        chain.start("lane1")
        await chain.heard("lane1")
        before = await rig.drive()
        await chain.weighed(before)
        chain.kill("central")
        for _ in range(2):
            await rig.drive()
        await chain.up("central")
        await rig.drive()
        await all_there_once(chain, rig.truths)


async def test_a_killed_lane_goes_on_with_its_journal_and_the_devices_memory(chain: Chain) -> None:
    async with rigs_of(chain, "lane1") as rigs:
        rig = rigs["lane1"]
        await chain.up("central")
        chain.start("lane1")
        await chain.heard("lane1")
        await rig.drive()
        chain.kill("lane1")
        missed = [await rig.drive(), await rig.drive()]
        chain.start("lane1")
        for truth in missed:
            late = await chain.weighed(truth)
            assert "late_record" in late["weighed"]["quality"]
        await rig.drive()
        await all_there_once(chain, rig.truths)
        journals = {entry.journal for entry in ledger.promised(chain.layout.folder, ["lane1"])}
        assert len(journals) == 1, "the same journal goes on"


async def test_a_station_without_its_centre_has_everything_and_hands_it_on(chain: Chain) -> None:
    lane = chain.tables["lane1"]
    lane["destinations"] = [*lane["destinations"], chain.layout.to_station()]
    async with rigs_of(chain, "lane1") as rigs:
        rig = rigs["lane1"]
        await chain.up("station")
        chain.start("lane1")
        await chain.says("lane1", "uplink open")
        await rig.drive()
        store = chain.layout.folder / "station" / "station.db"

        async def at_station() -> bool:
            entries = ledger.weighings(ledger.promised(chain.layout.folder, ["lane1"]))
            held = await asyncio.to_thread(ledger.held, store)
            return bool(entries) and all(held[entry.key] == 1 for entry in entries)

        await chain.until(at_station, "the station has the weighing without the centre")
        chain.kill("station")
        await rig.drive()
        await chain.up("station")
        await chain.until(at_station, "the station has caught up")
        await chain.up("central")
        await all_there_once(chain, rig.truths)
