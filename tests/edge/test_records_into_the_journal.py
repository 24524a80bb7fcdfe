"""From a weigher's wire into the journal and back to its memory: once, whatever dies in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from edge.desk import ScaleDesk
from edge.drivers import load_driver
from edge.drivers.making import make_driver
from edge.drivers.readings import Passed
from edge.drivers.scale.axl1 import protocol as axl1
from edge.drivers.scale.wim_jz import protocol as jz
from edge.lane import Lane
from edge.supervise import supervise
from journal.writer import Appended
from kernel.errors import FullError, LinkError
from kernel.events import Body, PassageCancelled, VehicleWeighed
from kernel.evidence.header import FileRef
from kernel.links import Link
from kernel.settings import read
from simulators.clock import VirtualClock
from simulators.links import MemoryWire
from simulators.records import RecordSim
from tests.edge.test_lane import Shelf, site

ACKS: dict[str, Callable[[], Any]] = {"wim-jz": jz.AckParser, "axl1": axl1.AckParser}
TRUCK = Passed(
    seq=7,
    axle_kg=(6_540, 9_980, 9_870),
    axles_of=(1, 2),
    dual=(False, True),
    spacing_mm=(3_450, 1_360),
    axle_speed_dkmh=(140, 140, 130),
    speed_dkmh=140,
)


@dataclass
class Disk:
    """What survives the process: entries by key, and whether there is room."""

    bodies: list[Body] = field(default_factory=list)
    seqs: dict[str, int] = field(default_factory=dict)
    full: bool = False

    async def append(
        self, body: Body, *, source: str, files: tuple[FileRef, ...] = (), key: str | None = None
    ) -> Appended:
        if self.full:
            raise FullError("disk full")
        known = key is not None and key in self.seqs
        if not known:
            self.bodies.append(body)
            self.seqs[key or f"n{len(self.bodies)}"] = len(self.bodies)
        seq = self.seqs[key] if key is not None else len(self.bodies)
        return Appended(journal="0" * 32, seq=seq, leaf_hex=f"{seq:064x}", at=1, durable_ms=1, known=known)

    @property
    def gross_kg(self) -> list[int | None]:
        return [body.gross_kg for body in self.bodies if isinstance(body, VehicleWeighed)]


@asynccontextmanager
async def process(name: str, wire: MemoryWire, disk: Disk, clock: VirtualClock) -> AsyncIterator[None]:
    """One life of the lane's process."""
    driver = make_driver(name, {}, device="scale", clock=clock)
    releases: asyncio.Queue[str] = asyncio.Queue()
    place = site()
    lane = Lane(
        place,
        prefix="b",
        journal=disk,
        files=Shelf(),
        eyes=None,
        clock=clock,
        show=lambda lines, colour: None,
        announce=lambda what, value: None,
        missing=tuple,
        confirm=releases.put_nowait,
    )
    desk = ScaleDesk(place.scale, lane, live=lambda what, value: None)

    async def open_link() -> Link:
        if not wire.plugged:
            raise LinkError("unplugged")
        return wire.host

    async def release() -> None:
        while True:
            await driver.release(await releases.get())

    tasks = [
        asyncio.create_task(lane.run()),
        asyncio.create_task(release()),
        asyncio.create_task(supervise(driver, open_link=open_link, take=desk.take, clock=clock)),
    ]
    try:
        await clock.run_for(3)
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Road:
    def __init__(self, name: str) -> None:
        self.name = name
        self.clock = VirtualClock()
        self.wire = MemoryWire(clock=self.clock)
        self.disk = Disk()
        row = load_driver(name)
        self.device = RecordSim(
            self.wire, row, read(row.options, {}), clock=self.clock, acknowledged=ACKS[name]().feed
        )
        self._running: asyncio.Task[None] | None = None

    def reverse(self, seq: int, of: int) -> bytes:
        if self.name == "wim-jz":
            return jz.checked(bytes([0xFF, seq, jz.REVERSE, 0]))
        return axl1.frame(axl1.REVERSE, bytes([seq, 1, of]))

    async def __aenter__(self) -> Road:
        self._running = asyncio.create_task(self.device.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._running is not None
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)


@pytest.mark.parametrize("name", ACKS)
async def test_while_the_disk_is_full_the_device_keeps_the_record(name: str) -> None:
    async with Road(name) as road, process(name, road.wire, road.disk, road.clock):
        road.disk.full = True
        await road.device.vehicle(TRUCK)
        await road.clock.run_for(10)
        assert list(road.device.kept) == [7]
        assert road.disk.gross_kg == []
        road.disk.full = False
        await road.clock.run_for(3)
        assert road.device.kept == {}
        assert road.disk.gross_kg == [26_390]


@pytest.mark.parametrize("name", ACKS)
async def test_a_process_that_dies_before_its_entry_is_told_again(name: str) -> None:
    async with Road(name) as road:
        road.disk.full = True
        async with process(name, road.wire, road.disk, road.clock):
            await road.device.vehicle(TRUCK)
            await road.clock.run_for(1)
        road.disk.full = False
        async with process(name, road.wire, road.disk, road.clock):
            assert road.disk.gross_kg == [26_390]
            assert road.device.kept == {}
        [body] = road.disk.bodies
        assert isinstance(body, VehicleWeighed)
        assert set(body.quality) >= {"late_record", "loop_missing"}


@pytest.mark.parametrize("name", ACKS)
async def test_a_process_that_dies_between_entry_and_acknowledgement_writes_no_second_entry(
    name: str,
) -> None:
    async with Road(name) as road:
        async with process(name, road.wire, road.disk, road.clock):
            frame = await road.device.vehicle(TRUCK)
            await road.clock.run_for(1)
            assert road.disk.gross_kg == [26_390]
        await road.device.frame(frame, seq=7)  # the acknowledgement was lost with the process
        async with process(name, road.wire, road.disk, road.clock):
            assert road.device.kept == {}
        assert road.disk.gross_kg == [26_390]


@pytest.mark.parametrize("name", ACKS)
async def test_a_reversal_cancels_once_however_often_it_is_sent(name: str) -> None:
    async with Road(name) as road, process(name, road.wire, road.disk, road.clock):
        await road.device.vehicle(TRUCK)
        await road.clock.run_for(0.5)
        road.disk.full = True
        await road.device.frame(road.reverse(8, of=7), seq=8)
        await road.clock.run_for(4)
        assert list(road.device.kept) == [8]
        road.disk.full = False
        await road.device.vehicle(replace(TRUCK, seq=9))
        await road.clock.run_for(4)
        weighed, cancelled, again = road.disk.bodies
        assert isinstance(weighed, VehicleWeighed)
        assert isinstance(cancelled, PassageCancelled)
        assert isinstance(again, VehicleWeighed)
        assert cancelled.passage == weighed.passage
        assert cancelled.record_hex == road.reverse(8, of=7).hex()
        assert road.device.kept == {}
