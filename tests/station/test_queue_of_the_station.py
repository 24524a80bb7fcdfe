"""The queue is a fold over entries: whatever order they come in, one card a crossing, and what is missing is said."""

from __future__ import annotations

import hashlib
import sqlite3

import msgspec
import pytest

from kernel.events import DeviceHealth, EntryRef, LaneHealth, PassageCancelled, PassageDecided, VehicleFacts
from kernel.evidence import canonical
from kernel.evidence.header import FileRef
from station.confirming import Seen
from station.projecting import passage_of
from station.store import StationStore
from tests.journal.making import NOW
from tests.station.county import PLATFORM, WIM
from tests.station.desk import SIX, UNKNOWN, Desk, Paper

SHOT = FileRef(name="front-1.jpg", sha256=hashlib.sha256(b"shot").hexdigest(), size=4)


async def test_a_weighing_and_its_pictures_meet_in_one_row(desk: Desk) -> None:
    body = desk.moving.weigh(
        47_300, VehicleFacts(axle_count=6, single_tyre_axles=0), missing=("camera rear: down",)
    )
    desk.moving.picture(body.passage, "鲁C8K215", "鲁CA318挂", missing=("camera rear: down: no answer",))
    desk.moving.put()
    row = desk.row(body.passage, box=WIM)
    assert (row.gross_kg, row.axle_count, row.outcome, row.suspected) == (47_300, 6, "undetermined", True)
    assert row.limits == (46_000, 49_000)
    assert (row.tractor, row.trailer, row.tractor_colour) == ("鲁C8K215", "鲁CA318挂", "yellow")
    assert row.missing == ("camera rear: down", "camera rear: down: no answer")
    assert row.waits


async def test_pictures_may_come_before_the_weighing(desk: Desk) -> None:
    desk.moving.picture("s01-lane1-1", None)
    desk.moving.put()
    early = desk.row("s01-lane1-1", box=WIM)
    assert (early.weighed, early.outcome, early.tractor) == (None, None, None)
    desk.moving.weigh(20_000)
    desk.moving.put()
    late = desk.row("s01-lane1-1", box=WIM)
    assert (late.order, late.gross_kg, late.pictured) == (early.order, 20_000, True)


async def test_a_second_weighing_of_a_crossing_is_kept_and_not_shown(desk: Desk) -> None:
    desk.platform.weigh(48_000)
    desk.platform.put()
    desk.platform.passed -= 1
    desk.platform.weigh(30_000)
    desk.platform.put()
    assert desk.row("s01-lane2-1").gross_kg == 48_000
    with sqlite3.connect(desk.folder / "station.db") as db:
        assert db.execute("SELECT reason FROM quarantine").fetchone()[0].count("second weighing") == 1
        assert db.execute("SELECT count(*) FROM entry").fetchone() == (3,)
    db.close()


@pytest.mark.parametrize("weighing_first", [True, False])
async def test_a_weighing_that_the_weigher_took_back_says_so(desk: Desk, weighing_first: bool) -> None:
    passage, about = f"{WIM}-1", EntryRef(journal="a" * 32, seq=1, leaf="b" * 64)
    back = canonical.encode(PassageCancelled(passage=passage, weighed=about, device="wim"))
    if weighing_first:
        desk.moving.weigh(52_000, quality=("stop_and_go",))
    desk.moving.say_bytes(back, stream=PassageCancelled.stream)
    if not weighing_first:
        desk.moving.put()
        desk.moving.weigh(52_000, quality=("stop_and_go",))
    desk.moving.weigh(30_000)
    desk.moving.put()
    assert desk.row(passage, box=WIM).quality == ("stop_and_go", "taken_back")
    assert desk.row(f"{WIM}-2", box=WIM).quality == ()
    assert [desk.row(f"{WIM}-{n}", box=WIM).waits for n in (1, 2)] == [False, False]
    assert [row.passage for row in desk.queries.queue(since_ms=0)] == [f"{WIM}-1", f"{WIM}-2"]
    today = desk.queries.today(0)
    assert (today.passages, today.over, today.undetermined) == (1, 0, 0)


