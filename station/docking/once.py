"""Takes in recorders that are mounted now, without a station: into a folder of its own, and then it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from journal.lock import FolderLock
from journal.timekeeping import clock_state
from kernel.clock import Clock
from kernel.errors import ConfigError, RefusedError
from station.docking.board import Board
from station.docking.collected import Collected
from station.docking.docking import Docking
from station.docking.drivers import open_dock
from station.docking.importing import Importer
from station.docking.listing import FileRow, row_of
from station.docking.profiles import Profiles
from station.docking.settings import Dock
from station.docking.volume import Volume
from station.footage.folders import DigestFolder
from station.footage.index import FootageIndex
from station.footage.ledger import LooseLedger

RESERVE_MB = 64
SHOW_S = 0.2


async def take_once(
    docks: Sequence[Dock],
    *,
    data: Path,
    profiles: Profiles,
    clock: Clock,
    told: Callable[[FileRow], None],
    shown: Callable[[Board], None],
) -> Board:
    """Every dock at once; the board as it is at the end.  ConfigError: no such folder; RefusedError: `data` is in use."""
    lock = await asyncio.to_thread(_prepare, docks, data)
    try:
        board = Board.of(dock.name for dock in docks)
        board.watch(lambda: shown(board))
        importer = _importer(data, clock)
        works = [
            Docking(
                dock,
                open_dock(dock),
                importer=importer,
                profiles=profiles,
                board=board,
                clock=clock,
                source_clock=clock_state,
                told=lambda outcome: told(row_of(outcome)),
            )
            for dock in docks
            if Volume(Path(dock.path)).there()
        ]
        watching = asyncio.create_task(_watch(board, clock))
        await asyncio.gather(*(work.step() for work in works))
        watching.cancel()
        importer.close()
        for work in works:
            work.close()
        board.tell()
        return board
    finally:
        lock.release()


def _prepare(docks: Sequence[Dock], data: Path) -> FolderLock:
    for dock in docks:
        if not Path(dock.path).is_dir():
            raise ConfigError.one(dock.path, "is no folder")
    data.mkdir(parents=True, exist_ok=True)
    return FolderLock(data)


def problem_of(board: Board) -> RefusedError | None:
    """Why not everything was taken in."""
    left = [one for one in board.docks.values() if one.state not in ("collected", "absent")]
    words = [f"{one.dock}: {one.state.replace('_', ' ')} {one.why}".strip() for one in left]
    return RefusedError("\n".join(words)) if words else None


def _importer(data: Path, clock: Clock) -> Importer:
    ledger = LooseLedger(FootageIndex(data / "footage.db"), clock=clock)
    originals = DigestFolder(data / "originals")
    return Importer(ledger, originals, Collected(data / "docking.db"), clock=clock, reserve_mb=RESERVE_MB)


async def _watch(board: Board, clock: Clock) -> None:
    while True:
        await board.changed()
        board.tell()
        await clock.sleep(SHOW_S)
