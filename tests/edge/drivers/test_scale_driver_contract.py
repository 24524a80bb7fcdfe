"""What every driver in DRIVERS must do, with its simulator at the other end."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import pytest

from edge.drivers import DRIVERS, indicators, load_driver
from edge.drivers.contract import ScaleDriver
from edge.drivers.making import make_driver
from edge.drivers.readings import Display, Passed
from edge.drivers.rows import Indicator
from edge.drivers.scale.axl1.protocol import AckParser as AxlAcks
from edge.drivers.scale.wim_jz.protocol import AckParser as JzAcks
from edge.supervise import supervise
from edge.weighing.values import ScaleEvent
from kernel.errors import ConfigError, LinkError
from kernel.links import Link
from kernel.settings import read
from simulators.clock import VirtualClock
from simulators.links import Bent, MemoryWire, OneByteAtATime, ScriptedLink, garbled, lossy
from simulators.records import RecordSim
from simulators.traffic import default_text, read_traffic
from simulators.wim import WimSim, measured

TRUCK = read_traffic(default_text(), vehicles=1)[0].truck


@dataclass(frozen=True, kw_only=True)
class Rig:
    """A driver's options and what plays its device: a coroutine that serves the wire and says something weighty."""

    options: dict[str, object]
    serve: Callable[[MemoryWire, VirtualClock], Any]


async def weigher(wire: MemoryWire, clock: VirtualClock) -> None:
    device = WimSim(wire, clock=clock)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(device.run())
        while True:
            serial = device.next_serial()
            await device.vehicle(measured(TRUCK, serial=serial, axle_speeds_dkmh=(200,) * 6, seed=serial))
            device.records.clear()
            await clock.sleep(2)


