"""The whole way of a lane without a wire: world, device, driver, weighing; compared with the truth of the wire."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from edge.controller import ControllerOptions, LaneController, LoopEvent
from edge.drivers import indicators
from edge.drivers.contract import ScaleDriver
from edge.drivers.making import make_driver
from edge.drivers.rows import Indicator
from edge.supervise import supervise
from edge.weighing.moving import MovingSettings, MovingWeighing
from edge.weighing.static import StaticSettings, StaticWeighing
from edge.weighing.values import ScaleEvent, VehicleRecord, Weighed, WeighingEvent, WeightReading
from kernel.links import Link
from simulators.clock import VirtualClock
from simulators.faults import Fault, inflict
from simulators.indicator import lane_options
from simulators.lanes import LaneDevices, devices_of
from simulators.links import MemoryWire
from simulators.traffic import default_text, read_traffic
from simulators.wim import WimSim
from simulators.world import LaneKind, LaneWorld, World

pytestmark = pytest.mark.broad

TOLEDO = next(row for row in indicators() if row.name == "toledo-continuous")
LANES: dict[str, LaneKind] = {"lane1": "wim", "lane2": "static"}
WJ = {"spacing_unit": "cm", "axle_speed_unit": "kmh", "accel_unit": "dms2"}


@dataclass
class Box:
    """What a lane's process makes of one lane."""

    lane: LaneWorld
    devices: LaneDevices
    driver: ScaleDriver
    controller: LaneController
    events: list[WeighingEvent] = field(default_factory=list)
    loops: list[LoopEvent] = field(default_factory=list)
    releases: bool = True
    tasks: list[asyncio.Future[None]] = field(default_factory=list)
    machine: StaticWeighing | MovingWeighing = field(init=False)

    def __post_init__(self) -> None:
        self.machine = (
            MovingWeighing(MovingSettings(tyres="type_code"))
            if self.lane.kind == "wim"
            else StaticWeighing(StaticSettings(loop="entry"))
        )

    def hear(self, event: LoopEvent) -> None:
        self.loops.append(event)
        if isinstance(self.machine, StaticWeighing) and event.loop == 1:
            self.machine.loop(occupied=event.occupied, mono_ms=event.mono_ms)

    def take(self, event: ScaleEvent) -> None:
        if isinstance(self.machine, StaticWeighing):
            assert isinstance(event, WeightReading)
            self.events += self.machine.feed(event)
        else:
            assert not isinstance(event, WeightReading)
            self.events += self.machine.feed(event)
            if isinstance(event, VehicleRecord) and self.releases:
                self.tasks.append(asyncio.ensure_future(self.driver.release(event.key)))

    @property
    def weighed(self) -> list[Weighed]:
        return [event for event in self.events if isinstance(event, Weighed)]

    @property
    def expected(self) -> list[int | None]:
        return [truth.wire_gross_kg for truth in self.lane.truths.values()]


@dataclass
class Scene:
    clock: VirtualClock
    world: World
    boxes: dict[str, Box]

    async def to_the_end(self, *, and_s: float = 3) -> None:
        await self.clock.run_for((self.world.ends_ms - self.clock.now_ms()) / 1000 + and_s)


@asynccontextmanager
async def scene(
    vehicles: int,
    *,
    seed: int = 1,
    faults: tuple[Fault, ...] = (),
    lanes: dict[str, LaneKind] = LANES,
    row: Indicator = TOLEDO,
) -> AsyncIterator[Scene]:
    clock = VirtualClock()
    crossings = read_traffic(default_text(), vehicles=vehicles, seed=seed)
    world = World(
        tuple(crossing for crossing in crossings if crossing.lane in lanes),
        lanes=lanes,
        started_ms=clock.now_ms(),
        seed=seed,
    )
    ports = {
        f"{lane}.{device}": MemoryWire(clock=clock)
        for lane in world.lanes
        for device in ("scale", "controller")
    }
    devices = devices_of(world, ports=ports, clock=clock, row=row)
    boxes = {
        name: Box(
            lane,
            devices[name],
            make_driver(
                "wim-wj" if lane.kind == "wim" else row.name,
                WJ if lane.kind == "wim" else lane_options(row),
                device=f"{name} scale",
                clock=clock,
            ),
            LaneController(ControllerOptions(), device=f"{name} controller", clock=clock),
        )
        for name, lane in world.lanes.items()
    }
    tasks = [asyncio.create_task(inflict(faults, devices, started_ms=world.started_ms, clock=clock))]
    for name, box in boxes.items():
        tasks.append(asyncio.create_task(box.devices.run()))
        tasks.append(supervised(box.driver, ports[f"{name}.scale"], box.take, clock))
        tasks.append(supervised(box.controller, ports[f"{name}.controller"], box.hear, clock))
    try:
        yield Scene(clock, world, boxes)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert not [result for result in results if isinstance(result, Exception)]


