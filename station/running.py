"""Runs an assembled station: broker, web server and tasks, until a signal or a fault ends all of them."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import uvicorn

from journal.broker import EmbeddedBroker
from journal.mqtt import PahoTransport
from kernel.clock import Clock
from kernel.errors import ConfigError
from kernel.law.rows import china_day
from station.assembly import Assembled, Assembly, load_keys, load_law
from station.settings import Settings
from web.ports import holder

FAREWELL_S = 3


async def run(settings: Settings, *, clock: Clock, ready: Callable[[str], None]) -> None:
    """Until SIGINT or SIGTERM; `ready` is told the address.  ConfigError, RefusedError: why it cannot start."""
    keys, law = load_keys(settings), load_law(settings, on=china_day(clock.now_ms()))
    settings.folder.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        listening = listen(settings.web.host, settings.web.port, path="web.port")
        stack.callback(listening.close)
        transport = await stack.enter_async_context(_broker(settings))
        station = Assembly(settings, keys=keys, law=law, transport=transport, clock=clock)
        stack.callback(station.close)
        await station.catch_up()
        host, port = listening.getsockname()[:2]
        await _serve(station.assemble(), transport, listening, ready=lambda: ready(f"http://{host}:{port}"))


def listen(host: str, port: int, *, path: str) -> socket.socket:
    """A bound socket; ConfigError names whoever has the port."""
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen()
    except OSError as error:
        bound.close()
        raise ConfigError.one(path, f"cannot listen on {host}:{port}: {_why(port, error)}") from error
    return bound


async def _serve(
    station: Assembled, transport: PahoTransport, listening: socket.socket, *, ready: Callable[[], None]
) -> None:
    config = uvicorn.Config(
        station.app,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=FAREWELL_S,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        lifespan="on",
    )
    server = _Server(config, ready=ready)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.stop)
    await transport.start()
    try:
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(work(), name=name) for name, work in station.tasks.items()]
            await server.serve(sockets=[listening])
            for task in running:
                task.cancel()
    finally:
        await transport.stop()


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: the process ends in order, not by a second signal."""

    def __init__(self, config: uvicorn.Config, *, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    def stop(self) -> None:
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def _broker(settings: Settings) -> AsyncIterator[PahoTransport]:
    """A connection, not yet begun, to the broker of the settings or to one embedded here."""
    broker, name = settings.broker, settings.box.name
    if broker.url is not None:
        yield PahoTransport(broker.url, user=name, password=broker.password)
        return
    listen(broker.host, broker.port, path="broker.port").close()
    users = settings.passwords | {name: broker.password}
    embedded = EmbeddedBroker(host=broker.host, port=broker.port, users=users, services=(name,))
    await embedded.start()
    try:
        yield PahoTransport(broker.address, user=name, password=broker.password)
    finally:
        await embedded.stop()


def _why(port: int, error: OSError) -> str:
    taken = error.errno == errno.EADDRINUSE
    return f"taken by {holder(port) or 'a process that is just ending'}" if taken else str(error.strerror)
