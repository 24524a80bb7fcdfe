"""Noise, silence and pulled plugs on the lanes' wires: what can still be known is known, the rest is said."""

from __future__ import annotations

import pytest

from simulators.links import garbled
from simulators.traffic import Truck
from tests.support.chain import CLOCK, Chain, rigs_of

pytestmark = [pytest.mark.wire, pytest.mark.timeout(180)]


OVER_LIMIT = Truck(
    name="over every limit there is",
    axle_kg=(24_400, 28_600),
    spacing_mm=(4_200,),
    groups=(1, 1),
    dual_tyres=(False, True),
    combination=False,
    drive_axles=1,
    length_mm=6_500,
)


async def test_noise_costs_readings_and_never_a_weight(chain: Chain) -> None:
    async with rigs_of(chain, "lane1", "lane2") as rigs:
        await chain.up("central")
        chain.start("lane1")
        chain.start("lane2")
        await chain.heard("lane1", "lane2")
        for number, rig in enumerate(rigs.values()):
            rig.ports["scale"].bend = garbled(0.01, seed=number)
        truths = [await rig.drive(OVER_LIMIT, stands_ms=4_500) for rig in rigs.values()]
        rigs["lane1"].ports["scale"].bend = lambda data: data
        for truth, suspected in zip(truths, (True, False), strict=True):
            body = (await chain.weighed(truth))["weighed"]
            assert body["gross_kg"] == truth.wire_gross_kg
            # An unattended lane only suspects; what a tariff will need is there from the first event on.
            assert (body["verdict"]["outcome"], body["verdict"]["suspected"]) == ("over_limit", suspected)
            assert (body["jurisdiction"], body["road_class"], body["joint_mode"]) == (
                "370323",
                "national",
                "joint",
            )
            assert body["weighing_grade"] == ("pre_check" if suspected else "certified")
        source = await chain.source("lane2")
        assert source is not None
        assert any(device["dropped"] for device in source["devices"] if device["name"] == "scale")


async def test_a_silent_scale_is_missed_on_event_and_at_the_centre_and_comes_back(chain: Chain) -> None:
    async with rigs_of(chain, "lane2") as rigs:
        rig = rigs["lane2"]
        await chain.up("central")
        chain.start("lane2")
        await chain.heard("lane2")
        rig.scale.muted = True
        await chain.becomes("lane2", "scale", "silent")
        await rig.drive()
        (blind,) = await chain.blind()
        assert blind["weighed"]["gross_kg"] is None
        assert blind["weighed"]["verdict"]["outcome"] == "not_weighed"
        assert "scale scale: silent" in blind["weighed"]["missing"]
        rig.scale.muted = False
        await chain.becomes("lane2", "scale", "up")
        truth = await rig.drive()
        seen = await chain.weighed(truth)
        assert (seen["weighed"]["gross_kg"], seen["weighed"]["missing"]) == (truth.wire_gross_kg, [])


async def test_an_unplugged_weigher_tells_its_records_when_it_is_back(chain: Chain) -> None:
    async with rigs_of(chain, "lane1") as rigs:
        rig = rigs["lane1"]
        await chain.up("central")
        chain.start("lane1")
        await chain.heard("lane1")
        rig.ports["scale"].unplug()
        await chain.becomes("lane1", "scale", "down")
        missed = [await rig.drive(), await rig.drive()]
        rig.ports["scale"].plug()
        await chain.becomes("lane1", "scale", "up")
        for truth in missed:
            late = await chain.weighed(truth)
            assert late["weighed"]["gross_kg"] == truth.wire_gross_kg
            assert {"late_record", "loop_missing"} <= set(late["weighed"]["quality"])
            assert late["weighed"]["left_ms"] is None, "nobody knows when a late record's vehicle was there"
        # And while it was unplugged every crossing was there, with what is missing.
        blind = await chain.blind(count=2)
        assert len(blind) == 2
        assert all("scale scale: down" in one["weighed"]["missing"] for one in blind)
        truth = await rig.drive()
        now = await chain.weighed(truth)
        assert now["weighed"]["quality"] == []


async def test_an_unplugged_controller_leaves_the_weights(chain: Chain) -> None:
    async with rigs_of(chain, "lane1") as rigs:
        rig = rigs["lane1"]
        await chain.up("central")
        chain.start("lane1")
        await chain.heard("lane1")
        rig.ports["controller"].unplug()
        await chain.becomes("lane1", "controller", "down")
        truth = await rig.drive()
        detail = await chain.weighed(truth)
        assert detail["weighed"]["gross_kg"] == truth.wire_gross_kg
        assert "loop_missing" in detail["weighed"]["quality"]
        assert "controller controller: down" in detail["weighed"]["missing"]
        rig.ports["controller"].plug()
        await chain.becomes("lane1", "controller", "up")
        await CLOCK.sleep(0.2)
        again = await rig.drive()
        assert (await chain.weighed(again))["weighed"]["quality"] == []
