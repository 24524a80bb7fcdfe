"""The whole system under traffic: kills its real processes and counts what was lost, doubled or torn."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kernel.clock import Clock
from simulators.demo.clock import RealClock
from simulators.demo.layout import LANES
from simulators.demo.processes import SCRIPTS
from simulators.demo.running import LEAD_MS, Demo, Plan, running
from simulators.demo.stage import Stage
from simulators.traffic import Crossing
from simulators.world import Truth
from tests.faults import ledger
from tests.faults.ledger import Promised
from tests.faults.rows import Counts, Row
from tests.faults.story import Case, Story, Told

SETTLE_S = 120.0
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """`other`: what is told beside the rows; `good`: nothing of it is amiss."""

    rows: Sequence[Row] = ()
    other: dict[str, Any] = field(default_factory=dict)
    good: bool = True


async def play(cases: Sequence[Case], *, folder: Path, seed: int, say: Say) -> Whole:
    """All of them in one run of the demo's own system."""
    if not cases:
        return Whole()
    return await _run(Plan(folder=folder / "run", seed=seed), cases, clock=RealClock(), say=say)


async def _run(plan: Plan, cases: Sequence[Case], *, clock: Clock, say: Say) -> Whole:
    async with running(plan, clock=clock, say=say) as (demo, scene):
        story = Story(demo, clock=clock, say=say, seed=plan.seed or 0)
        try:
            restarts = await story.restarts()
            settled = await _traffic(demo, scene, story, cases, clock=clock, say=say)
        finally:
            await story.close()
    truths = list(scene.world.truths.values()) if scene.world else []
    return _report(demo, story, truths, restarts=restarts, settled=settled)


async def _traffic(
    demo: Demo, scene: Stage, story: Story, cases: Sequence[Case], *, clock: Clock, say: Say
) -> bool:
    """Trucks for as long as the cases take, and then until everything that was promised is at the centre."""
    crossings = _crossings(demo, sum(case.about_s for case in cases))
    say(f"{len(crossings)} crossings, {len(cases)} cases")
    started_ms = clock.now_ms() + LEAD_MS
    keeping = asyncio.create_task(story.keep_up(), name="keep up")
    driving = asyncio.create_task(scene.play(crossings, started_ms=started_ms, faults=()), name="traffic")
    try:
        await clock.sleep(LEAD_MS / 1000)
        await _first(asyncio.create_task(story.play(cases)), keeping, driving)
        await _first(asyncio.create_task(scene.over.wait()), keeping, driving)
        return await _settle(demo.layout.folder, clock=clock)
    finally:
        for task in (keeping, driving):
            task.cancel()
        await asyncio.gather(keeping, driving, return_exceptions=True)


async def _first(work: asyncio.Task[Any], *others: asyncio.Task[None]) -> None:
    """Wait for `work`; whatever fails beside it fails here."""
    await asyncio.wait([work, *others], return_when=asyncio.FIRST_COMPLETED)
    for task in (work, *others):
        if task.done():
            task.result()


def _crossings(demo: Demo, seconds: float) -> tuple[Crossing, ...]:
    return tuple(one for one in demo.crossings() if one.start_ms < seconds * 1000)


async def _settle(folder: Path, *, clock: Clock) -> bool:
    """Wait until every weighing has its pictures, and the centre everything; False when time was not enough."""
    deadline = clock.mono_ms() + int(SETTLE_S * 1000)
    while clock.mono_ms() < deadline:
        if await asyncio.to_thread(_settled, folder):
            return True
        await clock.sleep(2.0)
    return False


def _settled(folder: Path) -> bool:
    entries = [e for e in ledger.promised(folder, LANES) if e.stream != "lane.health"]
    weighed = {entry.body["passage"] for entry in ledger.weighings(entries)}
    pictured = {entry.body["passage"] for entry in entries if entry.stream == "vehicle.pictured"}
    at_centre = ledger.held(folder / "centre" / "centre.db")
    files = [file for entry in entries if entry.body.get("upload") != "on_demand" for file in entry.files]
    return (
        weighed <= pictured
        and all(at_centre[entry.key] for entry in entries)
        and all(ledger.blob(folder / "centre", file).exists() for file in files)
    )


