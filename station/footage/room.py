"""The room of footage in a station: its parts, put together once and given to pages, tasks and commands."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from journal.disk import room_of
from journal.writer import Journal
from kernel.clock import Clock
from kernel.footage.keeping import retention
from station.docking.docking import Acknowledged
from station.docking.room import DockingRoom, open_docking
from station.footage.capacity import Forecast, forecast, measured, room_for_footage
from station.footage.desk import Desk, open_desk
from station.footage.folders import DigestFolder
from station.footage.index import FootageIndex
from station.footage.keeping import Keeping, Places, Rules, Spans
from station.footage.ledger import JournalLedger
from station.footage.settings import Footage
from station.footage.steps import Steps
from station.footage.stock import Stocked, stock_of
from station.footage.supervising import Lot, Supervising
from station.queries import Queries

Run = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FootageRoom:
    """`index` blocks: call it from a thread."""

    settings: Footage
    folder: Path
    ledger: JournalLedger
    clock: Clock
    desk: Desk
    keeping: Keeping
    steps: Steps
    supervising: Supervising
    rules: Rules
    docking: DockingRoom

    @property
    def index(self) -> FootageIndex:
        return self.ledger.index

    def forecast(self, stock: Iterable[Stocked] | None = None) -> Forecast:
        """Whether the disk holds as many days as unlinked footage must stay.  Blocking; `stock` where it is known."""
        now_ms, settings = self.clock.now_ms(), self.settings.keeping
        place = self.rules.jurisdiction
        unlinked = retention(self.rules.law, jurisdiction=place, now_ms=now_ms).get("unlinked")
        room = room_of(self.folder)
        known = stock_of(self.index).values() if stock is None else stock
        return forecast(
            days=unlinked.days or 0 if unlinked else 0,
            room_bytes=room_for_footage(known, room, high_percent=settings.high_percent),
            given={},
            settings=settings,
            measured=measured(self.index, now_ms=now_ms),
        )

    def tasks(self) -> dict[str, Run]:
        """What runs for the life of the station."""
        return {"keeping of footage": self.keeping.run, **self.desk.tasks(), **self.docking.tasks()}

    async def catch_up(self) -> None:
        """What was said when the process died; before any task runs."""
        await self.ledger.catch_up()
        await self.keeping.finish()


def open_room(
    settings: Footage,
    *,
    data: Path,
    journal: Journal,
    source: str,
    clock: Clock,
    rules: Rules,
    box: str,
    queries: Queries,
    travels: Callable[[FootageIndex], Spans],
    acknowledged: Acknowledged | None = None,
) -> FootageRoom:
    """`travels` answers with what has left with the station's journal."""
    folder = Path(settings.folder) if settings.folder else data / "footage"
    folder.mkdir(parents=True, exist_ok=True)
    ledger = JournalLedger(journal, FootageIndex(folder / "footage.db"), source=source)
    station = source.rpartition("/")[0]  # the device path that its lanes' begin with
    desk = open_desk(ledger, folder=folder, store=data / "station.db", station=station, clock=clock)
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
        enough=lambda: room.forecast().capacity.enough,
        spans=travels(ledger.index),
    )
    steps = Steps(
        ledger,
        queries,
        law=rules.law,
        jurisdiction=rules.jurisdiction,
        clock=clock,
        required=settings.keeping.steps_required,
    )
    room = FootageRoom(
        settings=settings,
        folder=folder,
        ledger=ledger,
        clock=clock,
        desk=desk,
        docking=open_docking(settings, folder=folder, ledger=ledger, clock=clock, acknowledged=acknowledged),
        keeping=keeping,
        steps=steps,
        supervising=Supervising(
            ledger,
            queries,
            lot=Lot(seed=settings.keeping.sample_seed or source, permille=settings.keeping.sample_permille),
        ),
        rules=rules,
    )
    return room
