"""Simulated scales behind real ptys, socat, ser2net and processes; the edge's own links and drivers at the other end."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from edge.drivers import indicators
from edge.drivers.contract import ScaleDriver
from edge.drivers.making import make_driver
from edge.drivers.rows import Indicator
from edge.links import SerialSettings, open_link
from edge.supervise import supervise
from edge.weighing.values import ScaleEvent, WeightReading
from journal.clock import SystemClock
from kernel.errors import LinkError
from kernel.links import Link
from simulators.indicator import IndicatorSim, lane_options, told_options
from simulators.platform import ScaleSettings
from simulators.ptys import PtyPort
from simulators.sockets import TcpPort
from tests.support.ports import free_port

pytestmark = [pytest.mark.wire, pytest.mark.timeout(60)]

CLOCK = SystemClock()
STANDS_KG = 44_120
SETTINGS = ScaleSettings(noise_kg=0, creep_ppm=0, period_ms=50)
FAST = """
says = "A truck comes in haste and stays."
for_ms = 60000
[[vehicle]]
at_ms = 500
speed_dkmh = 400
axle_kg = [14120, 30000]
spacing_mm = [4000]
leaves = "never"
[[vehicle.stop]]
front_mm = 9000
stands_ms = 60000
"""
YAOHUA = next(row for row in indicators() if row.name == "yaohua-cont12")


def options_of(row: Indicator) -> dict[str, object]:
    return lane_options(row) | {"reopen_ms": 2_000, "silent_ms": 1_000}


class Lane:
    """A driver under supervision, as a lane runs it."""

    def __init__(self, row: Indicator, url: str, *, locks: Path, baud: int = 9_600) -> None:
        self.driver: ScaleDriver = make_driver(row.name, options_of(row), device="scale", clock=CLOCK)
        self.driver.pulse.changed = lambda health: self.states.append(health.state)
        self.states: list[str] = []
        self.masses: list[int | None] = []
        self._url, self._locks = url, locks
        self._line = SerialSettings(baud=baud, patience_ms=100)

    async def opened(self) -> Link:
        return await open_link(self._url, line=self._line, holder="weighpost-edge lane1", locks=self._locks)

    def take(self, event: ScaleEvent) -> None:
        if isinstance(event, WeightReading) and event.confirmed:
            self.masses.append(event.kg)

    async def run(self) -> None:
        await supervise(self.driver, open_link=self.opened, take=self.take, clock=CLOCK)


@asynccontextmanager
async def together(*coroutines: Any) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(each) for each in coroutines]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(holds: Callable[[], Any], *, within_s: float = 20) -> None:
    async with asyncio.timeout(within_s):
        while not holds():
            await asyncio.sleep(0.02)


def playing(row: Indicator, port: PtyPort | TcpPort) -> IndicatorSim:
    """A truck stands on the platform."""
    return IndicatorSim(
        port,
        load_kg=lambda _at: float(STANDS_KG),
        seen=lambda _at, _shown: None,
        clock=CLOCK,
        row=row,
        options=told_options(row, options_of(row)),
        settings=SETTINGS,
    )


@asynccontextmanager
async def on_a_pty(folder: Path, *, baud: int = 38_400) -> AsyncIterator[PtyPort]:
    port = PtyPort(folder / "scale", baud=baud, clock=CLOCK)
    port.plug()
    try:
        yield port
    finally:
        port.unplug()


@pytest.mark.parametrize("row", indicators(), ids=lambda row: row.name)
async def test_every_indicator_is_read_over_a_real_pty(row: Indicator, tmp_path: Path) -> None:
    async with on_a_pty(tmp_path) as port:
        lane = Lane(row, str(port.path), locks=tmp_path, baud=38_400)
        async with together(playing(row, port).run(), lane.run()):
            await until(lambda: len(lane.masses) >= 5)
        assert set(lane.masses) == {STANDS_KG}
        assert lane.states == ["up"]


async def test_a_plug_that_is_pulled_and_put_back_is_survived(tmp_path: Path) -> None:
    async with on_a_pty(tmp_path) as port:
        lane = Lane(YAOHUA, str(port.path), locks=tmp_path)
        async with together(playing(YAOHUA, port).run(), lane.run()):
            await until(lambda: lane.masses)
            port.unplug()
            await until(lambda: lane.states[-1] == "down")
            port.plug()
            await until(lambda: lane.states[-1] == "up")
        assert lane.states == ["up", "down", "up"]
        assert set(lane.masses) == {STANDS_KG}


async def test_a_second_program_is_refused_by_name_and_takes_nothing(tmp_path: Path) -> None:
    async with on_a_pty(tmp_path) as port:
        lane = Lane(YAOHUA, str(port.path), locks=tmp_path)
        async with together(playing(YAOHUA, port).run(), lane.run()):
            await until(lambda: lane.masses)
            dropped, before = lane.driver.pulse.dropped, len(lane.masses)
            for _ in range(5):
                with pytest.raises(LinkError, match=r"held by process .*weighpost-edge lane1"):
                    await Lane(YAOHUA, str(port.path), locks=tmp_path).opened()
            await until(lambda: len(lane.masses) > before + 10)
        assert lane.driver.pulse.dropped == dropped


async def test_a_host_at_another_speed_hears_garbage_and_is_told_what_to_check(tmp_path: Path) -> None:
    command = scale("yaohua-cont12", "--line", "4800 8N1", "--options", '{"unit": "kg"}')
    async with program(command) as port:
        lane = Lane(YAOHUA, port, locks=tmp_path, baud=9_600)
        async with together(lane.run()):
            await until(lambda: lane.states == ["noisy"])
        assert lane.masses == []
        assert "check baud rate" in lane.driver.pulse.snapshot().detail


async def test_a_tcp_server_that_goes_and_comes_back_is_survived(tmp_path: Path) -> None:
    port = TcpPort("127.0.0.1", 0, clock=CLOCK)
    port.plug()
    lane = Lane(YAOHUA, port.url, locks=tmp_path)
    try:
        async with together(playing(YAOHUA, port).run(), lane.run()):
            await until(lambda: lane.masses)
            port.unplug()
            await until(lambda: lane.states[-1] == "down")
            port.plug()
            await until(lambda: lane.states[-1] == "up")
        assert set(lane.masses) == {STANDS_KG}
    finally:
        port.unplug()


@asynccontextmanager
async def program(command: Sequence[str]) -> AsyncIterator[str]:
    """Its first line; it is stopped afterwards."""
    running = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        assert running.stdout is not None
        async with asyncio.timeout(30):
            yield (await running.stdout.readline()).decode().strip()
    finally:
        with contextlib.suppress(ProcessLookupError):
            running.terminate()
        await running.wait()


def scale(protocol: str, *more: str) -> list[str]:
    return [sys.executable, "-m", "simulators.main", "scale", "--protocol", protocol, *more]


@pytest.mark.parametrize("where", [("--tcp", "127.0.0.1:0"), ()], ids=["tcp", "pty"])
async def test_the_program_prints_where_it_is_and_is_a_scale_there(
    where: tuple[str, ...], tmp_path: Path
) -> None:
    script = tmp_path / "fast.toml"
    script.write_text(FAST)
    async with program(scale("toledo-continuous", "--scenario", str(script), *where)) as port:
        toledo = next(row for row in indicators() if row.name == "toledo-continuous")
        lane = Lane(toledo, port, locks=tmp_path)
        async with together(lane.run()):
            await until(lambda: max((kg or 0 for kg in lane.masses), default=0) >= STANDS_KG - 20)
        assert lane.masses[0] == 0


@asynccontextmanager
async def relayed(command: Sequence[str], ready: Callable[[], bool]) -> AsyncIterator[None]:
    """A program between device and host; that it is not installed is a failure."""
    assert shutil.which(command[0]), f"{command[0]} is missing: run scripts/system test"
    relay = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
    try:
        await until(ready)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            relay.terminate()
        await relay.wait()


async def test_through_a_pair_of_ptys_of_socat(tmp_path: Path) -> None:
    device, host = tmp_path / "device", tmp_path / "host"
    # Without wait-slave socat keeps the hosts' ends open itself, and they are refused as held by it.
    ends = [f"pty,raw,echo=0,wait-slave,link={end}" for end in (device, host)]
    async with relayed(["socat", *ends], device.exists):
        line = SerialSettings(patience_ms=100)
        far = await open_link(str(device), line=line, holder="device", locks=tmp_path)
        lane = Lane(YAOHUA, str(host), locks=tmp_path)
        async with together(lane.run(), written(far, YAOHUA)):
            await until(lambda: len(lane.masses) >= 5)
        await far.close()
        assert set(lane.masses) == {STANDS_KG}


async def written(link: Link, row: Indicator) -> None:
    assert row.write is not None
    shown = playing(row, TcpPort("127.0.0.1", 0, clock=CLOCK)).scale.shows(0, STANDS_KG)
    assert shown is not None
    frame = row.write(shown, told_options(row, options_of(row)))
    while True:
        await link.write(frame)
        await CLOCK.sleep(0.05)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@asynccontextmanager
async def serial_server(folder: Path, device: Path, *, speaks: str = "") -> AsyncIterator[int]:
    """ser2net before the device; `speaks` is a word of its own language before the TCP port."""
    port = free_port()
    settings = folder / "ser2net.yaml"
    settings.write_text(
        "connection: &scale\n"
        f"  accepter: {speaks}tcp,127.0.0.1,{port}\n"
        f"  connector: serialdev,{device},9600n81,local\n"
        "  options:\n    kickolduser: true\n"
    )
    command = ["ser2net", "-n", "-u", "-c", str(settings)]
    async with relayed(command, lambda: listens(port)):
        yield port


async def test_through_a_serial_server_on_plain_tcp(tmp_path: Path) -> None:
    async with on_a_pty(tmp_path) as port, serial_server(tmp_path, port.path) as tcp:
        lane = Lane(YAOHUA, f"socket://127.0.0.1:{tcp}", locks=tmp_path)
        async with together(playing(YAOHUA, port).run(), lane.run()):
            await until(lambda: len(lane.masses) >= 5)
        assert set(lane.masses) == {STANDS_KG}