# --- the report ------------------------------------------------------------------------------------------------


def _report(
    demo: Demo, story: Story, truths: list[Truth], *, restarts: dict[str, float], settled: bool
) -> Whole:
    folder = demo.layout.folder
    entries = ledger.promised(folder, LANES)
    at_centre = ledger.held(folder / "centre" / "centre.db")
    at_station = ledger.held(folder / "station" / "station.db")
    weighed = ledger.weighings(entries)
    missed = ledger.unmeasured(truths, entries)
    excused = [truth for truth in missed if ledger.excused(truth, story.aways)]
    unexcused = [truth for truth in missed if truth not in excused]
    lost = [entry for entry in weighed if not at_centre[entry.key] or not at_station[entry.key]]
    twice = [entry for entry in weighed if at_centre[entry.key] > 1] + ledger.doubled(entries)
    torn = [entry for entry, _ in ledger.torn(folder, entries, centre=folder / "centre")]
    differences = _recount(folder)
    inexact = _inexact(truths, weighed)
    numbers = {
        "accepted": _by_case(story.told, [entry.at_ms for entry in weighed]),
        "lost": _by_case(story.told, [e.at_ms for e in lost] + [t.left_ms for t in unexcused]),
        "doubled": _by_case(story.told, [entry.at_ms for entry in twice]),
        "torn": _by_case(story.told, [entry.at_ms for entry in torn]),
        "declared": _by_case(story.told, [truth.arrived_ms for truth in excused]),
    }
    other = {
        "recount_differences": differences,
        "mass_inexact": inexact,
        "late_records": sum("late_record" in entry.body["quality"] for entry in weighed),
        "without_weight": sum(entry.body["gross_kg"] is None for entry in weighed),
        "never_measured": [truth.number for truth in excused],
        "not_excused": [truth.number for truth in unexcused],
        "ended_by_itself": story.ended,
        "everything_arrived": settled,
        "crossings": len(truths),
        "entries": len(entries),
        "entries_at_centre": sum(entry.key in at_centre for entry in entries),
    }
    return Whole(
        rows=[_row(told, number, numbers, restarts) for number, told in enumerate(story.told)],
        other=other,
        good=not (differences or inexact or story.ended) and settled,
    )


def _row(told: Told, number: int, numbers: dict[str, Counter[int]], restarts: dict[str, float]) -> Row:
    return Row(
        name=f"whole: {told.case.name}",
        rounds=told.case.rounds,
        counts=Counts(**{name: counted[number] for name, counted in numbers.items()}),
        recover_s=max(told.recover_s, default=None),
        restart_s=_restart(told.case, restarts),
    )


def _by_case(told: Sequence[Told], times_ms: Sequence[int]) -> Counter[int]:
    """What happened belongs to the last case that had begun."""
    starts = [one.from_ms for one in told]
    return Counter(max((n for n, start in enumerate(starts) if start <= at), default=0) for at in times_ms)


def _restart(case: Case, restarts: dict[str, float]) -> float | None:
    """An orderly restart of the slowest of them, and the time that they were held away."""
    slowest = max((restarts[name] for name in case.victims), default=None)
    return None if slowest is None else round(slowest + case.away_s, 1)


def _inexact(truths: Sequence[Truth], weighed: Sequence[Promised]) -> list[int]:
    """Crossings whose mass is not what the wire said."""
    return [
        truth.number
        for truth in truths
        for entry in weighed
        if entry.body["gross_kg"] not in (None, truth.wire_gross_kg) and ledger.tells(entry, truth)
    ]


def _recount(folder: Path) -> list[Any]:
    """Hours whose counts differ from the entries, by the centre's own verb."""
    done = subprocess.run(
        [SCRIPTS / "weighpost-central", "recount", "--json", "--settings", folder / "central.toml"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    differences: list[Any] = json.loads(done.stdout)["differences"] if done.stdout else [done.stderr]
    return differences