async def test_what_was_taken_back_no_longer_fills_the_queue(desk: Desk) -> None:
    desk.platform.weigh(58_000)
    desk.platform.weigh(58_000)
    desk.platform.take_back(desk.platform.ref(1), f"{PLATFORM}-1")
    for _ in range(4):
        desk.moving.weigh(20_000)
    desk.platform.put()
    desk.moving.put()
    assert [row.gross_kg for row in desk.queries.queue(since_ms=0, most=2)] == [58_000, 20_000, 20_000]
    assert desk.row(f"{PLATFORM}-2").waits


@pytest.mark.parametrize("told", ["once", "again first", "again later"])
async def test_a_weighing_that_is_named_by_its_entry_alone_is_found(desk: Desk, told: str) -> None:
    """After a restart its lane knows no passage; a successor may have told the weighing again."""
    desk.moving.weigh(52_000)
    first = desk.moving.ref(1)
    if told != "again first":
        desk.moving.put()
    if told != "once":
        desk.moving.fail_over()
        desk.moving.put()
    desk.moving.take_back(first if told == "again first" else desk.moving.ref(1))
    [*_, entry] = desk.moving.put()
    row = desk.row(f"{WIM}-1", box=WIM)
    assert (row.taken_back, row.quality, row.waits) == (True, ("taken_back",), False)
    assert desk.queries.passage_of_entry(WIM, entry.header.journal, entry.seq) == f"{WIM}-1"


async def test_a_reversal_that_comes_first_waits_for_the_entry_that_it_names(desk: Desk) -> None:
    later = Paper(desk.store, WIM)
    desk.moving.weigh(52_000)
    later.take_back(desk.moving.ref(1))
    later.put()
    desk.moving.weigh(52_000)
    desk.moving.put()
    assert [desk.row(f"{WIM}-{n}", box=WIM).taken_back for n in (1, 2)] == [True, False]


async def test_another_box_takes_nothing_back(desk: Desk) -> None:
    desk.moving.weigh(52_000)
    desk.moving.put()
    about = desk.moving.ref(1)
    desk.platform.take_back(about)
    desk.moving.take_back(msgspec.structs.replace(about, leaf="0" * 64))
    for lane in (desk.platform, desk.moving):
        lane.put()
    assert not desk.row(f"{WIM}-1", box=WIM).taken_back


async def test_a_store_of_before_marks_what_it_knows_to_be_taken_back(desk: Desk) -> None:
    desk.moving.weigh(52_000)
    desk.moving.weigh(52_000)
    desk.moving.take_back(desk.moving.ref(1), f"{WIM}-1")
    desk.moving.put()
    with sqlite3.connect(desk.folder / "station.db") as db:
        db.execute("ALTER TABLE passage DROP COLUMN taken_back")
    db.close()
    StationStore(desk.folder / "station.db", store_id="s01-store-1").close()
    assert [desk.row(f"{WIM}-{n}", box=WIM).taken_back for n in (1, 2)] == [True, False]


async def test_what_a_successor_says_again_is_one_card(desk: Desk) -> None:
    desk.platform.weigh(48_000)
    desk.platform.put()
    desk.platform.weigh(30_000)
    desk.platform.picture("s01-lane2-2", "鲁C12345")
    desk.platform.fail_over()
    told = [passage_of(entry) for entry in desk.platform.put()]
    assert told == [None, "s01-lane2-1", "s01-lane2-2", "s01-lane2-2"]
    first, second = desk.row("s01-lane2-1"), desk.row("s01-lane2-2")
    assert (first.gross_kg, second.gross_kg, second.tractor) == (48_000, 30_000, "鲁C12345")
    with sqlite3.connect(desk.folder / "station.db") as db:
        assert db.execute("SELECT count(*) FROM quarantine").fetchone() == (0,)
    db.close()


async def test_a_body_that_cannot_be_read_is_held_and_its_neighbours_are_shown(desk: Desk) -> None:
    desk.platform.weigh(48_000)
    desk.platform.say_bytes(b'{"passage":"x"}', stream="vehicle.weighed")
    desk.platform.say_bytes(b'{"news":1}', stream="from.the.future")
    desk.platform.weigh(20_000)
    desk.platform.put()
    rows = desk.queries.queue(since_ms=0)
    assert [row.gross_kg for row in rows] == [48_000, 20_000]


async def test_the_queue_is_in_order_of_arrival_and_keeps_what_waits(desk: Desk) -> None:
    desk.platform.weigh(58_000)
    for _ in range(6):
        desk.moving.weigh(20_000)
    desk.platform.put()
    desk.moving.put()
    rows = desk.queries.queue(since_ms=0, most=3)
    assert [row.gross_kg for row in rows] == [58_000, 20_000, 20_000, 20_000]
    assert [row.order for row in rows] == sorted(row.order for row in rows)
    assert desk.queries.queue(since_ms=NOW + 1) == []


