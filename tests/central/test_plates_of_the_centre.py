"""Readings and corrections at the centre: found, shown, believed only of whom they come, erased with the rest."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace as changed
from sqlalchemy import select

from central.app import create_app
from central.keeping.rules import DAY_MS
from central.keyring import plate_key
from central.pages.plates import seen_before
from central.pages.routes import mount
from central.settings import Plates
from central.store import schema
from central.store.engines import Database
from central.store.hiding import hide_some, plate_hash
from central.store.queries import Filter, Queries
from central.store.readings import Readings, Wanted
from central.store.receiving import CentreStore
from journal.store import Accepted
from kernel.errors import ConfigError, FullError
from kernel.events import EntryRef, PlateCorrected, PlateRead, RecordAccessed, RecordErased, VehiclePictured
from kernel.evidence.header import FileRef
from tests.central.made import NOON_MS, REGISTER, Made, decided, weighed
from tests.central.pages.test_pages_answer import BASE, Visit
from tests.central.world import World, settings
from tests.support.log_lines import whole

pytestmark = pytest.mark.broad

READ, RIGHT, NEAR = "鲁C7X902", "鲁C7X9Q2", "鲁C7X9D2"
CROP = FileRef(name="front-plate.jpg", sha256="e" * 64, size=4)
KEY = bytes(range(32))
SURE = PlateRead(
    role="front", status="read", text=READ, colour="yellow", crop=CROP.name, plate_class="ordinary"
)
UNSURE = PlateRead(role="front", status="unsure", candidates=(RIGHT, NEAR), crop=CROP.name)


def crossing(
    made: Made, passage: str = "p1", *, read: PlateRead = SURE, outcome: str = "within", at_ms: int = NOON_MS
) -> list[Accepted]:
    pictured = VehiclePictured(
        passage=passage, weighed=None, weighed_durable_ms=None, plates=(read,), tractor=read.text
    )
    weighing = weighed(passage, outcome=outcome, left_ms=at_ms)
    return [
        made.add(weighing, at_ms=at_ms, received_ms=at_ms + 200),
        made.add(pictured, files=(CROP,), at_ms=at_ms, received_ms=at_ms + 200),
    ]


def word(
    passage: str = "p1", *, text: str | None = RIGHT, by: str = "li", box: str = "lane1-box"
) -> PlateCorrected:
    return PlateCorrected(
        passage=passage, box=box, role="front", read=READ, text=text, plate_class="ordinary", by=by
    )


def station() -> Made:
    return Made(journal="b" * 32, box="s01-box", source="yiyuan/s01")


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    world = World(database, tmp_path)
    for name, role in (("li", "operator"), ("wang", "reviewer"), ("look", "viewer")):
        world.account(name, role=role)  # type: ignore[arg-type]
    return world


@pytest.fixture
async def visit(world: World) -> AsyncIterator[Visit]:
    transport = httpx.ASGITransport(app=create_app(world.parts, mounts=[mount]))
    async with httpx.AsyncClient(
        transport=transport, base_url=BASE, headers={"accept": "text/html"}
    ) as client:
        yield Visit(world, client)


@pytest.mark.parametrize("source", ["yiyuan/s01", "yiyuan/s01/station"])
def test_what_a_station_says_of_its_lanes_is_believed_wherever_its_process_stands(
    database: Database, tmp_path: Path, source: str
) -> None:
    register = replace(REGISTER, sources={**REGISTER.sources, "s01-box": source})
    world = World(database, tmp_path)
    world.store = CentreStore(database, store_id="centre-1", register=register)
    weighing, picture = crossing(Made())
    world.take(weighing, picture)
    officers = Made(journal="b" * 32, box="s01-box", source=source)
    world.take(officers.add(word()), officers.add(decided(weighing)))
    row = world.parts.queries.row("lane1-box", "p1")
    assert row is not None
    assert (row.corrected, row.decided) == (RIGHT, "released")


def found(world: World, plate: str) -> list[str]:
    return [row.passage for row in world.parts.queries.passages(Filter(plate=plate)).rows]


def test_a_correction_of_its_station_finds_the_crossing_and_the_reading_stays(world: World) -> None:
    world.take(*crossing(Made()))
    world.take(station().add(word()))
    assert (found(world, READ), found(world, RIGHT), found(world, "鲁C7X9Q")) == (["p1"], ["p1"], ["p1"])
    row = world.parts.queries.row("lane1-box", "p1")
    assert row is not None
    assert (row.tractor, row.corrected) == (READ, RIGHT)
    detail = world.parts.queries.passage("lane1-box", "p1")
    assert detail is not None
    assert [one.said.text for one in detail.corrections] == [RIGHT]
    assert "plate.corrected" in [entry.stream for entry in detail.entries]
    [reading] = world.parts.readings.newest(Wanted())
    assert (reading.read.text, reading.said and reading.said.said.by) == (READ, "li")


def test_what_is_said_before_its_crossing_comes_waits_for_it(world: World) -> None:
    world.take(station().add(word()))
    world.take(*crossing(Made()))
    row = world.parts.queries.row("lane1-box", "p1")
    assert row is not None
    assert row.corrected == RIGHT


def test_nobody_corrects_what_another_station_has_read(world: World) -> None:
    world.take(*crossing(Made()))
    lane = Made(journal="c" * 32, box="lane1-box", source="yiyuan/s01/lane1")
    world.take(lane.add(word()))
    officers = station()
    for wrong in (
        changed(word(), box="no such box"),
        changed(word(), passage="x y"),
        changed(word(), text="A" * 99),
    ):
        world.take(officers.add(wrong))
    assert len(world.parts.queries.quarantine()) == 4
    assert found(world, RIGHT) == []
    assert "corrects plates of a lane that is not its own" in {
        row.reason for row in world.parts.queries.quarantine()
    }


def test_the_newest_readings_are_narrowed(world: World) -> None:
    made = Made()
    world.take(*crossing(made, "p1"), *crossing(made, "p2", read=UNSURE, at_ms=NOON_MS + 1_000))
    shown = world.parts.readings
    assert [one.row.passage for one in shown.newest(Wanted())] == ["p2", "p1"]
    assert [one.row.passage for one in shown.newest(Wanted(status="read"))] == ["p1"]
    assert shown.newest(Wanted(station="yiyuan/s02")) == []
    assert len(shown.newest(Wanted(), most=1)) == 1


def test_who_passed_before_is_found_by_plate_by_an_edit_and_by_correction(world: World) -> None:
    made = Made()
    world.take(*crossing(made, "p1", read=replace_read(NEAR)))
    world.take(*crossing(made, "p2", at_ms=NOON_MS + 1_000))
    world.take(station().add(word("p2", text=RIGHT)))
    seen = world.parts.readings.seen((RIGHT,), before_ms=NOON_MS + 5_000)
    assert [(one.text, one.agrees, one.link) for one in seen] == [
        (RIGHT, True, f"/events/{'a' * 32}/2"),
        (READ, False, f"/events/{'a' * 32}/2"),
        (NEAR, False, f"/events/{'a' * 32}/0"),
    ]
    assert world.parts.readings.seen((RIGHT,), before_ms=NOON_MS) == []


def replace_read(text: str) -> PlateRead:
    return PlateRead(role="front", status="read", text=text, colour="yellow")


async def test_a_reviewer_corrects_on_the_page_and_an_officer_may_not(visit: Visit, world: World) -> None:
    world.take(*crossing(Made(), read=UNSURE))
    world.store.file_stored("lane1-box", CROP.sha256, at_ms=NOON_MS)
    await visit.sign_in("li")
    page = await visit.see("/plates")
    assert "data-correct" not in page
    assert f'src="/api/v1/files/{CROP.sha256}"' in page
    address = "/plates/lane1-box/p1/front"
    assert (await post(visit, page, address, {"said": "plate", "text": RIGHT})).status_code == 403
    await visit.client.post("/logout", data={"csrf": csrf(page)}, headers={"origin": BASE})
    await visit.sign_in("wang")
    page = await visit.see("/plates?status=unsure")
    wrong = await post(visit, page, address, {"said": "plate", "text": "鲁C7X9O2"})
    assert (wrong.status_code, wrong.json()["meant"]) == (422, READ)
    assert (await post(visit, page, "/plates/lane1-box/p1/rear", {"said": "no_plate"})).status_code == 409
    assert (await post(visit, page, address, {"said": "?"})).status_code == 422
    assert (await post(visit, page, address, {"said": "plate", "text": RIGHT})).status_code == 200
    assert [b.by for b in world.entries if isinstance(b, PlateCorrected)] == ["wang"]
    for path in ("/plates", f"/events/{'a' * 32}/0"):
        assert re.search(rf'class="said-text">{RIGHT}<', await visit.see(path))
    assert f"✎ {RIGHT}" in await visit.see("/events")
    looks = [b.filter for b in world.entries if isinstance(b, RecordAccessed) and b.what == "list"]
    assert "page=plates status=unsure" in looks


def csrf(page: str) -> str:
    token = re.search(r'<meta name="csrf" content="([^"]+)"', page)
    assert token is not None
    return token[1]


async def post(visit: Visit, page: str, address: str, said: object) -> httpx.Response:
    headers = {"X-CSRF-Token": csrf(page), "Origin": BASE, "Idempotency-Key": "key-00000001", "accept": "*/*"}
    return await visit.client.post(address, json=said, headers=headers)


async def test_programs_read_and_correct_over_the_api(visit: Visit, world: World) -> None:
    world.take(*crossing(Made()))
    reader, reviewer = world.token("reader"), world.token("reviewer", role="reviewer")
    lines = (await visit.client.get("/api/v1/plates?status=read", headers=reader)).json()
    assert [(one["passage"], one["text"], one["said"]) for one in lines] == [("p1", READ, None)]
    at = "/api/v1/passages/lane1-box/p1/plates/front"
    said = {"said": "plate", "text": RIGHT}
    assert (await visit.client.post(at, json=said, headers=reader)).status_code == 403
    assert (
        await visit.client.post(at, json={"said": "plate", "text": "x"}, headers=reviewer)
    ).status_code == 422
    assert (await visit.client.post(at, json=said, headers=reviewer)).status_code == 200
    lines = (await visit.client.get("/api/v1/plates", headers=reader)).json()
    assert [(one["said"], one["said_by"]) for one in lines] == [(RIGHT, "token:reviewer")]
    assert (await visit.client.get("/api/v1/plates?limit=0", headers=reader)).status_code == 422


async def test_i14_a_correction_goes_with_its_pictures_also_when_it_comes_too_late(world: World) -> None:
    world.take(*crossing(Made(), outcome="within"))
    officers = station()
    world.take(officers.add(word()))
    for _ in range(2):
        await world.keeping.sweep()
        world.clock.at_ms += 40 * DAY_MS
    await world.keeping.sweep()
    assert world.parts.readings.newest(Wanted()) == []
    assert found(world, RIGHT) == []
    late = world.clock.now_ms()
    world.take(officers.add(word(), at_ms=late, received_ms=late))
    assert found(world, RIGHT) == ["p1"]
    for _ in range(3):
        world.clock.at_ms += 40 * DAY_MS
        await world.keeping.sweep()
    assert found(world, RIGHT) == []
    with world.database.reader.connect() as connection:
        assert connection.execute(select(schema.correction)).all() == []


async def test_no_line_of_the_log_names_a_plate_whatever_is_done_with_it(
    visit: Visit, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    made = Made()
    world.take(
        *crossing(made), made.add('{"passage":7,"tractor":"鲁C7X902"}'.encode(), stream="vehicle.pictured")
    )
    await visit.sign_in("wang")
    page = await visit.see("/plates")
    for text in (RIGHT, "鲁C7X9O2"):
        await post(visit, page, "/plates/lane1-box/p1/front", {"said": "plate", "text": text})
    for path in (f"/events?plate={READ}", f"/events/{'a' * 32}/0", "/quarantine", f"/events?cursor={READ}"):
        await visit.client.get(path)
    world.refuse = FullError("no room")
    await visit.client.get(f"/events?plate={RIGHT}")
    await world.keeping.sweep()
    own = [record for record in caplog.records if not record.name.startswith(("httpx", "asyncio"))]
    assert own
    assert "鲁C7X9" not in whole(own)


def test_labels_are_the_crops_that_people_have_named(world: World) -> None:
    made = Made()
    world.take(*crossing(made, "p1"), *crossing(made, "p2"))
    world.store.file_stored("lane1-box", CROP.sha256, at_ms=NOON_MS)
    assert world.parts.readings.labels() == []
    officers = station()
    world.take(officers.add(word(text=None)), officers.add(word("p2")))
    [label] = world.parts.readings.labels()
    assert (label.sha256, label.suffix, label.text, label.double_row) == (CROP.sha256, ".jpg", RIGHT, False)


# --- hashes ----------------------------------------------------------------------------------------------------


@pytest.fixture
def hashing(world: World, database: Database) -> World:
    register = replace(REGISTER, plate_key=KEY)
    world.store = CentreStore(database, store_id="centre-1", register=register)
    queries = Queries(database, register=register)
    world.parts = replace(world.parts, queries=queries, readings=Readings(database, register=register))
    return world


def test_a_compliant_plate_is_found_whole_and_shown_in_no_list(hashing: World) -> None:
    hashing.take(*crossing(Made()))
    hashing.take(station().add(word()))
    for plate in (READ, RIGHT, "鲁c·7x902"):
        assert found(hashing, plate) == ["p1"]
    assert (found(hashing, "鲁C7X9"), found(hashing, NEAR)) == ([], [])
    row = hashing.parts.queries.row("lane1-box", "p1")
    assert row is not None
    assert (row.tractor, row.corrected, row.hashed) == (None, None, True)
    with hashing.database.reader.connect() as connection:
        [said] = connection.execute(select(schema.correction.c.text)).scalars()
    assert said == plate_hash(RIGHT, key=KEY) != plate_hash(RIGHT, key=bytes(32))
    seen = hashing.parts.readings.seen((RIGHT, READ), before_ms=NOON_MS + 5_000, sure=RIGHT)
    assert [(one.text, one.agrees) for one in seen] == [(RIGHT, True)]


def test_who_looks_at_one_vehicle_is_not_told_of_compliant_ones_like_it(hashing: World) -> None:
    made, later_ms = Made(), NOON_MS + 1_000
    hashing.take(*crossing(made, "p1", read=replace_read(NEAR)), *crossing(made, "p2"))
    hashing.take(*crossing(made, "p3", read=replace_read("鲁C7X9Q3"), outcome="over_limit"))
    hashing.take(*crossing(made, "p4", read=UNSURE, at_ms=later_ms))

    def told() -> list[tuple[str, bool]]:
        detail = hashing.parts.queries.passage("lane1-box", "p4")
        assert detail is not None
        return [(one.text, one.agrees) for one in seen_before(detail, hashing.parts.readings)["front"]]

    assert told() == [("鲁C7X9Q3", False)]
    hashing.take(station().add(word("p4", text=READ), at_ms=later_ms))
    assert told() == [(READ, True)]


@pytest.mark.parametrize("outcome", ["over_limit", "undetermined"])
def test_what_is_not_within_its_limit_keeps_its_text(hashing: World, outcome: str) -> None:
    hashing.take(*crossing(Made(), outcome=outcome))
    assert found(hashing, "鲁C7X") == ["p1"]


def test_a_vehicle_found_over_after_all_has_its_texts_again(hashing: World) -> None:
    weighing, picture = crossing(Made())
    hashing.take(weighing, picture)
    officers = station()
    hashing.take(officers.add(word()))
    act = decided(weighing, act="confirmed")
    verdict = weighed("p1", outcome="over_limit", gross_kg=60_000).verdict
    hashing.take(officers.add(changed(act, verdict=verdict)))
    row = hashing.parts.queries.row("lane1-box", "p1")
    assert row is not None
    assert (row.tractor, row.corrected, row.hashed, row.decided_outcome) == (READ, RIGHT, False, "over_limit")
    assert found(hashing, "鲁C7X9Q") == ["p1"]


def words(world: World) -> list[str | None]:
    with world.database.reader.connect() as connection:
        said = schema.correction.c
        return list(connection.execute(select(said.text).order_by(said.seq)).scalars())


def test_a_corrected_line_that_was_never_read_has_its_text_again(hashing: World) -> None:
    weighing, picture = crossing(Made(), read=UNSURE)
    officers = station()
    hashing.take(weighing, picture, officers.add(word()), officers.add(word(text=None)))
    hidden = plate_hash(RIGHT, key=KEY)
    assert words(hashing) == [hidden, None]
    hashing.take(officers.add(word()))
    row = hashing.parts.queries.row("lane1-box", "p1")
    assert row is not None
    assert (row.corrected, words(hashing)) == (None, [hidden, None, hidden])
    verdict = weighed("p1", outcome="over_limit", gross_kg=60_000).verdict
    hashing.take(officers.add(changed(decided(weighing, act="confirmed"), verdict=verdict)))
    row = hashing.parts.queries.row("lane1-box", "p1")
    assert row is not None
    assert (row.corrected, words(hashing)) == (RIGHT, [RIGHT, None, RIGHT])
    assert found(hashing, RIGHT) == ["p1"]


def test_earlier_words_of_lines_that_were_never_read_are_hashed_too(world: World, database: Database) -> None:
    made, officers = Made(), station()
    world.take(*crossing(made, "p1", read=UNSURE), officers.add(word("p1")))
    world.take(
        *crossing(made, "p2", read=UNSURE), officers.add(word("p2")), officers.add(word("p2", text=None))
    )
    assert hide_some(database, KEY) == 2
    assert hide_some(database, KEY) == 0
    hidden = plate_hash(RIGHT, key=KEY)
    assert words(world) == [hidden, hidden, None]
    row = world.parts.queries.row("lane1-box", "p1")
    assert row is not None
    assert row.corrected is None


def test_lines_from_before_the_setting_are_hashed_in_portions(world: World, database: Database) -> None:
    made = Made()
    world.take(*crossing(made, "p1"), *crossing(made, "p2", outcome="over_limit"))
    assert hide_some(database, KEY) == 1
    assert hide_some(database, KEY) == 0
    assert found(world, "鲁C7X") == ["p2"]


def test_what_was_said_of_a_line_without_a_reading_is_hashed_too(world: World, database: Database) -> None:
    world.take(*crossing(Made(), read=UNSURE))
    world.take(station().add(word()))
    assert found(world, "鲁C7X") == ["p1"]
    assert hide_some(database, KEY) == 1
    assert hide_some(database, KEY) == 0
    assert found(world, "鲁C7X") == []
    row = world.parts.queries.row("lane1-box", "p1")
    assert row is not None
    assert row.corrected is None


def test_what_was_said_of_a_vehicle_found_over_is_text_again_though_nothing_was_read(hashing: World) -> None:
    weighing, picture = crossing(Made(), read=UNSURE)
    hashing.take(weighing, picture)
    officers = station()
    hashing.take(officers.add(word()))
    assert (found(hashing, "鲁C7X"), found(hashing, RIGHT)) == ([], ["p1"])
    verdict = weighed("p1", outcome="over_limit", gross_kg=60_000).verdict
    hashing.take(officers.add(changed(decided(weighing, act="confirmed"), verdict=verdict)))
    assert found(hashing, "鲁C7X9Q") == ["p1"]
    row = hashing.parts.queries.row("lane1-box", "p1")
    assert row is not None
    assert row.corrected == RIGHT


def test_with_the_entry_the_hash_is_erased(hashing: World) -> None:
    made = Made()
    weighing, picture = crossing(made)
    hashing.take(weighing, picture)
    ref = EntryRef(journal=picture.header.journal, seq=picture.seq, leaf=picture.leaf.hex())
    hashing.take(made.add(RecordErased(rule="lane", by="lane1-box", entries=(ref,))))
    assert found(hashing, READ) == []
    with hashing.database.reader.connect() as connection:
        [line] = connection.execute(select(schema.passage)).mappings()
    assert (line["tractor_hash"], line["trailer_hash"], line["erased_ms"] is not None) == (None, None, True)


def test_a_hash_is_of_the_plate_as_it_is_matched() -> None:
    assert plate_hash("鲁c·12345", key=KEY) == plate_hash("鲁C12345", key=KEY)
    assert len(plate_hash(READ, key=KEY)) == 2 * hashlib.sha256().digest_size


def test_a_key_that_is_short_or_away_is_a_fault_of_the_settings(tmp_path: Path) -> None:
    plain = settings()
    assert plate_key(plain) is None
    (tmp_path / "key").write_bytes(KEY)
    assert plate_key(replace(plain, plates=Plates(hash_key=str(tmp_path / "key")))) == KEY
    (tmp_path / "short").write_bytes(KEY[:31])
    for name, why in (("short", "has 31 bytes"), ("away", "cannot be read")):
        with pytest.raises(ConfigError, match=why):
            plate_key(replace(plain, plates=Plates(hash_key=str(tmp_path / name))))
