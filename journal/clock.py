"""The machine's clocks, and which boot they belong to."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path


class SystemClock:
    """kernel.clock.Clock over the operating system."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def mono_ms(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def boot_id() -> str:
    """16 hex digits that name this boot of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", "")[:16]
