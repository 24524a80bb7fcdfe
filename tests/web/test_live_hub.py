"""The hub: snapshot first, deltas after it, values only the newest, sessions looked at again, bad messages refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.websockets import WebSocketDisconnect

from tests.web.playing import HandClock
from web.live import Hub, Limits, NoSuchTopicError, parse_want

OPERATOR = ("viewer", "operator")


class Browser:
    """The other end of a socket, without a network."""

    def __init__(self) -> None:
        self.sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.said: asyncio.Queue[str | None] = asyncio.Queue()
        self.closed: int | None = None
        self.may_send = asyncio.Event()
        self.may_send.set()

    async def accept(self) -> None: ...

    async def close(self, code: int = 1000) -> None:
        self.closed = code

    async def send_bytes(self, data: bytes) -> None:
        await self.may_send.wait()
        self.sent.put_nowait(json.loads(data))

    async def receive_text(self) -> str:
        text = await self.said.get()
        if text is None:
            raise WebSocketDisconnect(1001)
        return text

    def want(self, *topics: str) -> None:
        self.said.put_nowait(json.dumps({"want": topics}))

    async def next(self) -> dict[str, Any]:
        return await self.sent.get()


class Room:
    def __init__(self, **limits: Any) -> None:
        self.clock = HandClock()
        self.hub = Hub(build="b1", clock=self.clock, limits=Limits(**limits))
        self.rows = [{"id": 1}]
        self.asked = 0
        self.hub.topic("rows", snapshot=self.snapshot)
        self.hub.topic("weight", stale_ms=1000)
        self.hub.topic("secret", role="admin")
        self.signed_in = True
        self.tasks: list[asyncio.Task[None]] = []

    async def snapshot(self) -> object:
        self.asked += 1
        return self.rows

    async def enter(self, browser: Browser) -> None:
        async def still() -> bool:
            return self.signed_in

        serving = self.hub.serve(browser, may=lambda role: role in OPERATOR, still=still)
        self.tasks.append(asyncio.create_task(serving))
        assert await browser.next() == {"k": "hello", "build": "b1", "beat_ms": 1000}


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    room = Room()
    yield room
    for task in room.tasks:
        task.cancel()
    await asyncio.gather(*room.tasks, return_exceptions=True)


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_snapshot_comes_first_and_deltas_follow(room: Room) -> None:
    browser = Browser()
    await room.enter(browser)
    browser.want("rows")
    first = await browser.next()
    assert (first["k"], first["t"], first["n"], first["d"]) == ("snap", "rows", 0, [{"id": 1}])
    room.hub.publish("rows", {"id": 2})
    assert await browser.next() == {"k": "delta", "t": "rows", "n": 1, "d": {"id": 2}}


async def test_a_value_is_its_own_snapshot_and_says_how_old_it_is(room: Room) -> None:
    room.hub.publish("weight", 20_900)
    room.clock.move(0.7)
    browser = Browser()
    await room.enter(browser)
    browser.want("weight")
    said = await browser.next()
    assert (said["d"], said["age_ms"], said["stale_ms"]) == (20_900, 700, 1000)


async def test_a_value_never_said_has_no_age(room: Room) -> None:
    browser = Browser()
    await room.enter(browser)
    browser.want("weight")
    said = await browser.next()
    assert (said["d"], said["age_ms"]) == (None, None)


async def test_topics_above_the_role_or_unknown_say_nothing(room: Room) -> None:
    browser = Browser()
    await room.enter(browser)
    browser.want("secret", "nothing", "rows")
    assert (await browser.next())["t"] == "rows"
    room.hub.publish("secret", 1)
    await settle()
    assert browser.sent.empty()


async def test_a_slow_browser_gets_a_snapshot_for_what_it_missed() -> None:
    room = Room(waiting=3)
    browser = Browser()
    await room.enter(browser)
    browser.want("rows", "weight")
    assert {(await browser.next())["t"], (await browser.next())["t"]} == {"rows", "weight"}
    browser.may_send.clear()
    room.hub.publish("rows", {"id": 0})
    await settle()
    for n in range(1, 10):
        room.hub.publish("rows", {"id": n})
        room.hub.publish("weight", n)
    assert room.hub.dropped == 6
    browser.may_send.set()
    await settle()
    said = [browser.sent.get_nowait() for _ in range(browser.sent.qsize())]
    assert [(m["k"], m["t"]) for m in said if m["k"] == "snap"] == [("snap", "rows")]
    assert [m["d"] for m in said if m["t"] == "weight"] == [9]
    for task in room.tasks:
        task.cancel()
    await asyncio.gather(*room.tasks, return_exceptions=True)


async def test_browsers_that_come_together_share_a_snapshot(room: Room) -> None:
    browsers = [Browser() for _ in range(20)]
    for browser in browsers:
        await room.enter(browser)
        browser.want("rows")
    for browser in browsers:
        assert (await browser.next())["d"] == [{"id": 1}]
    assert room.asked == 1


async def test_a_heartbeat_every_second_with_the_servers_time(room: Room) -> None:
    browser = Browser()
    await room.enter(browser)
    room.tasks.append(asyncio.create_task(room.hub.run()))
    assert await browser.next() == {"k": "beat", "at_ms": room.clock.now_ms()}
    await settle()
    room.clock.move(1)
    assert await browser.next() == {"k": "beat", "at_ms": room.clock.now_ms()}


async def test_publishing_from_another_thread(room: Room) -> None:
    browser = Browser()
    room.hub.post("rows", {"id": 0})  # nobody listens before the hub runs
    room.tasks.append(asyncio.create_task(room.hub.run()))
    await settle()
    await room.enter(browser)
    browser.want("rows")
    while (await browser.next())["k"] != "snap":
        pass
    await asyncio.to_thread(room.hub.post, "rows", {"id": 7})
    assert (await browser.next())["d"] == {"id": 7}


async def test_a_session_that_ended_ends_the_socket(room: Room) -> None:
    browser = Browser()
    await room.enter(browser)
    await settle()
    room.clock.move(30)
    await settle()
    assert browser.closed is None
    room.signed_in = False
    room.clock.move(30)
    await asyncio.gather(*room.tasks)
    assert browser.closed == 4401


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"want": 1}', '{"want": ["a"], "x": 1}', "x" * 5000, '"\ud800"']
)
async def test_a_bad_message_ends_the_socket(room: Room, text: str) -> None:
    browser = Browser()
    await room.enter(browser)
    browser.said.put_nowait(text)
    await asyncio.gather(*room.tasks)
    assert browser.closed == 1008
    assert room.hub.clients == 0


async def test_a_browser_that_goes_is_forgotten(room: Room) -> None:
    browser = Browser()
    await room.enter(browser)
    assert room.hub.clients == 1
    browser.said.put_nowait(None)
    await asyncio.gather(*room.tasks)
    assert room.hub.clients == 0
    assert browser.closed is None


async def test_too_many_browsers_are_turned_away() -> None:
    hub = Hub(build="b1", clock=HandClock(), limits=Limits(clients=0))
    browser = Browser()

    async def still() -> bool:
        return True

    await hub.serve(browser, may=lambda _role: True, still=still)
    assert browser.closed == 1013


async def test_a_fault_of_ours_is_told_and_closes_the_socket(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken() -> object:
        raise RuntimeError("the store is away")

    room.hub.topic("broken", snapshot=broken)
    browser = Browser()
    await room.enter(browser)
    browser.want("broken")
    await asyncio.gather(*room.tasks)
    assert browser.closed == 1011
    assert [record.message for record in caplog.records] == ["a live socket failed"]


def test_publishing_on_an_undeclared_topic_is_a_bug(room: Room) -> None:
    with pytest.raises(NoSuchTopicError):
        room.hub.publish("typo", 1)


def test_what_a_browser_may_ask() -> None:
    assert parse_want('{"want": ["a", "b"]}', 100) == ("a", "b")
    assert parse_want('{"want": ["a", "b"]}', 5) is None
