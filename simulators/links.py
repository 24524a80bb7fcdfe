"""Links without a wire, and the ways in which a real wire misbehaves."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable

from kernel.clock import Clock
from kernel.errors import LinkError
from kernel.links import Link


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
