"""kill -9 of everybody, at chosen and at random moments."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from collections.abc import Coroutine
from contextlib import closing

from tests.faults.machines import Machine, Mosquitto
from tests.faults.rows import Found
from tests.faults.site import Ground, Run, Site, site


async def around_the_commit(run: Run) -> Found:
    """The writer dies between file rename and commit, and between commit and return: an entry once, or not at all."""
    rounds = run.rounds(6, 100)
    async with site(run) as here:
        for number in range(rounds):
            die_at = ("after-files", "after-append")[number % 2]
            # The keeper would call a kill of our own a fault.
            here.keeper.forget(here.box)
            saying = here.scribe.say(files=(2_000, 3_000), die_at=die_at)
            await _killed_and_back(here, saying)
        if not run.naive:
            _once_each(here)
        return await here.found(rounds)


async def edge(run: Run) -> Found:
    """kill -9 of the box at random moments; every second time its broker is away as well."""
    rounds = run.rounds(4, 100)
    async with site(run) as here:
        async with here.scribe.traffic():
            for number in range(rounds):
                await run.calm()
                await (here.cut_without_broker if number % 2 else here.cut)(here.box)
        return await here.found(rounds)


async def centre(run: Run) -> Found:
    """kill -9 of the centre at random moments."""
    return await _again_and_again(run, "centre", rounds=run.rounds(3, 100))


async def station(run: Run) -> Found:
    """kill -9 of a station at random moments."""
    return await _again_and_again(run, "centre", rounds=run.rounds(3, 100), ground=Ground(kind="station"))


async def broker(run: Run) -> Found:
    """kill -9 of the broker at random moments."""
    return await _again_and_again(run, "broker", rounds=run.rounds(3, 100))


async def everybody(run: Run) -> Found:
    """Box, broker and centre at once."""
    rounds = run.rounds(2, 30)
    async with site(run) as here:
        for _ in range(rounds):
            async with here.scribe.traffic():
                await run.calm()
                for machine in (here.box, here.broker, here.centre):
                    await here.stop(machine)
                for machine in (here.broker, here.centre):
                    await here.start(machine)
                await here.cut(here.box)
        return await here.found(rounds)


async def _again_and_again(run: Run, name: str, *, rounds: int, ground: Ground | None = None) -> Found:
    async with site(run, ground) as here:
        victim: Machine | Mosquitto = getattr(here, name)
        async with here.scribe.traffic():
            for _ in range(rounds):
                await run.calm()
                await here.cut(victim)
        return await here.found(rounds)


async def _killed_and_back(here: Site, saying: Coroutine[object, object, object]) -> None:
    task = asyncio.ensure_future(saying)
    code = await here.box.ended()
    assert code == -signal.SIGKILL, f"the box has not killed itself: {code}"
    await here.start(here.box)
    await task


def _once_each(here: Site) -> None:
    """Every name that was asked for twice is in the journal once."""
    for path in (here.data / "journal").glob("[0-9]*/journal.db"):
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            keys, entries = db.execute("SELECT (SELECT count(*) FROM idem), count(*) FROM entry").fetchone()
        assert (keys, entries) == (len(here.scribe.accepted), len(here.scribe.accepted) + 1)
