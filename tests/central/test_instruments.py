"""Instruments at the centre: no case on a scale that yields no evidence, and what is said of a scale reaches its box."""

from __future__ import annotations

import json
from typing import Any

import httpx
import msgspec
import pytest

from central.ingest.instruments import LASTS_MS, InstrumentsAtBoxes
from central.store.instruments import Instruments
from kernel.events import (
    Body,
    CaseRecorded,
    CommandAccepted,
    EntryRef,
    InstrumentCertificate,
    InstrumentCertified,
    InstrumentChange,
    InstrumentChanged,
    InstrumentInForce,
    InstrumentOrdered,
    NoEvidence,
    PassageCancelled,
    PassageReviewed,
    RecordPublished,
    ScaleChecked,
    ScaleDrifted,
)
from kernel.law.instrument_acts import saying_of
from tests.central.made import NOON_MS, Made, weighed
from tests.central.test_acts import post
from tests.central.test_ingest_parts import Asking, asking
from tests.central.world import World

pytestmark = pytest.mark.broad

__all__ = ["asking"]  # pytest finds the fixture by its name

DAY_MS = 86_400_000
PAPER = InstrumentCertificate(
    number="JL-1",
    grades=("pre_check",),
    accuracy_class="5",
    division_kg=20,
    max_kg=100_000,
    min_kg=1_000,
    seals=("QF-1",),
    valid_from="2020-01-01",
    valid_until="2099-12-31",
    issued_by="计量所",
)
IN_USE = InstrumentInForce(device="wim", evidence=True, certificate="JL-1")
BOX = "boxes/lane1-box/instruments"
SEAL = {"act": "seal_broken", "seal": "QF-1"}


def certified(at_ms: int = NOON_MS - DAY_MS) -> InstrumentCertified:
    return InstrumentCertified(device="wim", at_ms=at_ms, certificate=PAPER, by="settings")


def taken_back() -> PassageCancelled:
    about = EntryRef(journal="a" * 32, seq=0, leaf="0" * 64)
    return PassageCancelled(passage="p1", weighed=about, device="wim")


def changed(at_ms: int, change: InstrumentChange = "seal_broken") -> InstrumentChanged:
    return InstrumentChanged(device="wim", at_ms=at_ms, change=change, by="wang")


def lane(world: World, *bodies: Body, instrument: InstrumentInForce | None = IN_USE) -> Made:
    """A lane that has weighed p1, and then said these."""
    made = Made()
    world.take(made.add(weighed(outcome="over_limit", gross_kg=52_000, instrument=instrument)))
    with world.store.begin() as transaction:
        transaction.save_head(made.head())
    for body in bodies:
        world.take(made.add(body))
    return made


def in_case(**more: object) -> dict[str, Any]:
    return {"passages": [{"passage": "p1"}]} | more


# --- cases -----------------------------------------------------------------------------------------------------


async def test_a_case_rests_on_a_scale_whose_certificate_held(
    client: httpx.AsyncClient, world: World
) -> None:
    lane(world, certified())
    answer = await post(client, world, "cases/2026-7", in_case())
    assert (answer.status_code, answer.json()["entries"]) == (200, 1)
    [case] = [entry for entry in world.entries if isinstance(entry, CaseRecorded)]
    assert case.no_evidence == ()


@pytest.mark.parametrize("reason", ["no_certificate", "certificate_not_for_grade", "over_capacity"])
async def test_what_the_lane_said_against_it_then_stands(
    client: httpx.AsyncClient, world: World, reason: str
) -> None:
    lane(world, certified(), instrument=InstrumentInForce(device="wim", evidence=False, reasons=(reason,)))
    answer = await post(client, world, "cases/2026-7", in_case())
    assert (answer.status_code, reason in answer.text) == (409, True)
    assert world.entries == []


@pytest.mark.parametrize(("after_ms", "status"), [(-1, 409), (0, 409), (1, 200)])
async def test_a_seal_that_is_found_broken_later_takes_back_what_was_weighed_since(
    client: httpx.AsyncClient, world: World, after_ms: int, status: int
) -> None:
    lane(world, certified(), changed(NOON_MS + after_ms))
    answer = await post(client, world, "cases/2026-7", in_case())
    assert answer.status_code == status, answer.text
    assert ("seal_broken" in answer.text) == (status == 409)


