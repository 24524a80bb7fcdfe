"""Links without a wire, and the ways in which a real wire misbehaves."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Iterable

from kernel.clock import Clock
from kernel.errors import LinkError
from kernel.links import Link

Bend = Callable[[bytes], bytes]

_GLUED = 5
_STOLEN_RUN = 32


class ScriptedLink:
    """Plays `chunks`, one every `every_ms` of the clock, then the wire is gone; remembers what was written."""

    def __init__(self, chunks: Iterable[bytes], *, clock: Clock, every_ms: int = 100) -> None:
        self._chunks = deque(chunks)
        self._clock = clock
        self._every_s = every_ms / 1000
        self.written: list[bytes] = []
        self.closed = False

    async def read(self) -> bytes:
        await self._clock.sleep(self._every_s)
        if not self._chunks:
            raise LinkError("script ended")
        return self._chunks.popleft()

    async def write(self, data: bytes) -> None:
        self.written.append(data)

    async def close(self) -> None:
        self.closed = True


class Wrapped:
    """A link around a link; subclasses bend what is read."""

    def __init__(self, inner: Link) -> None:
        self._inner = inner

    async def read(self) -> bytes:
        return await self._inner.read()

    async def write(self, data: bytes) -> None:
        await self._inner.write(data)

    async def close(self) -> None:
        await self._inner.close()


class OneByteAtATime(Wrapped):
    """Every read returns one byte."""

    def __init__(self, inner: Link) -> None:
        super().__init__(inner)
        self._held = b""

    async def read(self) -> bytes:
        if not self._held:
            self._held = await self._inner.read()
        first, self._held = self._held[:1], self._held[1:]
        return first


class Bent(Wrapped):
    """Every read goes through `bend`."""

    def __init__(self, inner: Link, bend: Callable[[bytes], bytes]) -> None:
        super().__init__(inner)
        self._bend = bend

    async def read(self) -> bytes:
        return self._bend(await self._inner.read())


def lossy(share: float, *, seed: int) -> Callable[[bytes], bytes]:
    """Drops that share of the bytes."""
    dice = random.Random(seed)
    return lambda data: bytes(byte for byte in data if dice.random() >= share)


def garbled(share: float, *, seed: int) -> Callable[[bytes], bytes]:
    """Replaces that share of the bytes by others."""
    dice = random.Random(seed)
    return lambda data: bytes(dice.randrange(256) if dice.random() < share else byte for byte in data)


def cut(share: float, *, seed: int) -> Bend:
    """Breaks that share of the frames off somewhere; what goes out in one piece counts as a frame."""
    dice = random.Random(seed)
    return lambda data: data[: dice.randrange(len(data))] if data and dice.random() < share else data


def glued() -> Bend:
    """Holds frames back and lets them out several at a time, as an adapter with a slow timer does."""
    held: list[bytes] = []

    def bend(data: bytes) -> bytes:
        held.append(data)
        if len(held) < _GLUED:
            return b""
        out = b"".join(held)
        held.clear()
        return out

    return bend


def stolen(share: float, *, seed: int) -> Bend:
    """A second program reads the same port: whole runs of bytes go to it, that share of the runs."""
    dice = random.Random(seed)
    left = 0
    taken = False

    def bend(data: bytes) -> bytes:
        nonlocal left, taken
        out = bytearray()
        for byte in data:
            if not left:
                left, taken = dice.randint(1, _STOLEN_RUN), dice.random() < share
            left -= 1
            if not taken:
                out.append(byte)
        return bytes(out)

    return bend


class MemoryWire:
    """A wire in memory: the device side is `send` and `receive`, the host side is `host`, a Link."""

    def __init__(self, *, clock: Clock, patience_ms: int = 500) -> None:
        self._clock = clock
        self._patience_ms = patience_ms
        self._to_host = bytearray()
        self._to_device = bytearray()
        self.bend: Callable[[bytes], bytes] = lambda data: data
        self.plugged = True
        self._wake: asyncio.Future[None] | None = None

    @property
    def host(self) -> Link:
        return _HostEnd(self)

    def plug(self) -> None:
        self.plugged = True

    def unplug(self) -> None:
        self.plugged = False
        self._to_host.clear()
        self._to_device.clear()
        self._wake_host()

    async def send(self, data: bytes) -> None:
        if self.plugged:
            self._to_host += self.bend(data)
            self._wake_host()

    def receive(self) -> bytes:
        data = bytes(self._to_device)
        self._to_device.clear()
        return data

    async def host_reads(self) -> bytes:
        if self.plugged and not self._to_host:
            self._wake = asyncio.get_running_loop().create_future()
            patience = asyncio.ensure_future(self._clock.sleep(self._patience_ms / 1000))
            try:
                await asyncio.wait({self._wake, patience}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                patience.cancel()
        if not self.plugged:
            raise LinkError("unplugged")
        data = bytes(self._to_host)
        self._to_host.clear()
        return data

    def _wake_host(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def host_writes(self, data: bytes) -> None:
        if not self.plugged:
            raise LinkError("unplugged")
        self._to_device += data


class _HostEnd:
    def __init__(self, wire: MemoryWire) -> None:
        self._wire = wire

    async def read(self) -> bytes:
        return await self._wire.host_reads()

    async def write(self, data: bytes) -> None:
        self._wire.host_writes(data)

    async def close(self) -> None:
        return None
