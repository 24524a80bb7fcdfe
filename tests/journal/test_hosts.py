"""Several addresses of one destination: the next after a failure, the first again once it answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.broker import EmbeddedBroker
from journal.hosts import LONGEST, Hosts
from journal.mqtt import PahoTransport
from journal.settings import Destination
from kernel.errors import ConfigError
from kernel.evidence.notes import encode_base64
from kernel.settings import read
from tests.support.ports import free_port

BOX = "s01-lane1"
USERS = {BOX: "lane-secret"}


def test_the_next_after_a_failure_and_round_again() -> None:
    hosts = Hosts(["a", "b", "c"])
    assert (hosts.now, hosts.is_away) == ("a", False)
    assert [hosts.failed() for _ in range(4)] == ["b", "c", "a", "b"]
    assert hosts.back() == "a"


def test_one_alone_is_tried_again() -> None:
    hosts = Hosts(["a"])
    assert (hosts.failed(), hosts.is_away, hosts.several) == ("a", False, False)


def test_a_first_that_answers_and_does_not_work_is_left_alone_for_longer() -> None:
    hosts = Hosts(["a", "b"])
    hosts.failed()
    seen = []
    for _ in range(8):
        hosts.back()
        hosts.failed()
        hosts.answered()  # b works
        seen.append(hosts.patience)
    assert seen == [2, 4, 8, 16, 32, 32, 32, 32]
    hosts.back()
    hosts.answered()
    assert hosts.patience == 1


@given(steps=st.lists(st.sampled_from(["failed", "back", "answered"]), max_size=40), count=st.integers(1, 4))
def test_whatever_happens_one_of_them_is_in_use(steps: list[str], count: int) -> None:
    hosts = Hosts([str(number) for number in range(count)])
    for step in steps:
        getattr(hosts, step)()
        assert int(hosts.now) in range(count)
        assert 1 <= hosts.patience <= LONGEST


def destination(**given: object) -> Destination:
    table: dict[str, object] = {
        "name": "centre",
        "mqtt": "mqtt://a:1",
        "password": "s",
        "store_id": "centre-1",
        "store_public": encode_base64(bytes(32)),
    }
    return read(Destination, table | given)


def test_settings_with_one_address_and_with_several() -> None:
    assert destination().mqtt == "mqtt://a:1"
    destination(mqtt="mqtt://a:1, mqtt://b:2", files="http://a,https://b")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("mqtt", ""),
        ("mqtt", "mqtt://a,http://b"),
        ("mqtt", "mqtt://a,mqtts://b"),
        ("files", "http://a,ftp://b"),
    ],
)
def test_settings_that_name_what_is_no_address(key: str, value: str) -> None:
    with pytest.raises(ConfigError) as raised:
        destination(**{key: value})
    assert {path for path, _ in raised.value.faults} == {key}


# --- two brokers -----------------------------------------------------------------------------------------------


@asynccontextmanager
async def broker(port: int) -> AsyncIterator[None]:
    running = EmbeddedBroker(host="127.0.0.1", port=port, users=USERS, services=())
    await running.start()
    try:
        yield
    finally:
        await running.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.mark.wire
@pytest.mark.timeout(180)
async def test_a_box_goes_to_the_second_broker_and_comes_back() -> None:
    first, second = free_port(), free_port()
    transport = PahoTransport(
        f"mqtt://127.0.0.1:{first},mqtt://127.0.0.1:{second}", user=BOX, password=USERS[BOX], back_s=0.2
    )
    sessions: list[int] = []
    transport.on_connected(lambda: sessions.append(int(transport._hosts.now.rpartition(":")[2])))
    heard: list[bytes] = []
    transport.subscribe(f"weighpost/v1/down/{BOX}/command", lambda _topic, payload: heard.append(payload))
    async with broker(second):
        await transport.start()
        await until(lambda: transport.connected)  # nobody at the first
        async with broker(first):
            await until(lambda: len(sessions) == 2 and transport.connected)
            assert transport.publish(f"weighpost/v1/up/{BOX}/live/x", b"x", qos=0)
        await until(lambda: len(sessions) >= 3 and transport.connected)
    await transport.stop()
    assert sessions[:3] == [second, first, second]


@pytest.mark.wire
@pytest.mark.timeout(180)
async def test_a_first_that_only_opens_the_door_is_no_broker() -> None:
    async def shut(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(shut, "127.0.0.1", 0)
    first, second = server.sockets[0].getsockname()[1], free_port()
    transport = PahoTransport(
        f"mqtt://127.0.0.1:{first},mqtt://127.0.0.1:{second}", user=BOX, password=USERS[BOX], back_s=0.1
    )
    sessions: list[int] = []
    transport.on_connected(lambda: sessions.append(1))
    async with broker(second):
        await transport.start()
        await until(lambda: len(sessions) >= 2 and transport.connected)  # it was left once, for nothing
        assert transport._hosts.patience > 1
        assert transport._hosts.now.endswith(str(second))
    await transport.stop()
    server.close()
