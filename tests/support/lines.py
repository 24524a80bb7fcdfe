"""Lines for tests: a simulated cable, and readers that know when they have enough."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from journal.clock import SystemClock
from kernel.links import Link
from simulators.ptys import PtyPort


@asynccontextmanager
async def cable(folder: Path, *, baud: int = 115_200) -> AsyncIterator[PtyPort]:
    port = PtyPort(folder / "cable", baud=baud, clock=SystemClock())
    port.plug()
    try:
        yield port
    finally:
        port.unplug()


async def to_the_end(link: Link) -> None:
    async with asyncio.timeout(20):
        while True:
            await link.read()


async def everything(link: Link, size: int) -> bytes:
    data = b""
    async with asyncio.timeout(40):
        while len(data) < size:
            data += await link.read()
    return data
