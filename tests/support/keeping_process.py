"""Run as a program, to be killed: the keeping of footage over a real folder and journal, at a moment that is given.

usage: python -m tests.support.keeping_process FOLDER NOW_MS
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from journal.disk import room_of
from journal.keys import SigningKey
from journal.writer import Journal
from kernel.law.shipped import national
from station.footage.folders import DigestFolder
from station.footage.index import FootageIndex
from station.footage.keeping import Keeping, Rules, Shelves
from station.footage.keeping_settings import KeepingSettings
from station.footage.ledger import JournalLedger


class GivenClock:
    """Stands where it was put; sleeping only gives way."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms

    def mono_ms(self) -> int:
        return self._now_ms

    async def sleep(self, _seconds: float) -> None:
        await asyncio.sleep(0)


def opened(folder: Path, now_ms: int) -> tuple[Journal, JournalLedger, Keeping]:
    """The journal must be closed by who asked."""
    key, clock = folder / "s01-station.key", GivenClock(now_ms)
    identity = (
        SigningKey.load(key, kind="box")
        if key.exists()
        else SigningKey.create(key, kind="box", name="s01-station")
    )
    journal = Journal.open(
        folder / "journal", box="s01-station", process="station", software="test", identity=identity,
        clock=clock, boot="0123456789abcdef",
    )  # fmt: skip
    ledger = JournalLedger(journal, FootageIndex(folder / "footage.db"), source="yiyuan/s01/station")
    keeping = Keeping(
        ledger,
        Shelves(
            originals=DigestFolder(folder / "originals"),
            derived=DigestFolder(folder / "derived"),
            room=lambda: room_of(folder),
        ),
        Rules(law=national(), jurisdiction="370323", outcome=lambda _box, _name: None),
        settings=KeepingSettings(high_percent=100, low_percent=99),
        by="s01-station",
        clock=clock,
    )
    return journal, ledger, keeping


async def keep(folder: Path, now_ms: int) -> None:
    """One start, and one night."""
    journal, ledger, keeping = opened(folder, now_ms)
    await ledger.catch_up()
    await keeping.finish()
    sys.stdout.write("began\n")
    sys.stdout.flush()
    await keeping.step()
    journal.close()


if __name__ == "__main__":
    asyncio.run(keep(Path(sys.argv[1]), int(sys.argv[2])))
