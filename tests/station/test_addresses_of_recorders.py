"""The addresses of recorders, their clock and their links: who may what, what is shown, and what a hostile form gets."""

from __future__ import annotations

import re
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import pytest

from journal.stamping import unknown_clock
from kernel.events import RecordAccessed
from kernel.footage.bodies import ClockAnchored, DutyKept, FootageImported, FootageLinked, RecorderIssued
from kernel.law.shipped import national
from kernel.settings import read
from station.assembly import Assembly, load_keys
from station.footage.room import FootageRoom
from station.footage.scans import Scanned
from station.settings import Settings
from tests.journal.brokers import MemoryBroker
from tests.journal.making import NOW, TestClock
from tests.station.county import PLATFORM, County
from tests.station.desk import Paper
from tests.station.test_tablet_addresses import CHEAP, ORIGIN, Visited

pytestmark = pytest.mark.broad

NUMBER = "3700123"
DIGEST = "ab" * 32
MINUTE = 60_000


@pytest.fixture
async def visited(quick_path: Path) -> AsyncIterator[Visited]:
    county = County.make(quick_path)
    settings = read(Settings, tomllib.loads(county.toml() + "\n[footage]\n"))
    settings.folder.mkdir()
    assembly = Assembly(
        settings,
        keys=load_keys(settings),
        law=national(),
        transport=MemoryBroker().transport(),
        clock=TestClock(),
        passwords=CHEAP,
        source_clock=unknown_clock,
    )
    transport = httpx.ASGITransport(app=assembly.assemble().app)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        yield Visited(assembly=assembly, client=client, lane=Paper(assembly._store, PLATFORM))
    assembly.close()


def room(visited: Visited) -> FootageRoom:
    found = visited.assembly._footage
    assert found is not None
    return found


async def taken_in(visited: Visited, **changes: object) -> None:
    body = FootageImported(
        recorder=NUMBER,
        dock="dock1",
        state="imported",
        name="a 1.mp4",
        sha256=DIGEST,
        own_start_ms=NOW - 5 * MINUTE,
        start_basis="name",
        duration_ms=10 * MINUTE,
    )
    await room(visited).ledger.say(msgspec.structs.replace(body, **changes))


async def test_a_recorder_is_registered_taken_and_given_back(visited: Visited) -> None:
    await visited.sign_in()
    said = {"recorder": NUMBER, "model": "dsj-a", "unit": "南麻超限检测站", "status": "in_use"}
    assert (await visited.post("/recorders/register", said)).status_code == 200
    hand = {"recorder": NUMBER, "officer": "li"}
    key = {"Idempotency-Key": "0123456789abcde1"}
    assert (await visited.post("/recorders/issue", hand, **key)).status_code == 200
    assert (await visited.post("/recorders/issue", hand, **key)).status_code == 200
    again = await visited.post("/recorders/issue", hand, **{"Idempotency-Key": "0123456789abcde2"})
    assert (again.status_code, again.json()["detail"]) == (409, "尚未归还。")
    page = (await visited.client.get("/recorders")).text
    assert NUMBER in page
    assert "li 于 " in page
    [issued] = room(visited).index.of(RecorderIssued)
    assert (issued.body.officer, issued.body.by) == ("li", "li")


async def test_a_shift_begins_and_ends_on_the_tablet(visited: Visited) -> None:
    await visited.sign_in()
    key = {"Idempotency-Key": "0123456789abcde3"}
    assert (await visited.post("/recorders/duty/ended", {}, **key)).json()["detail"] == "不在岗。"
    assert (await visited.post("/recorders/duty/begun", {}, **key)).status_code == 200
    assert "下岗" in (await visited.client.get("/recorders")).text
    assert [one.body.act for one in room(visited).index.of(DutyKept)] == ["begun"]
    assert (await visited.post("/recorders/duty/slept", {}, **key)).status_code == 404


async def test_a_moment_of_a_file_that_is_a_passage_is_an_anchor(visited: Visited) -> None:
    visited.weighed(58_000)
    await taken_in(visited)
    room(visited).desk.scanned.hold(Scanned(sha256=DIGEST, at_ms=NOW, result="other_station", read=9))
    await visited.sign_in()
    page = (await visited.client.get(f"/recorders/clock?recorder={NUMBER}")).text
    assert "a 1.mp4" in page
    assert "标准时间未知" in page
    assert "拍到的是其他站的时钟，未采用" in page
    passage = re.search(rf'value="({PLATFORM}/[^"]+)"', page)
    assert passage is not None
    said = {"sha256": DIGEST, "at": "4:30", "passage": passage[1], "note": "the wheel leaves"}
    beyond = await visited.post("/recorders/anchor/passage", said | {"at": "10:01"})
    assert beyond.json()["why"] == "outside_the_file"
    assert (await visited.post("/recorders/anchor/passage", said)).status_code == 200
    [anchored] = room(visited).index.of(ClockAnchored)
    assert (anchored.body.anchor.kind, anchored.body.by) == ("event", "li")
    assert anchored.body.anchor.own_ms == NOW - 30_000
    assert "依据过车画面" in (await visited.client.get(f"/recorders/clock?recorder={NUMBER}")).text


