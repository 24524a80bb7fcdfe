"""The counts of the whole system see what they are there to see: a lost entry, a double, a torn file, a missed vehicle."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from journal.clock import SystemClock
from journal.files import FileStore
from journal.keys import SigningKey
from journal.writer import Journal
from kernel.events import VehicleFacts, VehicleWeighed, Verdict
from simulators.traffic import Truck
from simulators.world import Truth
from tests.faults import ledger
from tests.faults.ledger import Away, Promised

CLOCK = SystemClock()
TRUCK = Truck(
    name="two axles",
    axle_kg=(5_000, 9_000),
    spacing_mm=(4_000,),
    groups=(1, 1),
    dual_tyres=(False, True),
    combination=False,
    drive_axles=1,
    length_mm=6_000,
)


def weighed(
    passage: str, *, record: str, gross_kg: int | None = 14_000, left_ms: int = 102_000
) -> VehicleWeighed:
    return VehicleWeighed(
        passage=passage,
        lane="lane1",
        jurisdiction="370323",
        road_class="national",
        weighing_grade="pre_check",
        joint_mode="joint",
        attended=False,
        method="moving_axles",
        device="scale",
        arrived_ms=100_000,
        left_ms=left_ms,
        gross_kg=gross_kg,
        facts=VehicleFacts(),
        verdict=Verdict(
            outcome="within", suspected=True, decision_kg=gross_kg, allowance_kg=0, candidates=(), over_kg=0
        ),
        record_hex=record,
    )


async def kept(folder: Path, *bodies: VehicleWeighed) -> list[Promised]:
    """A lane's journal and files as a run leaves them; every entry names a file of its own."""
    journal = Journal.open(
        folder / "lane1" / "journal",
        box="s01-lane1",
        process="edge",
        software="test",
        identity=SigningKey.generate(kind="box", name="s01-lane1"),
        clock=CLOCK,
        boot="0" * 16,
    )
    files = FileStore(folder / "lane1" / "files", clock=CLOCK)
    for body in bodies:
        refs = await files.put([("front.jpg", body.passage.encode())])
        await journal.append(body, source="yiyuan/s01/lane1", files=refs)
    journal.close()
    return ledger.weighings(ledger.promised(folder, ["lane1"]))


def receiver(path: Path, entries: list[Promised]) -> Path:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE entry (journal TEXT, seq INTEGER, leaf BLOB)")
        db.executemany("INSERT INTO entry VALUES (?, ?, ?)", [entry.key for entry in entries])
    return path


async def test_an_entry_that_is_not_held_or_held_twice_is_seen(tmp_path: Path) -> None:
    first, second = await kept(tmp_path, weighed("p1", record="01"), weighed("p2", record="02"))
    held = ledger.held(receiver(tmp_path / "store.db", [first, first]))
    assert (held[first.key], held[second.key]) == (2, 0)


async def test_a_record_or_a_passage_told_twice_is_a_double(tmp_path: Path) -> None:
    entries = await kept(
        tmp_path, weighed("p1", record="01"), weighed("p2", record="01"), weighed("p3", record="03")
    )
    assert [entry.body["passage"] for entry in ledger.doubled(entries)] == ["p2"]


async def test_a_file_that_is_missing_or_changed_is_torn(tmp_path: Path) -> None:
    entries = await kept(tmp_path, *(weighed(f"p{n}", record=f"0{n}") for n in range(4)))
    centre = tmp_path / "centre"
    whole, gone, changed, spoilt = entries
    lane = tmp_path / "lane1" / "files"
    next(lane.glob(f"*/{gone.files[0].sha256}")).unlink()
    next(lane.glob(f"*/{changed.files[0].sha256}")).write_bytes(b"p2 and more")
    for entry, data in ((whole, b"p0"), (spoilt, b"p")):
        at_centre = ledger.blob(centre, entry.files[0])
        at_centre.parent.mkdir(parents=True)
        at_centre.write_bytes(data)
    assert [entry for entry, _ in ledger.torn(tmp_path, entries, centre=centre)] == [gone, changed, spoilt]


def truth(number: int, *, left_ms: int, record: str = "", kg: int | None = 14_000) -> Truth:
    return Truth(
        number=number,
        lane="lane1",
        truck=TRUCK,
        behaviour="steady",
        arrived_ms=left_ms - 2_000,
        left_ms=left_ms,
        wire_gross_kg=kg,
        record_hex=record,
    )


async def test_a_vehicle_of_which_no_weight_tells_is_seen(tmp_path: Path) -> None:
    entries = await kept(
        tmp_path, weighed("p1", record="01"), weighed("p2", record="", gross_kg=None, left_ms=202_000)
    )
    told, other = truth(1, left_ms=102_000, record="01"), truth(2, left_ms=102_000, record="09")
    weightless, missed = truth(3, left_ms=202_000, kg=None), truth(4, left_ms=202_500)
    assert ledger.unmeasured([told, weightless], entries) == []
    assert ledger.unmeasured([told, other, missed], entries) == [other, missed]


def test_only_a_platform_whose_lane_was_away_is_excused() -> None:
    away = Away(lane="lane1", from_ms=99_000, until_ms=101_000)
    on_platform = truth(1, left_ms=102_000)
    assert ledger.excused(on_platform, [away])
    assert not ledger.excused(on_platform, [replace(away, lane="lane2")])
    assert not ledger.excused(truth(2, left_ms=150_000), [away])
    assert not ledger.excused(truth(3, left_ms=102_000, record="01"), [away]), "a weigher keeps its records"
