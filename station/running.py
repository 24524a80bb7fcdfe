"""Runs an assembled station: broker, web server and tasks, until a signal or a fault ends all of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack

from journal.brokers import connection
from kernel.clock import Clock
from kernel.law.rows import china_day
from station.assembly import Assembly, load_keys, load_law
from station.settings import Settings
from web.serving import listen, serve


async def run(settings: Settings, *, clock: Clock, ready: Callable[[str], None]) -> None:
    """Until SIGINT or SIGTERM; `ready` is told the address.  ConfigError, RefusedError: why it cannot start."""
    keys, law = load_keys(settings), load_law(settings, on=china_day(clock.now_ms()))
    settings.folder.mkdir(parents=True, exist_ok=True)
    broker, name = settings.broker, settings.box.name
    async with AsyncExitStack() as stack:
        listening = listen(settings.web.host, settings.web.port, path="web.port")
        stack.callback(listening.close)
        if broker.url is None:
            listen(broker.host, broker.port, path="broker.port").close()
        transport = await stack.enter_async_context(connection(broker, user=name, boxes=settings.passwords))
        station = Assembly(settings, keys=keys, law=law, transport=transport, clock=clock)
        stack.callback(station.close)
        await station.catch_up()
        assembled = station.assemble()
        await transport.start()
        stack.push_async_callback(transport.stop)
        await serve(assembled.app, listening, tasks=assembled.tasks, ready=ready)