async def test_a_broken_seal_of_another_lane_is_nothing_to_it(
    client: httpx.AsyncClient, world: World
) -> None:
    lane(world, certified())
    other = Made(journal="c" * 32, box="lane2-box", source="yiyuan/s01/lane2")
    world.take(other.add(changed(NOON_MS - 1)))
    assert (await post(client, world, "cases/2026-7", in_case())).status_code == 200


async def test_as_context_it_is_taken_in_and_named(client: httpx.AsyncClient, world: World) -> None:
    made = lane(world, certified(), changed(NOON_MS - 1))
    entry = made.leaves[0].hex()
    answer = await post(client, world, "cases/2026-7", in_case(as_context=True))
    assert answer.status_code == 200, answer.text
    [case] = [body for body in world.entries if isinstance(body, CaseRecorded)]
    [named] = case.no_evidence
    assert isinstance(named, NoEvidence)
    assert (named.weighed.leaf, named.reasons) == (entry, ("seal_broken",))


async def test_a_case_does_not_rest_on_what_its_weigher_took_back(
    client: httpx.AsyncClient, world: World
) -> None:
    lane(world, certified(), taken_back())
    answer = await post(client, world, "cases/2026-7", in_case())
    assert (answer.status_code, "p1 is no evidence: taken_back" in answer.text) == (409, True)
    confirmed = {"outcome": "confirmed", "case": "2026-7"}
    answer = await post(client, world, "passages/lane1-box/p1/review", confirmed)
    assert (answer.status_code, "taken_back" in answer.text) == (409, True)
    assert world.entries == []
    assert (await post(client, world, "cases/2026-7", in_case(as_context=True))).status_code == 200
    [case] = [body for body in world.entries if isinstance(body, CaseRecorded)]
    assert [each.reasons for each in case.no_evidence] == [("taken_back",)]


async def test_without_a_weight_it_is_taken_back_all_the_same(
    client: httpx.AsyncClient, world: World
) -> None:
    weightless = msgspec.structs.replace(weighed(outcome="not_weighed"), gross_kg=None)
    world.take(Made().add(weightless))
    world.take(Made(journal="c" * 32).add(taken_back()))
    answer = await post(client, world, "cases/2026-7", in_case())
    assert (answer.status_code, "taken_back" in answer.text) == (409, True)


async def test_a_review_confirms_nothing_into_a_case_that_is_no_evidence(
    client: httpx.AsyncClient, world: World
) -> None:
    lane(world, certified(), changed(NOON_MS - 1))
    review = {"outcome": "confirmed", "case": "2026-7"}
    assert (await post(client, world, "passages/lane1-box/p1/review", review)).status_code == 409
    assert (
        await post(client, world, "passages/lane1-box/p1/review", {"outcome": "confirmed"})
    ).status_code == 200
    rejected = {"outcome": "rejected", "case": "2026-7", "reason": "铅封破损"}
    assert (await post(client, world, "passages/lane1-box/p1/review", rejected)).status_code == 200
    assert len([body for body in world.entries if isinstance(body, PassageReviewed)]) == 2


async def test_a_crossing_without_a_weight_is_no_weighing_to_object_to(
    client: httpx.AsyncClient, world: World
) -> None:
    body = msgspec.structs.replace(weighed(outcome="not_weighed"), gross_kg=None, device_certificate=None)
    world.take(Made().add(body))
    assert (await post(client, world, "cases/2026-7", in_case())).status_code == 200


async def test_hostile_facts_are_quarantined_and_do_not_hold_up_the_next(
    client: httpx.AsyncClient, world: World
) -> None:
    made = lane(world, certified())
    huge = msgspec.json.encode(changed(NOON_MS)).replace(str(NOON_MS).encode(), b"9" * 30)
    bodies = [huge, b'{"device": 3}', msgspec.json.encode(changed(NOON_MS))]
    world.take(*(made.add(body, stream="instrument.changed") for body in bodies))
    order = InstrumentOrdered(box="lane1-box", id="order-0000001", args=(), by="wang")
    world.take(made.add(order))
    assert len(world.parts.queries.quarantine()) == 3
    [shown] = (await client.get(BOX, headers=world.token("reader"))).json()
    assert (shown["device"], len(shown["changes"])) == ("wim", 1)
    assert world.parts.instruments.waiting("lane1-box", since_ms=0) == []


