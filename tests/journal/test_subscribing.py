"""A subscription made at the very moment in which the connection comes up is heard all the same."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from journal.broker import EmbeddedBroker
from journal.mqtt import PahoTransport
from tests.support.ports import free_port

pytestmark = [pytest.mark.wire, pytest.mark.timeout(60)]


@pytest.fixture
def broker() -> Iterator[str]:
    """In a loop and thread of its own, so that it answers while the case holds up its own loop."""
    port, up, loop = free_port(), threading.Event(), asyncio.new_event_loop()
    over = asyncio.Event()

    async def serve() -> None:
        served = EmbeddedBroker(host="127.0.0.1", port=port, users={"service": "s"}, services=("service",))
        await served.start()
        up.set()
        await over.wait()
        await served.stop()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert up.wait(10)
    yield f"mqtt://127.0.0.1:{port}"
    loop.call_soon_threadsafe(over.set)
    thread.join(10)
    loop.close()


async def test_what_is_subscribed_to_while_the_connection_comes_up_is_heard(broker: str) -> None:
    transport = PahoTransport(broker, user="service", password="s")
    heard = asyncio.Event()
    await transport.start()
    connected = threading.Event()
    while not transport._client.is_connected():  # holds up the loop on purpose
        connected.wait(0.01)
    connected.wait(0.2)
    transport.subscribe("weighpost/v1/up/+/hello", lambda _topic, _payload: heard.set())

    def say_hello() -> None:
        transport.publish("weighpost/v1/up/b/hello", b"x")

    transport.on_connected(say_hello)
    try:
        async with asyncio.timeout(40):
            await heard.wait()
    finally:
        await transport.stop()
