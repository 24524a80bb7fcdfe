"""Which cases there are, and how they are played: each alone, in a folder of its own, several at a time.

A case is a function with a docstring; its number is that of the attack it answers, where it answers one.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.faults.cases import brokers, centres, commands, evidence, journals, kills, links, power, rooms
from tests.faults.machines import CLOCK
from tests.faults.mutants import Mutant
from tests.faults.rows import Found, Row, row_of
from tests.faults.site import Run

LONGEST_S = {False: 240, True: 7_200}  # of one case, in the short version and in the long one
Play = Callable[[Run], Awaitable[Found]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`naive`: a naive uplink can go through it too; `caught`: the mutant that it must catch; `alone`: needs the machine
    to itself."""

    name: str
    play: Play
    invariants: tuple[int, ...]
    naive: bool = True
    caught: Mutant | None = None
    alone: bool = False


CASES: tuple[Case, ...] = (
    Case(name="01 killed around the commit", play=kills.around_the_commit, invariants=(1, 2)),
    Case(name="02 power cut", play=power.cut, invariants=(1, 2, 3), caught="folder"),
    Case(name="03 opened twice", play=journals.opened_twice, invariants=(4,), naive=False),
    Case(name="04 box rolled back", play=journals.rolled_back, invariants=(2, 3, 5), naive=False),
    Case(name="05 forked off line", play=journals.forked, invariants=(3, 5, 9), naive=False),
    Case(
        name="06 forged receipts",
        play=brokers.forged_receipts,
        invariants=(6, 7, 11),
        naive=False,
        caught="receipts",
    ),
    Case(name="07 meddling broker", play=brokers.meddling, invariants=(5, 8, 9, 11), naive=False),
    Case(name="08 two workers", play=centres.two_workers, invariants=(5, 8), naive=False),
    Case(name="09 centre from a backup", play=centres.restored, invariants=(6, 7)),
    Case(
        name="10 fork before a cosigner",
        play=centres.forked_cosigner,
        invariants=(10,),
        naive=False,
        caught="cosigner",
    ),
    Case(name="11 stolen box key", play=evidence.stolen_key, invariants=(3, 9, 10), naive=False),
    Case(name="12 forged package", play=evidence.forged_package, invariants=(9,), naive=False),
    Case(name="13 poison", play=brokers.poison, invariants=(12, 13), naive=False),
    Case(name="14 wrong clocks", play=journals.wrong_clock, invariants=(15,), naive=False),
    Case(name="15 erased plate", play=journals.erased, invariants=(7, 14), naive=False),
    Case(name="16 replayed commands", play=commands.replayed, invariants=(11,), naive=False),
    Case(name="17 under another's name", play=brokers.anothers_name, invariants=(9, 11), naive=False),
    Case(name="18 flipped bytes", play=journals.flipped, invariants=(1, 3), naive=False),
    Case(name="19 box full", play=rooms.box_full, invariants=(1, 7)),
    Case(name="19 centre full", play=rooms.centre_full, invariants=(5, 6)),
    Case(name="19 held reader", play=rooms.held_reader, invariants=(13,), naive=False),
    Case(name="20 a month away", play=links.long_away, invariants=(5, 13), naive=False),
    Case(name="kill -9 box", play=kills.edge, invariants=(1, 2, 8)),
    Case(name="kill -9 centre", play=kills.centre, invariants=(5, 6, 8)),
    Case(name="kill -9 station", play=kills.station, invariants=(5, 6)),
    Case(name="kill -9 broker", play=kills.broker, invariants=(5, 11)),
    Case(name="kill -9 everybody", play=kills.everybody, invariants=(1, 5, 8)),
    Case(name="broker away, backlog", play=links.broker_away, invariants=(5, 13)),
    Case(name="link resets", play=links.resets, invariants=(5, 11)),
    Case(name="link far away", play=links.far_away, invariants=(5, 11)),
    Case(name="link of 64 kbit/s", play=links.narrow, invariants=(5,)),
    Case(name="link shaped by tbf", play=links.shaped, invariants=(5,)),
    Case(name="two centres, one identity", play=centres.one_identity, invariants=(5, 6)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is played, and how."""

    cases: Sequence[Case]
    seed: int = 1
    full: bool = False
    baseline: bool = True
    mutant: Mutant | None = None
    at_once: int = 6
    keep: Path | None = None


async def play(plan: Plan, *, say: Callable[[str], None]) -> list[Row]:
    """The rows in the order of the cases, the honest ones first."""
    places = asyncio.Semaphore(plan.at_once)
    wanted = [(case, False) for case in plan.cases]
    if plan.baseline and plan.mutant is None:
        wanted += [(case, True) for case in plan.cases if case.naive]
    return list(await asyncio.gather(*(_one(plan, case, naive, places, say) for case, naive in wanted)))


async def _one(
    plan: Plan, case: Case, naive: bool, places: asyncio.Semaphore, say: Callable[[str], None]
) -> Row:
    async with places:
        row = await play_one(plan, case, naive=naive)
    say(
        f"{row.name}: {'naive, ' if naive else ''}{row.took_s} s{', !! ' + row.problem if row.problem else ''}"
    )
    return row


async def play_one(plan: Plan, case: Case, *, naive: bool = False) -> Row:
    """What a case expected and did not see is a problem of its row; a naive uplink is expected to fail."""
    begun_ms = CLOCK.mono_ms()
    # A short path: a socket's may have a hundred letters and no more.
    folder = Path(tempfile.mkdtemp(prefix="weighpost-f-"))
    run = Run(
        folder=folder,
        dice=Random(f"{plan.seed}/{case.name}"),
        full=plan.full,
        naive=naive,
        mutant=plan.mutant,
    )
    try:
        async with asyncio.timeout(LONGEST_S[plan.full]):
            found = await case.play(run)
    except Exception as error:  # noqa: BLE001 - whatever a case meets is its own problem, and the others go on
        took_s = round((CLOCK.mono_ms() - begun_ms) / 1000, 1)
        return Row(name=case.name, baseline=naive, took_s=took_s, problem=f"{type(error).__name__}: {error}")
    finally:
        _tidy(folder, plan.keep)
    return row_of(case.name, found, baseline=naive, took_s=round((CLOCK.mono_ms() - begun_ms) / 1000, 1))


def _tidy(folder: Path, keep: Path | None) -> None:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        shutil.copytree(
            folder, keep / folder.name, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.sock")
        )
    shutil.rmtree(folder, ignore_errors=True)
