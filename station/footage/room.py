"""The room of footage in a station: its parts, put together once and given to pages, tasks and commands."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from journal.disk import room_of
from journal.writer import Journal
from kernel.clock import Clock
from station.footage.folders import DigestFolder
from station.footage.index import FootageIndex
from station.footage.keeping import Keeping, Places, Rules
from station.footage.ledger import JournalLedger
from station.footage.settings import Footage

Run = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FootageRoom:
    """`index` blocks: call it from a thread."""

    settings: Footage
    folder: Path
    ledger: JournalLedger
    clock: Clock
    keeping: Keeping

    @property
    def index(self) -> FootageIndex:
        return self.ledger.index

    def tasks(self) -> dict[str, Run]:
        """What runs for the life of the station."""
        return {"keeping of footage": self.keeping.run}

    async def catch_up(self) -> None:
        """What was said when the process died; before any task runs."""
        await self.ledger.catch_up()
        await self.keeping.finish()


def open_room(
    settings: Footage, *, data: Path, journal: Journal, source: str, clock: Clock, rules: Rules, box: str
) -> FootageRoom:
    folder = Path(settings.folder) if settings.folder else data / "footage"
    folder.mkdir(parents=True, exist_ok=True)
    ledger = JournalLedger(journal, FootageIndex(folder / "footage.db"), source=source)
    keeping = Keeping(
        ledger,
        Places(
            originals=DigestFolder(folder / "originals"),
            derived=DigestFolder(folder / "derived"),
            room=partial(room_of, folder),
        ),
        rules,
        settings=settings.keeping,
        by=box,
        clock=clock,
    )
    return FootageRoom(settings=settings, folder=folder, ledger=ledger, clock=clock, keeping=keeping)
