"""What is missing is said where people look: on the tablet and on the wall, and taken back when it is there again."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from simulators.demo.watching import Watcher
from station.main import main as weighpost_station
from tests.support.chain import CLOCK, Chain, central_tool, rigs_of

pytestmark = [pytest.mark.wire, pytest.mark.timeout(180)]


GONE = ("disconnected", "failed")


class Screen(Watcher):
    """Somebody in front of a page; `chips` are the devices that its newest message names, as name: words."""

    def __init__(self, url: str, *, user: str, password: str, topic: str) -> None:
        super().__init__(url, user=user, password=password, topics=[topic], clock=CLOCK)
        self.chips: dict[str, str] = {}
        self.text = ""

    def _note(self, message: bytes) -> None:
        chips = [found for found in _tables(json.loads(message)) if "words" in found and "shape" in found]
        if chips:
            self.text = message.decode()
            self.chips = {chip["name"]: chip["words"] for chip in chips}


def _tables(value: Any) -> list[dict[str, Any]]:
    """Every table inside, however deep."""
    if isinstance(value, dict):
        return [value, *(found for part in value.values() for found in _tables(part))]
    return [found for part in value for found in _tables(part)] if isinstance(value, list) else []


@asynccontextmanager
async def screens(chain: Chain) -> AsyncIterator[tuple[Screen, Screen]]:
    """Tablet and wall, in English."""
    central = str(chain.layout.write("central", chain.tables["central"]))
    station = str(chain.layout.write("station", chain.tables["station"]))
    wall_word = await asyncio.to_thread(
        central_tool, ["user", "add", "wall", "--role", "viewer", "--settings", central]
    )
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        add = ["user", "add", "officer", "--role", "operator", "--settings", station]
        assert await asyncio.to_thread(weighpost_station, add) == 0
    layout = chain.layout
    tablet = Screen(layout.station_url, user="officer", password=said.getvalue().strip(), topic="state.en")
    wall = Screen(layout.centre_url, user="wall", password=wall_word.strip(), topic="wall.en")
    await chain.up("central", "station")
    tasks = [asyncio.create_task(screen.run()) for screen in (tablet, wall)]
    try:
        yield tablet, wall
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_tablet_and_wall_name_a_silent_scale_a_missing_controller_and_a_cut_link(chain: Chain) -> None:
    lane = chain.tables["lane2"]
    lane["destinations"] = [*lane["destinations"], chain.layout.to_station()]
    async with rigs_of(chain, "lane2") as rigs, screens(chain) as (tablet, wall):
        rig = rigs["lane2"]
        chain.start("lane2")
        await chain.heard("lane2")

        rig.scale.muted = True
        rig.ports["controller"].unplug()
        for screen in (tablet, wall):
            await chain.until(partial(_names, screen), f"the words of {screen.chips}")
        rig.scale.muted = False
        rig.ports["controller"].plug()
        await chain.heard("lane2")
        for screen in (tablet, wall):
            await chain.until(partial(_names_nobody, screen), "all is well again")

        chain.kill("central")
        await chain.until(lambda: _reads(tablet, "cut off from the centre"), "the tablet says it is cut off")
        await chain.up("central")
        await chain.until(lambda: _reads(tablet, "centre connected"), "the tablet has its centre again")


async def _names(screen: Screen) -> bool:
    return screen.chips.get("Scale") == "silent" and screen.chips.get("Lane controller") in GONE


async def _names_nobody(screen: Screen) -> bool:
    """The tablet leaves out what works, the wall says that it does."""
    return bool(screen.chips) and not {"silent", *GONE} & set(screen.chips.values())


async def _reads(screen: Screen, words: str) -> bool:
    return words in screen.text
