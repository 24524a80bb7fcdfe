"""Plays what a line once said again 回放, at its own pace, behind a wire that a lane can read: a pty or a TCP port."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from kernel.captures import Passed, is_capture, read_capture
from kernel.clock import Clock
from kernel.errors import ConfigError, ProtocolError
from simulators.ptys import PtyPort

_CHUNK = 16
_FAST_BAUD = 10_000_000  # the pace is that of the capture, not of the pty
_LINGER_S = 1.0  # for a reader that has not taken the last bytes yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """`tcp` None plays on a pty, at `path` if that is given."""

    file: Path
    speed: float = 1.0
    baud: int = 9_600  # of a file of raw bytes, which has no times
    path: Path | None = None
    tcp: int | None = None


class Wire(Protocol):
    @property
    def heard(self) -> bool: ...

    async def send(self, data: bytes) -> None: ...


def timeline(data: bytes, *, baud: int) -> tuple[Passed, ...]:
    """What the device said and when; ProtocolError for a damaged capture.  Any other file is bytes as they came."""
    if is_capture(data):
        return tuple(one for one in read_capture(data).passed if one.way == "in")
    starts = range(0, len(data), _CHUNK)
    return tuple(Passed(at * 10_000 // baud, "in", data[at : at + _CHUNK]) for at in starts)


async def replay(plan: Replay, *, clock: Clock, say: Callable[[str], None]) -> None:
    """Says where the port is, waits until somebody listens, and plays.

    ConfigError: not to be played, or no place for its port.  OSError: no such file, or the port is taken.
    """
    data = await asyncio.to_thread(plan.file.read_bytes)
    try:
        said = timeline(data, baud=plan.baud)
    except ProtocolError as error:
        raise ConfigError.one(str(plan.file), str(error)) from error
    if not said:
        raise ConfigError.one(str(plan.file), "nothing to play: the device says nothing in it")
    async with _wire(plan, clock) as (wire, where):
        say(where)
        while not wire.heard:
            await clock.sleep(0.05)
        await play(said, wire, clock=clock, speed=plan.speed)
        await clock.sleep(_LINGER_S)


async def play(said: Sequence[Passed], wire: Wire, *, clock: Clock, speed: float = 1.0) -> None:
    """Every piece when its time has come, counted from the first, so that nothing adds up."""
    begun = clock.mono_ms()
    for one in said:
        due = begun + (one.ms - said[0].ms) / speed
        await clock.sleep(max(due - clock.mono_ms(), 0) / 1000)
        await wire.send(one.data)


@asynccontextmanager
async def _wire(plan: Replay, clock: Clock) -> AsyncIterator[tuple[Wire, str]]:
    if plan.tcp is not None:
        async with _listening(plan.tcp) as wire:
            yield wire, wire.url
        return
    with tempfile.TemporaryDirectory(prefix="weighpost-replay-") as folder:
        port = PtyPort(plan.path or Path(folder) / "scale", baud=_FAST_BAUD, clock=clock)
        port.plug()
        try:
            yield port, str(port.path)
        finally:
            port.unplug()


class TcpWire:
    """The device's end of a TCP connection; what is sent while nobody listens is gone, as on a real line."""

    def __init__(self) -> None:
        self.url = ""
        self._peer: asyncio.StreamWriter | None = None

    @property
    def heard(self) -> bool:
        return self._peer is not None and not self._peer.is_closing()

    def take(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The newest listener is the one."""
        self.hang_up()
        self._peer = writer

    async def send(self, data: bytes) -> None:
        if self._peer is not None and self.heard:
            self._peer.write(data)
            with contextlib.suppress(OSError):
                await self._peer.drain()

    def hang_up(self) -> None:
        if self._peer is not None:
            self._peer.close()


@asynccontextmanager
async def _listening(port: int) -> AsyncIterator[TcpWire]:
    wire = TcpWire()
    server = await asyncio.start_server(wire.take, "127.0.0.1", port)
    host, real = server.sockets[0].getsockname()
    wire.url = f"socket://{host}:{real}"
    try:
        yield wire
    finally:
        wire.hang_up()
        server.close()
