"""Six weeks of compliant vehicles: after its days nobody has a plate any more, not the lane, nor station, nor centre.

The lane's own housekeeping, the station's store and journal, and the centre's rules, with entries carried by hand.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from central.store.projections import Register
from central.store.receiving import CentreStore
from journal.erasing import Erasing
from journal.store import Accepted
from journal.writer import Journal
from kernel.events import PlateCorrected
from kernel.evidence import header
from station.plates import Forgetting, Plates
from tests.central.made import open_database
from tests.central.world import World
from tests.edge.keeping.box import SOURCE, LaneBox, plate_of
from tests.journal.making import BOX, NOW
from tests.station.desk import Desk

pytestmark = [pytest.mark.broad, pytest.mark.timeout(60)]

DAYS, KEPT_DAYS = 42, 30
STATION = "s01-station"
REGISTER = Register(
    centre="yiyuan-centre",
    sources={"yiyuan-centre": "yiyuan/centre", BOX: SOURCE, STATION: "yiyuan/s01/station"},
)


@dataclass
class Chain:
    lane: LaneBox
    desk: Desk
    centre: World
    folder: Path
    sent: dict[str, int] = field(default_factory=dict)

    async def day(self, number: int) -> None:
        """A vehicle passes, an officer corrects its plate, everybody hears of it and does what the day asks for."""
        passage = f"p{number:02d}"
        passed = await self.lane.drive(passage)
        self.lane.uploaded(passed.picture)
        self.lane.kept()
        await self.carry()
        said = PlateCorrected(
            passage=passage, box=BOX, role="front", read=plate_of(passage), text=said_of(passage), by="li"
        )
        await self.desk.officers.say(said, f"plate/{passage}")
        await self.lane.run()
        await self.carry()
        await self.forget()
        await self.carry()
        await self.centre.keeping.sweep()
        assert await self.centre.keeping.clean()
        assert self.desk.store.clean(lambda _sha256: None)
        self.later(1)

    def later(self, days: int) -> None:
        self.lane.days(days)
        ms = self.lane.clock.ms
        self.desk.clock.ms, self.centre.clock.at_ms = ms, ms

    async def forget(self) -> None:
        erasing = Erasing(self.desk.journal, source="yiyuan/s01/station")
        plates = Plates(self.desk.folder / "station.db")
        await Forgetting(plates, erasing, self.desk.store.forgotten, by=STATION).forget()

    async def carry(self) -> None:
        """What is new in the journals of lane and station, to who takes it in."""
        entries = await self.new(self.lane.journal, BOX)
        if entries:
            with self.desk.store.begin() as transaction:
                transaction.insert(entries[0].header.journal, entries)
            self.centre.take(*entries)
        own = await self.new(self.desk.journal, STATION)
        if own:
            self.centre.take(*own)

    async def new(self, journal: Journal, box: str) -> list[Accepted]:
        start = self.sent.get(journal.id, 0)
        entries = await journal.read(start, 1_000)
        self.sent[journal.id] = start + len(entries)
        return [
            Accepted(
                box=box,
                seq=entry.seq,
                leaf=entry.leaf,
                header_bytes=entry.header,
                header=header.decode(entry.header),
                salt=entry.salt,
                body=entry.body,
                absent=None if entry.body is not None else "erased",
                received_ms=self.lane.clock.ms,
            )
            for entry in entries
        ]

    def places(self) -> dict[str, bytes]:
        """Every byte that lane, station and centre hold."""
        return {
            "lane": self.lane.everywhere(),
            "station": everywhere(self.desk.folder),
            "centre": everywhere(self.folder / "centre"),
        }


def said_of(passage: str) -> str:
    return plate_of(passage).replace("鲁C", "鲁D")


def everywhere(folder: Path) -> bytes:
    return b"\0".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


@pytest.fixture
async def chain(quick_path: Path) -> AsyncIterator[Chain]:
    folders = [quick_path / name for name in ("lane", "station", "centre")]
    for folder in folders:
        folder.mkdir()
    database = open_database(folders[2])
    centre = World(database, folders[2])
    centre.store = CentreStore(database, store_id="centre-1", register=REGISTER)
    made = Chain(lane=LaneBox(folders[0]), desk=await Desk.open(folders[1]), centre=centre, folder=quick_path)
    made.centre.clock.at_ms = NOW
    yield made
    made.desk.close()
    await made.lane.close()
    database.close()


async def test_i14_after_its_days_no_byte_of_a_plate_or_of_its_correction_is_anywhere(chain: Chain) -> None:
    for number in range(DAYS):
        await chain.day(number)
    gone = [f"p{number:02d}" for number in range(DAYS - KEPT_DAYS - 1)]
    kept = [f"p{number:02d}" for number in range(DAYS - KEPT_DAYS + 1, DAYS)]
    for place, held in chain.places().items():
        for passage in gone:
            assert plate_of(passage).encode() not in held, (place, passage)
            assert said_of(passage).encode() not in held, (place, passage)
        for passage in kept:
            assert plate_of(passage).encode() in held, (place, passage)
        assert (said_of(kept[0]).encode() in held) is (place != "lane")
    rows = [chain.centre.parts.queries.row(BOX, passage) for passage in gone]
    assert all(row is not None and row.gross_kg is not None and row.erased_ms is not None for row in rows)
