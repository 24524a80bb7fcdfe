"""A box whose disk tells another story than it signed: opened twice, rolled back, forked, flipped; and wrong clocks."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

from journal.console import WRONG
from tests.faults import counting
from tests.faults.counting import Accepted
from tests.faults.machines import CLOCK, until
from tests.faults.rows import Found
from tests.faults.site import Run, Site, site
from tests.support.pictures import picture

DAY_MS = 86_400_000


async def opened_twice(run: Run) -> Found:
    """A second process opens the journal: exit code 2 with the holder's pid, and no row is written."""
    async with site(run) as here:
        await here.scribe.many(5)
        size = (await here.scribe.state())["size"]
        second = here.beside("second", here.box_options(name="second"))
        second.begin()
        code = await second.ended()
        assert code == WRONG, f"the second process ended with {code}"
        assert f"in use by process {here.box.pid}" in second.last_words(), second.last_words()
        assert (await here.scribe.state())["size"] == size
        return await here.found(1)


async def rolled_back(run: Run) -> Found:
    """Yesterday's disk on the box: seen by the head file, or by the receiver's word; a new journal, nothing overwritten."""
    rounds = run.rounds(2, 20)
    async with site(run) as here:
        for number in range(rounds):
            await here.scribe.many(6, files=(2_000,))
            yesterday = await _image(here)
            await here.scribe.many(6, files=(2_000,))
            await here.settle()
            before = (await here.scribe.state())["journal"]
            await _restore(here, yesterday, head_file_too=bool(number % 2))
            await until(lambda: _journals(here) == number + 2, "the next journal is open")  # noqa: B023
            assert (await here.scribe.state())["journal"] != before
            await here.scribe.many(3)
        return await here.found(rounds)


async def forked(run: Run) -> Found:
    """The same without head file and off line, new vehicles, then connected: a proven fork, and they enter all the same."""
    async with site(run) as here:
        await here.scribe.many(6, files=(2_000,))
        yesterday = await _image(here)
        await here.scribe.many(6, files=(2_000,))
        await here.settle()
        await here.stop(here.broker)
        await _restore(here, yesterday, head_file_too=True)
        await here.scribe.many(3, files=(2_000,))
        await here.start(here.broker)
        found = await here.found(1)
        notes = counting.rows_of(here.database, "SELECT ours, theirs FROM fork")
        assert notes, "no proof of the fork was kept"
        states = counting.rows_of(here.database, "SELECT state FROM head ORDER BY state")
        assert states == [("forked",), ("open",)], states
        return found


async def flipped(run: Run) -> Found:
    """Random bytes of journal.db and of its WAL are flipped: never silent; what is readable is saved, the rest declared."""
    rounds = run.rounds(4, 60)
    async with site(run) as here:
        for number in range(rounds):
            await here.stop(here.broker)
            await here.scribe.many(12)
            in_wal = bool(number % 2)
            # Ended in order, everything is in the database; killed, it is in the WAL.
            await here.stop(here.box, signal.SIGKILL if in_wal else signal.SIGTERM)
            _flip(here, "journal.db-wal" if in_wal else "journal.db")
            await here.start(here.broker)
            here.box.begin()
            here.keeper.mind(here.box)
            await here.through()
        return await here.found(rounds)


async def erased(run: Run) -> Found:
    """Plates and pictures are erased, the box killed in between, sent before or not: no byte of them is left on it."""
    rounds = run.rounds(4, 40)
    async with site(run) as here:
        for number in range(rounds):
            plate = f"鲁C{number:03d}{run.dice.randrange(100)}"
            if away := bool(number % 2):
                await here.stop(here.broker)
            said = await here.scribe.say(files=(4_000,), plate=plate)
            seen = picture(said.passage, 0, 64)
            await here.scribe.many(2, files=(2_000,))
            if not away:
                await here.settle()
            assert _holds(here.data, plate.encode()), "the plate was never there"
            await _erase(here, said, killed=number % 4 > 1)
            await until(
                lambda: not _holds(here.data, plate.encode()) and not _holds(here.data, seen),  # noqa: B023
                "nothing of it is left on the box",
                seconds=20,
            )
            if away:
                await here.start(here.broker)
        return await here.found(rounds)


async def _erase(here: Site, said: Accepted, *, killed: bool) -> None:
    if not killed:
        await here.scribe.erase(said)
        return
    here.keeper.forget(here.box)
    await here.scribe.erase(said, die_at="after-entry")
    await here.box.ended()
    await here.start(here.box)


def _holds(folder: Path, what: bytes) -> bool:
    """In any byte of any file below: tables, indexes, free pages, WAL, files."""
    for path in folder.rglob("*"):
        try:
            if path.is_file() and what in path.read_bytes():
                return True
        except FileNotFoundError:
            continue
    return False


async def wrong_clock(run: Run) -> Found:
    """The clock says 1970, 2099 and yesterday in mid-run: taken, in order, and counted once."""
    async with site(run) as here:
        await here.scribe.many(3)
        for offset_ms in (-CLOCK.now_ms() + 1_000, 73 * 365 * DAY_MS, -DAY_MS, 0):
            await here.scribe.set_clock(offset_ms)
            await here.scribe.many(4, files=(2_000,))
        found = await here.found(4)
        assert counting.in_order(here.database), "not in order"
        return found


async def _image(here: Site) -> Path:
    """Of the journal's disk, while the box is dead for a moment."""
    await here.stop(here.box)
    image = here.folder / f"image-{CLOCK.mono_ms()}"
    shutil.copytree(here.data / "journal", image)
    await here.start(here.box)
    return image


async def _restore(here: Site, image: Path, *, head_file_too: bool) -> None:
    """`head_file_too`: else the head files are on another disk and know better."""
    await here.stop(here.box)
    folder = here.data / "journal"
    heads = {path.relative_to(folder): path.read_bytes() for path in folder.glob("[0-9]*/head")}
    shutil.rmtree(folder)
    shutil.copytree(image, folder)
    for place, data in heads.items():
        if not head_file_too and (folder / place).exists():
            (folder / place).write_bytes(data)
    here.box.begin()
    here.keeper.mind(here.box)
    await until(here.box.options.ready.exists, "the box is up")


def _journals(here: Site) -> int:
    return int((here.data / "journal" / "current").read_text())


def _flip(here: Site, name: str) -> None:
    path = here.data / "journal" / f"{_journals(here):04d}" / name
    data = bytearray(path.read_bytes())
    for _ in range(3):
        data[here.run.dice.randrange(len(data))] ^= 1 << here.run.dice.randrange(8)
    path.write_bytes(data)
