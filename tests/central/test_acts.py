"""Acts at the centre by API: who may, what is written first, what is shown then, and what waits for its event."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import httpx
import msgspec
import pytest

from central.acts.publishing import FIELDS, masked
from central.store.queries import Filter
from central.views import PassageRow
from journal.store import Accepted
from kernel.errors import FullError
from kernel.events import (
    CaseRecorded,
    EntryRef,
    PassageCancelled,
    PassageReviewed,
    RecordAccessed,
    RecordErased,
    RecordHeld,
    RecordPublished,
)
from tests.central.made import NOON_MS, Made, decided, picture_file, pictured, weighed
from tests.central.world import World

pytestmark = pytest.mark.broad

P1 = "passages/lane1-box/p1"


@pytest.fixture
def lane(world: World) -> Made:
    made = Made()
    world.take(
        made.add(weighed(outcome="over_limit", gross_kg=52_000)), made.add(pictured(), files=picture_file())
    )
    return made


def ref(entry: Accepted) -> EntryRef:
    return EntryRef(journal=entry.header.journal, seq=entry.seq, leaf=entry.leaf.hex())


def row(world: World) -> PassageRow:
    found = world.parts.queries.row("lane1-box", "p1")
    assert found is not None
    return found


async def post(
    client: httpx.AsyncClient, world: World, path: str, body: object, *, role: Any = "reviewer", key: str = ""
) -> httpx.Response:
    headers = world.token(f"desk-{role}", role=role) | ({"Idempotency-Key": key} if key else {})
    return await client.post(path, json=body, headers=headers)


# --- reviews ---------------------------------------------------------------------------------------------------


async def test_only_a_review_ends_a_suspicion(client: httpx.AsyncClient, world: World, lane: Made) -> None:
    station = Made(journal="b" * 32, box="s01-box", source="yiyuan/s01")
    world.take(station.add(decided(Made().add(weighed(outcome="over_limit", gross_kg=52_000)))))
    assert (row(world).suspected, row(world).decided) == (True, "released")
    for outcome, suspected in (
        ("returned", True),
        ("confirmed", False),
        ("returned", True),
        ("rejected", False),
    ):
        world.clock.at_ms += 1000
        answer = await post(client, world, f"{P1}/review", {"outcome": outcome, "reason": "看过图片"})
        assert answer.status_code == 200, answer.text
        assert (row(world).reviewed, row(world).suspected) == (outcome, suspected)
    written = [entry for entry in world.entries if isinstance(entry, PassageReviewed)]
    assert [(entry.by, entry.weighed.leaf) for entry in written] == [
        ("token:desk-reviewer", lane.leaves[0].hex())
    ] * 4


async def test_who_may_not_review_writes_nothing(client: httpx.AsyncClient, world: World, lane: Made) -> None:
    for role in ("viewer", "operator", "auditor"):
        answer = await post(client, world, f"{P1}/review", {"outcome": "confirmed"}, role=role)
        assert answer.status_code == 403, role
    assert (await client.post(f"{P1}/review", json={"outcome": "confirmed"})).status_code == 401
    assert world.entries == []


async def test_the_same_key_again_is_the_same_review(
    client: httpx.AsyncClient, world: World, lane: Made
) -> None:
    body = {"outcome": "confirmed"}
    first = await post(client, world, f"{P1}/review", body, key="tap-00000001")
    again = await post(client, world, f"{P1}/review", body, key="tap-00000001")
    assert first.json() == again.json()
    assert len(world.entries) == 1
    other = await post(client, world, f"{P1}/review", body, key="tap-00000002")
    assert other.json() != first.json()


async def test_a_review_that_cannot_be_written_is_none(
    client: httpx.AsyncClient, world: World, lane: Made
) -> None:
    world.refuse = FullError("no room for the journal")
    assert (await post(client, world, f"{P1}/review", {"outcome": "confirmed"})).status_code == 503
    assert row(world).reviewed is None


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"outcome": "fined"}, 422),
        ({"outcome": "confirmed", "more": 1}, 422),
        ({"outcome": "rejected"}, 409),
        ({"outcome": "rejected", "reason": "  "}, 409),
        ({"outcome": "returned", "reason": "鲁c·12345 看不清"}, 409),
        ({"outcome": "confirmed", "reason": "x" * 501}, 422),
        ({"outcome": "confirmed", "case": "../etc"}, 422),
        ([], 422),
    ],
)
async def test_a_review_without_form_or_reason_is_refused(
    client: httpx.AsyncClient, world: World, lane: Made, body: object, status: int
) -> None:
    answer = await post(client, world, f"{P1}/review", body)
    assert answer.status_code == status, answer.text
    assert world.entries == []


async def test_a_passage_that_was_not_weighed_yet_cannot_be_reviewed(
    client: httpx.AsyncClient, world: World
) -> None:
    world.take(Made().add(pictured()))
    answer = await post(client, world, f"{P1}/review", {"outcome": "confirmed"})
    assert (answer.status_code, answer.json()["detail"]) == (409, "not weighed yet")
    answer = await post(client, world, "passages/lane1-box/p9/review", {"outcome": "confirmed"})
    assert answer.status_code == 404


def test_a_review_that_comes_before_its_weighing_waits_for_it(world: World) -> None:
    """As after a backup was put back: the centre's journal is whole before the lanes have sent again."""
    made = Made()
    weighing = made.add(weighed(outcome="over_limit", gross_kg=52_000))
    review = PassageReviewed(
        passage="p1", weighed=ref(weighing), outcome="confirmed", by="li", case="2026-12"
    )
    world.take(world.own.add(review))
    assert world.parts.queries.passages(Filter()).rows == ()
    assert [each.journal for each in world.parts.queries.case_entries("2026-12")] == [
        made.journal,
        world.own.journal,
    ]
    world.take(weighing)
    assert (row(world).reviewed, row(world).suspected) == ("confirmed", False)
    found = world.parts.queries.case("2026-12")
    assert found is not None
    assert [(each.stream, each.matches) for each in found.entries] == [
        ("vehicle.weighed", True),
        ("passage.reviewed", True),
    ]


