"""The broker of a process that receives: one that runs elsewhere, or one inside of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from journal.broker import EmbeddedBroker
from journal.guests import Guests, Listed
from journal.mqtt import PahoTransport
from journal.settings import Broker
from journal.tls import Credentials


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Who comes in: boxes by their passwords or, with credentials of our own, guests by their certificates."""

    passwords: Mapping[str, str] = field(default_factory=dict)
    guests: Guests = field(default_factory=lambda: Listed(()))
    tls: Credentials | None = None
    refused: Counter[str] = field(default_factory=Counter)


@asynccontextmanager
async def connection(broker: Broker, *, user: str, door: Door) -> AsyncIterator[PahoTransport]:
    """A connection, not yet begun, of `user`, who serves all boxes."""
    certified = broker.password is None
    transport = PahoTransport(
        broker.address,
        user=user,
        password=broker.password,
        tls=door.tls.client() if door.tls and certified else None,
    )
    embedded = _embedded(broker, user, door) if broker.url is None else None
    if embedded is not None:
        await embedded.start()
    try:
        yield transport
    finally:
        if embedded is not None:
            await embedded.stop()


def _embedded(broker: Broker, user: str, door: Door) -> EmbeddedBroker:
    if broker.password is not None:
        users = {**door.passwords, user: broker.password}
        return EmbeddedBroker(
            host=broker.host, port=broker.port, users=users, services=(user,), refused=door.refused
        )
    return EmbeddedBroker(
        host=broker.host,
        port=broker.port,
        services=(user,),
        guests=door.guests,
        context=door.tls.server(demand=True) if door.tls else None,
        refused=door.refused,
    )
