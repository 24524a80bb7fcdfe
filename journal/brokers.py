"""The broker of a process that receives: one that runs elsewhere, or one inside of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from journal.broker import EmbeddedBroker
from journal.mqtt import PahoTransport
from journal.settings import Broker


@asynccontextmanager
async def connection(broker: Broker, *, user: str, boxes: Mapping[str, str]) -> AsyncIterator[PahoTransport]:
    """A connection, not yet begun, of `user`, who serves all boxes.  `boxes` are their names and passwords."""
    transport = PahoTransport(broker.address, user=user, password=broker.password)
    embedded = None
    if broker.url is None:
        users = {**boxes, user: broker.password}
        embedded = EmbeddedBroker(host=broker.host, port=broker.port, users=users, services=(user,))
        await embedded.start()
    try:
        yield transport
    finally:
        if embedded is not None:
            await embedded.stop()
