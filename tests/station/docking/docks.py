"""Docks and volumes without hardware: a recorder whose clock and lock are plain values, and an importer over a folder."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from kernel.errors import RefusedError
from kernel.evidence.header import ClockState
from kernel.footage.bodies import FootageImported
from simulators.clock import VirtualClock
from simulators.recorders.cable import pulled
from station.docking.board import Board
from station.docking.collected import Collected
from station.docking.contract import About, ClockReading, Presence
from station.docking.describing import Visit
from station.docking.docking import Docking
from station.docking.importing import Importer, Outcome
from station.docking.probing import Probe
from station.docking.profiles import load_profiles
from station.docking.settings import Dock
from station.docking.volume import Found, Volume
from station.footage.folders import DigestFolder
from station.footage.index import FootageIndex
from station.footage.ledger import LooseLedger

PROFILES = load_profiles()
H8 = PROFILES.models["h8-series"]
NAME = "3700123_100001_20260601100000_0001.mp4"


class Clock(VirtualClock):
    """Sleeping moves the time at once."""

    async def sleep(self, seconds: float) -> None:
        self._mono_ms += max(1, round(seconds * 1000))


def seen(path: Path) -> Probe:
    """What a short film would be, without looking at it."""
    with path.open("rb") as file:
        text = file.read(4)
    if text == b"torn":
        return Probe(media_type="video/mp4", fault="truncated")
    if text == b"long":
        return Probe(media_type="video/mp4", length_uncertain=True)
    return Probe(media_type="video/mp4", duration_ms=60_000, codec="h264", width=1920, height=1080)


@dataclass(kw_only=True)
class PaperDock:
    """A recorder of plain values."""

    top: Path
    clock: Clock
    number: str | None = "3700123"
    off_ms: int = 0
    step_ms: int = 1_000
    here: Presence = "open"
    opens: bool | RefusedError = False
    done: list[str] = field(default_factory=list)

    def presence(self) -> Presence:
        return self.here

    def usb(self) -> str | None:
        return None

    def about(self) -> About:
        return About(
            number=self.number, officer="100001", battery_permille=500, free_kb=1_000, total_kb=2_000
        )

    def read_clock(self) -> ClockReading | None:
        self.done.append("read")
        own_ms = self.clock.now_ms() + self.off_ms
        return ClockReading(own_ms=own_ms - own_ms % self.step_ms, step_ms=self.step_ms)

    def set_clock(self, true_ms: int) -> bool:
        self.done.append("set")
        self.off_ms = true_ms - self.clock.now_ms()
        return True

    def log(self) -> bytes | None:
        return None

    def unlock(self) -> bool:
        if isinstance(self.opens, RefusedError):
            raise self.opens
        if self.opens:
            self.here = "open"
        return self.opens


class WeakCable(Volume):
    """While `after` is set, the copy of a file ends behind so many bytes, and the recorder is gone with it."""

    def __init__(self, top: Path) -> None:
        super().__init__(top)
        self.after: int | None = None
        self._asked: list[str] = []

    def there(self) -> bool:
        return self.after is None

    def open(self, found: Found) -> BinaryIO:
        """First it is looked at, then it is copied."""
        self._asked.append(found.name)
        copies = self._asked.count(found.name) % 2 == 0
        file = super().open(found)
        return pulled(file, after=self.after) if self.after is not None and copies else file


class Bench:
    """An importer over folders, with an index that no journal proves."""

    def __init__(self, folder: Path, *, reserve_mb: int = 0, flush_bytes: int = 1 << 20) -> None:
        self.folder = folder
        self.top = folder / "recorder"
        self.top.mkdir(exist_ok=True)
        self.clock = Clock()
        self.clock_err_ms: int | None = 1  # None: nobody has set it
        self.index = FootageIndex(folder / "footage.db")
        self.originals = DigestFolder(folder / "originals")
        self.importer = Importer(
            LooseLedger(self.index, clock=self.clock),
            self.originals,
            Collected(folder / "docking.db"),
            clock=self.clock,
            reserve_mb=reserve_mb,
            look=seen,
            flush_bytes=flush_bytes,
        )
        self.visit = Visit(dock="dock1", recorder="3700123", profile=H8, docked_ms=self.clock.now_ms())

    def put(self, name: str, data: bytes) -> str:
        path = self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return hashlib.sha256(data).hexdigest()

    def found(self, name: str) -> Found:
        return next(one for one in Volume(self.top).files() if one.name == name)

    async def take(self, name: str, *, volume: Volume | None = None) -> Outcome:
        return await self.importer.take(volume or Volume(self.top), self.found(name), self.visit)

    async def take_all(self) -> list[Outcome]:
        volume = Volume(self.top)
        return [await self.importer.take(volume, found, self.visit) for found in list(volume.files())]

    def said(self) -> list[FootageImported]:
        return [one.body for one in self.index.of(FootageImported)]

    def docking(
        self, driver: PaperDock, *, name: str = "dock1", board: Board | None = None, **more: object
    ) -> Docking:
        return Docking(
            Dock(name=name, path=str(driver.top)),
            driver,
            importer=self.importer,
            profiles=PROFILES,
            board=board or Board.of([name]),
            clock=self.clock,
            source_clock=lambda: ClockState(
                err_ms=self.clock_err_ms, state="ok" if self.clock_err_ms else "unset"
            ),
            **more,  # type: ignore[arg-type]
        )
