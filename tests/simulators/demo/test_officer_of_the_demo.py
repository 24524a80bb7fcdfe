"""What the officer filmed is counted as imported and timed only where the station says so, once and within its error."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from simulators.clock import VirtualClock
from simulators.demo.layout import Layout, Ports
from simulators.demo.officer import Officer, count
from simulators.recorders.recorder import Made
from simulators.world import Truth, World

AT = 1_780_279_200_000
MADE = Made(path=Path("a.mp4"), start_ms=AT + 400, duration_ms=9_000, sha256="aa")


def told(**changed: Any) -> dict[str, Any]:
    usual = {
        "digest": "aa",
        "status": "imported",
        "start_true": "2026-06-01T10:00:00.000+08:00",
        "error_ms": 600,
    }
    return usual | changed


@pytest.mark.parametrize(
    ("files", "imported", "timed"),
    [
        ([told()], 1, 1),
        ([told(error_ms=300)], 1, 0),
        ([told(start_true=None)], 1, 0),
        ([told(status="damaged")], 0, 1),
        ([told(), told()], 0, 0),
        ([told(digest="bb")], 0, 0),
        ([], 0, 0),
    ],
)
def test_only_what_is_there_whole_and_once_counts(
    files: list[dict[str, Any]], imported: int, timed: int
) -> None:
    assert count([MADE], files) == {
        "footage_filmed": 1,
        "footage_imported": imported,
        "footage_timed": timed,
    }


class Watched(Officer):
    """Whose films and dockings are words."""

    def __init__(self, folder: Path) -> None:
        self.time = VirtualClock()
        super().__init__(Layout(folder, Ports.free({})), clock=self.time, say=lambda _words: None)
        self.did: list[str] = []
        self.filming = asyncio.Event()
        self.filmed = asyncio.Event()

    def _to_film(self, world: World) -> list[Truth]:
        return [*world.truths.values()]

    async def _film(self, world: World) -> None:
        self.did.append("films")
        self.filming.set()
        await self.filmed.wait()
        self.did.append("filmed")

    async def _dock(self) -> None:
        self.did.append("docks")

    async def _listed(self, *_asked: object) -> list[dict[str, Any]]:
        return []

    def _to_link(self, *_told: object) -> set[tuple[str, str]]:
        return set()


async def test_a_visit_at_the_dock_ends_before_the_recorder_is_handed_in(tmp_path: Path) -> None:
    officer = Watched(tmp_path)
    world = SimpleNamespace(truths={1: None, 2: None})
    running = asyncio.create_task(officer.run(lambda: world))  # type: ignore[arg-type,return-value]
    await officer.time.run_for(1)
    await officer.filming.wait()
    handing = asyncio.create_task(officer.hand_in(world, []))  # type: ignore[arg-type]
    await officer.time.run_for(60)
    assert officer.did == ["films"]
    officer.filmed.set()
    await officer.time.run_for(1)
    assert officer.did == ["films", "filmed", "docks"]
    while not handing.done():
        await officer.time.run_for(1)
        await asyncio.sleep(0.001)
    assert officer.did == ["films", "filmed", "docks"] * 2
    await officer.time.run_for(2)
    await running
