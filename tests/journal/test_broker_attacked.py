"""The embedded broker against clients that mean harm, spoken to byte by byte."""

from __future__ import annotations

import asyncio
import gc
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from journal.broker import LARGEST, EmbeddedBroker
from journal.mqtt import PahoTransport
from tests.support.ports import free_port

pytestmark = [pytest.mark.wire, pytest.mark.timeout(120)]

USERS = {"s01-lane1": "a", "s01-lane2": "b", "centre": "c"}
ACCEPTED, NOT_AUTHORISED = b"\x20\x02\x00\x00", b"\x20\x02\x00\x05"
RETAIN, QOS1, CLEAN, WILL, WILL_RETAIN = 0x01, 0x02, 0x02, 0x04, 0x20


def text(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("!H", len(data)) + data


def packet(first: int, body: bytes, *, length: int | None = None) -> bytes:
    left, digits = len(body) if length is None else length, bytearray()
    while True:
        left, digit = divmod(left, 128)
        digits.append(digit | (0x80 if left else 0))
        if not left:
            return bytes([first, *digits]) + body


def connect(
    client_id: str, user: str, password: str, *, flags: int = CLEAN, will: bytes = b"", keepalive: int = 60
) -> bytes:
    head = text("MQTT") + bytes([4, 0xC0 | flags]) + struct.pack("!H", keepalive)
    return packet(0x10, head + text(client_id) + will + text(user) + text(password))


def publish(topic: str, payload: bytes, *, flags: int = 0) -> bytes:
    return packet(0x30 | flags, text(topic) + (b"\x00\x01" if flags & QOS1 else b"") + payload)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def broker() -> AsyncIterator[int]:
    port = free_port()
    running = EmbeddedBroker(host="127.0.0.1", port=port, users=USERS, services=("centre",))
    await running.start()
    try:
        yield port
    finally:
        await running.stop()
        gc.collect()


@asynccontextmanager
async def client(port: int, user: str) -> AsyncIterator[PahoTransport]:
    transport = PahoTransport(f"mqtt://127.0.0.1:{port}", user=user, password=USERS[user])
    await transport.start()
    try:
        yield transport
    finally:
        await transport.stop()


@asynccontextmanager
async def raw(port: int, *said: bytes) -> AsyncIterator[asyncio.StreamReader]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for data in said:
        writer.write(data)
    try:
        yield reader
    finally:
        writer.transport.abort()


async def ended(reader: asyncio.StreamReader) -> bool:
    """The broker has closed this connection."""
    async with asyncio.timeout(20):
        try:
            while await reader.read(4096):
                pass
        except ConnectionError:
            pass
    return True


async def hears(lane: PahoTransport, heard: list[bytes]) -> bool:
    """What the lane says arrives at the centre."""
    before = len(heard)
    async with asyncio.timeout(40):
        while len(heard) == before:
            lane.publish("weighpost/v1/up/s01-lane1/hello", b"true")
            await asyncio.sleep(0.1)
    return True


@pytest.mark.parametrize("flags", [CLEAN, 0])
async def test_whoever_is_not_let_in_takes_nobody_elses_place(flags: int) -> None:
    heard: list[bytes] = []
    async with broker() as port, client(port, "centre") as centre, client(port, "s01-lane1") as lane:
        centre.subscribe("weighpost/v1/up/+/hello", lambda _topic, data: heard.append(data))
        await until(lambda: centre.connected and lane.connected)
        assert await hears(lane, heard)
        lost: list[int] = []
        centre.on_connected(lambda: lost.append(1))  # once now, and once more if it has to come back
        async with raw(port, connect("centre", "nobody", "x", flags=flags)) as answer:
            assert await answer.readexactly(4) == NOT_AUTHORISED
            assert await hears(lane, heard)
        assert lost == [1]


async def test_a_box_with_the_client_id_of_the_centre_takes_nothing_from_it() -> None:
    heard: list[bytes] = []
    async with broker() as port, client(port, "centre") as centre, client(port, "s01-lane1") as lane:
        centre.subscribe("weighpost/v1/up/+/hello", lambda _topic, data: heard.append(data))
        await until(lambda: centre.connected and lane.connected)
        async with raw(port, connect("centre", "s01-lane2", "b", flags=0)) as answer:
            assert await answer.readexactly(4) == ACCEPTED
            assert await hears(lane, heard)


async def test_one_who_comes_again_takes_the_place_of_his_dead_connection() -> None:
    async with broker() as port, raw(port, connect("s01-lane1", "s01-lane1", "a")) as first:
        assert await first.readexactly(4) == ACCEPTED
        async with raw(port, connect("s01-lane1", "s01-lane1", "a")) as second:
            assert await second.readexactly(4) == ACCEPTED
            assert await ended(first)


async def test_a_connection_that_says_nothing_for_too_long_is_closed() -> None:
    async with broker() as port, raw(port, connect("s01-lane1", "s01-lane1", "a", keepalive=1)) as silent:
        assert await silent.readexactly(4) == ACCEPTED
        assert await ended(silent)


async def test_nobody_speaks_for_another_by_dying() -> None:
    heard: list[bytes] = []
    will = text("weighpost/v1/up/s01-lane2/live/weight") + text(b"forged")
    async with broker() as port, client(port, "centre") as centre, client(port, "s01-lane1") as lane:
        centre.subscribe("weighpost/v1/up/#", lambda _topic, data: heard.append(data))
        await until(lambda: centre.connected and lane.connected)
        async with raw(
            port, connect("x", "s01-lane1", "a", flags=CLEAN | WILL | WILL_RETAIN, will=will)
        ) as answer:
            assert await answer.readexactly(4) == ACCEPTED
        assert await hears(lane, heard)
        assert await hears(lane, heard)
        late: list[bytes] = []
        centre.subscribe("weighpost/v1/up/+/live/+", lambda _topic, data: late.append(data))
        assert await hears(lane, heard)
    assert set(heard) == {b"true"}
    assert late == []


async def test_nothing_is_kept_for_later() -> None:
    heard: list[bytes] = []
    async with broker() as port, client(port, "s01-lane1") as lane:
        async with raw(
            port,
            connect("x", "s01-lane1", "a"),
            publish("weighpost/v1/up/s01-lane1/live/weight", b"old", flags=RETAIN | QOS1),
        ) as answer:
            assert await answer.readexactly(4) == ACCEPTED
            assert await answer.readexactly(4) == b"\x40\x02\x00\x01"
        async with client(port, "centre") as centre:
            centre.subscribe("weighpost/v1/up/#", lambda _topic, data: heard.append(data))
            await until(lambda: centre.connected and lane.connected)
            assert await hears(lane, heard)
            assert await hears(lane, heard)
    assert set(heard) == {b"true"}


async def test_a_message_larger_than_any_of_ours_ends_the_connection() -> None:
    heard: list[bytes] = []
    topic = "weighpost/v1/up/s01-lane1/hello"
    async with broker() as port, client(port, "centre") as centre, client(port, "s01-lane2"):
        centre.subscribe("weighpost/v1/up/#", lambda _topic, data: heard.append(data))
        await until(lambda: centre.connected)
        huge = packet(0x30, text(topic) + b"x" * 1000, length=200 << 20)
        async with raw(port, connect("x", "s01-lane1", "a"), huge) as answer:
            assert await answer.readexactly(4) == ACCEPTED
            assert await ended(answer)
        async with raw(
            port, connect("x", "s01-lane1", "a"), publish(topic, b"y" * (LARGEST - 100))
        ) as answer:
            await until(lambda: bool(heard))
    assert [len(data) for data in heard] == [LARGEST - 100]


@pytest.mark.parametrize(
    "said",
    [
        b"\x10\xff\xff\xff\xff\xff",
        packet(0x10, b"\x00\x04MQTT\x04\xc2\x00"),
        packet(0x10, text("MQTT") + b"\x04\xc2\x00\x3c" + text(b"\xff\xfe") + text("centre")),
        packet(0x10, text("MQIsdp") + b"\x03\x02\x00\x3c" + text("x")),
        packet(0x30, text("weighpost/v1/up/s01-lane1/hello")),
        b"\x00\x00",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
async def test_whatever_comes_first_costs_no_place(said: bytes) -> None:
    async with broker() as port:
        for _ in range(3):
            async with raw(port, said) as answer:
                answer_end = asyncio.create_task(ended(answer))
                await asyncio.sleep(0)
            await answer_end
        async with raw(port, connect("s01-lane1", "s01-lane1", "a")) as answer:
            assert await answer.readexactly(4) == ACCEPTED


async def test_it_stops_at_whatever_point_a_client_is_on_its_way_in() -> None:
    for steps in range(60):
        async with broker() as port:
            _reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(connect("lane", "s01-lane1", "a"))
            for _ in range(steps):
                await asyncio.sleep(0)
        writer.close()
