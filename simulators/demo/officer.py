"""An officer with a recorder at the platform: takes it, films each vehicle, docks it every few, and hands all of it in."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from kernel.clock import Clock
from simulators.demo.audit import match
from simulators.demo.layout import Layout
from simulators.demo.processes import SCRIPTS
from simulators.recorders.recorder import Made, Recorder
from simulators.world import Truth, World

Say = Callable[[str], None]
Answer = dict[str, Any]
LANE = "lane2"
ACCOUNT = "officer"
CLOCK_OFF_MS = -137_400  # nobody has set it since its battery was empty
BEFORE_MS = 2_000
AFTER_MS = 2_000
TOGETHER = 2  # vehicles between two visits at the dock
STAYS_S = 20.0
AWAY_S = 3.0  # a dock has seen it empty by then
PATIENCE_S = 90.0


class Officer:
    """Blocking work (films, listings) is done in threads."""

    def __init__(self, layout: Layout, *, clock: Clock, say: Say) -> None:
        self._layout = layout
        self._clock = clock
        self._say = say
        self._recorder = Recorder(layout.recorder, clock=clock, clock_off_ms=CLOCK_OFF_MS)
        self._filmed: dict[int, str] = {}  # vehicle, digest of its film
        self._over = False
        self._visiting = asyncio.Lock()  # from filming to being pulled out again
        self._free_ms = 0  # since when the recorder is in hand and not in the dock

    async def run(self, world: Callable[[], World | None]) -> None:
        """Until the recorder is handed in."""
        while not self._over:
            await self._clock.sleep(1.0)
            async with self._visiting:
                now = world()
                if not self._over and now is not None and len(self._to_film(now)) >= TOGETHER:
                    await self._visit(now)

    async def _visit(self, world: World) -> None:
        await self._film(world)
        await self._dock()
        await self._clock.sleep(STAYS_S)
        await asyncio.to_thread(self._recorder.pull)
        self._free_ms = self._clock.now_ms()
        await self._clock.sleep(AWAY_S)

    def take(self) -> None:
        """Write the recorder into the register, take it, and begin the shift.  Blocking."""
        number = self._recorder.number
        for told in (
            ["register", number, "--model", "h8-series", "--unit", "370323000001"],
            ["issue", number, ACCOUNT],
            ["duty", "begun"],
        ):
            self._ask("recorders", *told, "--by", ACCOUNT)

    async def hand_in(self, world: World | None, details: Sequence[Answer]) -> dict[str, int]:
        """What the station says that it has, held against what was filmed; `details` as the centre has them."""
        self._over = True
        async with (
            self._visiting
        ):  # a visit that is under way ends first: else its film or its pull falls into this one
            if world is not None:
                await self._film(world)
            await self._dock()
        files = await self._listed(lambda: self._ask("dock", "--files", "--json"), self._all_there)
        wanted = self._to_link(world, details)
        links = await self._listed(
            lambda: self._ask("footage", "links", "--act", "linked", "--json"),
            lambda said: wanted <= pairs(said),
        )
        counted = count(self._recorder.made, files)
        return counted | {"footage_to_link": len(wanted), "footage_linked": len(wanted & pairs(links))}

    def _to_film(self, world: World) -> list[Truth]:
        """Vehicles that have left the platform while the recorder was out, and are not on the card yet."""
        first_ms, last_ms = self._free_ms + BEFORE_MS, self._clock.now_ms() - AFTER_MS
        there = [one for one in world.truths.values() if one.lane == LANE]
        gone = [one for one in there if first_ms < one.arrived_ms and one.left_ms < last_ms]
        return [one for one in gone if one.number not in self._filmed]

    async def _film(self, world: World) -> None:
        for truth in sorted(self._to_film(world), key=lambda one: one.arrived_ms):
            start_ms = truth.arrived_ms - BEFORE_MS
            made = await asyncio.to_thread(
                self._recorder.record, start_ms, truth.left_ms + AFTER_MS - start_ms
            )
            self._filmed[truth.number] = made.sha256

    async def _dock(self) -> None:
        self._say(f"the officer docks a recorder with {len(self._recorder.made)} files")
        await asyncio.to_thread(self._recorder.dock, self._layout.dock)

    def _to_link(self, world: World | None, details: Sequence[Answer]) -> set[tuple[str, str]]:
        """Film and passage of every vehicle that concerns an officer: those within their limit drive on."""
        truths = [one for one in world.truths.values() if one.number in self._filmed] if world else []
        return {
            (self._filmed[truth.number], detail["row"]["passage"])
            for truth, detail in match(truths, details).pairs
            if detail["weighed"]["verdict"]["outcome"] != "within"
        }

    def _all_there(self, files: Sequence[Answer]) -> bool:
        return {one.sha256 for one in self._recorder.made} <= {one["digest"] for one in files}

    async def _listed(
        self, ask: Callable[[], str], enough: Callable[[Sequence[Answer]], bool]
    ) -> list[Answer]:
        """What the station lists, once it is enough or patience ends."""
        deadline = self._clock.mono_ms() + int(PATIENCE_S * 1000)
        while True:
            said: list[Answer] = json.loads(await asyncio.to_thread(ask) or "[]")
            if enough(said) or self._clock.mono_ms() > deadline:
                return said
            await self._clock.sleep(1.0)

    def _ask(self, *told: str) -> str:
        """A verb of the station; nothing where it fails."""
        settings = str(self._layout.folder / "station.toml")
        done = subprocess.run(
            [str(SCRIPTS / "weighpost-station"), *told, "--settings", settings],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if done.returncode:
            self._say(f"weighpost-station {' '.join(told[:2])}: {done.stderr.strip()}")
        return done.stdout if done.returncode == 0 else ""


def pairs(links: Sequence[Answer]) -> set[tuple[str, str]]:
    return {(one["sha256"], one["passage"]) for one in links}


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