# --- publication -----------------------------------------------------------------------------------------------


async def publish(client: httpx.AsyncClient, world: World) -> httpx.Response:
    body = {"act": "published", "fields": ["day", "over_kg"]}
    return await post(client, world, "cases/2026-7/publication", body, role="admin")


async def case(client: httpx.AsyncClient, world: World) -> Any:
    return (await client.get("cases/2026-7", headers=world.token("reader"))).json()


async def confirm(client: httpx.AsyncClient, world: World, passage: str = "p1") -> None:
    path = f"passages/lane1-box/{passage}/review"
    assert (await post(client, world, path, {"outcome": "confirmed"})).status_code == 200


async def test_what_is_evidence_still_is_published(client: httpx.AsyncClient, world: World) -> None:
    lane(world, certified(), changed(NOON_MS + 1))
    assert (await post(client, world, "cases/2026-7", in_case())).status_code == 200
    await confirm(client, world)
    assert (await publish(client, world)).status_code == 200
    assert (await case(client, world))["lost"] == []


async def test_a_case_that_has_lost_its_ground_is_shown_so_and_not_published(
    client: httpx.AsyncClient, world: World
) -> None:
    made = lane(world, certified())
    assert (await post(client, world, "cases/2026-7", in_case())).status_code == 200
    await confirm(client, world)
    world.take(made.add(changed(NOON_MS - 1)))
    lost = [{"box": "lane1-box", "passage": "p1", "reasons": ["seal_broken"]}]
    assert (await case(client, world))["lost"] == lost
    answer = await publish(client, world)
    assert (answer.status_code, answer.json()["detail"]) == (409, "passage p1 is no evidence: seal_broken")
    assert not [body for body in world.entries if isinstance(body, RecordPublished)]


async def test_a_case_of_context_alone_is_not_published(client: httpx.AsyncClient, world: World) -> None:
    lane(world, certified(), changed(NOON_MS - 1))
    assert (await post(client, world, "cases/2026-7", in_case(as_context=True))).status_code == 200
    await confirm(client, world)
    answer = await publish(client, world)
    assert (answer.status_code, answer.json()["detail"]) == (409, "passage p1 is no evidence: seal_broken")
    shown = await case(client, world)
    assert ([each["context"] for each in shown["entries"]], shown["lost"]) == ([["seal_broken"]], [])


async def test_context_is_left_out_of_what_is_published(client: httpx.AsyncClient, world: World) -> None:
    made = lane(world, certified())
    unfit = InstrumentInForce(device="wim", evidence=False, reasons=("over_capacity",))
    world.take(made.add(weighed("p2", outcome="over_limit", gross_kg=120_000, instrument=unfit)))
    both = {"passages": [{"passage": "p1"}, {"passage": "p2"}], "as_context": True}
    assert (await post(client, world, "cases/2026-7", both)).status_code == 200
    for passage in ("p1", "p2"):
        await confirm(client, world, passage)
    assert (await publish(client, world)).status_code == 200
    [published] = [body for body in world.entries if isinstance(body, RecordPublished)]
    assert [(ref.seq, ref.leaf) for ref in published.about] == [(0, made.leaves[0].hex())]


async def test_what_has_become_mere_context_lets_the_rest_of_its_case_be_published(
    client: httpx.AsyncClient, world: World
) -> None:
    """The newest act that names a weighing says what it is there for."""
    made = lane(world, certified())
    world.take(made.add(weighed("p2", outcome="over_limit", arrived_ms=NOON_MS), at_ms=NOON_MS + 60_000))
    both = {"passages": [{"passage": "p1"}, {"passage": "p2"}]}
    assert (await post(client, world, "cases/2026-7", both)).status_code == 200
    for passage in ("p1", "p2"):
        await confirm(client, world, passage)
    world.take(made.add(changed(NOON_MS + 1)))
    assert [each["passage"] for each in (await case(client, world))["lost"]] == ["p2"]
    assert (await publish(client, world)).status_code == 409
    world.clock.at_ms += 1_000
    again = {"passages": [{"passage": "p2"}], "as_context": True}
    assert (await post(client, world, "cases/2026-7", again)).status_code == 200
    assert (await publish(client, world)).status_code == 200
    shown = await case(client, world)
    weighings = [each for each in shown["entries"] if each["stream"] == "vehicle.weighed"]
    assert ([each["context"] for each in weighings], shown["lost"]) == ([[], ["seal_broken"]], [])


