"""What waits for one slow browser: bounded, oldest dropped first, and every drop is followed by a snapshot."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Bytes ready for the wire."""

    topic: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Resync:
    """Messages of this topic were dropped or none were sent yet: a snapshot must go out now."""

    topic: str


class Outbox:
    """Filled by the hub, emptied by the one task that writes to this browser.  Loop thread only."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._deltas: deque[Message] = deque()
        self._values: dict[str, bytes] = {}
        self._resync: dict[str, None] = {}
        self._values_next = True
        self._filled = asyncio.Event()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._deltas) + len(self._values)

    def put(self, topic: str, data: bytes) -> None:
        """Queue a delta."""
        if len(self._deltas) >= self._limit:
            self.dropped += 1
            self.resync(self._deltas.popleft().topic)
        self._deltas.append(Message(topic=topic, data=data))
        self._filled.set()

    def put_newest(self, topic: str, data: bytes) -> None:
        """Queue a whole value: it takes the place of an older one that still waits."""
        self._values[topic] = data
        self._filled.set()

    def resync(self, topic: str) -> None:
        self._resync[topic] = None
        self._filled.set()

    async def take(self) -> Message | Resync:
        """The next to send: snapshots first, then a value and a delta in turn, so that neither starves."""
        while not (self._deltas or self._values or self._resync):
            self._filled.clear()
            await self._filled.wait()
        if self._resync:
            return Resync(topic=_pop_first(self._resync)[0])
        self._values_next = not self._values_next
        if self._values and (self._values_next or not self._deltas):
            topic, data = _pop_first(self._values)
            return Message(topic=topic, data=data)
        return self._deltas.popleft()


def _pop_first(mapping: dict[str, T]) -> tuple[str, T]:
    key = next(iter(mapping))
    return key, mapping.pop(key)
