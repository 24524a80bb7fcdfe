"""Time that passes only when it is told to, so that minutes of traffic take milliseconds."""

from __future__ import annotations

import asyncio
import heapq
import itertools


class VirtualClock:
    """kernel.clock.Clock whose sleepers wake in order while `run_for` moves the time."""

    def __init__(self, *, now_ms: int = 1_790_000_000_000, mono_ms: int = 1_000_000) -> None:
        self._ahead_ms = now_ms - mono_ms
        self._mono_ms = mono_ms
        self._order = itertools.count()
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []

    def now_ms(self) -> int:
        return self._mono_ms + self._ahead_ms

    def mono_ms(self) -> int:
        return self._mono_ms

    async def sleep(self, seconds: float) -> None:
        wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        due = self._mono_ms + max(0, round(seconds * 1000))
        heapq.heappush(self._sleepers, (due, next(self._order), wake))
        await wake

    async def run_for(self, seconds: float) -> None:
        """Let everything happen that happens within `seconds`."""
        end = self._mono_ms + round(seconds * 1000)
        await _let_tasks_run()
        while self._sleepers and self._sleepers[0][0] <= end:
            self._mono_ms, _, wake = heapq.heappop(self._sleepers)
            if not wake.done():
                wake.set_result(None)
                await _let_tasks_run()
        self._mono_ms = end


async def _let_tasks_run() -> None:
    # A task that was woken may wake others in turn; none of ours hand on more often than this.
    for _ in range(6):
        await asyncio.sleep(0)