def test_reviews_wait_for_the_weighings_of_every_journal_of_a_batch(world: World) -> None:
    """In one transaction come entries of many lanes."""
    weighings = [
        Made(journal=letter * 32).add(weighed(f"p{number}")) for number, letter in enumerate("abc", start=1)
    ]
    for number, weighing in enumerate(weighings, start=1):
        review = PassageReviewed(passage=f"p{number}", weighed=ref(weighing), outcome="confirmed", by="li")
        world.take(world.own.add(review))
    world.take(*reversed(weighings))
    assert [each.reviewed for each in world.parts.queries.passages(Filter()).rows] == ["confirmed"] * 3


def test_a_review_of_another_leaf_changes_nothing_and_is_shown_so(world: World, lane: Made) -> None:
    wrong = EntryRef(journal=lane.journal, seq=0, leaf="0" * 64)
    world.take(world.own.add(PassageReviewed(passage="p1", weighed=wrong, outcome="rejected", by="li")))
    assert row(world).suspected
    detail = world.parts.queries.passage("lane1-box", "p1")
    assert detail is not None
    assert [(review.outcome, review.matches) for review in detail.reviews] == [("rejected", False)]


@pytest.mark.parametrize(
    "body",
    [
        PassageReviewed(
            passage="p1",
            weighed=EntryRef(journal="a" * 32, seq=0, leaf="0" * 64),
            outcome="confirmed",
            by="x",
        ),
        CaseRecorded(case="1", entries=(), by="x"),
        RecordPublished(case="1", act="published", about=(), fields=("day",), by="x"),
    ],
)
def test_no_box_speaks_for_the_centre(world: World, lane: Made, body: Any) -> None:
    world.take(lane.add(body))
    [held] = world.parts.queries.quarantine()
    assert held.reason.startswith("only the centre")
    assert row(world).suspected


# --- cases -----------------------------------------------------------------------------------------------------


