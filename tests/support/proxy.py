"""A wide-area link on one machine: TCP proxies that share a rate, a queue and a delay, and that reset, stall or cut.

    link = Link(up=Way(bit_s=1_000_000, delay_ms=30), down=Way(bit_s=1_000_000, delay_ms=30))
    async with Proxy(("127.0.0.1", 1883), link=link) as broker, Proxy(("127.0.0.1", 8000), link=link) as uploads:
        ...  # connect to broker.port and uploads.port

Everything through one `Link` waits in one queue a direction, as at a modem: what an upload puts there, an event waits
for.  Bytes are never altered or left out within a connection; loss shows as TCP shows it in the end, by a reset.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

PIECE = 4096
IN_FLIGHT = 256  # pieces of one connection on their way
RESET = struct.pack("ii", 1, 0)  # linger of no time: the kernel sends RST

_Side = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One direction.  `bit_s` 0: as fast as it goes.  `reset_permille`: of the pieces of at most 4 kB that pass, how
    many of a thousand end their connection instead.  `queue_bytes`: what waits before the sender is held back.
    """

    bit_s: int = 0
    delay_ms: int = 0
    reset_permille: int = 0
    queue_bytes: int = 64 * 1024


@dataclass(slots=True)
class Lane:
    """The queue of one direction, kept as the moment when it will be empty."""

    way: Way
    carried: int = 0
    empty_at: float = 0.0

    async def pass_through(self, size: int) -> float:
        """Wait for room in the queue; the loop's time at which these bytes come out at the far end."""
        loop = asyncio.get_running_loop()
        self.carried += size
        if not self.way.bit_s:
            return loop.time() + self.way.delay_ms / 1000
        room_s = self.way.queue_bytes * 8 / self.way.bit_s
        while self.empty_at - loop.time() > room_s:
            await asyncio.sleep(self.empty_at - loop.time() - room_s)
        self.empty_at = max(self.empty_at, loop.time()) + size * 8 / self.way.bit_s
        return self.empty_at + self.way.delay_ms / 1000


class Link:
    """What several proxies share.  `up` is towards the target, `down` from it."""

    def __init__(self, *, up: Way | None = None, down: Way | None = None, seed: int = 1) -> None:
        self.up, self.down = Lane(up or Way()), Lane(down or Way())
        self.is_cut = False
        self.resets = 0
        self._chance = random.Random(seed)
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._connections: set[asyncio.Future[Any]] = set()

    @property
    def connections(self) -> int:
        return len(self._connections)

    def become(self, *, up: Way | None = None, down: Way | None = None) -> None:
        """Other weather from now on."""
        self.up.way, self.down.way = up or self.up.way, down or self.down.way

    def reset(self) -> None:
        """Every connection ends with RST; new ones are taken."""
        self.resets += len(self._connections)
        for connection in tuple(self._connections):
            connection.cancel()

    def cut(self) -> None:
        """Every connection ends and new ones are reset until `mend`."""
        self.is_cut = True
        self.reset()

    def stall(self) -> None:
        """Nothing moves and nobody is told, as behind a router that has lost its uplink, until `mend`."""
        self._flowing.clear()

    def mend(self) -> None:
        self.is_cut = False
        self._flowing.set()

    # --- for its proxies ---------------------------------------------------------------------------------------

    def strike(self, way: Way) -> None:
        """ConnectionResetError for as many pieces as its weather wants."""
        if self._chance.randrange(1000) < way.reset_permille:
            self.resets += 1
            raise ConnectionResetError

    async def flowing(self) -> None:
        await self._flowing.wait()

    def joined(self, connection: asyncio.Future[Any]) -> None:
        self._connections.add(connection)

    def left(self, connection: asyncio.Future[Any]) -> None:
        self._connections.discard(connection)


class Proxy:
    """Listens on a free port of 127.0.0.1, or on `port`, and carries to `target`."""

    def __init__(self, target: tuple[str, int], *, link: Link | None = None, port: int = 0) -> None:
        self.link = link or Link()
        self.port = port
        self._target = target
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", self.port)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve((reader, writer)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, near: _Side) -> None:
        try:
            await self.link.flowing()
            if self.link.is_cut:
                raise ConnectionResetError
            far = await asyncio.open_connection(*self._target)
        except OSError:
            _reset(near[1])
            return
        await self._carry(near, far)

    async def _carry(self, near: _Side, far: _Side) -> None:
        pumps = [
            asyncio.create_task(self._pump(near[0], far[1], self.link.up)),
            asyncio.create_task(self._pump(far[0], near[1], self.link.down)),
        ]
        both = asyncio.gather(*pumps)
        self.link.joined(both)
        try:
            await both
        except (OSError, asyncio.CancelledError):
            _reset(near[1])
            _reset(far[1])
        else:
            near[1].close()
            far[1].close()
        finally:
            self.link.left(both)
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, lane: Lane) -> None:
        """Until its end; ConnectionResetError when the link strikes."""
        flying: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(IN_FLIGHT)
        landing = asyncio.create_task(self._land(flying, sink))
        try:
            while data := await source.read(PIECE):
                self.link.strike(lane.way)
                await flying.put((await lane.pass_through(len(data)), data))
            await flying.put((0, b""))
            await landing
        finally:
            landing.cancel()
            await asyncio.gather(landing, return_exceptions=True)

    async def _land(self, flying: asyncio.Queue[tuple[float, bytes]], sink: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due, data = await flying.get()
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            await self.link.flowing()
            if not data:
                break
            sink.write(data)
            await sink.drain()
        if sink.can_write_eof():
            sink.write_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    """With RST, as a router that has forgotten the connection answers."""
    raw = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
