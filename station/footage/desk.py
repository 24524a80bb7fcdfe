"""The desk of recorders: register, clocks, and links, put together for pages and tasks."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from kernel.clock import Clock
from station.footage.folders import DigestFolder
from station.footage.ledger import Ledger
from station.footage.limits import SCAN_S
from station.footage.linking import Links
from station.footage.passages import Crossings
from station.footage.recorders import Recorders
from station.footage.scans import Remembered, Scans, in_own_process

Run = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What people do about recorders, and what the station does about them by itself."""

    recorders: Recorders
    links: Links
    crossings: Crossings
    scans: Scans
    scanned: Remembered

    def tasks(self) -> dict[str, Run]:
        return {"footage links": self.links.run, "footage clocks": self.scans.run}


def open_desk(
    ledger: Ledger, *, folder: Path, store: Path, station: str, clock: Clock, scan_s: int = SCAN_S
) -> Desk:
    """`store` is the station's; `station` its device path, which its clock shows; `scan_s`: patience with one file."""
    crossings = Crossings(store, ledger.index)
    scanned = Remembered(folder / "scanned.db")
    scans = Scans(
        ledger,
        DigestFolder(folder / "originals"),
        scanned,
        station=station,
        clock=clock,
        scan=partial(in_own_process, patience_s=scan_s),
    )
    return Desk(
        recorders=Recorders(ledger, clock=clock),
        links=Links(ledger, crossings, clock=clock),
        crossings=crossings,
        scans=scans,
        scanned=scanned,
    )