def supervised(driver: object, wire: MemoryWire, take: object, clock: VirtualClock) -> asyncio.Task[None]:
    async def open_link() -> Link:
        return wire.host

    return asyncio.create_task(supervise(driver, open_link=open_link, take=take, clock=clock))  # type: ignore[arg-type]


def what_speaks_against_a_weighing_is_said(box: Box) -> None:
    for truth, weighed in zip(box.lane.truths.values(), box.weighed, strict=True):
        against = {"stop_and_go", "not_settled"} & set(weighed.quality)
        assert bool(against) == (truth.behaviour == "stop_and_go"), truth


async def test_every_special_case_in_motion_is_weighed_as_the_wire_said() -> None:
    async with scene(24, lanes={"lane1": "wim"}) as play:
        await play.to_the_end()
        box = play.boxes["lane1"]
        assert None not in box.expected
        assert [weighed.gross_kg for weighed in box.weighed] == box.expected
        what_speaks_against_a_weighing_is_said(box)
        for truth, weighed in zip(box.lane.truths.values(), box.weighed, strict=True):
            assert weighed.record_hex == truth.record_hex
            assert abs(weighed.left_ms - truth.left_ms) <= 600
            assert tuple(axle.axle_kg for axle in weighed.axles) == truth.axles_kg
            assert tuple(group.axles for group in weighed.groups) == truth.truck.groups
            assert weighed.facts.axle_count == len(truth.truck.axle_kg)


async def test_every_special_case_on_the_platform_is_weighed_as_the_wire_said() -> None:
    async with scene(24, lanes={"lane2": "static"}) as play:
        await play.to_the_end()
        box = play.boxes["lane2"]
        assert [weighed.gross_kg for weighed in box.weighed] == box.expected
        what_speaks_against_a_weighing_is_said(box)
        hurried = [t.number for t in box.lane.truths.values() if t.behaviour == "stop_and_go"]
        assert [n for n, truth in box.lane.truths.items() if truth.wire_gross_kg is None] == hurried
        for truth, weighed in zip(box.lane.truths.values(), box.weighed, strict=True):
            if truth.wire_gross_kg is not None:
                assert abs(truth.wire_gross_kg - truth.truck.gross_kg) <= 20
            assert abs(weighed.left_ms - truth.left_ms) <= 600
        assert len([weighed for weighed in box.weighed if "close_behind" in weighed.quality]) == 2


@pytest.mark.parametrize("row", indicators(), ids=lambda row: row.name)
async def test_a_platform_of_any_indicator_is_weighed_as_its_display_said(row: Indicator) -> None:
    async with scene(6, lanes={"lane2": "static"}, row=row) as play:
        await play.to_the_end()
        box = play.boxes["lane2"]
        masses = [
            (weighed.gross_kg or 0, kg or 0) for weighed, kg in zip(box.weighed, box.expected, strict=True)
        ]
        assert all(abs(got - shown) <= 20 for got, shown in masses), masses
        assert any(shown for _, shown in masses)


class Unflagged(StaticWeighing):
    """Of a display that sends no motion flag."""

    def feed(self, reading: WeightReading) -> list[WeighingEvent]:
        return super().feed(replace(reading, stable=None))


async def test_without_a_motion_flag_the_same_trucks_have_a_weight_and_it_is_theirs() -> None:
    async with scene(24, lanes={"lane2": "static"}) as play:
        box = play.boxes["lane2"]
        box.machine = Unflagged(StaticSettings(loop="entry"))
        await play.to_the_end()
        for truth, weighed in zip(box.lane.truths.values(), box.weighed, strict=True):
            assert (weighed.gross_kg is None) == (truth.wire_gross_kg is None)
            assert weighed.gross_kg is None or abs(weighed.gross_kg - truth.truck.gross_kg) <= 40
            assert ("derived_readings" in weighed.quality) == (weighed.gross_kg is not None)


