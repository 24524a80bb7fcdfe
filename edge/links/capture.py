"""What passed over a line lately, kept in memory with its times: for whoever wants to see why a weight was as it was."""

from __future__ import annotations

from collections import deque

from kernel.captures import SPAN_MS, Passed, Way
from kernel.clock import Clock
from kernel.errors import LinkError
from kernel.links import Link

LIMIT = 2 << 20  # bytes in memory; a minute of a full line at 115200 baud fits, whatever pieces it comes in
_PIECE = 4096
_MERGE_MS = 10  # a port may hand over byte after byte
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
            self._add(way, data[at : at + _PIECE], mono_ms)
        while self._passed and self._is_too_much(mono_ms):
            self.size -= len(self._passed.popleft().data) + _COST

    def _add(self, way: Way, data: bytes, mono_ms: int) -> None:
        last = self._passed[-1] if self._passed else None
        if last is not None and _belong_together(last, way, data, mono_ms):
            self._passed[-1] = Passed(last.ms, way, last.data + data)
            self.size += len(data)
        else:
            self._passed.append(Passed(mono_ms, way, data))
            self.size += len(data) + _COST

    def since(self, mono_ms: int) -> tuple[Passed, ...]:
        return tuple(one for one in self._passed if one.ms >= mono_ms)

    def _is_too_much(self, now_ms: int) -> bool:
        return self.size > self._limit or now_ms - self._passed[0].ms > self._span_ms


def _belong_together(last: Passed, way: Way, data: bytes, mono_ms: int) -> bool:
    close = mono_ms - last.ms < _MERGE_MS and len(last.data) + len(data) <= _PIECE
    return way != "note" and way == last.way and close


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
