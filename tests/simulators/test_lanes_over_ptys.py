"""Real wires in real time: simulated devices on ptys, the edge's links and drivers at the other end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from edge.controller import ControllerOptions, LaneController, LoopEvent
from edge.drivers.contract import ScaleDriver
from edge.drivers.making import make_driver
from edge.links import SerialSettings, open_link
from edge.supervise import supervise
from edge.weighing.moving import MovingSettings, MovingWeighing
from edge.weighing.static import StaticSettings, StaticWeighing
from edge.weighing.values import Weighed, WeightReading
from journal.clock import SystemClock
from kernel.events import DeviceHealth
from kernel.links import Link
from simulators.faults import Fault, inflict
from simulators.lanes import LaneDevices, devices_of
from simulators.ptys import PtyPort
from simulators.traffic import read_traffic
from simulators.world import LaneKind, World

pytestmark = [pytest.mark.wire, pytest.mark.timeout(180)]

TRUCKS = """
[[truck]]
name = "box"
axle_kg = [5600, 9800]
spacing_mm = [5100]
groups = [1, 1]
dual_tyres = [false, true]
combination = false
drive_axles = 1
length_mm = 9000
"""
WIM = """
[[lane]]
name = "lane1"
kind = "wim"
every_ms = 3500
speed_dkmh = [300, 300]
[[crossing]]
lane = "lane1"
truck = "box"
"""
STATIC = """
[[lane]]
name = "lane2"
kind = "static"
every_ms = 9000
speed_dkmh = [250, 250]
stands_ms = [4000, 4000]
[[crossing]]
lane = "lane2"
truck = "box"
"""
WJ = {"spacing_unit": "cm", "axle_speed_unit": "kmh", "accel_unit": "dms2"}


@dataclass
class Lane:
    world: World
    devices: LaneDevices
    driver: ScaleDriver
    controller: LaneController
    weighed: list[Weighed] = field(default_factory=list)
    loops: list[LoopEvent] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def expected(self) -> list[int | None]:
        return [truth.wire_gross_kg for truth in self.world.truths.values()]

    def loop(self, event: LoopEvent) -> None:
        self.loops.append(event)
        self.changed.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not holds():
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def lane_on_ptys(
    folder: Path, kind: LaneKind, *, vehicles: int, faults: str = ""
) -> AsyncIterator[Lane]:
    clock = SystemClock()
    name = "lane1" if kind == "wim" else "lane2"
    text = TRUCKS + (WIM if kind == "wim" else STATIC)
    world = World(read_traffic(text, vehicles=vehicles), lanes={name: kind}, started_ms=clock.now_ms())
    ports = {
        f"{name}.{device}": PtyPort(folder / device, baud=baud, clock=clock)
        for device, baud in (("scale", 9_600), ("controller", 115_200))
    }
    for port in ports.values():
        port.plug()
    devices = devices_of(world, ports=ports, clock=clock)[name]
    name_of_driver, options = ("wim-wj", WJ) if kind == "wim" else ("toledo-continuous", {})
    driver = make_driver(name_of_driver, options, device="scale", clock=clock)
    lane = Lane(world, devices, driver, LaneController(ControllerOptions(), device="controller", clock=clock))

    def told(health: DeviceHealth) -> None:
        lane.states.append(health.state)
        lane.changed.set()

    driver.pulse.changed = told
    machine: Any = MovingWeighing(MovingSettings()) if kind == "wim" else StaticWeighing(StaticSettings())

    def take(event: Any) -> None:
        lane.weighed += [each for each in machine.feed(event) if isinstance(each, Weighed)]
        if not isinstance(event, WeightReading):
            releases.append(asyncio.ensure_future(driver.release(event.key)))
        lane.changed.set()

    releases: list[asyncio.Future[None]] = []
    script = tuple(FAULTS[name] for name in faults.split())
    tasks = [
        asyncio.create_task(devices.run()),
        asyncio.create_task(inflict(script, {name: devices}, started_ms=world.started_ms, clock=clock)),
        supervised(driver, ports[f"{name}.scale"], take, folder),
        supervised(lane.controller, ports[f"{name}.controller"], lane.loop, folder),
    ]
    try:
        yield lane
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, *releases, return_exceptions=True)
        for port in ports.values():
            port.unplug()


FAULTS = {
    "pulled": Fault(at_ms=3_500, for_ms=3_000, device="lane1.scale", kind="unplug"),
    "noise": Fault(at_ms=0, for_ms=60_000, device="lane2.scale", kind="noise", share=0.01),
    "silent": Fault(at_ms=500, for_ms=4_000, device="lane2.scale", kind="silent"),
}


def supervised(driver: Any, port: PtyPort, take: Any, locks: Path) -> asyncio.Task[None]:
    line = SerialSettings(baud=115_200 if port.path.name == "controller" else 9_600, patience_ms=100)

    async def opened() -> Link:
        return await open_link(str(port.path), line=line, holder="test", locks=locks)

    return asyncio.create_task(supervise(driver, open_link=opened, take=take, clock=SystemClock()))


async def test_a_truck_on_the_platform_is_weighed_through_one_percent_noise(tmp_path: Path) -> None:
    async with lane_on_ptys(tmp_path, "static", vehicles=1, faults="noise") as lane:
        await lane.until(lambda: len(lane.weighed) == 1 and len(lane.loops) == 4)
        assert [weighed.gross_kg for weighed in lane.weighed] == lane.expected != [None]
        [truth] = lane.world.truths.values()
        assert abs(lane.weighed[0].left_ms - truth.left_ms) < 600
        assert [(event.loop, event.occupied) for event in lane.loops] == [
            (1, True), (1, False), (2, True), (2, False)
        ]  # fmt: skip
        assert lane.driver.pulse.dropped > 0


async def test_a_weigher_whose_plug_was_pulled_loses_no_vehicle(tmp_path: Path) -> None:
    async with lane_on_ptys(tmp_path, "wim", vehicles=3, faults="pulled") as lane:
        await lane.until(lambda: len(lane.weighed) == 3 and None not in lane.expected)
        assert sorted(weighed.gross_kg or 0 for weighed in lane.weighed) == sorted(
            kg or 0 for kg in lane.expected
        )
        assert lane.states[:3] == ["up", "down", "up"]


async def test_a_silent_indicator_is_told_and_heard_again(tmp_path: Path) -> None:
    async with lane_on_ptys(tmp_path, "static", vehicles=0, faults="silent") as lane:
        await lane.until(lambda: lane.states[-2:] == ["silent", "up"])
        assert lane.states.count("silent") == 1


async def test_the_sign_shows_what_it_was_told(tmp_path: Path) -> None:
    async with lane_on_ptys(tmp_path, "wim", vehicles=0) as lane:
        async with asyncio.timeout(20):
            while not await lane.controller.show_sign(("疑似超限", "59.5 t"), colour="red"):
                pass
        assert lane.devices.controller.shown[-1].lines == ("疑似超限", "59.5 t")
