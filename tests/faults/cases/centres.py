"""Two workers over one store, centres from a backup, two centres under one name, cosigners that are set back."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from journal.keys import SigningKey
from journal.witnessing import RootAt
from kernel.errors import RefusedError
from kernel.evidence import notes, tree
from kernel.evidence.notes import Note
from tests.faults.machines import CLOCK, Machine
from tests.faults.mutants import cosigner_of
from tests.faults.receiving import ReceivingOptions
from tests.faults.rows import Counts, Found
from tests.faults.site import Run, Site, site
from tests.journal.making import County, PaperJournal, said
from tests.support.ports import free_port


async def two_workers(run: Run) -> Found:
    """Every frame reaches two workers over one store at once, and one of them is killed again and again."""
    rounds = run.rounds(3, 100)
    async with site(run) as here:
        second = here.beside("second", _second_worker(here))
        here.keeper.watch(second)
        await here.start(second)
        try:
            async with here.scribe.traffic():
                for number in range(rounds):
                    await run.calm()
                    await here.cut((second, here.centre)[number % 2])
            return await here.found(rounds)
        finally:
            here.keeper.forget(second)
            await second.end()


async def restored(run: Run) -> Found:
    """The centre burns down and comes back from an old backup as a new store: the box has what `kept` did not cover."""
    async with site(run) as here:
        await here.scribe.many(8, files=(2_000,))
        await here.settle()
        backup = _backup(here)
        await here.scribe.many(12, files=(2_000,))
        await here.settle()
        await here.stop(here.centre)
        _burn_down(here, backup)
        if not run.naive:
            await _as_a_new_store(here)
        await here.start(here.centre)
        await here.scribe.many(3, files=(2_000,))
        found = await here.found(1)
        await here.stop(here.centre)
        return found


async def one_identity(run: Run) -> Found:
    """A clone of the centre, with its name and its keys, speaks beside it for a while: who stays is made whole."""
    async with site(run) as here:
        await here.scribe.many(5, files=(2_000,))
        await here.settle()
        clone = await _clone(here)
        try:
            async with here.scribe.traffic():
                await run.calm(2.0, 3.0)
            await clone.end()
            return await here.found(1)
        finally:
            await clone.end()


async def forked_cosigner(run: Run) -> Found:
    """A restored centre is offered a fork from before its last cosignature: it signs nothing that contradicts itself."""
    rounds = run.rounds(20, 400)
    key = SigningKey.generate(kind="cosigner", name="yiyuan-centre")
    county = County(now_ms=CLOCK.now_ms())
    contradictions = refused = 0
    for number in range(rounds):
        heads = run.folder / f"heads-{number}.db"
        signed = _two_histories(run, county, key, heads)
        contradictions += signed == 2
        refused += signed < 2
        heads.unlink()
    counts = Counts(accepted=rounds, torn=contradictions, declared=refused)
    return Found(rounds=rounds, counts=counts)


def _two_histories(run: Run, county: County, key: SigningKey, heads: Path) -> int:
    """How many of two histories that contradict each other get a cosignature, a set back memory in between."""
    paper = PaperJournal(county.identity(), at=CLOCK.now_ms())
    paper.talk(run.dice.randrange(3, 30))
    other = paper.forked(run.dice.randrange(1, paper.size))
    other.say(said(-1))  # from here on another story
    other.talk(paper.size - other.size + run.dice.randrange(4))
    early = paper.forked(1)
    with closing(cosigner_of(run.mutant)(heads, key=key, clock=CLOCK)) as cosigner:
        cosigner.cosign(early.checkpoint(), root_at=_roots(early))
        old = heads.with_suffix(".old")
        shutil.copy(heads, old)
        first = cosigner.cosign(paper.checkpoint(), root_at=_roots(paper))
    known = Note.parse(paper.checkpoint()).with_signature(first).format()
    shutil.move(old, heads)
    with closing(cosigner_of(run.mutant)(heads, key=key, clock=CLOCK)) as cosigner:
        # It meets its own signature, as it lies in the centre's database and in packages: that is the floor from now on.
        cosigner.cosign(known, root_at=_roots(paper))
        try:
            line = cosigner.cosign(other.checkpoint(), root_at=_roots(other))
        except RefusedError:
            return 1
    note = Note.parse(other.checkpoint()).with_signature(line)
    assert notes.cosigned_at(note, name=key.name, public_key=key.public) is not None
    return 2


def _roots(paper: PaperJournal) -> RootAt:
    return lambda size: tree.root(paper.leaves[:size])


def _second_worker(here: Site) -> ReceivingOptions:
    return replace(here.receiving_options(name="second", port=free_port()), user="centre", client="second")


def _backup(here: Site) -> Path:
    """While it runs, as SQLite offers it; the files that are there are copied first."""
    folder = here.folder / "backup"
    shutil.copytree(here.blobs, folder / "files")
    source = sqlite3.connect(f"file:{here.database}?mode=ro", uri=True)
    with closing(source), closing(sqlite3.connect(folder / "store.db")) as target:
        source.backup(target)
    return folder


def _burn_down(here: Site, backup: Path) -> None:
    shutil.rmtree(here.home)
    shutil.copytree(backup, here.home)


async def _as_a_new_store(here: Site) -> None:
    """A restored store has another name and another key, and the box is told which."""
    key = SigningKey.generate(kind="store", name="yiyuan-centre-2")
    await here.stop(here.box)
    here.keeper.unwatch(here.box)
    here.centre = here.make_centre(key=key)
    here.box = here.beside("box", here.box_options(key=key))
    here.keeper.watch(here.box)
    await here.start(here.box)


async def _clone(here: Site) -> Machine:
    """The same name at the broker, the same keys, and the store as it was when it was copied."""
    home = here.folder / "clone"
    await here.stop(here.centre)
    shutil.copytree(here.home, home)
    await here.start(here.centre)
    if here.run.naive:
        options = replace(here.centre.options, ready=here.folder / "clone.ready", database=home / "store.db")
        clone = here.beside("clone", options)
    else:
        clone = here.beside("clone", here.receiving_options(name="clone", home=home, port=free_port()))
    await clone.start()
    return clone
