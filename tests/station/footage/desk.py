"""A station's footage without its pages: an index, a store with crossings, and what was taken in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kernel.footage.bodies import (
    ClockAnchor,
    ClockAnchored,
    DutyKept,
    FootageImported,
    FootageLinked,
    RecorderIssued,
    RecorderRegistered,
)
from simulators.clock import VirtualClock
from station.footage.index import FootageIndex
from station.footage.ledger import LooseLedger
from station.footage.linking import Links
from station.footage.passages import Crossings
from station.store import StationStore
from tests.journal.making import NOW
from tests.station.county import PLATFORM
from tests.station.desk import Paper

NUMBER = "3700123"
MINUTE = 60_000


class FootageDesk:
    """`NOW` is when it is; the platform's crossings are put in by hand."""

    def __init__(self, folder: Path) -> None:
        self.clock = VirtualClock(now_ms=NOW + 60 * MINUTE)
        self.store = StationStore(folder / "station.db", store_id="s01-store-1")
        self.lane = Paper(self.store, PLATFORM)
        self.ledger = LooseLedger(FootageIndex(folder / "footage.db"), clock=self.clock)
        self.crossings = Crossings(folder / "station.db", self.index)
        self.links = self.again()
        self._digests = 0

    @property
    def index(self) -> FootageIndex:
        return self.ledger.index

    def again(self) -> Links:
        """As after a restart."""
        return Links(self.ledger, self.crossings, clock=self.clock)

    def weigh(self, *, at: int = NOW, gross_kg: int = 58_000) -> str:
        body = self.lane.weigh(gross_kg, at=at)
        self.lane.put()
        return body.passage

    async def anchor(self, *, ahead_ms: int = 0, at: int = NOW, err_ms: int = 100) -> None:
        anchor = ClockAnchor(kind="dock", own_ms=at + ahead_ms, true_ms=at, err_ms=err_ms)
        await self.ledger.say(ClockAnchored(recorder=NUMBER, anchor=anchor, by="dock1"))

    async def issue(self, officer: str = "li") -> None:
        at_ms = NOW - 120 * MINUTE
        body = RecorderIssued(recorder=NUMBER, act="issued", officer=officer, at_ms=at_ms, by="wang")
        await self.ledger.say(body)

    async def duty(self, officer: str = "li") -> None:
        await self.ledger.say(DutyKept(officer=officer, act="begun", at_ms=NOW - 120 * MINUTE, by=officer))

    async def register(self, recorder: str = NUMBER) -> None:
        body = RecorderRegistered(recorder=recorder, model="dsj-a", unit="南麻站", status="in_use", by="wang")
        await self.ledger.say(body)

    async def take_in(
        self, *, own_start_ms: int | None = NOW - 10 * MINUTE, minutes: int = 30, **more: Any
    ) -> FootageImported:
        self._digests += 1
        values: dict[str, Any] = {
            "recorder": NUMBER,
            "dock": "dock1",
            "state": "imported",
            "name": f"{self._digests}.mp4",
            "sha256": f"{self._digests:064x}",
            "own_start_ms": own_start_ms,
            "start_basis": "name",
            "duration_ms": minutes * MINUTE,
        }
        body = FootageImported(**(values | more))
        await self.ledger.say(body)
        return body

    def said(self) -> list[FootageLinked]:
        return [one.body for one in self.index.of(FootageLinked)]

    def acts(self) -> list[tuple[str, str]]:
        return [(body.act, body.reason) for body in self.said()]