async def test_a_moment_of_a_file_that_came_again_is_of_the_recorder_that_made_it(visited: Visited) -> None:
    visited.weighed(58_000)
    await taken_in(visited)
    again = {"state": "duplicate", "problems": ("duplicate",)}
    await taken_in(visited, recorder="3700999", **again)
    await taken_in(visited, recorder=None, name="b.mp4", own_start_ms=None, **again)
    await taken_in(visited, sha256="cd" * 32, problems=("number_twice",))
    await visited.sign_in()
    crossing = room(visited).desk.crossings.newest_of(1)[0]
    passage = f"{crossing.box}/{crossing.passage}"
    said = {"sha256": DIGEST, "at": "4:30", "passage": passage, "note": "the wheel leaves"}
    assert (await visited.post("/recorders/anchor/passage", said)).status_code == 200
    [anchored] = room(visited).index.of(ClockAnchored)
    assert (anchored.body.recorder, anchored.body.anchor.own_ms) == (NUMBER, NOW - 30_000)
    twice = await visited.post("/recorders/anchor/passage", said | {"sha256": "cd" * 32})
    assert (twice.status_code, twice.json()["why"]) == (409, "number_twice")
    long = await visited.post("/recorders/anchor/passage", said | {"at": "1:" + "0" * 5_000})
    assert (long.status_code, long.json()["why"]) == (409, "outside_the_file")


async def test_what_somebody_knows_of_a_clock_needs_a_time_an_error_and_a_reason(visited: Visited) -> None:
    await visited.sign_in()
    said = {"recorder": NUMBER, "own": "2026-01-01 10:00:05", "true": "2026-01-01 10:00:00", "err_s": "1.5"}
    for changes, why in (
        ({"note": " "}, "reason_missing"),
        ({"note": "x", "own": "yesterday"}, "time_impossible"),
        ({"note": "x", "own": "2026-01-01 25:00:00"}, "time_impossible"),
        ({"note": "x", "own": "2026-01-01 10:00:²"}, "time_impossible"),
        ({"note": "x", "err_s": "-1"}, "time_impossible"),
        ({"note": "x", "err_s": "1.²"}, "time_impossible"),
        ({"note": "x", "err_s": "1." + "0" * 5_000}, "time_impossible"),
        ({"note": "x", "err_s": "0"}, "error_impossible"),
        ({"note": "x", "true": "2037-01-01 10:00:00"}, "time_impossible"),
    ):
        answer = await visited.post("/recorders/anchor", said | changes)
        assert (answer.status_code, answer.json()["why"]) == (409, why)
    assert (await visited.post("/recorders/anchor", said | {"note": "radio"})).status_code == 200
    [anchored] = room(visited).index.of(ClockAnchored)
    assert (anchored.body.anchor.own_ms - anchored.body.anchor.true_ms, anchored.body.anchor.err_ms) == (
        5_000,
        1_500,
    )


async def test_a_proposal_is_answered_with_one_tap_and_a_link_taken_back_with_a_reason(
    visited: Visited,
) -> None:
    visited.weighed(58_000, "豫G5512H")
    await taken_in(visited)
    await visited.sign_in()
    assert await room(visited).desk.links.look() == 1
    page = (await visited.client.get("/footage/links")).text
    assert "豫G5512H" in page
    assert "其时钟无校时依据" in page
    [link] = room(visited).index.of(FootageLinked)
    path = f"/footage/links/{link.body.link}"
    assert (await visited.post(f"{path}/yes", {})).json()["act"] == "linked"
    late = await visited.post(f"{path}/no", {}, **{"Idempotency-Key": "0123456789abcde4"})
    assert (late.status_code, late.json()["why"]) == (409, "already_linked")
    assert (await visited.post(f"{path}/unlink", {"reason": " "})).json()["detail"] == "须写明理由。"
    assert (await visited.post(f"{path}/unlink", {"reason": "另一辆车"})).json()["act"] == "unlinked"
    assert (await visited.post("/footage/links/none/yes", {})).json()["why"] == "no_such_link"


async def test_who_looks_is_written_down_and_who_only_looks_changes_nothing(visited: Visited) -> None:
    await visited.sign_in("viewer")
    for path in (
        "/recorders",
        f"/recorders/clock?recorder={NUMBER}",
        "/footage/links",
        "/clock",
        "/clock/now",
    ):
        assert (await visited.client.get(path)).status_code == 200
    for path in ("/recorders/issue", "/recorders/anchor", "/footage/links/a/yes", "/recorders/duty/begun"):
        assert (await visited.post(path, {})).status_code == 403
    journal = visited.assembly._journal
    entries = [entry for volume in journal.volumes for entry in await volume.read(0, 1_000)]
    looked = sum(RecordAccessed.stream.encode() in entry.header for entry in entries)
    assert looked >= 3


async def test_a_stranger_is_told_nothing_of_clocks_and_recorders(visited: Visited) -> None:
    for path in ("/recorders", "/footage/links", "/clock", "/clock/now"):
        assert (await visited.client.get(path)).status_code == 401


async def test_hostile_forms_are_refused(visited: Visited) -> None:
    await visited.sign_in()
    hostile: tuple[object, ...] = ([], {"recorder": 5}, {"recorder": "x", "officer": "li", "at_ms": 5})
    for said in hostile:
        assert (await visited.post("/recorders/issue", said)).status_code == 422
    long = {"recorder": "x" * 20_000, "officer": "li"}
    assert (await visited.post("/recorders/issue", long)).status_code == 413
    assert (
        await visited.post(
            "/recorders/issue", {"recorder": "<b>", "officer": "li"}, **{"Idempotency-Key": "1"}
        )
    ).status_code == 422


async def test_a_station_whose_clock_is_not_set_says_so_to_the_clock_page(visited: Visited) -> None:
    await visited.sign_in()
    assert (await visited.client.get("/clock/now")).json()["err_ms"] is None
