"""The room of footage in a station: its parts, put together once and given to pages, tasks and commands."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from journal.files import FileStore
from journal.writer import Journal
from kernel.clock import Clock
from kernel.events import FileStored
from station.footage.folders import DigestFolder
from station.footage.index import FootageIndex
from station.footage.ledger import JournalLedger
from station.footage.library import Library, Places
from station.footage.settings import Footage
from station.footage.spans import Spans
from station.footage.tags import Tags
from station.footage.workshop import Workshop

Run = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FootageRoom:
    """`index` blocks: call it from a thread."""

    settings: Footage
    folder: Path
    ledger: JournalLedger
    clock: Clock
    library: Library
    workshop: Workshop
    tags: Tags

    @property
    def index(self) -> FootageIndex:
        return self.ledger.index

    def tasks(self) -> dict[str, Run]:
        """What runs for the life of the station."""
        spans = Spans(self.index, self.library, self.workshop, clock=self.clock)
        return {"copies": self.workshop.run, "spans": spans.run}


def open_room(
    settings: Footage,
    *,
    data: Path,
    journal: Journal,
    source: str,
    clock: Clock,
    own_files: FileStore,
    clips: Places,
    clip: Callable[[str], FileStored | None],
) -> FootageRoom:
    """`own_files` is where files lie that travel with the station's journal; `clips`, `clip`: those of its lanes."""
    folder = Path(settings.folder) if settings.folder else data / "footage"
    folder.mkdir(parents=True, exist_ok=True)
    ledger = JournalLedger(journal, FootageIndex(folder / "footage.db"), source=source)
    library = Library(
        ledger.index,
        originals=DigestFolder(folder / "originals"),
        derived=DigestFolder(folder / "derived"),
        spans=own_files,
        clips=clips,
        clip=clip,
    )
    workshop = Workshop(
        ledger,
        library,
        own_files,
        folder=folder / "orders",
        most_bytes=settings.copies_gb << 30,
        clock=clock,
    )
    return FootageRoom(
        settings=settings,
        folder=folder,
        ledger=ledger,
        clock=clock,
        library=library,
        workshop=workshop,
        tags=Tags(ledger),
    )