# --- what the centre has said ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("act", "at_ms", "reason"),
    [
        ("seal_broken", NOON_MS - 1, "seal_broken"),
        ("seal_broken", NOON_MS, "seal_broken"),
        ("seal_broken", NOON_MS + 1, None),
        ("load_cell_replaced", NOON_MS - 1, "load_cell_replaced"),
        ("repaired", NOON_MS - 1, "repaired_unverified"),
        ("sealed", NOON_MS - 1, None),
    ],
)
async def test_what_the_centre_has_said_counts_before_the_box_has_heard_of_it(
    client: httpx.AsyncClient, world: World, act: str, at_ms: int, reason: str | None
) -> None:
    lane(world, certified())
    said = {"act": act, "seal": "QF-1", "at_ms": at_ms}
    assert (await post(client, world, BOX, said, role="admin")).status_code == 200
    answer = await post(client, world, "cases/2026-7", in_case())
    assert answer.status_code == (409 if reason else 200), answer.text
    assert reason is None or reason in answer.text


async def test_a_case_loses_its_ground_when_the_centre_says_that_a_seal_was_broken(
    client: httpx.AsyncClient, world: World
) -> None:
    lane(world, certified())
    assert (await post(client, world, "cases/2026-7", in_case())).status_code == 200
    await confirm(client, world)
    said = SEAL | {"at_ms": NOON_MS - 1}
    assert (await post(client, world, BOX, said, role="admin")).status_code == 200
    assert [each["reasons"] for each in (await case(client, world))["lost"]] == [["seal_broken"]]
    assert (await publish(client, world)).status_code == 409


async def test_nobody_takes_the_place_of_what_another_has_said(
    client: httpx.AsyncClient, world: World
) -> None:
    lane(world, certified())
    said = SEAL | {"at_ms": NOON_MS - 1}
    assert (await post(client, world, BOX, said, role="admin", key="tap-00000001")).status_code == 200
    headers = world.token("other", role="admin") | {"Idempotency-Key": "tap-00000001"}
    answer = await client.post(BOX, json={"act": "open_shift"}, headers=headers)
    assert (answer.status_code, "somebody else" in answer.text) == (409, True)
    assert (await post(client, world, "cases/2026-7", in_case())).status_code == 409


async def test_what_waits_for_a_box_is_shown_and_counts(client: httpx.AsyncClient, world: World) -> None:
    made = lane(world)
    headers = world.token("reader")
    assert (await post(client, world, BOX, SEAL, role="admin", key="tap-00000001")).status_code == 200
    [unknown] = (await client.get(BOX, headers=headers)).json()
    assert (unknown["device"], unknown["reasons"]) == ("", ["no_certificate"])
    world.take(made.add(certified()))
    world.clock.at_ms += 40 * DAY_MS
    [shown] = (await client.get(BOX, headers=headers)).json()
    assert (shown["device"], shown["reasons"]) == ("wim", ["seal_broken"])
    [waits] = shown["waiting"]
    assert (waits["id"], waits["act"], waits["at_ms"]) == ("tap-00000001", "seal_broken", NOON_MS)
    [ordered] = [body for body in world.entries if isinstance(body, InstrumentOrdered)]
    accepted = CommandAccepted(issuer="yiyuan-command", counter=1, kind="instrument", args=ordered.args)
    world.take(made.add(accepted))
    [shown] = (await client.get(BOX, headers=headers)).json()
    assert (shown["reasons"], shown["waiting"]) == (["seal_broken"], []), "accepted is not yet written"


