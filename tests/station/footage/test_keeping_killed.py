"""The real process over a real folder, with the clock given: killed anywhere in its night, and on a disk that is full."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from pathlib import Path

import pytest

from journal.disk import room_of
from kernel.footage.bodies import FootageDerived, FootageDisposed, FootageImported
from kernel.law.shipped import national
from simulators.clock import VirtualClock
from station.footage.folders import DigestFolder
from station.footage.index import FootageIndex
from station.footage.keeping import Keeping, Rules, Shelves
from station.footage.keeping_settings import KeepingSettings
from station.footage.stock import stock_of
from tests.station.footage.world import DAY_MS, NIGHT_MS, WrittenLedger, store
from tests.support.disks import fill, tmpfs
from tests.support.keeping_process import opened

pytestmark = [pytest.mark.wire, pytest.mark.timeout(180)]
FILES = 250  # three entries of a hundred
KILLS = 6


async def prepare(folder: Path) -> list[str]:
    """Files that were taken in, and are marked since."""
    journal, ledger, keeping = opened(folder, NIGHT_MS)
    originals, digests = DigestFolder(folder / "originals"), []
    for number in range(FILES):
        sha256 = store(originals, f"file {number}")
        digests.append(sha256)
        await ledger.say(
            FootageImported(
                recorder="r", dock="d", state="imported", name=f"{number}.mp4", sha256=sha256, size=1
            )
        )
    journal.close()
    journal, ledger, keeping = opened(folder, NIGHT_MS + 185 * DAY_MS)
    await keeping.sweep()
    journal.close()
    return digests


def night(folder: Path, *, kill_after_s: float | None) -> None:
    """Runs the process in the night on which everything is due, to its end or to its death."""
    now_ms = NIGHT_MS + 193 * DAY_MS
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.keeping_process", str(folder), str(now_ms)],
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"began\n"
    try:
        process.wait(kill_after_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()


def test_killed_anywhere_nothing_is_gone_that_was_not_said_and_all_is_done_in_the_end(tmp_path: Path) -> None:
    digests = asyncio.run(prepare(tmp_path))
    luck = random.Random(7)
    for _ in range(KILLS):
        night(tmp_path, kill_after_s=luck.uniform(0.0, 0.6))
        (tmp_path / "footage.db").unlink()  # it is made again
        said = asyncio.run(deleted(tmp_path))
        gone = {one for one in digests if DigestFolder(tmp_path / "originals").path(one) is None}
        assert gone <= said
    night(tmp_path, kill_after_s=None)
    assert asyncio.run(deleted(tmp_path)) == set(digests)
    assert list(DigestFolder(tmp_path / "originals").digests()) == []
    assert stock_of(FootageIndex(tmp_path / "footage.db")) == {}


async def deleted(folder: Path) -> set[str]:
    journal, ledger, _keeping = opened(folder, NIGHT_MS + 193 * DAY_MS)
    await ledger.catch_up()
    said = [one.body for one in ledger.index.of(FootageDisposed) if one.body.act == "deleted"]
    journal.close()
    assert len([name for body in said for name in body.files]) == len(
        {n for body in said for n in body.files}
    )
    return {name for body in said for name in body.files}


async def test_on_a_full_disk_copies_go_and_originals_stay(tmp_path: Path) -> None:
    with tmpfs(tmp_path / "disk", "size=24m") as disk:
        originals, derived = DigestFolder(disk / "originals"), DigestFolder(disk / "derived")
        clock = VirtualClock(now_ms=NIGHT_MS)
        ledger = WrittenLedger(FootageIndex(tmp_path / "footage.db"), clock=clock)
        keeping = Keeping(
            ledger,
            Shelves(originals=originals, derived=derived, room=lambda: room_of(disk)),
            Rules(law=national(), jurisdiction="370323", outcome=lambda _box, _name: None),
            settings=KeepingSettings(),
            by="s01-station",
            clock=clock,
        )
        kept = store(originals, "o" * (4 << 20))
        await ledger.say(
            FootageImported(recorder="r", dock="d", state="imported", name="o.avi", sha256=kept, size=4 << 20)
        )
        copies = [store(derived, str(number) * (2 << 20)) for number in range(4)]
        for copy in copies:
            body = FootageDerived(kind="working_copy", sha256=copy, size=2 << 20, sources=(kept,), by="li")
            await ledger.say(body)
        fill(disk, leave_kb=0)
        await keeping.relieve()
        assert [derived.path(copy) is not None for copy in copies] == [False, False, True, True]
        assert originals.path(kept) is not None
        assert keeping.worries() == ()
        fill(disk, leave_kb=0)
        for copy in copies[2:]:
            derived.remove(copy)
        (disk / "more").write_bytes(bytes(4 << 20))
        await keeping.relieve()
        assert keeping.worries() == ("room_full",)
        assert originals.path(kept) is not None
