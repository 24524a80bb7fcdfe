"""Runs an assembled centre: broker, web server and tasks, until a signal or a fault ends all of them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import httpx

from central import keyring
from central.app import Mount
from central.assembly import Given, assemble
from central.enrolment.admission import Admission, Standing
from central.enrolment.certifying import Certifier
from central.settings import Settings
from central.store.dating import settle
from central.store.engines import Database, connect
from central.store.migrate import migrate
from central.store.partitions import make_ahead
from central.store.speakers import Speakers
from journal.brokers import Door, connection
from kernel.clock import Clock
from web.serving import Gate, listen, serve

_WITNESS_PATIENCE_S = 10.0


async def run(
    settings: Settings, *, clock: Clock, mounts: Sequence[Mount] = (), ready: Callable[[str], None]
) -> None:
    """Until SIGINT or SIGTERM; `ready` is told the address.  ConfigError, RefusedError: why it cannot start."""
    keys, broker = keyring.load(settings), settings.broker
    tls = keyring.credentials(settings, clock=clock)
    certifier = Certifier.load(Path(settings.keys.folder)) if settings.gate else None
    async with AsyncExitStack() as stack:
        listening = listen(settings.web.host, settings.web.port, path="web.port")
        stack.callback(listening.close)
        gate = _listen_at_gate(settings, stack)
        if broker.url is None:
            listen(broker.host, broker.port, path="broker.port").close()
        database = await asyncio.to_thread(_open_database, settings, clock.now_ms())
        stack.callback(database.close)
        admission = await asyncio.to_thread(_admission, settings, Speakers(database))
        door = Door(passwords=settings.passwords, guests=admission, tls=tls)
        transport = await stack.enter_async_context(connection(broker, user=settings.user, door=door))
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=_WITNESS_PATIENCE_S))
        given = Given(
            settings=settings,
            keys=keys,
            database=database,
            transport=transport,
            http=http,
            clock=clock,
            admission=admission,
            certifier=certifier,
            tls=tls,
            broker_refused=door.refused,
        )
        centre = assemble(given, mounts=mounts)
        stack.callback(centre.close)
        await transport.start()
        stack.push_async_callback(transport.stop)
        beside = None
        if gate and tls and centre.gate:
            beside = Gate(app=centre.gate, listening=gate, context=tls.server(demand=False))
        await serve(centre.app, listening, tasks=centre.tasks, ready=ready, gate=beside)


def _listen_at_gate(settings: Settings, stack: AsyncExitStack) -> socket.socket | None:
    if settings.gate is None:
        return None
    listening = listen(settings.gate.host, settings.gate.port, path="gate.port")
    stack.callback(listening.close)
    return listening


def _admission(settings: Settings, speakers: Speakers) -> Admission:
    boxes = {box.name: box.source for box in settings.boxes}
    admission = Admission(
        centre=settings.box, source=settings.source, boxes=boxes, plate_key=keyring.plate_key(settings)
    )
    admission.learn(Standing.read(speakers))
    return admission


def _open_database(settings: Settings, now_ms: int) -> Database:
    database = connect(settings.database_url)
    migrate(database)
    make_ahead(database, now_ms=now_ms)
    settle(database)
    return database
