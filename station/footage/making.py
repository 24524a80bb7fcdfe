"""Runs the process that makes files of footage, and hears how far it is."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable
from contextlib import suppress

import msgspec
from msgspec import Struct

from kernel.errors import ProtocolError
from station.footage.orders import Box, Order

COMMAND = (sys.executable, "-m", "station.footage.worker")
LIMIT = 1 << 20  # bytes of one line


class Work(Struct, frozen=True, kw_only=True):
    """`follow`: no file is made, boxes are proposed."""

    source: str
    to: str = ""
    order: Order | None = None
    follow: Box | None = None
    until_ms: int = 0


class Report(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far it is, or how it ended."""

    done_permille: int | None = None
    how: tuple[tuple[str, str], ...] | None = None
    from_ms: int | None = None
    to_ms: int | None = None
    boxes: tuple[Box, ...] | None = None
    problem: str | None = None


Hear = Callable[[int], None]  # permille


async def work(given: Work, hear: Hear = lambda _permille: None) -> Report:
    """What it has come to.  ProtocolError: why not; the process is gone in any case."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, limit=LIMIT
    )
    try:
        report = await _talk(process, given, hear)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    if report is None:
        raise ProtocolError("the process that reads it has died of it")
    if report.problem is not None:
        raise ProtocolError(report.problem)
    return report


async def _talk(process: Process, given: Work, hear: Hear) -> Report | None:
    assert process.stdin is not None  # noqa: S101 - they are pipes
    assert process.stdout is not None  # noqa: S101
    with suppress(ConnectionError):
        process.stdin.write(msgspec.json.encode(given) + b"\n")
        await process.stdin.drain()
    last = None
    async for line in process.stdout:
        last = msgspec.json.decode(line, type=Report)
        if last.done_permille is not None:
            hear(last.done_permille)
            last = None
    return last