async def test_a_vehicle_that_is_legal_on_an_unattended_lane_waits_for_nobody(desk: Desk) -> None:
    for lane in (desk.moving, desk.platform):
        lane.weigh(20_000)
        lane.put()
    assert not desk.row("s01-lane1-1", box=WIM).waits
    assert desk.row("s01-lane2-1").waits


async def test_the_last_heartbeat_is_how_a_lane_is(desk: Desk) -> None:
    for state in ("down", "up", "frozen"):
        device = DeviceHealth(name="front", kind="camera", state=state, since_ms=NOW)
        body = LaneHealth(devices=(device,), disk_free_kb=1, waiting=7)
        desk.platform.say_bytes(canonical.encode(body), stream="lane.health")
    desk.platform.put()
    [lane] = desk.queries.lanes()
    assert (lane.box, lane.source, lane.waiting) == (PLATFORM, "yiyuan/s01/lane1", 7)
    assert [device.state for device in lane.devices] == ["frozen"]


async def test_a_file_is_named_only_once_an_entry_declared_it_and_shown_once_it_is_here(desk: Desk) -> None:
    stored: list[tuple[str, str]] = []
    body = desk.platform.weigh(48_000)
    assert desk.queries.names_file(SHOT.sha256) is None
    desk.platform.picture(body.passage, "鲁C12345", files=(SHOT,))
    desk.platform.put()
    assert desk.queries.names_file(SHOT.sha256) == SHOT.name
    detail = desk.queries.detail(PLATFORM, body.passage)
    assert detail is not None
    assert not detail.files[SHOT.name].stored
    desk.store.file_stored(PLATFORM, SHOT.sha256, at_ms=NOW)
    stored += [(PLATFORM, passage) for passage in desk.queries.passages_of_file(PLATFORM, SHOT.sha256)]
    detail = desk.queries.detail(PLATFORM, body.passage)
    assert detail is not None
    assert detail.files[SHOT.name].stored
    assert stored == [(PLATFORM, body.passage)]


async def test_today_counts_each_crossing_once(desk: Desk) -> None:
    desk.platform.weigh(58_000, SIX)
    desk.platform.weigh(41_000, UNKNOWN)
    desk.platform.weigh(20_000, SIX)
    desk.platform.put()
    today = desk.queries.today(0)
    assert (today.passages, today.over, today.undetermined, today.released) == (3, 1, 1, 0)
    assert desk.queries.today(NOW + 1).passages == 0


@pytest.mark.parametrize("passage", ["", "x' OR '1'='1", "s01-lane2-2"])
async def test_a_crossing_that_is_not_here_is_not_found(desk: Desk, passage: str) -> None:
    desk.weighed(20_000)
    assert desk.queries.passage(PLATFORM, passage) is None
    assert desk.queries.detail(PLATFORM, passage) is None


@pytest.mark.parametrize("at_ms", [1_000, NOW + 73 * 365 * 86_400_000, NOW + 2 * 86_400_000])
async def test_a_lane_whose_clock_is_wrong_is_seen_all_the_same(desk: Desk, at_ms: int) -> None:
    body = desk.platform.weigh(48_000, UNKNOWN, at=at_ms)
    desk.platform.put()
    [row] = desk.queries.queue(since_ms=NOW - 86_400_000)
    assert (row.passage, row.shown_ms) == (body.passage, NOW + 300)  # when it was received
    assert desk.queries.today(NOW + 86_400_000).passages == 0
    verdict = await desk.officers.preview(PLATFORM, body.passage, Seen(axle_count=2))
    assert verdict is not None
    assert verdict.candidates  # the law of today, not of 1970


async def test_no_lane_speaks_for_an_officer(desk: Desk) -> None:
    passage = desk.moving.weigh(58_000).passage
    desk.moving.put()
    about = desk.row(passage, box=WIM).weighed
    assert about is not None
    forged = PassageDecided(passage=passage, weighed=about, act="released", by="li")
    desk.moving.say_bytes(canonical.encode(forged), stream=PassageDecided.stream)
    desk.moving.put()
    row = desk.row(passage, box=WIM)
    assert (row.act, row.act_by) == (None, "")
