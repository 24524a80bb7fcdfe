"""A task that lives as long as the application serves."""

from __future__ import annotations

import asyncio

import pytest
from fastapi import FastAPI

from web.lifespan import run_with


async def test_it_starts_with_the_application_and_is_stopped_with_it() -> None:
    told: list[str] = []
    app = FastAPI()

    async def run() -> None:
        told.append("started")
        try:
            await asyncio.Event().wait()
        finally:
            told.append("stopped")

    run_with(app, run, name="test", die=lambda: told.append("died"))
    async with app.router.lifespan_context(app):
        await asyncio.sleep(0)
        assert told == ["started"]
    assert told == ["started", "stopped"]


async def test_two_tasks_live_side_by_side() -> None:
    told: list[str] = []
    app = FastAPI()

    for name in ("a", "b"):

        async def run(name: str = name) -> None:
            told.append(name)
            await asyncio.Event().wait()

        run_with(app, run, name=name, die=lambda: told.append("died"))
    async with app.router.lifespan_context(app):
        for _ in range(3):
            await asyncio.sleep(0)
    assert sorted(told) == ["a", "b"]


async def test_a_fault_in_it_ends_the_process_aloud(caplog: pytest.LogCaptureFixture) -> None:
    died = asyncio.Event()
    app = FastAPI()

    async def run() -> None:
        raise RuntimeError("a bug")

    run_with(app, run, name="test", die=died.set)
    async with app.router.lifespan_context(app):
        await died.wait()
    assert [record.message for record in caplog.records] == ["a task of the pages died"]
