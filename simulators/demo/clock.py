"""The machine's clocks, for simulators that run beside real processes."""

from __future__ import annotations

import asyncio
import time


class RealClock:
    """kernel.clock.Clock over the operating system."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def mono_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
