"""Ties a long-running task to the life of a web application: it starts and ends with it, and dies aloud."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from fastapi import FastAPI

log = logging.getLogger(__name__)
Run = Callable[[], Awaitable[None]]


def run_with(app: FastAPI, run: Run, *, name: str, die: Callable[[], None] | None = None) -> None:
    """Run it while the app serves, inside whatever lifespan the app has already.

    A fault in it is a bug: the process is asked to end, so that whoever starts it starts it afresh; pages that show
    old values for ever would be worse.
    """
    inner = app.router.lifespan_context
    end = die or _ask_to_end

    @asynccontextmanager
    async def lifespan(host: Any) -> AsyncIterator[Any]:
        async with inner(host) as state:
            task = asyncio.ensure_future(_guarded(run, name, end))
            try:
                yield state
            finally:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    app.router.lifespan_context = lifespan


async def _guarded(run: Run, name: str, end: Callable[[], None]) -> None:
    try:
        await run()
    except Exception:  # any fault there is: it is told and ends the process
        log.critical("a task of the pages died", exc_info=True, extra={"task": name})
        end()


def _ask_to_end() -> None:
    signal.raise_signal(signal.SIGTERM)