async def test_a_case_holds_every_entry_of_its_passages_and_grows(
    client: httpx.AsyncClient, world: World, lane: Made
) -> None:
    world.take(lane.add(weighed("p2")))
    answer = await post(client, world, "cases/沂交执〔2026〕12号", {"passages": [{"passage": "p1"}]})
    assert answer.json() == {"case": "沂交执〔2026〕12号", "entries": 2}
    await post(client, world, "cases/沂交执〔2026〕12号", {"passages": [{"passage": "p2"}]})
    told = (await client.get("cases/沂交执〔2026〕12号", headers=world.token())).json()
    assert [(each["passage"], each["stream"]) for each in told["entries"]] == [
        ("p1", "vehicle.weighed"),
        ("p1", "vehicle.pictured"),
        ("p2", "vehicle.weighed"),
    ]
    assert [each.seq for each in world.parts.queries.case_entries("沂交执〔2026〕12号")] == [0, 1, 2]
    assert (await client.get("cases/2026-99", headers=world.token())).status_code == 404
    answer = await post(client, world, "cases/2026-99", {"passages": [{"passage": "p9"}]})
    assert answer.status_code == 404


async def test_a_large_case_is_more_than_one_entry(client: httpx.AsyncClient, world: World) -> None:
    made = Made()
    world.take(*(made.add(body) for n in range(55) for body in (weighed(f"p{n}"), pictured(f"p{n}"))))
    body = {"passages": [{"passage": f"p{n}"} for n in range(55)], "note": "专项行动"}
    for _again in range(2):
        answer = await post(client, world, "cases/2026-12", body, key="tap-00000001")
        assert answer.json()["entries"] == 110
    written = [entry for entry in world.entries if isinstance(entry, CaseRecorded)]
    assert [len(entry.entries) for entry in written] == [100, 10]
    assert len(world.parts.queries.case_entries("2026-12")) == 110


# --- publication -----------------------------------------------------------------------------------------------


@pytest.fixture
async def confirmed(client: httpx.AsyncClient, world: World, lane: Made) -> Made:
    await post(client, world, f"{P1}/review", {"outcome": "confirmed", "case": "2026-12"})
    return lane


async def publish(client: httpx.AsyncClient, world: World, **body: object) -> httpx.Response:
    body = {"act": "published", "fields": ["day", "plate", "over_kg"]} | body
    return await post(client, world, "cases/2026-12/publication", body, role="admin")


