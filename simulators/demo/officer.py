"""An officer with a recorder at the platform: films each vehicle, docks it every few, and at the end hands all of it in."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from kernel.clock import Clock
from simulators.demo.layout import Layout
from simulators.demo.processes import SCRIPTS
from simulators.recorders.recorder import Made, Recorder
from simulators.world import Truth, World

Say = Callable[[str], None]
Answer = dict[str, Any]
LANE = "lane2"
CLOCK_OFF_MS = -137_400  # nobody has set it since its battery was empty
BEFORE_MS = 2_000
AFTER_MS = 2_000
TOGETHER = 2  # vehicles between two visits at the dock
STAYS_S = 20.0
PATIENCE_S = 90.0


class Officer:
    """Blocking work (films, listings) is done in threads."""

    def __init__(self, layout: Layout, *, clock: Clock, say: Say) -> None:
        self._layout = layout
        self._clock = clock
        self._say = say
        self._recorder = Recorder(layout.recorder, clock=clock, clock_off_ms=CLOCK_OFF_MS)
        self._filmed: set[int] = set()
        self._free_ms = 0  # since when the recorder is in hand and not in the dock

    async def run(self, world: Callable[[], World | None]) -> None:
        """Until cancelled."""
        while True:
            await self._clock.sleep(1.0)
            now = world()
            if now is not None and len(self._to_film(now)) >= TOGETHER:
                await self._film(now)
                await self._dock()
                await self._clock.sleep(STAYS_S)
                await asyncio.to_thread(self._recorder.pull)
                self._free_ms = self._clock.now_ms()

    async def hand_in(self, world: World | None) -> dict[str, int]:
        """What the station says that it has, held against what was filmed."""
        if world is not None:
            await self._film(world)
        await self._dock()
        files = await self._all_there()
        return count(self._recorder.made, files)

    def _to_film(self, world: World) -> list[Truth]:
        """Vehicles that have left the platform while the recorder was out, and are not on the card yet."""
        first_ms, last_ms = self._free_ms + BEFORE_MS, self._clock.now_ms() - AFTER_MS
        there = [one for one in world.truths.values() if one.lane == LANE]
        gone = [one for one in there if first_ms < one.arrived_ms and one.left_ms < last_ms]
        return [one for one in gone if one.number not in self._filmed]

    async def _film(self, world: World) -> None:
        for truth in sorted(self._to_film(world), key=lambda one: one.arrived_ms):
            start_ms = truth.arrived_ms - BEFORE_MS
            await asyncio.to_thread(self._recorder.record, start_ms, truth.left_ms + AFTER_MS - start_ms)
            self._filmed.add(truth.number)

    async def _dock(self) -> None:
        self._say(f"the officer docks a recorder with {len(self._recorder.made)} files")
        await asyncio.to_thread(self._recorder.dock, self._layout.dock)

    async def _all_there(self) -> list[Answer]:
        wanted = {one.sha256 for one in self._recorder.made}
        deadline = self._clock.mono_ms() + int(PATIENCE_S * 1000)
        while True:
            files = await asyncio.to_thread(self._listed)
            if wanted <= {one["digest"] for one in files} or self._clock.mono_ms() > deadline:
                return files
            await self._clock.sleep(1.0)

    def _listed(self) -> list[Answer]:
        settings = str(self._layout.folder / "station.toml")
        done = subprocess.run(
            [str(SCRIPTS / "weighpost-station"), "dock", "--files", "--json", "--settings", settings],
            capture_output=True,
            check=False,
            timeout=60,
        )
        files: list[Answer] = json.loads(done.stdout) if done.returncode == 0 else []
        return files


def count(made: Sequence[Made], files: Sequence[Answer]) -> dict[str, int]:
    """Files filmed, those that the station has whole and once, and those whose true start is right within its own error."""
    by_digest: dict[str, list[Answer]] = {}
    for one in files:
        by_digest.setdefault(one["digest"], []).append(one)
    whole = [(one, by_digest[one.sha256]) for one in made if len(by_digest.get(one.sha256, ())) == 1]
    return {
        "footage_filmed": len(made),
        "footage_imported": sum(found[0]["status"] == "imported" for _, found in whole),
        "footage_timed": sum(_timed(one, found[0]) for one, found in whole),
    }


def _timed(made: Made, file: Answer) -> bool:
    if file["start_true"] is None:
        return False
    start_ms = round(datetime.fromisoformat(file["start_true"]).timestamp() * 1000)
    return bool(abs(start_ms - made.start_ms) <= file["error_ms"])
