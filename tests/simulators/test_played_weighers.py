"""Every weigher of the table plays the vehicles of a scenario as records, and its driver reads them."""

from __future__ import annotations

import asyncio

import pytest

from edge.drivers import weighers
from edge.drivers.making import make_driver
from edge.drivers.rows import Weigher
from edge.weighing.values import ScaleEvent, VehicleRecord
from simulators.clock import VirtualClock
from simulators.links import MemoryWire
from simulators.scale import Play, serve
from simulators.scenario import scenario_of

# What the wire is set to, and what a lane must say besides.
SPOKEN: dict[str, dict[str, object]] = {"nmea-axle": {"unit": "kg", "sensor": "axle"}}
QUIET_ROAD: dict[str, object] = {"silent_ms": 600_000, "reopen_ms": 600_000}
LANE: dict[str, dict[str, object]] = {
    "wim-wj": {"spacing_unit": "cm", "axle_speed_unit": "kmh", "accel_unit": "dms2"},
}


class HeardWire(MemoryWire):
    """Somebody listens from the beginning."""

    heard = True

    @property
    def waiting(self) -> bytes:
        """What the host has not read yet."""
        return bytes(self._to_host)


@pytest.mark.broad
@pytest.mark.parametrize("row", weighers(), ids=lambda row: row.name)
async def test_each_vehicle_that_drives_over_is_one_record(row: Weigher) -> None:
    clock = VirtualClock()
    wire, scenario = HeardWire(clock=clock), scenario_of("normal")
    spoken = SPOKEN.get(row.name, {})
    play = Play(protocol=row.name, options=spoken, scenario=scenario)
    driver = make_driver(row.name, spoken | QUIET_ROAD | LANE.get(row.name, {}), device="scale", clock=clock)
    got: list[ScaleEvent] = []

    async def listen() -> None:
        async for event in driver.readings(wire.host):
            got.append(event)
            if isinstance(event, VehicleRecord):
                await driver.release(event.key)

    tasks = [
        asyncio.create_task(serve(play, wire, clock=clock, once=True)),
        asyncio.create_task(listen()),
    ]
    await clock.run_for(scenario.for_ms / 1000 + 2)
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert not [result for result in results if isinstance(result, Exception)]
    records = [event for event in got if isinstance(event, VehicleRecord)]
    assert len(records) == len(scenario.vehicle) == len(got)
    for record, vehicle in zip(records, scenario.vehicle, strict=True):
        assert abs(sum(record.weights_kg) - vehicle.gross_kg) < 0.03 * vehicle.gross_kg
        assert record.axle_count == len(vehicle.axle_kg)


@pytest.mark.parametrize("row", weighers(), ids=lambda row: row.name)
async def test_one_that_backs_off_makes_no_record(row: Weigher) -> None:
    clock = VirtualClock()
    wire = HeardWire(clock=clock)
    play = Play(protocol=row.name, options=SPOKEN.get(row.name, {}), scenario=scenario_of("backs-off"))
    task = asyncio.create_task(serve(play, wire, clock=clock, once=True))
    await clock.run_for(play.scenario.for_ms / 1000 + 1)
    assert task.done()
    assert wire.waiting == b""
