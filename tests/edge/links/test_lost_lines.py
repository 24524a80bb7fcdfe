"""A wire that is pulled and plugged in again: the same driver goes on, the waits grow to ten seconds, nothing is thrown away."""

from __future__ import annotations

import asyncio
import os
import termios
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from edge.drivers.indicator import IndicatorDriver
from edge.drivers.making import make_driver
from edge.drivers.readings import Display
from edge.drivers.rows import IndicatorOptions
from edge.drivers.scale.yaohua_cont12.protocol import write
from edge.links import SerialSettings, open_link
from edge.links.tcp import Doors
from edge.supervise import supervise
from edge.weighing.values import ScaleEvent, WeightReading
from journal.clock import SystemClock
from kernel.errors import LinkError
from kernel.links import Link
from simulators.clock import VirtualClock
from tests.support.lines import cable, everything
from tests.support.ports import free_port

LINE = SerialSettings(patience_ms=100)
OPTIONS = {"unit": "kg", "displayed": "gross"}
OPENING_PATIENCE_S = 20.0


def shown(kg: int) -> bytes:
    return write(Display(mantissa=kg), IndicatorOptions(unit="kg"))


class Scale:
    """A driver under its supervisor, and what it has read."""

    def __init__(self, open_it: Callable[[], Awaitable[Link]]) -> None:
        self.kg: list[int | None] = []
        driver = make_driver("yaohua-cont12", OPTIONS, device="scale", clock=SystemClock())
        assert isinstance(driver, IndicatorDriver)
        self.driver = driver
        self._open = open_it

    def _take(self, event: ScaleEvent) -> None:
        assert isinstance(event, WeightReading)
        self.kg.append(event.kg)

    async def until(self, kg: int) -> None:
        async with asyncio.timeout(OPENING_PATIENCE_S):
            while kg not in self.kg:
                await asyncio.sleep(0.01)

    async def until_state(self, state: str) -> str:
        async with asyncio.timeout(OPENING_PATIENCE_S):
            while self.driver.pulse.state != state:
                await asyncio.sleep(0.01)
        return self.driver.pulse.snapshot().detail

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Scale]:
        task = asyncio.create_task(
            supervise(self.driver, open_link=self._open, take=self._take, clock=SystemClock())
        )
        try:
            yield self
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@pytest.mark.wire
@pytest.mark.timeout(60)
async def test_a_cable_that_is_pulled_three_times_is_read_again_each_time(tmp_path: Path) -> None:
    async with cable(tmp_path) as port:
        link = partial(open_link, str(port.path), line=LINE, holder="t", locks=tmp_path)
        async with Scale(link).running() as scale:
            for turn in range(3):
                port.plug()
                await _repeat(port.send, shown(turn * 100 + 20), scale.until(turn * 100 + 20))
                assert scale.driver.pulse.state == "up"
                port.unplug()
                assert await scale.until_state("down")
    assert scale.driver.pulse.dropped <= 3  # at most the frame that was cut in two


@pytest.mark.wire
@pytest.mark.timeout(60)
async def test_an_adapter_that_goes_away_and_comes_back_is_read_again(tmp_path: Path) -> None:
    peers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _reader, writer: peers.append(writer), "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()

    async def send(data: bytes) -> None:
        await asyncio.sleep(0.05)
        if peers:
            peers[-1].write(data)

    link = partial(open_link, f"socket://{host}:{port}", line=LINE, holder="t")
    async with Scale(link).running() as scale:
        for turn in range(2):
            await _repeat(send, shown(turn * 100 + 40), scale.until(turn * 100 + 40))
            peers.pop().close()
            assert "hung up" in await scale.until_state("down")
    server.close()
    for peer in peers:
        peer.close()


@pytest.mark.wire
@pytest.mark.timeout(60)
async def test_an_adapter_that_dials_in_again_is_read_again() -> None:
    port = free_port()
    doors = Doors()
    link = partial(open_link, f"tcp-server://127.0.0.1:{port}", line=LINE, holder="t", doors=doors)
    async with Scale(link).running() as scale:
        for turn in range(3):
            writer = await _dial(port)
            writer.write(shown(turn * 100 + 60))
            await scale.until(turn * 100 + 60)
            writer.close()
            assert "hung up" in await scale.until_state("down")
    doors.close()


async def _dial(port: int) -> asyncio.StreamWriter:
    async with asyncio.timeout(40):
        while True:
            with suppress(OSError):
                return (await asyncio.open_connection("127.0.0.1", port))[1]
            await asyncio.sleep(0.05)


async def _repeat(send: Callable[[bytes], Awaitable[None]], data: bytes, until: Awaitable[None]) -> None:
    async def again() -> None:
        while True:
            await send(data)

    task = asyncio.create_task(again())
    try:
        await until
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_the_waits_between_two_openings_grow_from_a_half_to_ten_seconds() -> None:
    clock, tried = VirtualClock(), list[int]()

    async def never() -> Link:
        tried.append(clock.mono_ms())
        raise LinkError("not there")

    driver = make_driver("yaohua-cont12", OPTIONS, device="scale", clock=clock)
    task = asyncio.create_task(supervise(driver, open_link=never, take=lambda _event: None, clock=clock))
    await clock.run_for(60)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    waits = [after - before for before, after in pairwise(tried)]
    assert waits == [500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000, 10_000]
    assert (driver.pulse.state, driver.pulse.snapshot().detail) == ("down", "not there")


@pytest.mark.wire
@pytest.mark.timeout(60)
async def test_what_lies_in_the_port_when_it_is_opened_is_read_and_not_thrown_away(tmp_path: Path) -> None:
    """Many readers flush at every read or opening, and so lose the record that a weigher sends once."""
    master, slave = os.openpty()
    path = os.ttyname(slave)
    raw = termios.tcgetattr(slave)
    raw[0] = raw[1] = raw[3] = 0
    termios.tcsetattr(slave, termios.TCSANOW, raw)
    os.write(master, shown(18_460)[5:] + shown(18_480))
    link = await open_link(path, line=LINE, holder="t", locks=tmp_path)
    assert await everything(link, 19) == shown(18_460)[5:] + shown(18_480)
    await link.close()
    os.close(master)
    os.close(slave)


@pytest.mark.wire
@pytest.mark.timeout(60)
@pytest.mark.parametrize(("raised", "hangs_up"), [(False, True), (True, False)])
async def test_an_adapter_that_lives_on_dtr_keeps_its_power_from_one_opening_to_the_next(
    tmp_path: Path, raised: bool, hangs_up: bool
) -> None:
    master, slave = os.openpty()
    attributes = termios.tcgetattr(slave)
    attributes[2] |= termios.HUPCL
    termios.tcsetattr(slave, termios.TCSANOW, attributes)
    line = SerialSettings(patience_ms=100, dtr=raised, rts=raised)
    link = await open_link(os.ttyname(slave), line=line, holder="t", locks=tmp_path)
    assert bool(termios.tcgetattr(slave)[2] & termios.HUPCL) is hangs_up
    await link.close()
    os.close(master)
    os.close(slave)
