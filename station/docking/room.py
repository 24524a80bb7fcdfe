"""The docking station of a site, put together: its docks, the importer they share, and the board that shows them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from journal.stamping import unknown_clock
from kernel.clock import Clock
from kernel.errors import FullError
from kernel.evidence.header import ClockState
from station.docking.board import Board
from station.docking.collected import Collected
from station.docking.docking import Acknowledged, Docking
from station.docking.drivers import open_dock
from station.docking.importing import Importer
from station.docking.probing import probe
from station.docking.profiles import Profiles, load_profiles
from station.footage.folders import DigestFolder
from station.footage.ledger import Ledger
from station.footage.settings import Footage

Run = Callable[[], Coroutine[Any, Any, None]]
TELL_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class DockingRoom:
    board: Board
    profiles: Profiles
    importer: Importer
    originals: DigestFolder
    clock: Clock
    docks: tuple[Docking, ...] = ()

    def tasks(self) -> dict[str, Run]:
        """One a dock, and one that tells what changed."""
        own = {"docks": self._tell} if self.docks else {}
        return own | {f"dock {dock.name}": dock.run for dock in self.docks}

    def close(self) -> None:
        """Threads that copy end within a moment."""
        self.importer.close()
        for dock in self.docks:
            dock.close()

    async def _tell(self) -> None:
        with suppress(FullError):  # the next start does it
            await self.importer.tidy()
        while True:
            await self.board.changed()
            self.board.tell()
            await self.clock.sleep(TELL_S)


def open_docking(
    settings: Footage,
    *,
    folder: Path,
    ledger: Ledger,
    clock: Clock,
    source_clock: Callable[[], ClockState] = unknown_clock,
    acknowledged: Acknowledged | None = None,
) -> DockingRoom:
    """On the running loop.  ConfigError: a site's own profile is wrong, or a dock names none."""
    profiles = load_profiles(settings.profiles)
    for dock in settings.docks:
        profiles.require(dock.model, at=f"footage.docks.{dock.name}.model")
    board = Board.of(dock.name for dock in settings.docks)
    originals = DigestFolder(folder / "originals")
    importer = Importer(
        ledger,
        originals,
        Collected(folder / "docking.db"),
        clock=clock,
        reserve_mb=settings.reserve_mb,
        look=partial(probe, patience_s=settings.look_s),
    )
    docks = [
        Docking(
            dock,
            open_dock(dock),
            importer=importer,
            profiles=profiles,
            board=board,
            clock=clock,
            source_clock=source_clock,
            officers={one.account: one.number for one in settings.officers},
            deletes=acknowledged if settings.delete_collected else None,
        )
        for dock in settings.docks
    ]
    return DockingRoom(
        board=board,
        profiles=profiles,
        importer=importer,
        originals=originals,
        clock=clock,
        docks=tuple(docks),
    )