async def public(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    answer = await client.get("published")
    assert answer.status_code == 200
    rows: list[dict[str, Any]] = answer.json()["rows"]
    return rows


async def test_the_public_reads_the_published_fields_and_no_others(
    client: httpx.AsyncClient, world: World, confirmed: Made
) -> None:
    assert await public(client) == []
    assert (await publish(client, world)).status_code == 200
    [case] = await public(client)
    assert case["case"] == "2026-12"
    assert case["records"] == [{"day": "2026-11-18", "plate": "鲁C12**5", "over_kg": 3000}]
    assert "鲁C12345" not in (await client.get("published")).text
    assert not [entry for entry in world.entries if isinstance(entry, RecordAccessed)]


async def test_what_the_weigher_takes_back_is_published_no_more(
    client: httpx.AsyncClient, world: World, confirmed: Made
) -> None:
    assert (await publish(client, world)).status_code == 200
    about = EntryRef(journal=confirmed.journal, seq=0, leaf=confirmed.leaves[0].hex())
    world.take(confirmed.add(PassageCancelled(passage="p1", weighed=about, device="wim")))
    assert [case["records"] for case in await public(client)] == [[]]
    answer = await publish(client, world)
    assert (answer.status_code, "p1 is no evidence: taken_back" in answer.text) == (409, True)
    world.take(confirmed.add(weighed("p2", outcome="over_limit", gross_kg=53_000)))
    review = {"outcome": "confirmed", "case": "2026-12"}
    answer = await post(client, world, "passages/lane1-box/p2/review", review)
    assert answer.status_code == 200, answer.text
    assert (await publish(client, world)).status_code == 200
    [case] = await public(client)
    assert [record["over_kg"] for record in case["records"]] == [4_000]


async def test_what_is_withdrawn_or_over_is_given_out_no_more(
    client: httpx.AsyncClient, world: World, confirmed: Made
) -> None:
    assert (await publish(client, world, until_ms=NOON_MS + 1000)).status_code == 200
    assert len(await public(client)) == 1
    world.clock.at_ms += 1000
    assert await public(client) == []
    assert (await publish(client, world)).status_code == 200
    assert len(await public(client)) == 1
    assert (await publish(client, world, act="withdrawn", fields=[])).status_code == 200
    assert await public(client) == []


def test_a_withdrawal_is_not_undone_by_an_older_act_that_is_read_late(world: World, lane: Made) -> None:
    about = (EntryRef(journal=lane.journal, seq=0, leaf=lane.leaves[0].hex()),)
    published = RecordPublished(case="1", act="published", about=about, fields=("day",), by="li")
    first = world.own.add(published)
    world.take(world.own.add(RecordPublished(case="1", act="withdrawn", about=(), fields=(), by="li")))
    world.take(first)
    assert world.parts.queries.published(now_ms=NOON_MS, limit=10) == []


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"fields": ["day", "tractor"]}, "may not be published: tractor"),
        ({"fields": ["by"]}, "may not be published: by"),
        ({"until_ms": 1}, "until is over"),
    ],
)
async def test_what_may_not_be_published_is_not(
    client: httpx.AsyncClient, world: World, confirmed: Made, change: dict[str, object], why: str
) -> None:
    answer = await publish(client, world, **change)
    assert answer.status_code == 409
    assert why in answer.json()["detail"]
    assert await public(client) == []


async def test_a_mere_suspicion_is_not_published(client: httpx.AsyncClient, world: World, lane: Made) -> None:
    await post(client, world, "cases/2026-12", {"passages": [{"passage": "p1"}]})
    answer = await publish(client, world)
    assert (answer.status_code, "not confirmed" in answer.json()["detail"]) == (409, True)
    await post(client, world, f"{P1}/review", {"outcome": "rejected", "reason": "误判"})
    assert (await publish(client, world)).status_code == 409


@pytest.mark.parametrize(
    ("grade", "suspected", "reviewed", "status"),
    [
        ("pre_check", False, None, 409),
        ("pre_check", True, None, 409),
        ("certified", True, None, 409),
        ("certified", False, None, 200),
        ("reweigh", False, None, 200),
        ("pre_check", False, "confirmed", 200),
        ("certified", True, "confirmed", 200),
        ("certified", False, "rejected", 409),
        ("certified", False, "returned", 409),
    ],
)
async def test_published_is_what_was_confirmed_or_certified_and_beyond_suspicion(
    client: httpx.AsyncClient,
    world: World,
    grade: str,
    suspected: bool,
    reviewed: str | None,
    status: int,
) -> None:
    body = weighed(outcome="over_limit", gross_kg=52_000, weighing_grade=grade)
    verdict = msgspec.structs.replace(body.verdict, suspected=suspected)
    world.take(Made().add(msgspec.structs.replace(body, verdict=verdict)))
    await post(client, world, "cases/2026-12", {"passages": [{"passage": "p1"}]})
    if reviewed is not None:
        await post(client, world, f"{P1}/review", {"outcome": reviewed, "reason": "看过图片"})
    assert (await publish(client, world)).status_code == status
    assert len(await public(client)) == (status == 200)


async def test_only_an_administrator_publishes(
    client: httpx.AsyncClient, world: World, confirmed: Made
) -> None:
    body = {"act": "published", "fields": ["day"]}
    for role in ("viewer", "operator", "reviewer", "auditor"):
        assert (await post(client, world, "cases/2026-12/publication", body, role=role)).status_code == 403


