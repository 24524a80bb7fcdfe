"""A case is closed once it has passed review, by whom and why; stations with footage of it are told until they say they know."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import httpx
import pytest
from msgspec.structs import asdict
from sqlalchemy import insert

from central.acts.desk import Who
from central.ingest.cases import CasesAtStations
from central.ingest.commanding import Commanding
from central.store import schema
from central.store.cases import MOST, Cases
from central.store.counters import Counters
from journal.keys import SigningKey
from journal.store import HeadState
from kernel.errors import FullError, RefusedError
from kernel.events import Body, CaseClosed, CaseRecorded, EntryRef, PassageCancelled, RecordAccessed
from kernel.evidence.commands import CASE, Command
from kernel.footage.bodies import CaseNoted, FootageLinked, FootageTagged
from station.footage.cases import noted_of
from tests.central.made import NOON_MS, REGISTER, Made, pictured, weighed
from tests.central.world import World

pytestmark = pytest.mark.broad

NUMBER = "沂交执〔2026〕12号"
CLOSING = f"cases/{NUMBER}/closing"
PAID = {"act": "closed", "reason": "paid"}
BOX = "s01-box"
KEY = SigningKey.generate(kind="command", name="yiyuan-command")
NONCE = bytes(range(16))


@pytest.fixture
def lane(world: World) -> Made:
    made = Made()
    world.take(made.add(weighed(outcome="over_limit", gross_kg=52_000)))
    return made


async def post(
    client: httpx.AsyncClient, world: World, path: str, body: object, *, role: Any = "reviewer", key: str = ""
) -> httpx.Response:
    headers = world.token(f"desk-{role}", role=role) | ({"Idempotency-Key": key} if key else {})
    return await client.post(path, json=body, headers=headers)


async def review(client: httpx.AsyncClient, world: World, outcome: str, passage: str = "p1") -> None:
    world.clock.at_ms += 1000
    body = {"outcome": outcome, "reason": "看过图片"}
    answer = await post(client, world, f"passages/lane1-box/{passage}/review", body)
    assert answer.status_code == 200, answer.text


async def add(client: httpx.AsyncClient, world: World, *passages: str, **more: Any) -> httpx.Response:
    body = {"passages": [{"passage": name} for name in passages]} | more
    return await post(client, world, f"cases/{NUMBER}", body)


def said(world: World) -> list[CaseClosed]:
    return [entry for entry in world.entries if isinstance(entry, CaseClosed)]


async def shown(client: httpx.AsyncClient, world: World) -> Any:
    return (await client.get(f"cases/{NUMBER}", headers=world.token())).json()["closing"]


# --- the act ---------------------------------------------------------------------------------------------------


async def test_a_case_is_closed_once_reopened_and_closed_again(
    client: httpx.AsyncClient, world: World, lane: Made
) -> None:
    await add(client, world, "p1")
    assert await shown(client, world) is None
    await review(client, world, "confirmed")
    now_ms = world.clock.at_ms
    answer = await post(client, world, CLOSING, PAID | {"kept_as": "case_long", "note": " 缴款书已归档 "})
    assert answer.status_code == 200, answer.text
    [first] = said(world)
    assert (first.act, first.by, first.at_ms) == ("closed", "token:desk-reviewer", now_ms)
    assert (first.reason, first.kept_as, first.note) == ("paid", "case_long", "缴款书已归档")
    closing = await shown(client, world)
    assert (closing["closed_ms"], closing["seq"]) == (now_ms, answer.json()["seq"])
    assert world.informed.told == [NUMBER]

    assert (await post(client, world, CLOSING, PAID)).json()["detail"] == "the case is closed already"
    for refused in (
        await add(client, world, "p1"),
        await post(client, world, "passages/lane1-box/p1/review", {"outcome": "confirmed", "case": NUMBER}),
    ):
        assert (refused.status_code, "must be reopened first" in refused.text) == (409, True)

    assert (await post(client, world, CLOSING, {"act": "reopened"})).status_code == 409, "no reason"
    world.clock.at_ms += 5
    assert (await post(client, world, CLOSING, {"act": "reopened", "note": "复议"})).status_code == 200
    assert (await shown(client, world))["closed_ms"] is None
    again = await post(client, world, CLOSING, {"act": "reopened", "note": "诉讼"})
    assert again.json()["detail"] == "the case is not closed"
    assert (await post(client, world, CLOSING, PAID)).status_code == 200
    assert [each.act for each in said(world)] == ["closed", "reopened", "closed"]


async def test_the_same_act_again_is_the_same_entry(
    client: httpx.AsyncClient, world: World, lane: Made
) -> None:
    await add(client, world, "p1")
    await review(client, world, "confirmed")
    for body in (PAID, {"act": "reopened", "note": "复议"}):
        first = await post(client, world, CLOSING, body, key="tap-00000001")
        again = await post(client, world, CLOSING, body, key="tap-00000001")
        assert (first.status_code, first.json()) == (200, again.json())
    assert len(said(world)) == 2


@pytest.mark.parametrize("outcome", [None, "returned"])
async def test_what_has_not_passed_review_is_not_closed(
    client: httpx.AsyncClient, world: World, lane: Made, outcome: str | None
) -> None:
    world.take(lane.add(weighed("p2", outcome="over_limit", gross_kg=53_000)))
    await add(client, world, "p1", "p2")
    await review(client, world, "confirmed")
    if outcome is not None:
        await review(client, world, outcome, "p2")
    answer = await post(client, world, CLOSING, PAID)
    assert (answer.status_code, answer.json()["detail"]) == (409, "a passage has not passed review: p2")
    await review(client, world, "rejected", "p2")
    assert (await post(client, world, CLOSING, PAID)).status_code == 200


async def test_a_case_that_was_dropped_ends_but_not_with_a_penalty(
    client: httpx.AsyncClient, world: World, lane: Made
) -> None:
    await add(client, world, "p1")
    await review(client, world, "rejected")
    for reason in ("paid", "court", "unenforceable"):
        answer = await post(client, world, CLOSING, PAID | {"reason": reason})
        assert (answer.status_code, "no review has confirmed" in answer.text) == (409, True)
    assert (await post(client, world, CLOSING, PAID | {"reason": "other"})).status_code == 409, "no note"
    assert (await post(client, world, CLOSING, PAID | {"reason": "revoked"})).status_code == 200


async def test_what_is_there_as_context_alone_needs_no_review_and_is_no_case_by_itself(
    client: httpx.AsyncClient, world: World, lane: Made
) -> None:
    about = EntryRef(journal=lane.journal, seq=0, leaf=lane.leaves[0].hex())
    world.take(lane.add(PassageCancelled(passage="p1", weighed=about, device="wim")))
    assert (await add(client, world, "p1", as_context=True)).status_code == 200
    answer = await post(client, world, CLOSING, PAID | {"reason": "revoked"})
    assert answer.json()["detail"] == "the case has no weighing here"
    world.take(lane.add(weighed("p2", outcome="over_limit", gross_kg=53_000)))
    await add(client, world, "p2")
    await review(client, world, "confirmed", "p2")
    assert (await post(client, world, CLOSING, PAID)).status_code == 200


async def test_a_clock_that_is_behind_the_case_ends_nothing(
    client: httpx.AsyncClient, world: World, lane: Made
) -> None:
    await add(client, world, "p1")
    await review(client, world, "confirmed")
    now_ms, world.clock.at_ms = world.clock.at_ms, 1_420_070_400_000
    answer = await post(client, world, CLOSING, PAID)
    assert (answer.status_code, "is behind what the case holds" in answer.text) == (409, True)
    world.clock.at_ms = now_ms
    assert said(world) == []
    assert (await post(client, world, CLOSING, PAID)).status_code == 200


@pytest.mark.parametrize("as_review", [False, True])
async def test_what_comes_to_a_case_while_it_is_closed_comes_before_or_not_at_all(
    client: httpx.AsyncClient, world: World, lane: Made, as_review: bool
) -> None:
    world.take(lane.add(weighed("p2", outcome="over_limit", gross_kg=53_000)))
    await add(client, world, "p1")
    await review(client, world, "confirmed")
    desk, closings = world.parts.desk, world.parts.closings
    who = [Who(by=name, key="k") for name in ("li", "zhao")]
    if as_review:
        adding: Any = desk.review("lane1-box", "p2", "returned", who=who[0], reason="补充", case=NUMBER)
    else:
        adding = desk.add_to_case(NUMBER, [("lane1-box", "p2")], who=who[0])
    both = await asyncio.gather(
        adding, closings.close(NUMBER, who=who[1], reason="paid"), return_exceptions=True
    )
    case = world.parts.queries.case(NUMBER)
    assert case is not None
    assert "p2" in {entry.passage for entry in case.entries}
    assert (case.closing, isinstance(both[1], RefusedError)) == (None, True)


async def test_what_a_closed_case_rests_on_is_reviewed_again_only_once_it_goes_on(
    client: httpx.AsyncClient, world: World, lane: Made
) -> None:
    await add(client, world, "p1")
    await review(client, world, "confirmed")
    await post(client, world, CLOSING, PAID)
    again = {"outcome": "rejected", "reason": "看错"}
    answer = await post(client, world, "passages/lane1-box/p1/review", again)
    assert (answer.status_code, "must be reopened first" in answer.text) == (409, True)
    await post(client, world, CLOSING, {"act": "reopened", "note": "复议"})
    await review(client, world, "rejected")
    assert (await post(client, world, CLOSING, PAID)).status_code == 409


async def test_what_is_no_evidence_any_more_bears_no_penalty(
    client: httpx.AsyncClient, world: World, lane: Made
) -> None:
    await add(client, world, "p1")
    await review(client, world, "confirmed")
    world.take(lane.add(PassageCancelled(passage="p1", weighed=weighing(lane), device="wim")))
    answer = await post(client, world, CLOSING, PAID)
    assert (answer.status_code, "is evidence any more" in answer.text) == (409, True)
    assert (await post(client, world, CLOSING, PAID | {"reason": "revoked"})).status_code == 200


async def test_a_case_that_is_closed_again_is_kept_as_it_was_unless_somebody_says_otherwise(
    client: httpx.AsyncClient, world: World, lane: Made
) -> None:
    await add(client, world, "p1")
    await review(client, world, "confirmed")
    for more in ({"kept_as": "permanent"}, {}, {"kept_as": "case"}):
        assert (await post(client, world, CLOSING, PAID | more)).status_code == 200
        await post(client, world, CLOSING, {"act": "reopened", "note": "复议"})
    assert [each.kept_as for each in said(world) if each.act == "closed"] == [
        "permanent",
        "permanent",
        "case",
    ]


async def test_what_has_not_arrived_is_waited_for(
    client: httpx.AsyncClient, world: World, lane: Made
) -> None:
    await add(client, world, "p1")
    await review(client, world, "confirmed")
    later = lane.add(weighed("p2", outcome="over_limit", gross_kg=53_000))
    ref = EntryRef(journal=lane.journal, seq=later.seq, leaf=later.leaf.hex())
    world.take(world.own.add(CaseRecorded(case=NUMBER, entries=(ref,), by="li")))
    answer = await post(client, world, CLOSING, PAID)
    assert answer.json()["detail"] == "something of the case has not arrived yet"


async def test_a_hold_does_not_stand_in_the_way_and_goes_on(
    client: httpx.AsyncClient, world: World, lane: Made
) -> None:
    await add(client, world, "p1")
    await review(client, world, "confirmed")
    held = await post(client, world, "passages/lane1-box/p1/hold", {"act": "held", "reason": "复议"})
    assert held.status_code == 200
    assert (await post(client, world, CLOSING, PAID)).status_code == 200
    world.clock.at_ms += 4_000 * 86_400_000
    erase = await post(client, world, "passages/lane1-box/p1/erase", {"rule": "a request"}, role="admin")
    assert (erase.status_code, "held by" in erase.text) == (409, True)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"act": "closed"}, 422),
        ({"act": "closed", "reason": "bored"}, 422),
        ({"act": "ended", "reason": "paid"}, 422),
        (PAID | {"kept_as": "a week"}, 422),
        (PAID | {"more": 1}, 422),
        (PAID | {"note": "x" * 501}, 422),
        (PAID | {"note": "鲁c·12345 已缴"}, 409),
        ([], 422),
    ],
)
async def test_a_closing_without_its_form_changes_nothing(
    client: httpx.AsyncClient, world: World, lane: Made, body: Any, status: int
) -> None:
    world.take(lane.add(pictured()))
    await add(client, world, "p1")
    await review(client, world, "confirmed")
    answer = await post(client, world, CLOSING, body)
    assert (answer.status_code, said(world)) == (status, []), answer.text


async def test_who_may_not_close_and_what_is_no_case_changes_nothing(
    client: httpx.AsyncClient, world: World, lane: Made
) -> None:
    await add(client, world, "p1")
    await review(client, world, "confirmed")
    for role in ("viewer", "operator", "auditor"):
        assert (await post(client, world, CLOSING, PAID, role=role)).status_code == 403, role
    assert (await post(client, world, "cases/2026-99/closing", PAID)).status_code == 404
    world.refuse = FullError("no room for the journal")
    assert (await post(client, world, CLOSING, PAID)).status_code == 503
    assert said(world) == []
    world.refuse = None
    await shown(client, world)
    looks = [each for each in world.entries if isinstance(each, RecordAccessed)]
    assert (looks[-1].what, looks[-1].filter) == ("case", f"case={NUMBER}")


def test_an_older_act_that_is_read_late_undoes_nothing_and_no_box_closes_a_case(world: World) -> None:
    closed = CaseClosed(case=NUMBER, act="closed", by="li", at_ms=NOON_MS, reason="paid")
    first = world.own.add(closed)
    world.take(world.own.add(CaseClosed(case=NUMBER, act="reopened", by="li", at_ms=NOON_MS + 1, note="x")))
    world.take(first)
    world.take(Made().add(closed))
    closing = world.parts.queries.closing(NUMBER)
    assert closing is not None
    assert closing.closed_ms is None
    [quarantined] = world.parts.queries.quarantine()
    assert quarantined.reason == "only the centre closes cases"


@pytest.mark.parametrize("follows", [False, True])
def test_of_two_journals_the_later_act_stands_and_what_follows_comes_later(
    world: World, follows: bool
) -> None:
    closed = CaseClosed(case=NUMBER, act="closed", by="li", at_ms=NOON_MS, reason="paid")
    reopened = CaseClosed(case=NUMBER, act="reopened", by="li", at_ms=NOON_MS + 5, note="复议")
    after = Made(journal="9" * 32, box=world.own.box, source=world.own.source)
    with world.store.begin() as transaction:
        head = world.own.head(state="closed")
        transaction.save_head(head)
        if follows:
            transaction.save_head(replace(after.head(), predecessor=world.own.journal))
    if follows:
        world.take(world.own.add(closed, at_ms=NOON_MS + 3_600_000))
        world.take(after.add(reopened, at_ms=NOON_MS + 5))
    else:
        world.take(after.add(reopened, at_ms=NOON_MS + 5))
        world.take(world.own.add(closed, at_ms=NOON_MS + 1))
    closing = world.parts.queries.closing(NUMBER)
    assert closing is not None
    assert (closing.closed_ms, closing.journal) == (None, after.journal)


# --- stations --------------------------------------------------------------------------------------------------


class Telling:
    """A centre and a station that says what it is told, when the test lets it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.station = Made(journal="b" * 32, box=BOX, source="yiyuan/s01")
        self.sent: list[Command] = []
        self.nonce = NONCE
        self.commanding = Commanding(Counters(world.database), send=self.send, key=KEY, clock=world.clock)
        self.cases = CasesAtStations(Cases(world.database, register=REGISTER), commanding=self.commanding)

    def register(self, state: HeadState = "open") -> None:
        with self.world.store.begin() as transaction:
            transaction.save_head(self.station.head(process="station", state=state))

    def send(self, box: str, note: str, *, counter: int) -> None:
        opened = Command.open(note, box=box, issuer=KEY.name, public_key=KEY.public, nonce=self.nonce)
        assert (opened.kind, opened.counter) == (CASE, counter)
        self.sent.append(opened)

    async def told(self, box: str = BOX) -> list[dict[str, Any]]:
        """What the box hears in its next session."""
        before = len(self.sent)
        self.nonce = bytes([self.nonce[0] + 1]) * 16
        self.commanding.greeted(box, self.nonce)
        while self.commanding._greetings:
            await asyncio.gather(*self.commanding._greetings)
        return [each.args for each in self.sent[before:]]

    def says(self, *bodies: Body) -> None:
        self.world.take(*(self.station.add(body) for body in bodies))

    def obeys(self, *told: dict[str, Any]) -> None:
        self.says(*(noted_of(each) for each in told))

    def opened(self, lane: Made) -> None:
        self.world.take(self.world.own.add(CaseRecorded(case=NUMBER, entries=(weighing(lane),), by="li")))

    def closes(self, act: str = "closed", *, at_ms: int = NOON_MS) -> None:
        body = CaseClosed(case=NUMBER, act=act, by="li", at_ms=at_ms, reason="paid", kept_as="case_long")  # type: ignore[arg-type]
        self.world.take(self.world.own.add(body))


