"""The room of footage in a station: its parts, put together once and given to pages, tasks and commands."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from journal.writer import Journal
from kernel.clock import Clock
from station.docking.docking import Acknowledged
from station.docking.room import DockingRoom, open_docking
from station.footage.index import FootageIndex
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
    docking: DockingRoom

    @property
    def index(self) -> FootageIndex:
        return self.ledger.index

    def tasks(self) -> dict[str, Run]:
        """What runs for the life of the station."""
        return {**self.docking.tasks()}


def open_room(
    settings: Footage,
    *,
    data: Path,
    journal: Journal,
    source: str,
    clock: Clock,
    acknowledged: Acknowledged | None = None,
) -> FootageRoom:
    folder = Path(settings.folder) if settings.folder else data / "footage"
    folder.mkdir(parents=True, exist_ok=True)
    ledger = JournalLedger(journal, FootageIndex(folder / "footage.db"), source=source)
    docking = open_docking(settings, folder=folder, ledger=ledger, clock=clock, acknowledged=acknowledged)
    return FootageRoom(settings=settings, folder=folder, ledger=ledger, clock=clock, docking=docking)