async def test_what_its_lane_has_written_counts_for_the_scale_that_it_names(
    client: httpx.AsyncClient, world: World
) -> None:
    """The centre does not know which scale a lane had then; the lane does, and then only its word counts."""
    made = lane(world, certified())
    assert (await post(client, world, BOX, SEAL | {"at_ms": NOON_MS - 1}, role="admin")).status_code == 200
    assert (await post(client, world, "cases/2026-7", in_case())).status_code == 409
    by = "token:desk-admin"
    world.take(made.add(InstrumentChanged(device="before", at_ms=NOON_MS - 1, change="seal_broken", by=by)))
    assert (await post(client, world, "cases/2026-7", in_case())).status_code == 200


async def test_a_verification_after_it_covers_what_the_centre_has_said(
    client: httpx.AsyncClient, world: World
) -> None:
    lane(world, certified(NOON_MS - 1_000))
    said = SEAL | {"at_ms": NOON_MS - 2_600 * DAY_MS}
    assert (await post(client, world, BOX, said, role="admin")).status_code == 200
    assert (await post(client, world, "cases/2026-7", in_case())).status_code == 200


# --- what is shown and said ------------------------------------------------------------------------------------


async def test_the_scales_of_a_lane_are_listed(client: httpx.AsyncClient, world: World) -> None:
    checked = ScaleChecked(
        device="wim",
        at_ms=NOON_MS,
        kind="reference",
        expected_kg=20_000,
        shown_kg=20_100,
        limit_kg=1_000,
        within=True,
        by="wang",
    )
    drifted = ScaleDrifted(
        device="wim", at_ms=NOON_MS, kind="noise", state="begun", measured_kg=80, limit_kg=60
    )
    lane(world, certified(), checked, drifted)
    headers = world.token("reader")
    [shown] = (await client.get(BOX, headers=headers)).json()
    assert (shown["device"], shown["reasons"], shown["certificate"]["number"]) == ("wim", [], "JL-1")
    assert ([each["shown_kg"] for each in shown["checks"]], len(shown["drifts"])) == ([20_100], 1)
    world.take(Made(journal="c" * 32).add(changed(NOON_MS)))
    [shown] = (await client.get(BOX, headers=headers)).json()
    assert (shown["reasons"], shown["changes"][0]["by"]) == (["seal_broken"], "wang")
    assert (await client.get("boxes/nobody-here/instruments", headers=headers)).json() == []


async def test_what_is_said_of_a_scale_is_an_entry_and_then_told_to_its_box(
    client: httpx.AsyncClient, world: World
) -> None:
    lane(world, certified())
    answer = await post(client, world, BOX, SEAL, role="admin", key="tap-00000001")
    assert answer.status_code == 200, answer.text
    again = await post(client, world, BOX, SEAL, role="admin", key="tap-00000001")
    assert again.json() == answer.json()
    [ordered] = [body for body in world.entries if isinstance(body, InstrumentOrdered)]
    said = saying_of(dict(ordered.args))
    assert (said.act, said.seal, said.by, said.id) == (
        "seal_broken",
        "QF-1",
        "token:desk-admin",
        "tap-00000001",
    )
    assert said.at_ms == NOON_MS, "it counts from when it was said, whenever the box hears of it"
    assert world.spoken.told[0] == ordered
    paper = json.loads(msgspec.json.encode(PAPER))
    answer = await post(client, world, BOX, {"act": "certify", "certificate": paper}, role="admin")
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("path", "body", "role", "status"),
    [
        (BOX, SEAL, "reviewer", 403),
        (BOX, {"act": "erase"}, "admin", 422),
        (BOX, SEAL | {"more": 1}, "admin", 422),
        (BOX, {"act": "certify"}, "admin", 409),
        (BOX, {"act": "certify", "certificate": {"number": "JL-1"}}, "admin", 422),
        (BOX, {"act": "check_reference"}, "admin", 409),
        (BOX, {"act": "check_zero"}, "admin", 409),
        (BOX, SEAL | {"at_ms": NOON_MS + 60_001}, "admin", 409),
        (BOX, {"act": "open_shift", "at_ms": NOON_MS}, "admin", 409),
        ("boxes/s01-box/instruments", SEAL, "admin", 409),
        ("boxes/..%2f/instruments", SEAL, "admin", 404),
    ],
)
async def test_who_may_not_or_says_nothing_that_fits_writes_nothing(
    client: httpx.AsyncClient, world: World, path: str, body: object, role: str, status: int
) -> None:
    lane(world, certified())
    answer = await post(client, world, path, body, role=role)
    assert answer.status_code == status, answer.text
    assert (world.entries, world.spoken.told) == ([], [])


