"""Runs an assembled station: broker, web server and tasks, until a signal or a fault ends all of them."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import AsyncExitStack

from journal.brokers import Door, connection
from journal.guests import Listed
from journal.renewing import credentials
from journal.tls import TlsTime
from kernel.clock import Clock
from kernel.law.rows import china_day
from station.assembly import Assembly, load_keys, load_law
from station.settings import Settings
from web.serving import Gate, listen, serve


async def run(settings: Settings, *, clock: Clock, ready: Callable[[str], None]) -> None:
    """Until SIGINT or SIGTERM; `ready` is told the address.  ConfigError, RefusedError: why it cannot start."""
    keys, law = load_keys(settings), load_law(settings, on=china_day(clock.now_ms()))
    tls = credentials(settings.box, keys.identity, time=TlsTime(clock=clock))
    settings.folder.mkdir(parents=True, exist_ok=True)
    broker, name = settings.broker, settings.box.name
    async with AsyncExitStack() as stack:
        listening = listen(settings.web.host, settings.web.port, path="web.port")
        stack.callback(listening.close)
        if broker.url is None:
            listen(broker.host, broker.port, path="broker.port").close()
        gate = _listen_at_gate(settings, stack)
        guests = Listed([name, *(box.name for box in settings.boxes)])
        door = Door(passwords=settings.passwords, guests=guests, tls=tls)
        transport = await stack.enter_async_context(connection(broker, user=name, door=door))
        station = Assembly(
            settings, keys=keys, law=law, transport=transport, clock=clock, tls=tls, door=door, guests=guests
        )
        stack.callback(station.close)
        await station.catch_up()
        assembled = station.assemble()
        await transport.start()
        stack.push_async_callback(transport.stop)
        beside = None
        if gate and tls and assembled.gate:
            beside = Gate(app=assembled.gate, listening=gate, context=tls.server(demand=True))
        await serve(assembled.app, listening, tasks=assembled.tasks, ready=ready, gate=beside)


def _listen_at_gate(settings: Settings, stack: AsyncExitStack) -> socket.socket | None:
    if settings.gate is None:
        return None
    listening = listen(settings.gate.host, settings.gate.port, path="gate.port")
    stack.callback(listening.close)
    return listening
