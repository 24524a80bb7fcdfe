"""Runs an assembled centre: broker, web server and tasks, until a signal or a fault ends all of them."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import uvicorn

from central import keyring
from central.app import Mount
from central.assembly import Centre, Given, assemble
from central.settings import Settings
from central.store.engines import Database, connect
from central.store.migrate import migrate
from journal.broker import EmbeddedBroker
from journal.mqtt import PahoTransport
from kernel.clock import Clock
from kernel.errors import ConfigError
from web.ports import holder

_WITNESS_PATIENCE_S = 10.0
_FAREWELL_S = 3


async def run(
    settings: Settings, *, clock: Clock, mounts: Sequence[Mount] = (), ready: Callable[[str], None]
) -> None:
    """Until SIGINT or SIGTERM; `ready` is told the address.  ConfigError, RefusedError: why it cannot start."""
    keys = keyring.load(settings)
    async with AsyncExitStack() as stack:
        listening = listen(settings.web.host, settings.web.port, path="web.port")
        stack.callback(listening.close)
        database = await asyncio.to_thread(_open_database, settings)
        stack.callback(database.close)
        transport = await stack.enter_async_context(_broker(settings))
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=_WITNESS_PATIENCE_S))
        given = Given(
            settings=settings, keys=keys, database=database, transport=transport, http=http, clock=clock
        )
        centre = assemble(given, mounts=mounts)
        stack.callback(centre.close)
        host, port = listening.getsockname()[:2]
        await _serve(centre, transport, listening, ready=lambda: ready(f"http://{host}:{port}"))


def listen(host: str, port: int, *, path: str) -> socket.socket:
    """A bound socket; ConfigError names whoever has the port."""
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise ConfigError.one(path, f"cannot listen on {host}:{port}: {_why(port, error)}") from error
    return bound


async def _serve(
    centre: Centre, transport: PahoTransport, listening: socket.socket, *, ready: Callable[[], None]
) -> None:
    server = _Server(
        uvicorn.Config(
            centre.app,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=_FAREWELL_S,
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            lifespan="on",
        ),
        ready=ready,
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.stop)
    await transport.start()
    try:
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(work(), name=name) for name, work in centre.tasks.items()]
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
    broker = settings.broker
    if broker.url is not None:
        yield PahoTransport(broker.url, user=broker.user, password=broker.password)
        return
    listen(broker.host, broker.port, path="broker.port").close()
    users = {box.name: box.password for box in settings.boxes} | {broker.user: broker.password}
    embedded = EmbeddedBroker(host=broker.host, port=broker.port, users=users, services=(broker.user,))
    await embedded.start()
    try:
        yield PahoTransport(f"mqtt://{broker.host}:{broker.port}", user=broker.user, password=broker.password)
    finally:
        await embedded.stop()


def _open_database(settings: Settings) -> Database:
    database = connect(settings.database_url)
    migrate(database)
    return database


def _why(port: int, error: OSError) -> str:
    taken = error.errno == errno.EADDRINUSE
    return f"taken by {holder(port) or 'a process that is just ending'}" if taken else str(error.strerror)