@pytest.fixture
def telling(world: World) -> Telling:
    telling = Telling(world)
    telling.register()
    return telling


def weighing(lane: Made) -> EntryRef:
    return EntryRef(journal=lane.journal, seq=0, leaf=lane.leaves[0].hex())


def linked(**more: Any) -> FootageLinked:
    values: dict[str, Any] = {"link": "l", "act": "linked", "sha256": "e" * 64, "from_ms": 0, "to_ms": 1}
    return FootageLinked(
        **(values | {"by": "rule:time", "reason": "same_station", "box": "lane1-box", "passage": "p1"} | more)
    )


OPEN = {"box": "lane1-box", "by": "yiyuan-centre", "case": NUMBER, "kept_as": "case", "passage": "p1"}
CLOSED = OPEN | {"by": "li", "closed_ms": str(NOON_MS), "kept_as": "case_long"}


async def test_a_station_is_told_of_the_cases_of_its_footage_until_it_says_that_it_knows(
    telling: Telling, lane: Made
) -> None:
    telling.opened(lane)
    assert await telling.told() == [], "it has no footage of it"
    telling.says(linked())
    assert await telling.told() == [OPEN], "an open case keeps what is linked"
    telling.obeys(OPEN)
    assert await telling.told() == []
    telling.closes()
    assert await telling.told("lane1-box") == []
    assert await telling.told() == [CLOSED]
    assert await telling.told() == [CLOSED], "it has been away"
    telling.obeys(CLOSED)
    assert await telling.told() == []
    telling.closes("reopened", at_ms=NOON_MS + 5)
    [again] = await telling.told()
    assert again == OPEN | {"by": "li", "kept_as": "case_long"}
    telling.obeys(again)
    telling.closes(at_ms=NOON_MS + 9)
    await telling.cases.tell("another")
    assert await telling.told() == [CLOSED | {"closed_ms": str(NOON_MS + 9)}]


