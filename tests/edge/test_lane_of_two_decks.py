"""A whole lane over two ptys: two decks with an indicator each become one entry, and a deck that is unplugged is named."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from edge.desk import LiveWeight
from edge.drivers.readings import Display
from edge.drivers.rows import IndicatorOptions
from edge.drivers.scale.yaohua_cont12.protocol import write as frame_of
from edge.lane import Glimpse
from edge.main import LaneProcess
from edge.settings import Settings
from journal.clock import SystemClock
from journal.database import Reader
from kernel.events import Body, LaneHealth, VehicleWeighed
from kernel.evidence import header
from kernel.law.shipped import national
from kernel.settings import read
from simulators.ptys import PtyPort
from tests.edge.test_lane_program import TABLE, enrolled

pytestmark = [pytest.mark.wire, pytest.mark.timeout(120)]

B = TypeVar("B", bound=Body)
FRONT_KG, REAR_KG = 17_220, 26_900


class Decks:
    """Two indicators that show what they are told, ten times a second."""

    def __init__(self, folder: Path) -> None:
        self.ports = [PtyPort(folder / name, baud=9600, clock=SystemClock()) for name in ("front", "rear")]
        self.shows = [0, 0]
        self.unplugged = False

    async def run(self) -> None:
        for port in self.ports:
            port.plug()
        while True:
            if self.unplugged:
                self.ports[1].unplug()
            else:
                self.ports[1].plug()
            for port, kg in zip(self.ports, self.shows, strict=True):
                await port.send(frame_of(Display(mantissa=kg), IndicatorOptions()))
            await asyncio.sleep(0.07)


class Watched(LaneProcess):
    """Its live values are looked at."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.weights: list[LiveWeight] = []
        self.states: list[str] = []

    def _live(self, name: str, value: object) -> None:
        if isinstance(value, LiveWeight):
            self.weights.append(value)
        elif isinstance(value, Glimpse):
            self.states.append(value.state)


@asynccontextmanager
async def lane(folder: Path, decks: Decks) -> AsyncIterator[Watched]:
    options = {"unit": "kg", "displayed": "gross"}
    scale: dict[str, Any] = {"name": "front", "driver": "yaohua-cont12", "url": str(decks.ports[0].path)}
    scale |= {"options": options, "deck": [{"name": "rear", "url": str(decks.ports[1].path)}]}
    table = TABLE | {"data": str(folder / "data"), "scale": scale, "box": enrolled(folder)}
    settings = read(Settings, table)
    process = Watched(settings, law=national(), clock=SystemClock(), boot="0123456789abcdef")
    tasks = [asyncio.create_task(decks.run()), asyncio.create_task(process.run())]
    try:
        yield process
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.05)


def said(folder: Path, kind: type[B]) -> list[B]:
    """All bodies of this stream in the lane's journal, once it has ended."""
    [path] = (folder / "data" / "journal").rglob("journal.db")
    with closing(Reader(path)) as reader:
        entries = reader.entries(0, reader.size())
    return [
        msgspec.json.decode(entry.body or b"", type=kind)
        for entry in entries
        if header.decode(entry.header).stream == kind.stream
    ]


async def test_a_truck_on_two_decks_is_one_entry_with_both(tmp_path: Path) -> None:
    decks = Decks(tmp_path)
    async with lane(tmp_path, decks) as process:
        await until(lambda: len([live for live in process.weights if live.kg == 0]) > 30)
        decks.shows = [FRONT_KG, REAR_KG]
        await until(lambda: "settled" in process.states)
        # Off one deck after the other, as a truck leaves: all at once after a silence is an indicator that starts anew.
        decks.shows = [0, REAR_KG]
        await until(lambda: process.weights[-1].kg == REAR_KG)
        decks.shows = [0, 0]
        await until(lambda: "weighed" in process.states)
    [body] = said(tmp_path, VehicleWeighed)
    assert (body.gross_kg, body.zero_kg) == (FRONT_KG + REAR_KG, 0)
    assert [(deck.deck, deck.deck_kg) for deck in body.decks] == [("front", FRONT_KG), ("rear", REAR_KG)]
    assert bytes.fromhex(body.decks[1].frames[0]) == frame_of(Display(mantissa=REAR_KG), IndicatorOptions())


async def test_a_deck_that_is_unplugged_leaves_no_weight_and_is_named(tmp_path: Path) -> None:
    decks = Decks(tmp_path)
    async with lane(tmp_path, decks) as process:
        await until(lambda: any(live.kg == 0 for live in process.weights))
        decks.unplugged = True
        await until(lambda: "deck_missing" in process.weights[-1].says)
        assert process.weights[-1].kg is None
        await until(lambda: _down(tmp_path))
        decks.unplugged = False
        await until(lambda: process.weights[-1].kg == 0)


def _down(folder: Path) -> bool:
    return any(
        (device.name, device.state) == ("rear", "down")
        for health in said(folder, LaneHealth)
        for device in health.devices
    )
