"""Serves an application beside the other tasks of its process, until a signal or a fault ends all of them."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from kernel.errors import ConfigError, RestartError
from web.peers import PeerProtocol
from web.ports import holder

FAREWELL_S = 3

Run = Callable[[], Coroutine[Any, Any, None]]


def listen(host: str, port: int, *, path: str) -> socket.socket:
    """A listening socket; ConfigError names whoever has the port, RestartError: the address is not there yet."""
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen()
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRNOTAVAIL:
            # After a power cut the network may come later than we do: whoever starts us tries again.
            raise RestartError(f"{path}: {host} is no address of this machine now") from error
        raise ConfigError.one(path, f"cannot listen on {host}:{port}: {_why(port, error)}") from error
    return bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A second address of a process, behind TLS, for machines: its requests know whose certificate was shown."""

    app: ASGIApp
    listening: socket.socket
    context: ssl.SSLContext


async def serve(
    app: FastAPI,
    listening: socket.socket,
    *,
    tasks: Mapping[str, Run],
    ready: Callable[[str], None],
    gate: Gate | None = None,
) -> None:
    """Until SIGINT or SIGTERM; `ready` is told the address.  What a task raises comes in a group."""
    host, port = listening.getsockname()[:2]
    server = _Server(_config(app), ready=lambda: ready(f"http://{host}:{port}"))
    beside = _Server(_gate_config(gate), ready=lambda: None) if gate else None
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.stop)
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(work(), name=name) for name, work in tasks.items()]
        if gate and beside:
            group.create_task(beside.serve(sockets=[gate.listening]), name="gate")
        await server.serve(sockets=[listening])
        if beside:
            beside.stop()
        for task in running:
            task.cancel()


def _gate_config(gate: Gate) -> uvicorn.Config:
    config = uvicorn.Config(
        gate.app,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=FAREWELL_S,
        http=PeerProtocol,
        ws="none",
        lifespan="off",
    )
    config.load()
    config.ssl = gate.context
    return config


def _config(app: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=FAREWELL_S,
        ws="websockets-sansio",
        ws_per_message_deflate=False,  # lines are short and many: packing them costs more than it saves
        lifespan="on",
    )


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


def _why(port: int, error: OSError) -> str:
    taken = error.errno == errno.EADDRINUSE
    return f"taken by {holder(port) or 'a process that is just ending'}" if taken else str(error.strerror)