async def test_a_station_that_is_there_is_told_at_once(telling: Telling, lane: Made) -> None:
    telling.opened(lane)
    telling.says(linked())
    telling.obeys(*await telling.told())
    telling.closes()
    sent = len(telling.sent)
    await telling.cases.tell(NUMBER)
    assert [each.args for each in telling.sent[sent:]] == [CLOSED]


async def test_what_is_said_now_waits_behind_nothing_and_open_cases_go_first(
    telling: Telling, world: World, lane: Made
) -> None:
    names = [f"A{number:03d}" for number in range(MOST)]
    named = [{"box": BOX, "case_id": name} for name in (*names, "Z")]
    state = {
        "journal": "f" * 32,
        "leaf": "0" * 64,
        "by": "li",
        "reason": "paid",
        "kept_as": "case",
        "note": "",
    }
    rows = [
        state | {"case_id": each["case_id"], "seq": place, "closed_ms": NOON_MS - place}
        for place, each in enumerate(named)
    ]
    telling.opened(lane)
    telling.says(linked())
    with world.database.writer.begin() as connection:
        connection.execute(insert(schema.case_named), named)
        connection.execute(insert(schema.case_state), rows)
    told = await telling.told()
    assert [each["case"] for each in told] == [NUMBER, *names[: MOST - 1]]
    sent = len(telling.sent)
    await telling.cases.tell("Z")
    assert [each.args["case"] for each in telling.sent[sent:]] == ["Z"]


