"""What has just changed, told to whoever listens in this process; slow listeners lose the oldest and know it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["passage", "source", "journal", "file", "live"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """`key` names what changed: (box, passage), (box, source), (journal,) or (box, live name)."""

    kind: Kind
    key: tuple[str, ...]
    at_ms: int
    data: Any = None


class Listener:
    """A bounded queue of changes; `dropped` counts what did not fit."""

    def __init__(self, size: int) -> None:
        self._queue: asyncio.Queue[Change] = asyncio.Queue(size)
        self.dropped = 0

    def put(self, change: Change) -> None:
        if self._queue.full():
            self._queue.get_nowait()
            self.dropped += 1
        self._queue.put_nowait(change)

    async def get(self) -> Change:
        return await self._queue.get()

    async def __aiter__(self) -> AsyncIterator[Change]:
        while True:
            yield await self._queue.get()


@dataclass(slots=True)
class Bus:
    """One a process; `publish` is called on the loop only."""

    listeners: list[Listener] = field(default_factory=list)

    def publish(self, change: Change) -> None:
        for listener in self.listeners:
            listener.put(change)

    @contextmanager
    def listen(self, size: int = 256) -> Iterator[Listener]:
        listener = Listener(size)
        self.listeners.append(listener)
        try:
            yield listener
        finally:
            self.listeners.remove(listener)
