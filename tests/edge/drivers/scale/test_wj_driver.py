"""The driver of "wj" records: what it is told besides vehicles, and which of two records it takes."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from edge.drivers.making import make_driver
from edge.drivers.scale.wim_wj.protocol import Notice
from edge.weighing.values import ScaleEvent, VehicleRecord, VehicleReversed
from simulators.clock import VirtualClock
from simulators.links import MemoryWire
from simulators.traffic import default_text, read_traffic
from simulators.wim import WimSim, measured

TRUCK = read_traffic(default_text(), vehicles=1)[0].truck
RECORD = measured(TRUCK, serial=3, axle_speeds_dkmh=(200,) * len(TRUCK.axle_kg), seed=1)
UNITS: dict[str, object] = {"spacing_unit": "cm", "axle_speed_unit": "kmh", "accel_unit": "dms2"}


async def heard(**options: object) -> list[ScaleEvent]:
    """A vehicle, told by axle and by group, that then rolls back."""
    clock = VirtualClock()
    wire = MemoryWire(clock=clock)
    device = WimSim(wire, clock=clock)
    driver = make_driver("wim-wj", UNITS | options, device="scale", clock=clock)
    got: list[ScaleEvent] = []

    async def listen() -> None:
        async for event in driver.readings(wire.host):
            got.append(event)  # noqa: PERF401 - what came before the end must be seen

    tasks = [asyncio.create_task(listen()), asyncio.create_task(device.run())]
    await clock.run_for(1)
    await device.vehicle(RECORD)
    by_group = replace(RECORD, by="group", serial=4, weights_kg=tuple(10_000 for _ in RECORD.group_codes))
    await device.vehicle(by_group)
    await device.reverse()
    await clock.run_for(1)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return got


async def test_a_reversal_is_handed_on_with_its_bytes() -> None:
    reversal = (await heard())[-1]
    assert isinstance(reversal, VehicleReversed)
    assert (reversal.record, reversal.key) == ("", "")  # the last, and the device waits for no answer
    assert reversal.raw == Notice(kind="reverse").to_bytes()


@pytest.mark.parametrize(
    ("options", "by"),
    [({}, ["axle", "group"]), ({"cmd": "axles"}, ["axle"]), ({"cmd": "groups"}, ["group"])],
)
async def test_of_two_records_of_a_vehicle_the_one_that_was_chosen_counts(
    options: dict[str, object], by: list[str]
) -> None:
    records = [event for event in await heard(**options) if isinstance(event, VehicleRecord)]
    assert [record.by for record in records] == by
