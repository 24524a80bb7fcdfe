"""Runs the process that makes files of footage, and hears how far it is."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec
from msgspec import Struct

from kernel.errors import FullError, ProtocolError
from station.footage.orders import Box, Order

COMMAND = (sys.executable, "-m", "station.footage.worker")
LIMIT = 1 << 20  # bytes of one line
STILL_S = 900.0  # without a word: a decoder that hangs says nothing, a slow one does


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
    full: bool = False  # for want of room


Hear = Callable[[int], None]  # permille


async def work(
    given: Work,
    hear: Hear = lambda _permille: None,
    *,
    limit_s: float | None = None,
    still_s: float = STILL_S,
    command: Sequence[str] = COMMAND,
) -> Report:
    """What it has come to.  ProtocolError: why not; FullError: no room.  The process is gone in any case.

    `limit_s` is for all of it: a file can be made so that its decoder goes on and never comes to an end.
    """
    process = await asyncio.create_subprocess_exec(
        *command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, limit=LIMIT
    )
    limit = asyncio.timeout(limit_s)
    try:
        async with limit:
            report = await _talk(process, given, hear, still_s)
    except TimeoutError as error:
        raise ProtocolError("it took too long" if limit.expired() else "it stands still") from error
    finally:
        await ended(process)
    if report is None:
        raise ProtocolError("the process that reads it has died of it")
    if report.full:
        raise FullError(report.problem or "no room on the disk")
    if report.problem is not None:
        raise ProtocolError(report.problem)
    return report


async def ended(process: Process) -> None:
    """Killed where it has not come to an end; of one that has, asking again would take its exit code from asyncio."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _line(from_: asyncio.StreamReader, still_s: float) -> bytes:
    # `wait_for` of Python 3.11 loses the end of all time while lines keep coming.
    async with asyncio.timeout(still_s):
        return await from_.readline()


async def _talk(process: Process, given: Work, hear: Hear, still_s: float) -> Report | None:
    assert process.stdin is not None  # noqa: S101 - they are pipes
    assert process.stdout is not None  # noqa: S101
    with suppress(ConnectionError):
        process.stdin.write(msgspec.json.encode(given) + b"\n")
        await process.stdin.drain()
    last = None
    while line := await _line(process.stdout, still_s):
        last = msgspec.json.decode(line, type=Report)
        if last.done_permille is not None:
            hear(last.done_permille)
            last = None
    async with asyncio.timeout(still_s):
        await process.wait()
    return last
