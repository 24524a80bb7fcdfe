"""The room of footage in a station: its parts, put together once and given to pages, tasks and commands."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from journal.commands import Kind
from journal.disk import room_of
from journal.files import FileStore
from journal.stamping import unknown_clock
from journal.writer import Journal
from kernel.clock import Clock
from kernel.events import FileStored
from kernel.evidence.commands import CASE
from kernel.evidence.header import ClockState
from kernel.footage.keeping import retention
from station.docking.docking import Acknowledged
from station.docking.room import DockingRoom, open_docking
from station.footage import keeping, library
from station.footage.capacity import Forecast, forecast, measured, room_for_footage
from station.footage.cases import NotingCases
from station.footage.desk import Desk, open_desk
from station.footage.folders import DigestFolder
from station.footage.index import FootageIndex
from station.footage.keeping import Keeping, Rules
from station.footage.ledger import JournalLedger
from station.footage.library import Library
from station.footage.limits import making_s
from station.footage.settings import Footage
from station.footage.spans import Spans
from station.footage.steps import Steps
from station.footage.stock import Stocked, stock_of
from station.footage.supervising import Lot, Supervising
from station.footage.tags import Tags
from station.footage.workshop import Workshop
from station.queries import Queries

Run = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What the room is given of the station.

    `own_files` is where files lie that travel with the station's journal, `travels` answers with what of them has left;
    `clips` are those of its lanes; `acknowledged` whether an entry is out of danger elsewhere;
    `source_clock` says how good `clock` is.
    """

    data: Path
    journal: Journal
    source: str
    box: str
    clock: Clock
    rules: Rules
    queries: Queries
    own_files: FileStore
    clips: library.Places
    clip: Callable[[str], FileStored | None]
    travels: Callable[[FootageIndex], keeping.SentSpans]
    acknowledged: Acknowledged | None = None
    source_clock: Callable[[], ClockState] = unknown_clock


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
    library: Library
    workshop: Workshop
    tags: Tags

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
        spans = Spans(
            self.index,
            self.library,
            self.workshop,
            clock=self.clock,
            most_bytes=self.settings.span_mb << 20,
        )
        return {
            "keeping of footage": self.keeping.run,
            "copies": self.workshop.run,
            "spans": spans.run,
            **self.desk.tasks(),
            **self.docking.tasks(),
        }

    def kinds(self) -> dict[str, Kind]:
        """What the centre may command here."""
        noting = NotingCases(note=self.keeping.note)
        return {CASE: Kind(check=noting.check, act=noting.act)}

    async def catch_up(self) -> None:
        """What was said when the process died; before any task runs."""
        await self.ledger.catch_up()
        await self.keeping.finish()


def open_room(settings: Footage, around: Around) -> FootageRoom:
    folder = Path(settings.folder) if settings.folder else around.data / "footage"
    folder.mkdir(parents=True, exist_ok=True)
    ledger = JournalLedger(around.journal, FootageIndex(folder / "footage.db"), source=around.source)
    station = around.source.rpartition("/")[0]  # the device path that its lanes' begin with
    store, clock, rules = around.data / "station.db", around.clock, around.rules
    shelves = _library(ledger, folder, around)
    lot = Lot(seed=settings.keeping.sample_seed or around.source, permille=settings.keeping.sample_permille)
    keeps = _keeping(settings, ledger, folder, around, enough=lambda: room.forecast().capacity.enough)
    room = FootageRoom(
        settings=settings,
        folder=folder,
        ledger=ledger,
        clock=clock,
        desk=open_desk(
            ledger, folder=folder, store=store, station=station, clock=clock, scan_s=settings.scan_s
        ),
        docking=open_docking(
            settings,
            folder=folder,
            ledger=ledger,
            clock=clock,
            source_clock=around.source_clock,
            acknowledged=around.acknowledged,
        ),
        keeping=keeps,
        steps=_steps(settings, ledger, around),
        supervising=Supervising(ledger, around.queries, lot=lot),
        rules=rules,
        library=shelves,
        workshop=_workshop(settings, ledger, shelves, folder, around, is_held=keeps.is_held),
        tags=Tags(ledger),
    )
    return room


def _keeping(
    settings: Footage, ledger: JournalLedger, folder: Path, around: Around, *, enough: Callable[[], bool]
) -> Keeping:
    places = keeping.Shelves(
        originals=DigestFolder(folder / "originals"),
        derived=DigestFolder(folder / "derived"),
        room=partial(room_of, folder),
    )
    return Keeping(
        ledger,
        places,
        around.rules,
        settings=settings.keeping,
        by=around.box,
        clock=around.clock,
        enough=enough,
        spans=around.travels(ledger.index),
        lies=lambda sha256: around.clips.path(sha256) is not None,
    )


def _steps(settings: Footage, ledger: JournalLedger, around: Around) -> Steps:
    return Steps(
        ledger,
        around.queries,
        law=around.rules.law,
        jurisdiction=around.rules.jurisdiction,
        clock=around.clock,
        required=settings.keeping.steps_required,
    )


def _library(ledger: JournalLedger, folder: Path, around: Around) -> Library:
    return Library(
        ledger.index,
        originals=DigestFolder(folder / "originals"),
        derived=DigestFolder(folder / "derived"),
        spans=around.own_files,
        clips=around.clips,
        clip=around.clip,
    )


def _workshop(
    settings: Footage,
    ledger: JournalLedger,
    shelves: Library,
    folder: Path,
    around: Around,
    *,
    is_held: Callable[[str], bool],
) -> Workshop:
    return Workshop(
        ledger,
        shelves,
        around.own_files,
        folder=folder / "orders",
        most_bytes=settings.copies_gb << 30,
        most_span_bytes=settings.span_mb << 20,
        limit_s=partial(making_s, times=settings.making_times),
        span_reserve_bytes=settings.reserve_mb << 20,
        clock=around.clock,
        is_held=is_held,
    )
