"""The embedded broker with real clients: who may speak where."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from journal.broker import EmbeddedBroker, may
from journal.mqtt import PahoTransport
from journal.transport import topic_matches
from kernel.errors import ConfigError
from tests.support.ports import free_port

USERS = {"s01-lane1": "a", "s01-lane2": "b", "centre": "c"}


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def broker(port: int) -> AsyncIterator[None]:
    running = EmbeddedBroker(host="127.0.0.1", port=port, users=USERS, services=("centre",))
    await running.start()
    try:
        yield
    finally:
        await running.stop()


@asynccontextmanager
async def client(port: int, user: str, password: str) -> AsyncIterator[PahoTransport]:
    transport = PahoTransport(f"mqtt://127.0.0.1:{port}", user=user, password=password)
    await transport.start()
    try:
        yield transport
    finally:
        await transport.stop()


@pytest.mark.parametrize(
    ("user", "topic", "publishes", "service", "allowed"),
    [
        ("s01-lane1", "weighpost/v1/up/s01-lane1/hello", True, False, True),
        ("s01-lane1", "weighpost/v1/up/s01-lane2/hello", True, False, False),
        ("s01-lane1", "weighpost/v1/down/s01-lane1/#", False, False, True),
        ("s01-lane1", "weighpost/v1/down/s01-lane1/receipt/x", True, False, False),
        ("s01-lane1", "weighpost/v1/down/+/#", False, False, False),
        ("s01-lane1", "#", False, False, False),
        ("s01-lane", "weighpost/v1/up/s01-lane1/hello", True, False, False),
        ("centre", "weighpost/v1/up/+/frame/+", False, True, True),
        ("centre", "weighpost/v1/down/s01-lane1/receipt/x", True, True, True),
        ("centre", "other", True, True, False),
    ],
)
def test_who_may_speak_where(user: str, topic: str, publishes: bool, service: bool, allowed: bool) -> None:
    assert may(user, topic, publishes=publishes, service=service) is allowed


@pytest.mark.parametrize(
    ("pattern", "topic", "match"),
    [
        ("a/+/c", "a/b/c", True),
        ("a/+/c", "a/b/d", False),
        ("a/#", "a/b/c", True),
        ("a/+", "a/b/c", False),
        ("a/b/c", "a/b", False),
        ("#", "$SYS/x", False),
    ],
)
def test_patterns(pattern: str, topic: str, match: bool) -> None:
    assert topic_matches(pattern, topic) is match


@pytest.mark.wire
@pytest.mark.timeout(60)
async def test_a_box_reaches_the_centre_and_only_as_itself() -> None:
    port = free_port()
    heard: list[tuple[str, bytes]] = []
    async with broker(port), client(port, "centre", "c") as centre, client(port, "s01-lane1", "a") as lane:
        centre.subscribe("weighpost/v1/up/+/#", lambda topic, data: heard.append((topic, data)))
        await until(lambda: centre.connected and lane.connected)
        lane.publish("weighpost/v1/up/s01-lane2/hello", b"forged")
        lane.publish("weighpost/v1/up/s01-lane1/hello", b"true")
        await until(lambda: bool(heard))
    assert heard == [("weighpost/v1/up/s01-lane1/hello", b"true")]


@pytest.mark.wire
@pytest.mark.timeout(60)
async def test_a_box_hears_only_what_is_for_it() -> None:
    port = free_port()
    heard: list[bytes] = []
    async with broker(port), client(port, "centre", "c") as centre, client(port, "s01-lane1", "a") as lane:
        lane.subscribe("weighpost/v1/down/s01-lane2/#", lambda topic, data: heard.append(b"foreign"))
        lane.subscribe("weighpost/v1/down/s01-lane1/#", lambda topic, data: heard.append(data))
        await until(lambda: centre.connected and lane.connected)
        while not heard:
            centre.publish("weighpost/v1/down/s01-lane2/receipt/x", b"no")
            centre.publish("weighpost/v1/down/s01-lane1/receipt/x", b"yes")
            await asyncio.sleep(0.05)
    assert set(heard) == {b"yes"}


@pytest.mark.wire
@pytest.mark.timeout(60)
async def test_a_wrong_password_is_refused_and_a_broker_that_comes_back_is_found_again() -> None:
    port = free_port()
    connects: list[int] = []
    async with client(port, "s01-lane1", "a") as lane, client(port, "s01-lane2", "wrong") as wrong:
        lane.on_connected(lambda: connects.append(1))
        async with broker(port):
            await until(lambda: lane.connected)
            assert not wrong.connected
        await until(lambda: not lane.connected)
        assert not lane.publish("weighpost/v1/up/s01-lane1/hello", b"x")
        async with broker(port):
            await until(lambda: len(connects) == 2)
        assert not wrong.connected


@pytest.mark.wire
async def test_a_taken_port_is_a_fault_of_the_settings() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        running = EmbeddedBroker(
            host="127.0.0.1", port=taken.getsockname()[1], users=USERS, services=("centre",)
        )
        with pytest.raises(ConfigError, match=r"broker\.port"):
            await running.start()
