"""What changes in the store reaches the tablets, also where an entry speaks of a crossing without its name."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from kernel.settings import read
from station.feed import Feed
from station.settings import Settings
from tests.station.county import WIM, County
from tests.station.desk import Desk
from tests.web.playing import HandClock
from tests.web.test_live_hub import Browser
from web.i18n import LOCALES, VOCABULARY, load
from web.live import Hub

LOCALES_HERE = Path(__file__).parents[2] / "station" / "pages" / "locales"


class Tablet:
    """A browser on the queue of a feed whose clock moves while something is waited for."""

    def __init__(self, desk: Desk, settings: Settings) -> None:
        self.clock, self.browser = HandClock(), Browser()
        self.hub = Hub(build="b", clock=self.clock)
        texts = load([LOCALES, VOCABULARY, LOCALES_HERE])
        self.feed = Feed(
            settings, desk.queries, hub=self.hub, catalogues=texts, centres=lambda: (), clock=self.clock
        )

    async def live(self) -> None:
        async def still() -> bool:
            return True

        await self.hub.serve(self.browser, may=lambda _role: True, still=still)

    async def card(self, kind: str) -> Any:
        while True:
            while self.browser.sent.empty():
                self.clock.move(0.1)
                await asyncio.sleep(0)
            message = self.browser.sent.get_nowait()
            if message.get("k") == kind and message.get("t") == "queue.zh":
                return message["d"]["lines"][0]


@pytest.fixture
async def tablet(desk: Desk, quick_path: Path) -> AsyncIterator[Tablet]:
    tablet = Tablet(desk, read(Settings, tomllib.loads(County.make(quick_path / "county").toml())))
    tasks = [asyncio.create_task(job) for job in (tablet.feed.run(), tablet.live())]
    yield tablet
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("named", [True, False])
async def test_a_card_changes_when_its_weighing_is_taken_back(
    desk: Desk, tablet: Tablet, named: bool
) -> None:
    desk.moving.weigh(58_000)
    desk.moving.put()
    tablet.clock.at_ms = desk.row(f"{WIM}-1", box=WIM).shown_ms
    tablet.browser.want("queue.zh")
    card = await tablet.card("snap")
    assert (card["tone"], card["waits"]) == ("suspected", True)
    desk.moving.take_back(desk.moving.ref(1), f"{WIM}-1" if named else None)
    tablet.feed.committed(desk.moving.put())
    card = await tablet.card("delta")
    assert (card["tone"], card["verdict"], card["waits"]) == ("none", "称重作废", False)
    assert card["missing"] == "已倒车退出，本次称重作废"
