"""Officers over a real store and a real journal, with entries put in by hand."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from journal import checking
from journal.store import Accepted
from journal.writer import Journal
from kernel.events import (
    Body,
    EntryRef,
    JointMode,
    PassageCancelled,
    PlateRead,
    VehicleFacts,
    VehiclePictured,
    VehicleWeighed,
)
from kernel.evidence.header import FileRef
from kernel.law.shipped import national
from station.acts import Officers, Tap
from station.queries import Queries
from station.store import StationStore
from station.views import Passage
from tests.journal.making import NOW, PaperJournal, TestClock, open_journal
from tests.journal.making import County as Keys
from tests.station.county import PLATFORM, WIM, pictured, weighed

SIX = VehicleFacts(axle_count=6, combination=True, drive_axles=2, single_tyre_axles=0)
UNKNOWN = VehicleFacts()


class Paper:
    """One lane's journal, written on paper and put straight into the store."""

    def __init__(self, store: StationStore, box: str) -> None:
        self.box = box
        self._store = store
        self._journal = PaperJournal(Keys().identity(box))
        self._put = 0
        self.passed = 0

    def weigh(
        self, gross_kg: int | None, facts: VehicleFacts = SIX, *, at: int = NOW, **more: object
    ) -> VehicleWeighed:
        self.passed += 1
        name = f"{self.box}-{self.passed}"
        body = weighed(name, gross_kg, facts, platform=self.box == PLATFORM, at_ms=at, **more)
        self._journal.say(body, at=at)
        return body

    def picture(
        self,
        passage: str,
        tractor: str | None,
        trailer: str | None = None,
        *,
        files: tuple[FileRef, ...] = (),
        missing: tuple[str, ...] = (),
    ) -> None:
        shots = tuple((file.name, b"") for file in files)
        body = pictured(passage, tractor, trailer, at_ms=NOW, shots=shots, missing=missing)
        self._journal.say(body, files=files)

    def say(self, body: Body, *, files: tuple[FileRef, ...] = ()) -> None:
        self._journal.say(body, files=files)

    def read_plates(self, passage: str, *reads: PlateRead, files: tuple[FileRef, ...] = ()) -> int:
        """As the lane's reader says it; the place of the entry."""
        body = VehiclePictured(
            passage=passage, weighed=None, weighed_durable_ms=None, plates=reads, tractor=reads[0].text
        )
        self._journal.say(body, files=files)
        return self._journal.size - 1

    def say_bytes(self, body: bytes, *, stream: str) -> None:
        self._journal.say_bytes(body, stream=stream)

    def take_back(self, weighing: EntryRef, passage: str | None = None) -> None:
        """The vehicle of this weighing rolled back; after a restart its lane knows no passage."""
        self._journal.say(PassageCancelled(passage=passage, weighed=weighing, device="wim"))

    def ref(self, seq: int) -> EntryRef:
        return EntryRef(journal=self._journal.id, seq=seq, leaf=self._journal.leaves[seq].hex())

    def put(self) -> tuple[Accepted, ...]:
        """Everything said since the last time is committed."""
        frame = self._journal.wire(self._put)
        entries = checking.inspect(self.box, self._journal.id, frame, received_ms=NOW + 300).entries
        with self._store.begin() as transaction:
            transaction.insert(self._journal.id, entries)
        self._put = self._journal.size
        return entries

    def fail_over(self) -> None:
        """The journal was in doubt: another continues it and says all of it again."""
        old = self._journal
        self._journal, self._put = PaperJournal(old.identity, predecessor=old.predecessor()), 0
        for seq in range(1, old.size):
            self._journal.say(old.retell(seq))

    def put_again(self, store: StationStore) -> None:
        """All of it, into a store that has nothing."""
        self._store, self._put = store, 0
        self.put()


@dataclass(kw_only=True)
class Desk:
    folder: Path
    clock: TestClock
    store: StationStore
    queries: Queries
    journal: Journal
    officers: Officers
    moving: Paper
    platform: Paper
    told: list[tuple[str, str]] = field(default_factory=list)
    taps: int = 0

    @classmethod
    async def open(cls, folder: Path, *, joint_mode: JointMode = "joint", keys: Keys | None = None) -> Desk:
        clock = TestClock()
        store = StationStore(folder / "station.db", store_id="s01-store-1")
        queries = Queries(folder / "station.db")
        identity = (keys or Keys()).identity("s01-station")
        journal = await asyncio.to_thread(
            lambda: open_journal(folder / "journal", identity=identity.key, clock=clock, process="station")
        )
        told: list[tuple[str, str]] = []
        officers = Officers(
            journal,
            store,
            queries,
            law=national(),
            source="yiyuan/s01",
            joint_mode=joint_mode,
            told=lambda box, passage: told.append((box, passage)),
        )
        return cls(
            folder=folder,
            clock=clock,
            store=store,
            queries=queries,
            journal=journal,
            officers=officers,
            moving=Paper(store, WIM),
            platform=Paper(store, PLATFORM),
            told=told,
        )

    def close(self) -> None:
        self.journal.close()
        self.store.close()

    def tap(self, passage: str, *, by: str = "li", key: str = "", box: str = PLATFORM) -> Tap:
        self.taps += 1
        return Tap(box=box, passage=passage, by=by, key=key or f"tap-{self.taps:08d}")

    def row(self, passage: str, *, box: str = PLATFORM) -> Passage:
        found = self.queries.passage(box, passage)
        assert found is not None
        return found

    def weighed(
        self, gross_kg: int | None, facts: VehicleFacts = SIX, *, plate: str | None = "鲁C12345"
    ) -> str:
        """A vehicle on the platform, pictured; the name of its passage."""
        body = self.platform.weigh(gross_kg, facts)
        self.platform.picture(body.passage, plate)
        self.platform.put()
        return body.passage