async def test_loops_come_in_order_with_the_time_at_which_they_were_crossed() -> None:
    async with scene(6) as play:
        await play.to_the_end(and_s=30)
        for box in play.boxes.values():
            assert [(event.loop, event.occupied) for event in box.loops] == [
                (change.loop, change.occupied) for change in box.lane.loops
            ]
            for event, change in zip(box.loops, box.lane.loops, strict=True):
                assert abs(event.at_ms - change.at_ms) <= 60


async def test_a_sign_is_confirmed_and_remembered() -> None:
    async with scene(0) as play:
        box = play.boxes["lane1"]
        await play.clock.run_for(2)
        shown = asyncio.create_task(box.controller.show_sign(("疑似超限", "请进站复检"), colour="red"))
        await play.clock.run_for(1)
        assert await shown is True
        [sign] = box.devices.controller.shown
        assert (sign.lines, sign.colour) == (("疑似超限", "请进站复检"), "red")


async def test_a_sign_that_cannot_be_shown_is_not_confirmed() -> None:
    async with scene(0) as play:
        box = play.boxes["lane1"]
        await play.clock.run_for(2)
        box.devices.controller.muted = True
        shown = asyncio.create_task(box.controller.show_sign(("x",)))
        await play.clock.run_for(3)
        assert await shown is False


NOISE = tuple(
    Fault(at_ms=0, for_ms=10_000_000, device=f"lane{lane}.{device}", kind="noise", share=0.01)
    for lane in (1, 2)
    for device in ("scale", "controller")
)


@pytest.mark.wire
@pytest.mark.timeout(60)
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_one_percent_noise_costs_no_vehicle_and_no_kilogram(seed: int) -> None:
    async with scene(24, seed=seed, faults=NOISE) as play:
        await play.to_the_end(and_s=20)
        for box in play.boxes.values():
            assert sorted(w.gross_kg or 0 for w in box.weighed) == sorted(kg or 0 for kg in box.expected)
            assert box.driver.pulse.dropped > 0


async def test_a_weigher_that_was_unplugged_hands_over_what_it_kept() -> None:
    unplugged = Fault(at_ms=8_000, for_ms=20_000, device="lane1.scale", kind="unplug")
    async with scene(7, faults=(unplugged,)) as play:
        await play.to_the_end(and_s=40)
        box = play.boxes["lane1"]
        assert sorted(weighed.gross_kg or 0 for weighed in box.weighed) == sorted(
            kg or 0 for kg in box.expected
        )
        late = [weighed for weighed in box.weighed if "late_record" in weighed.quality]
        assert late
        assert box.driver.pulse.state == "up"


async def test_records_are_deleted_once_they_are_released_and_a_second_copy_is_not_a_second_vehicle() -> None:
    async with scene(5) as play:
        box = play.boxes["lane1"]
        box.releases = False
        await play.to_the_end()
        count = len(box.weighed)
        device = box.devices.scale
        assert isinstance(device, WimSim)
        assert len(device.records) == count
        await device.vehicle(next(iter(device.records.values())))
        await play.clock.run_for(1)
        assert len(box.weighed) == count
        for weighed in box.weighed:
            await box.driver.release(weighed.key)
            await play.clock.run_for(0.2)
        assert not device.records


async def test_a_silent_scale_is_told_and_comes_back() -> None:
    silent = Fault(at_ms=1_000, for_ms=15_000, device="lane2.scale", kind="silent")
    async with scene(0, faults=(silent,)) as play:
        pulse = play.boxes["lane2"].driver.pulse
        states = []
        pulse.changed = lambda health: states.append(health.state)
        await play.clock.run_for(40)
        assert states == ["up", "silent", "up"]


async def test_garbage_is_told_from_silence() -> None:
    garbage = Fault(at_ms=1_500, for_ms=8_000, device="lane2.scale", kind="garbage")
    async with scene(0, faults=(garbage,)) as play:
        pulse = play.boxes["lane2"].driver.pulse
        states = []
        pulse.changed = lambda health: states.append(health.state)
        await play.clock.run_for(30)
        assert states == ["up", "noisy", "up"]
        assert pulse.dropped > 0