async def test_what_was_erased_is_public_no_more(
    client: httpx.AsyncClient, world: World, confirmed: Made
) -> None:
    await publish(client, world)
    await post(client, world, "cases/2026-12/closing", {"act": "closed", "reason": "paid"})
    world.clock.at_ms += 4000 * 86_400_000
    await world.keeping.erase("lane1-box", "p1", rule="a request", by="li")
    [case] = await public(client)
    assert case["records"][0]["plate"] is None


async def test_the_public_is_rationed(client: httpx.AsyncClient, world: World) -> None:
    answers = [(await client.get("published")).status_code for _ in range(32)]
    assert answers == [200] * 30 + [429] * 2
    refused = await client.get("published")
    assert int(refused.headers["Retry-After"]) >= 1
    world.clock.at_ms += 2000
    assert (await client.get("published")).status_code == 200


async def test_pages_of_what_is_public_follow_each_other(
    client: httpx.AsyncClient, world: World, lane: Made
) -> None:
    about = (EntryRef(journal=lane.journal, seq=0, leaf=lane.leaves[0].hex()),)
    for number in range(5):
        act = RecordPublished(case=f"案{number}", act="published", about=about, fields=("day",), by="li")
        world.take(world.own.add(act))
    seen: list[str] = []
    cursor = None
    for _ in range(3):
        page = (
            await client.get("published", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))
        ).json()
        seen += [each["case"] for each in page["rows"]]
        cursor = page["cursor"]
    assert (seen, cursor) == ([f"案{number}" for number in (4, 3, 2, 1, 0)], None)
    assert (await client.get("published", params={"cursor": "x"})).status_code == 422


def test_masks_hide_the_middle_and_never_show_a_short_plate() -> None:
    assert masked("浙D12345") == "浙D12**5"
    assert masked("鲁CD12345") == "鲁CD1***5"
    assert masked("鲁C123") == "*****"
    assert masked(None) is None
    assert "tractor" not in FIELDS


# --- holds and erasure -----------------------------------------------------------------------------------------


async def test_a_hold_forbids_erasure_until_it_is_released(
    client: httpx.AsyncClient, world: World, lane: Made
) -> None:
    held = {"act": "held", "reason": "行政复议"}
    assert (await post(client, world, f"{P1}/hold", held)).status_code == 200
    erase = {"rule": "个人信息保护法 第四十七条"}
    answer = await post(client, world, f"{P1}/erase", erase, role="admin")
    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        "must stay: held by token:desk-reviewer: 行政复议",
    )
    assert (await post(client, world, f"{P1}/hold", {"act": "released", "reason": "已结"})).status_code == 200
    answer = await post(client, world, f"{P1}/erase", erase, role="admin")
    assert answer.json()["by"]["journal"] == world.own.journal
    assert row(world).tractor is None
    holds = [entry for entry in world.entries if isinstance(entry, RecordHeld)]
    assert [hold.act for hold in holds] == ["held", "released"]
    assert world.ordered.told == [("lane1-box", hold) for hold in holds], "the box is told, after the entry"
    [erased] = [entry for entry in world.entries if isinstance(entry, RecordErased)]
    assert (erased.rule, erased.by) == ("个人信息保护法 第四十七条", "token:desk-admin")
    again = await post(client, world, f"{P1}/erase", erase, role="admin")
    assert again.json() == {"by": None}


async def test_a_hold_that_is_over_before_it_begins_is_refused(
    client: httpx.AsyncClient, world: World, lane: Made
) -> None:
    held = {"act": "held", "reason": "行政复议", "until_ms": NOON_MS}
    answer = await post(client, world, f"{P1}/hold", held)
    assert (answer.status_code, answer.json()["detail"]) == (409, "until is over already")
    assert world.ordered.told == []
    assert (await post(client, world, f"{P1}/hold", held | {"until_ms": NOON_MS + 1})).status_code == 200
    assert [held.until_ms for _, held in world.ordered.told] == [NOON_MS + 1]


async def test_only_an_administrator_erases(client: httpx.AsyncClient, world: World, lane: Made) -> None:
    for role in ("viewer", "operator", "reviewer", "auditor"):
        assert (await post(client, world, f"{P1}/erase", {"rule": "abc"}, role=role)).status_code == 403
    assert (await client.get("keeping", headers=world.token())).status_code == 403