async def test_a_box_in_the_place_of_another_is_told_what_that_ones_marks_name(
    telling: Telling, world: World
) -> None:
    mark = FootageTagged(
        tag="t", act="tagged", sha256="e" * 64, from_ms=0, to_ms=1, kind="case", value=NUMBER, by="li"
    )
    telling.says(mark)
    telling.closes()
    new = Made(journal="d" * 32, box="s01-new-box", source="yiyuan/s01")
    with world.store.begin() as transaction:
        transaction.save_head(new.head(process="station"))
    for station, cases in (("yiyuan/s01", [NUMBER]), ("yiyuan/s02", [])):
        register = replace(REGISTER, sources={**REGISTER.sources, "s01-new-box": station})
        wanted = Cases(world.database, register=register).wanted("s01-new-box")
        assert [each.case for each in wanted] == cases


async def test_what_a_journal_that_ended_knew_is_told_to_the_next(telling: Telling, lane: Made) -> None:
    telling.opened(lane)
    telling.says(linked())
    telling.obeys(*await telling.told())
    telling.register("closed")
    telling.station = Made(journal="c" * 32, box=BOX, source="yiyuan/s01")
    telling.register()
    assert await telling.told() == [OPEN]
    telling.obeys(OPEN)
    assert await telling.told() == []


