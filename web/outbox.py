"""What waits for one slow browser: bounded, oldest dropped first, and every drop is followed by a snapshot."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass


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
        self._waiting: deque[Message | str] = deque()  # a plain string: the newest value of that topic
        self._newest: dict[str, bytes] = {}
        self._resync: dict[str, None] = {}
        self._filled = asyncio.Event()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, topic: str, data: bytes) -> None:
        """Queue a delta."""
        if len(self._waiting) >= self._limit:
            self._drop_oldest()
        self._waiting.append(Message(topic=topic, data=data))
        self._filled.set()

    def put_newest(self, topic: str, data: bytes) -> None:
        """Queue a whole value: it takes the place of an older one that still waits."""
        if topic not in self._newest:
            self._waiting.append(topic)
        self._newest[topic] = data
        self._filled.set()

    def resync(self, topic: str) -> None:
        self._resync[topic] = None
        self._filled.set()

    async def take(self) -> Message | Resync:
        while not self._waiting and not self._resync:
            self._filled.clear()
            await self._filled.wait()
        if self._resync:
            topic = next(iter(self._resync))
            del self._resync[topic]
            return Resync(topic=topic)
        return self._pop()

    def _pop(self) -> Message:
        first = self._waiting.popleft()
        return first if isinstance(first, Message) else Message(topic=first, data=self._newest.pop(first))

    def _drop_oldest(self) -> None:
        dropped = self._pop()
        self.dropped += 1
        self.resync(dropped.topic)
