"""What changes in the store reaches the walls, in both languages, paced, and a database that is away is outlived."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy.exc import OperationalError

from central.live import Change
from central.pages.county import County
from central.pages.feed import SHOWN, Feed
from central.pages.naming import Names
from central.pages.routes import HERE
from central.settings import Box
from central.store.engines import Database
from central.views import HourRow
from journal.live import LiveEntry
from journal.store import Accepted
from tests.central.made import NOON_MS, Made, pictured, weighed
from tests.central.world import World
from tests.web.playing import HandClock
from tests.web.test_live_hub import Browser
from web.i18n import LOCALES, VOCABULARY, load
from web.live import Hub


class Wall:
    def __init__(self, world: World) -> None:
        self.clock = HandClock(at_ms=NOON_MS)
        self.world = world
        self.hub = Hub(build="b", clock=self.clock)
        box = Box(name="lane1-box", password="s", source="yiyuan/s01/lane1")
        self.parts = replace(
            world.parts, clock=self.clock, settings=replace(world.parts.settings, boxes=(box,))
        )
        self.feed = Feed(
            self.parts,
            hub=self.hub,
            catalogues=load([LOCALES, VOCABULARY, HERE / "locales"]),
            names=Names((), County()),
        )
        self.browser = Browser()

    async def live(self) -> None:
        async def still() -> bool:
            return True

        await self.hub.serve(self.browser, may=lambda _role: True, still=still)

    async def next(self, topic: str, kind: str = "delta") -> Any:
        """The next such message; the clock moves while it is waited for."""
        while True:
            while self.browser.sent.empty():
                self.clock.move(0.25)
                await asyncio.sleep(0.001)
            said = self.browser.sent.get_nowait()
            if (said["k"], said.get("t")) == (kind, topic):
                return said["d"]

    def change(self, passage: str) -> None:
        self.parts.bus.publish(Change(kind="passage", key=("lane1-box", passage), at_ms=NOON_MS))


@pytest.fixture
async def wall(database: Database, tmp_path: Path) -> AsyncIterator[Wall]:
    wall = Wall(World(database, tmp_path))
    tasks = [asyncio.create_task(wall.feed.run()), asyncio.create_task(wall.live())]
    yield wall
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_crossing_reaches_the_wall_and_its_plate_follows(wall: Wall) -> None:
    wall.browser.want("passages.zh", "wall.zh")
    assert (await wall.next("passages.zh", "snap"))["lines"] == []
    made = Made()
    wall.world.take(made.add(weighed(outcome="over_limit", gross_kg=52_000)))
    wall.change("p1")
    (line,) = (await wall.next("passages.zh"))["lines"]
    assert (line["id"], line["plate"], line["verdict"]) == ("lane1-box/p1", "…", "疑似超限 3\u00a0000 千克")
    wall.world.take(made.add(pictured()))
    wall.change("p1")
    (line,) = (await wall.next("passages.zh"))["lines"]
    assert line["plate"] == "鲁C12345"
    figures = {figure["id"]: figure["value"] for figure in (await wall.next("wall.zh"))["figures"]}
    assert figures["passages"] == "1"


async def test_both_languages_at_once(wall: Wall) -> None:
    wall.browser.want("passages.en")
    await wall.next("passages.en", "snap")
    wall.world.take(Made().add(weighed(outcome="over_limit", gross_kg=52_000)))
    wall.change("p1")
    (line,) = (await wall.next("passages.en"))["lines"]
    assert line["verdict"] == "suspected over limit by 3\u00a0000 kg"


async def test_silence_is_seen_without_anybody_telling(wall: Wall) -> None:
    wall.browser.want("wall.zh")
    await wall.next("wall.zh", "snap")
    first = await wall.next("wall.zh")
    second = await wall.next("wall.zh")
    assert first["as_of"] < second["as_of"]


async def test_a_database_that_is_away_is_asked_again(wall: Wall, caplog: pytest.LogCaptureFixture) -> None:
    wall.browser.want("wall.zh")
    await wall.next("wall.zh", "snap")
    queries = Away(wall.parts.queries)
    wall.feed._parts = replace(wall.parts, queries=queries)  # type: ignore[arg-type]
    while not queries.asked:
        wall.clock.move(1)
        await asyncio.sleep(0.001)
    queries.away = False
    await wall.next("wall.zh")
    assert "the wall cannot read the database" in {record.message for record in caplog.records}


class Away:
    """Queries of a database that cannot be reached for a while."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.away = True
        self.asked = 0

    def hours(self, *times: int) -> tuple[HourRow, ...]:
        if self.away:
            self.asked += 1
            raise OperationalError("select", {}, Exception("gone"))
        found: tuple[HourRow, ...] = self._real.hours(*times)
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


# --- seen live, not filed yet ----------------------------------------------------------------------------------


def live_entry(entry: Accepted) -> bytes:
    return msgspec.msgpack.encode(LiveEntry(header=entry.header_bytes, body=entry.body or b""))


def glimpse(wall: Wall, payload: bytes, *, box: str = "lane1-box", name: str = "entry") -> None:
    wall.parts.bus.publish(Change(kind="live", key=(box, name), at_ms=NOON_MS, data=payload))


async def test_a_crossing_seen_live_is_marked_until_custody_has_it(wall: Wall) -> None:
    wall.browser.want("passages.zh", "passages.en")
    await wall.next("passages.en", "snap")
    entry = Made().add(weighed(outcome="over_limit", gross_kg=52_000))
    glimpse(wall, live_entry(entry))
    (line,) = (await wall.next("passages.zh"))["lines"]
    assert (line["id"], line["gross"], line["files"], line["link"]) == (
        "lane1-box/p1",
        "52\u00a0000",
        "未归档",
        None,
    )
    (english,) = (await wall.next("passages.en"))["lines"]
    assert english["files"] == "not filed yet"
    assert wall.parts.queries.row("lane1-box", "p1") is None  # nothing was stored
    wall.world.take(entry)
    wall.change("p1")
    (line,) = (await wall.next("passages.zh"))["lines"]
    assert line["files"] != "未归档"
    assert line["link"] is not None
    glimpse(wall, live_entry(entry))  # a broker that is late, or says it again
    (line,) = (await wall.next("passages.zh"))["lines"]
    assert line["files"] != "未归档"


async def test_what_is_no_crossing_of_that_box_is_not_shown(wall: Wall) -> None:
    wall.browser.want("passages.zh")
    await wall.next("passages.zh", "snap")
    made = Made()
    entry = made.add(weighed())
    elsewhere = Made(source="yiyuan/s02/lane9").add(weighed())
    for payload in (b"noise", b"", live_entry(made.add(pictured())), live_entry(elsewhere)):
        glimpse(wall, payload)
    glimpse(wall, live_entry(entry), box="nobody")
    glimpse(wall, live_entry(entry), name="weight")
    glimpse(wall, msgspec.msgpack.encode(LiveEntry(header=entry.header_bytes, body=b"{}")))
    assert wall.feed._unfiled == {}
    for number in range(2 * SHOWN):
        glimpse(wall, live_entry(made.add(weighed(f"p{number}"))))
    await wall.next("passages.zh")
    assert len(wall.feed._unfiled) <= SHOWN