async def test_a_case_that_marks_of_the_station_name_is_told_once_it_is_closed(telling: Telling) -> None:
    mark = FootageTagged(
        tag="t", act="tagged", sha256="e" * 64, from_ms=0, to_ms=1, kind="case", value=NUMBER, by="li"
    )
    telling.says(mark, FootageTagged(**(asdict(mark) | {"tag": "u", "value": "x" * 200})))
    assert await telling.told() == []
    telling.closes()
    wanted = {name: value for name, value in CLOSED.items() if name not in ("box", "passage")}
    assert await telling.told() == [wanted]
    telling.obeys(wanted)
    assert await telling.told() == []


async def test_no_station_is_told_of_a_case_of_another_ones_lane(
    telling: Telling, world: World, lane: Made
) -> None:
    telling.opened(lane)
    other = Made(journal="d" * 32, box="s02-box", source="yiyuan/s02")
    with world.store.begin() as transaction:
        transaction.save_head(other.head(process="station"))
    world.take(other.add(linked()))
    register = replace(REGISTER, sources={**REGISTER.sources, "s02-box": "yiyuan/s02"})
    cases = Cases(world.database, register=register)
    assert (cases.stations(), cases.wanted("s02-box"), cases.wanted(BOX)) == ([BOX, "s02-box"], [], [])


def test_what_a_station_says_of_a_case_under_no_name_is_put_aside(telling: Telling, world: World) -> None:
    telling.says(CaseNoted(case="x" * 81, by="li"), CaseNoted(case="1", by="li", box="b", passage="../x"))
    assert [row.reason for row in world.parts.queries.quarantine()] == [
        "invalid body: case is not a name",
        "invalid body: passage is not a name",
    ]
