"""Runs an assembled centre: broker, web server and tasks, until a signal or a fault ends all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

import httpx

from central import keyring
from central.app import Mount
from central.assembly import Given, assemble
from central.settings import Settings
from central.store.dating import settle
from central.store.engines import Database, connect
from central.store.migrate import migrate
from central.store.partitions import make_ahead
from journal.brokers import connection
from kernel.clock import Clock
from web.serving import listen, serve

_WITNESS_PATIENCE_S = 10.0


async def run(
    settings: Settings, *, clock: Clock, mounts: Sequence[Mount] = (), ready: Callable[[str], None]
) -> None:
    """Until SIGINT or SIGTERM; `ready` is told the address.  ConfigError, RefusedError: why it cannot start."""
    keys, broker = keyring.load(settings), settings.broker
    async with AsyncExitStack() as stack:
        listening = listen(settings.web.host, settings.web.port, path="web.port")
        stack.callback(listening.close)
        if broker.url is None:
            listen(broker.host, broker.port, path="broker.port").close()
        database = await asyncio.to_thread(_open_database, settings, clock.now_ms())
        stack.callback(database.close)
        boxes = {box.name: box.password for box in settings.boxes}
        transport = await stack.enter_async_context(connection(broker, user=broker.user, boxes=boxes))
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=_WITNESS_PATIENCE_S))
        given = Given(
            settings=settings, keys=keys, database=database, transport=transport, http=http, clock=clock
        )
        centre = assemble(given, mounts=mounts)
        stack.callback(centre.close)
        await transport.start()
        stack.push_async_callback(transport.stop)
        await serve(centre.app, listening, tasks=centre.tasks, ready=ready)


def _open_database(settings: Settings, now_ms: int) -> Database:
    database = connect(settings.database_url)
    migrate(database)
    make_ahead(database, now_ms=now_ms)
    settle(database)
    return database
