"""A broker in memory that can be told to misbehave."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence

from journal.transport import Handler, topic_matches

Message = tuple[str, bytes]
Meddle = Callable[[str, bytes], Sequence[Message]]


def honest(topic: str, payload: bytes) -> Sequence[Message]:
    return [(topic, payload)]


class MemoryBroker:
    """Carries messages between its transports; `meddle` decides what becomes of each."""

    def __init__(self, meddle: Meddle = honest) -> None:
        self.meddle = meddle
        self.seen: list[Message] = []
        self.up = True
        self._transports: list[MemoryTransport] = []

    def transport(self) -> MemoryTransport:
        transport = MemoryTransport(self)
        self._transports.append(transport)
        return transport

    def cut(self) -> None:
        self.up = False

    def mend(self) -> None:
        self.up = True
        for transport in self._transports:
            transport.announce()

    def inject(self, topic: str, payload: bytes) -> None:
        """What a hostile broker sends of its own accord."""
        for transport in self._transports:
            transport.deliver(topic, payload)

    def carry(self, topic: str, payload: bytes) -> None:
        self.seen.append((topic, payload))
        for message in self.meddle(topic, payload):
            self.inject(*message)


class MemoryTransport:
    """journal.transport.Transport."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker
        self._subscriptions: list[tuple[str, Handler]] = []
        self._callbacks: list[Callable[[], None]] = []

    @property
    def connected(self) -> bool:
        return self._broker.up

    def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> bool:
        if not self._broker.up:
            return False
        asyncio.get_running_loop().call_soon(self._broker.carry, topic, payload)
        return True

    def subscribe(self, pattern: str, handler: Handler) -> None:
        self._subscriptions.append((pattern, handler))

    def on_connected(self, callback: Callable[[], None]) -> None:
        self._callbacks.append(callback)
        if self._broker.up:
            callback()

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def announce(self) -> None:
        for callback in self._callbacks:
            callback()

    def deliver(self, topic: str, payload: bytes) -> None:
        if not self._broker.up:
            return
        for pattern, handler in self._subscriptions:
            if topic_matches(pattern, topic):
                handler(topic, payload)


class Hostile:
    """Loses, doubles, alters, replays and reorders, each with `chance`; heals after `budget` misdeeds."""

    def __init__(self, *, seed: int, chance: float = 0.1, budget: int = 60) -> None:
        self._random = random.Random(seed)
        self._chance = chance
        self._budget = budget
        self._past: list[Message] = []
        self._held: list[Message] = []

    def __call__(self, topic: str, payload: bytes) -> list[Message]:
        message = (topic, payload)
        self._past.append(message)
        released, self._held = self._held, []
        deeds = [self._lose, self._double, self._alter, self._replay, self._hold]
        for deed in deeds:
            if self._budget and self._random.random() < self._chance:
                self._budget -= 1
                return [*deed(message), *released]
        return [message, *released]

    def _lose(self, message: Message) -> list[Message]:
        return []

    def _double(self, message: Message) -> list[Message]:
        return [message, message]

    def _alter(self, message: Message) -> list[Message]:
        topic, payload = message
        at = self._random.randrange(len(payload))
        return [
            (topic, payload[:at] + bytes([payload[at] ^ 1 << self._random.randrange(8)]) + payload[at + 1 :])
        ]

    def _replay(self, message: Message) -> list[Message]:
        return [self._random.choice(self._past), message]

    def _hold(self, message: Message) -> list[Message]:
        self._held.append(message)
        return []
