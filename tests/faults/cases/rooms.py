"""Disks that are full: of the box and of the centre; and readers that hold on."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from tests.faults.machines import until
from tests.faults.rows import Found
from tests.faults.site import Ground, Run, Site, site
from tests.support.disks import fill, tmpfs

WAL_MB = 24  # what the journal's own limit leaves, with room for a held reader


async def box_full(run: Run) -> Found:
    """The box has no byte left: the log writes from its reserve, sending goes on, pictures wait, and none is lost."""
    rounds = run.rounds(1, 10)
    with tmpfs(run.folder / "disk", "size=64m") as disk:
        async with site(run, Ground(data=disk / "box", reserve_mb=2)) as here:
            reserve = here.data / "journal" / "reserve"
            for _ in range(rounds):
                await until(lambda: run.naive or reserve.exists(), "the reserve is held")
                await here.stop(here.broker)
                await here.scribe.many(4, files=(20_000,))
                fill(disk, leave_kb=0)
                await here.scribe.many(3)
                await here.start(here.broker)
                assert await here.through() or run.naive, (
                    "what the box has is not sent while its disk is full"
                )
                waiting = asyncio.ensure_future(here.scribe.many(4, files=(900_000,)))
                await _refused(here, run)
                (disk / "filler").unlink()
                async with asyncio.timeout(30):
                    await waiting
            found = await here.found(rounds)
            await here.stop(here.box)
        return found


async def centre_full(run: Run) -> Found:
    """The centre has no byte left for a while: nothing is receipted that is not stored, and all of it comes again."""
    rounds = run.rounds(1, 10)
    with tmpfs(run.folder / "disk", "size=16m") as disk:
        async with site(run, Ground(centre=disk / "centre")) as here:
            for _ in range(rounds):
                await here.through()
                fill(disk, leave_kb=0)
                await here.scribe.many(30, files=(20_000,))
                await run.calm(0.5, 1.0)
                (disk / "filler").unlink()
            found = await here.found(rounds)
            await here.stop(here.centre)
        return found


async def held_reader(run: Run) -> Found:
    """Somebody reads the journal and never lets go: writing and sending go on, and the WAL does not grow for ever."""
    async with site(run) as here:
        await here.scribe.many(5)
        with _reading(here):
            await here.scribe.backlog(run.rounds(300, 5_000))
            await here.settle()
        await here.scribe.many(5)
        wal = sum(path.stat().st_size for path in (here.data / "journal").glob("[0-9]*/journal.db-wal"))
        assert wal < WAL_MB << 20, f"the WAL has {wal} bytes"
        return await here.found(1)


async def _refused(here: Site, run: Run) -> None:
    if run.naive:
        await run.calm(0.5, 1.0)
    else:
        await until(lambda: here.scribe.full > 0, "the box says that it is full", seconds=20)


@contextmanager
def _reading(here: Site) -> Iterator[None]:
    [path] = (here.data / "journal").glob("[0-9]*/journal.db")
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)) as db:
        db.execute("BEGIN")
        db.execute("SELECT count(*) FROM entry").fetchone()
        yield
        db.execute("COMMIT")