def recorded(name: str, options: dict[str, object], acks: Callable[[], Any] | None = None) -> Rig:
    """A weigher that a truck crosses every two seconds."""
    row = load_driver(name)

    async def serve(wire: MemoryWire, clock: VirtualClock) -> None:
        listens = acks() if acks else None
        device = RecordSim(
            wire,
            row,
            read(row.options, options),
            clock=clock,
            acknowledged=listens.feed if listens else None,
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(device.run())
            for seq in itertools.count(1):
                await device.vehicle(passed(seq))
                await clock.sleep(2)

    return Rig(options=options, serve=serve)


def passed(seq: int) -> Passed:
    return Passed(
        seq=seq & 0xFF,
        axle_kg=(6_540, 9_980, 9_870 + 10 * seq),
        axles_of=(1, 2),
        dual=(False, True),
        spacing_mm=(3_450, 1_360),
        axle_speed_dkmh=(140, 140, 130),
        speed_dkmh=140,
        at_ms=1_795_400_000_000 + 2_000 * seq,
    )


def played(row: Indicator, options: dict[str, object]) -> Rig:
    """A display that stands at 44 120 kg, ten times a second or when asked."""
    settings = read(row.options, options)

    async def serve(wire: MemoryWire, clock: VirtualClock) -> None:
        server = row.serve(settings) if row.serve and row.poll and row.poll(settings) else None
        while True:
            if server is not None:
                await wire.send(server.feed(wire.receive(), SHOWN))
                await clock.sleep(0.01)
            elif row.write is not None:
                await wire.send(row.write(SHOWN, settings))
                await clock.sleep(0.1)

    return Rig(options=options, serve=serve)


SHOWN = Display(mantissa=44_120, increment=2)
RIGS = {
    row.name: played(row, dict(row.example) | ({} if "unit" in row.says else {"unit": "kg"}))
    for row in indicators()
} | {
    "wim-wj": Rig(
        options={"spacing_unit": "cm", "axle_speed_unit": "kmh", "accel_unit": "unknown"}, serve=weigher
    ),
    "wim-jz": recorded("wim-jz", {"speed_unit": "kmh"}, JzAcks),
    "axl1": recorded("axl1", {"clock": "utc"}, AxlAcks),
    "nmea-axle": recorded("nmea-axle", {"unit": "kg", "sensor": "axle"}),
}


def test_every_driver_has_its_rig() -> None:
    assert RIGS.keys() == DRIVERS.keys()


@asynccontextmanager
async def running(name: str) -> AsyncIterator[tuple[VirtualClock, MemoryWire, ScaleDriver]]:
    clock = VirtualClock()
    wire = MemoryWire(clock=clock)
    device = asyncio.create_task(RIGS[name].serve(wire, clock))
    driver = make_driver(name, RIGS[name].options, device="scale", clock=clock)
    try:
        yield clock, wire, driver
    finally:
        device.cancel()
        await asyncio.gather(device, return_exceptions=True)


def collect(driver: ScaleDriver, link: Link, got: list[ScaleEvent]) -> asyncio.Task[None]:
    async def listen() -> None:
        async for event in driver.readings(link):
            got.append(event)  # noqa: PERF401 - what came before the end must be seen

    return asyncio.create_task(listen())


@pytest.mark.parametrize("name", DRIVERS)
@pytest.mark.parametrize("bend", [lambda link: link, OneByteAtATime], ids=["plain", "one byte at a time"])
async def test_it_reports_what_the_device_says(name: str, bend: Callable[[Link], Link]) -> None:
    async with running(name) as (clock, wire, driver):
        got: list[ScaleEvent] = []
        task = collect(driver, bend(wire.host), got)
        await clock.run_for(5)
        assert got
        assert driver.pulse.state == "up"
        assert driver.pulse.snapshot().good >= len(got)
        wire.unplug()
        await clock.run_for(1)
        with pytest.raises(LinkError):
            await task


@pytest.mark.broad
@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", DRIVERS)
@pytest.mark.parametrize("bend", [lossy, garbled])
async def test_it_counts_what_it_cannot_believe_and_goes_on(name: str, bend: Callable[..., Any]) -> None:
    async with running(name) as (clock, wire, driver):
        got: list[ScaleEvent] = []
        task = collect(driver, Bent(wire.host, bend(0.02, seed=3)), got)
        await clock.run_for(20)
        assert got
        assert driver.pulse.dropped > 0
        task.cancel()


@pytest.mark.broad
@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", DRIVERS)
async def test_supervised_it_comes_back_after_the_wire_did(name: str) -> None:
    async with running(name) as (clock, wire, driver):
        got: list[ScaleEvent] = []
        states: list[str] = []
        driver.pulse.changed = lambda health: states.append(health.state)
        task = asyncio.create_task(supervise(driver, open_link=opener(wire), take=got.append, clock=clock))
        await clock.run_for(4)
        wire.unplug()
        await clock.run_for(10)
        before = len(got)
        assert states == ["up", "down"]
        wire.plug()
        await clock.run_for(12)
        assert len(got) > before
        assert states == ["up", "down", "up"]
        task.cancel()


@pytest.mark.broad
@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", DRIVERS)
async def test_a_peer_that_falls_silent_is_told_and_the_wire_opened_anew(name: str) -> None:
    clock = VirtualClock()
    opened: list[ScriptedLink] = []

    async def open_link() -> Link:
        opened.append(ScriptedLink([b""] * 10_000, clock=clock))
        return opened[-1]

    driver = make_driver(name, RIGS[name].options, device="scale", clock=clock)
    got: list[ScaleEvent] = []
    task = asyncio.create_task(supervise(driver, open_link=open_link, take=got.append, clock=clock))
    await clock.run_for(70)
    assert got == []
    assert driver.pulse.state == "silent"
    assert len(opened) >= 3
    assert all(link.closed for link in opened[:-1])
    task.cancel()


@pytest.mark.parametrize("name", DRIVERS)
async def test_a_reader_that_stops_leaves_nothing_behind(name: str) -> None:
    async with running(name) as (clock, wire, driver):
        stream = cast(Any, driver.readings(wire.host))
        moving = asyncio.create_task(clock.run_for(5))
        async with aclosing(stream) as readings:
            async for _event in readings:
                break
        await moving
        await driver.release("of no record")


def opener(wire: MemoryWire) -> Callable[[], Any]:
    async def open_link() -> Link:
        if not wire.plugged:
            raise LinkError("unplugged")
        return wire.host

    return open_link


def test_an_unknown_driver_names_those_that_are_known() -> None:
    with pytest.raises(ConfigError, match=r"known here: .*toledo-continuous, .*wim-wj"):
        load_driver("abacus")


def test_units_of_the_weigher_are_required_and_every_fault_has_its_path() -> None:
    with pytest.raises(ConfigError) as caught:
        make_driver("wim-wj", {"spacing_unit": "ft", "colour": 1}, device="scale", clock=VirtualClock())
    assert [path for path, _ in caught.value.faults] == [
        "options.accel_unit",
        "options.axle_speed_unit",
        "options.colour",
        "options.spacing_unit",
    ]


@pytest.mark.parametrize("options", [{"silent_ms": 0}, {"silent_ms": 20_000}])
def test_a_watchdog_that_cannot_bark_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="silent_ms"):
        make_driver("toledo-continuous", options, device="scale", clock=VirtualClock())