async def test_an_erased_picture_is_not_served(client: httpx.AsyncClient, world: World, lane: Made) -> None:
    world.put_file("c" * 64, b"jpeg")
    world.store.file_stored("lane1-box", "c" * 64, at_ms=NOON_MS)
    assert (await client.get("files/" + "c" * 64, headers=world.token())).status_code == 200
    await post(client, world, f"{P1}/erase", {"rule": "abc"}, role="admin")
    assert (await client.get("files/" + "c" * 64, headers=world.token())).status_code == 410


# --- accesses --------------------------------------------------------------------------------------------------


async def test_the_log_says_what_a_list_was_narrowed_to_and_hides_the_plate(
    client: httpx.AsyncClient, world: World, lane: Made
) -> None:
    headers = world.token("desk")
    for plate in ("鲁C12345", "鲁C54321", ""):
        await client.get("events", params={"plate": plate, "outcome": "over_limit"}, headers=headers)
    looks = [entry for entry in world.entries if isinstance(entry, RecordAccessed)]
    searched = "outcome=over_limit plate=鲁C*****"
    assert [entry.filter for entry in looks] == [searched, searched, "outcome=over_limit"]


async def test_the_auditor_reads_who_looked_and_may_do_nothing_else(
    client: httpx.AsyncClient, world: World, lane: Made
) -> None:
    for by, passage, at_ms in (("li", "p1", 1000), ("wang", "p1", 2000), ("li", "p2", 90_000_000)):
        access = RecordAccessed(by=by, what="event", passage=passage)
        world.take(world.own.add(access, at_ms=NOON_MS + at_ms))
    audits = world.token("audit", role="auditor")

    async def seen(**query: object) -> list[tuple[str, str | None]]:
        answer = await client.get("accesses", params=query, headers=audits)  # type: ignore[arg-type]
        return [(each["by"], each["passage"]) for each in answer.json()]

    assert await seen() == [("li", "p2"), ("wang", "p1"), ("li", "p1")]
    assert await seen(by="li") == [("li", "p2"), ("li", "p1")]
    assert await seen(passage="p1") == [("wang", "p1"), ("li", "p1")]
    assert await seen(**{"from": NOON_MS, "to": NOON_MS + 1500}) == [("li", "p1")]
    for role in ("viewer", "operator", "reviewer"):
        assert (await client.get("accesses", headers=world.token(role, role=role))).status_code == 403
    assert (await client.post("passages/p1/clip", headers=audits)).status_code == 403
    assert {entry.what for entry in world.entries if isinstance(entry, RecordAccessed)} == {"accesses"}


# --- order -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("places", list(combinations(range(6), 3)), ids=str)
def test_acts_and_facts_in_any_order_come_to_the_same(world: World, places: tuple[int, ...]) -> None:
    """The centre's journal and a lane's are independent: each keeps its order, and they meet in every way."""
    made = Made()
    facts = [
        made.add(weighed(outcome="over_limit", gross_kg=52_000)),
        made.add(pictured(), files=picture_file()),
        made.add(weighed("p2")),
    ]
    seen = ref(facts[0])
    said = (
        PassageReviewed(passage="p1", weighed=seen, outcome="confirmed", by="li", case="2026-12"),
        RecordErased(rule="r", by="li", entries=(ref(facts[1]), ref(facts[2]))),
        RecordHeld(act="held", passage="p2", by="li", reason="复议"),
    )
    acts = [world.own.add(body) for body in said]
    for place in range(6):
        world.take((acts if place in places else facts).pop(0))
    found = row(world)
    assert (found.reviewed, found.suspected) == ("confirmed", False)
    assert found.tractor == "鲁C12345"  # a case needs it
    assert [each.seq for each in world.parts.queries.case_entries("2026-12")] == [0, 0]
    held = world.parts.queries.held("lane1-box", "p2", now_ms=NOON_MS)
    assert held == "held by li: 复议"
