"""What passed over a line lately, kept in memory with its times: for whoever wants to see why a weight was as it was."""

from __future__ import annotations

from collections import deque

from kernel.captures import Passed, Way
from kernel.clock import Clock
from kernel.errors import LinkError
from kernel.links import Link

SPAN_MS = 600_000  # as long as a crossing may last
LIMIT = 1 << 20  # bytes in memory; a minute of a full line at 115200 baud fits
_PIECE = 4096
_COST = 128  # of an object beside its bytes


class Ring:
    """The newest of one line, by its age and its size; times are monotonic milliseconds."""

    def __init__(self, *, span_ms: int = SPAN_MS, limit: int = LIMIT) -> None:
        self._passed: deque[Passed] = deque()
        self._span_ms = span_ms
        self._limit = limit
        self.size = 0

    def add(self, way: Way, data: bytes, *, mono_ms: int) -> None:
        for at in range(0, len(data), _PIECE):
            piece = Passed(mono_ms, way, data[at : at + _PIECE])
            self._passed.append(piece)
            self.size += len(piece.data) + _COST
        while self._passed and self._is_too_much(mono_ms):
            self.size -= len(self._passed.popleft().data) + _COST

    def since(self, mono_ms: int) -> tuple[Passed, ...]:
        return tuple(one for one in self._passed if one.ms >= mono_ms)

    def _is_too_much(self, now_ms: int) -> bool:
        return self.size > self._limit or now_ms - self._passed[0].ms > self._span_ms


class Captured:
    """A link all of whose bytes are remembered, as they were on the wire."""

    def __init__(self, inner: Link, *, ring: Ring, clock: Clock) -> None:
        self._inner = inner
        self._ring = ring
        self._clock = clock
        self._note("opened")

    async def read(self) -> bytes:
        try:
            data = await self._inner.read()
        except LinkError as error:
            self._note(f"lost: {error}")
            raise
        if data:
            self._ring.add("in", data, mono_ms=self._clock.mono_ms())
        return data

    async def write(self, data: bytes) -> None:
        """What is asked stands before what is answered, also when the wire is gone."""
        self._ring.add("out", data, mono_ms=self._clock.mono_ms())
        await self._inner.write(data)

    async def close(self) -> None:
        self._note("closed")
        await self._inner.close()

    def _note(self, text: str) -> None:
        self._ring.add("note", text.encode(), mono_ms=self._clock.mono_ms())
