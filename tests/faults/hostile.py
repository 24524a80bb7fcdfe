"""A broker that lies: two honest ones, and between them somebody who does with messages what he likes."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

import msgspec

from journal.mqtt import PahoTransport
from journal.sender import DOWN, UP
from kernel.errors import ProtocolError
from kernel.evidence import frames
from tests.faults.machines import until
from tests.journal.brokers import Hostile, Meddle, Message

WAITING = 256


class Meddler:
    """Loses, doubles, alters, replays, holds back and strips bodies; `budget` misdeeds in all, then it is honest."""

    def __init__(self, *, seed: int, budget: int, chance: float = 0.1) -> None:
        self._random = random.Random(seed)
        self._chance = chance
        self._budget = budget
        self._left = budget
        self._other = Hostile(seed=seed, chance=chance, budget=budget)

    @property
    def deeds(self) -> int:
        return (self._budget - self._left) + (self._budget - self._other._budget)

    def __call__(self, topic: str, payload: bytes) -> Sequence[Message]:
        if self._left and "/frame/" in topic and self._random.random() < self._chance:
            self._left -= 1
            payload = _stripped(payload)
        return self._other(topic, payload)


class Relay:
    """Carries up from `box_side` to `centre_side` and down again; what does not fit is lost, as brokers do."""

    def __init__(self, box_side: str, centre_side: str, *, meddle: Meddle) -> None:
        self._sides = (
            PahoTransport(box_side, user="centre", password="x", client_id="relay-box"),
            PahoTransport(centre_side, user="centre", password="x", client_id="relay-centre"),
        )
        self._meddle = meddle
        self._queues: tuple[deque[Message], deque[Message]] = (deque(maxlen=WAITING), deque(maxlen=WAITING))
        self._pushing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        near, far = self._sides
        near.subscribe(f"{UP}/#", lambda topic, data: self._queues[1].extend(self._meddle(topic, data)))
        far.subscribe(f"{DOWN}/#", lambda topic, data: self._queues[0].extend(self._meddle(topic, data)))
        for side in self._sides:
            await side.start()
        await until(lambda: all(side.connected for side in self._sides), "the relay is connected")
        self._pushing = asyncio.ensure_future(self._push())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._pushing is not None
        self._pushing.cancel()
        await asyncio.gather(self._pushing, return_exceptions=True)
        for side in self._sides:
            await side.stop()

    async def _push(self) -> None:
        while True:
            for side, queue in zip(self._sides, self._queues, strict=True):
                while queue and side.publish(*queue[0]):
                    queue.popleft()
            await asyncio.sleep(0.005)


def _stripped(payload: bytes) -> bytes:
    """The frame with its first body taken out."""
    try:
        frame = frames.decode(payload)
    except ProtocolError:
        return payload
    first, *rest = frame.entries
    return frames.encode(msgspec.structs.replace(frame, entries=((first[0], None, None), *rest)))


@asynccontextmanager
async def client(url: str, user: str) -> AsyncIterator[PahoTransport]:
    """Somebody who has a name at the broker, and a place beside whoever has that name already."""
    transport = PahoTransport(url, user=user, password="x", client_id=f"{user}-hostile")
    await transport.start()
    try:
        await until(lambda: transport.connected, "the hostile client is connected")
        yield transport
    finally:
        await transport.stop()
