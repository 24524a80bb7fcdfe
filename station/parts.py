"""What the pages are given of the station: its parts, put together by station.assembly and by nobody else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from journal.access import AccessLog
from kernel.clock import Clock
from kernel.evidence.header import ClockState
from station.acts import Officers
from station.feed import Feed
from station.footage.room import FootageRoom
from station.plates import Corrections, Plates
from station.queries import Queries
from station.settings import Settings
from station.slips import Slips
from web.shell import Shell


class PlacesFiles(Protocol):
    """Where the bytes of a file are, None when they are not here.  Blocking."""

    def path(self, sha256: str) -> Path | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """`queries`, `plates` and `files` block: call them from a thread."""

    settings: Settings
    clock: Clock
    source_clock: Callable[[], ClockState]
    shell: Shell
    feed: Feed
    queries: Queries
    officers: Officers
    plates: Plates
    corrections: Corrections
    access: AccessLog
    slips: Slips
    files: PlacesFiles
    healthy: Callable[[], dict[str, object]]
    footage: FootageRoom | None = None