# --- until the box has accepted it -----------------------------------------------------------------------------


class Speaking:
    """Orders over a real store and a command key, with what was sent."""

    def __init__(self, asking: Asking) -> None:
        self.asking = asking
        asking.register()
        self.start()

    def start(self) -> None:
        """The centre's process, which remembers nothing of one before it."""
        self.asking.start()
        self.scales = InstrumentsAtBoxes(
            Instruments(self.asking.database), commanding=self.asking.commanding, clock=self.asking.clock
        )

    async def say(
        self, id_: str = "order-0000001", *, own: bool = True, act: str = "seal_broken"
    ) -> InstrumentOrdered:
        args = {"act": act, "by": "li", "id": id_}
        body = InstrumentOrdered(box="lane1-box", id=id_, args=tuple(sorted(args.items())), by="li")
        made = self.asking.own if own else Made(journal="d" * 32, box="s01-box", source="yiyuan/s01")
        self.asking.take(made.add(body, received_ms=self.asking.clock.ms))
        await self.scales.say(body)
        return body

    def accepted(self, body: InstrumentOrdered) -> None:
        accepted = CommandAccepted(issuer="yiyuan-command", counter=1, kind="instrument", args=body.args)
        self.asking.take(self.asking.lane.add(accepted))


async def test_it_is_told_at_once_and_in_each_session_until_the_box_has_accepted_it(asking: Asking) -> None:
    speaking = Speaking(asking)
    await asking.hello()
    body = await speaking.say()
    assert [(each.kind, each.args) for each in asking.sent] == [("instrument", dict(body.args))]
    speaking.start()
    assert await asking.again() == [dict(body.args)], "the centre's restart forgets nothing"
    assert await asking.again("s01-box") == []
    speaking.accepted(body)
    assert await asking.again() == []


async def test_what_was_accepted_is_not_said_again_whatever_arrives_first(asking: Asking) -> None:
    speaking = Speaking(asking)
    args = SEAL | {"by": "li", "id": "order-0000001"}
    early = InstrumentOrdered(box="lane1-box", id="order-0000001", args=tuple(args.items()), by="li")
    speaking.accepted(early)
    await asking.hello()
    await speaking.say()
    assert asking.sent == []


@pytest.mark.parametrize("act", ["seal_broken", "load_cell_replaced", "repaired", "sealed"])
async def test_what_was_done_to_a_scale_is_told_however_long_its_box_is_away(
    asking: Asking, act: str
) -> None:
    speaking = Speaking(asking)
    body = await speaking.say(act=act)
    asking.clock.ms += 400 * LASTS_MS
    assert await asking.again() == [dict(body.args)]
    speaking.accepted(body)
    assert await asking.again() == []


async def test_what_is_said_again_is_told_as_it_was_said_first(asking: Asking) -> None:
    speaking = Speaking(asking)
    await asking.hello()
    body = await speaking.say()
    later = tuple(sorted({**dict(body.args), "at_ms": "1795000000000"}.items()))
    await speaking.scales.say(msgspec.structs.replace(body, args=later))
    assert [each.args for each in asking.sent] == [dict(body.args)] * 2


async def test_a_box_that_keeps_refusing_is_left_alone_after_a_day(asking: Asking) -> None:
    speaking = Speaking(asking)
    body = await speaking.say(act="open_shift")
    assert await asking.again() == [dict(body.args)]
    asking.clock.ms += LASTS_MS + 1
    assert await asking.again() == []


async def test_only_the_centres_own_journal_orders_anything(asking: Asking) -> None:
    speaking = Speaking(asking)
    await asking.hello()
    await speaking.say(own=False)
    assert await asking.again() == []
