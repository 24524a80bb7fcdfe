"""Footage finds its passages whichever comes first, once, also after a restart, and what people said stays said."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TypeVar

import pytest

from kernel.errors import FullError, RefusedError
from kernel.events import Body, EntryRef, PassageDecided
from kernel.footage.bodies import FootageLinked, StepMarked
from kernel.footage.linking import RULE
from station.footage.index import Said
from station.footage.ledger import LooseLedger
from station.footage.linking import Links, proposals
from station.store import OwnAct
from tests.journal.making import NOW
from tests.station.county import PLATFORM
from tests.station.footage.desk import MINUTE, FootageDesk

T = TypeVar("T", bound=Body)


@pytest.fixture
def desk(quick_path: Path) -> FootageDesk:
    return FootageDesk(quick_path)


async def test_footage_that_comes_after_its_passage_is_linked_to_it_once(desk: FootageDesk) -> None:
    passage = desk.weigh()
    await desk.anchor()
    await desk.issue()
    await desk.duty()
    file = await desk.take_in()
    assert await desk.links.look() == 1
    [link] = desk.said()
    assert (link.act, link.by, link.reason) == ("linked", RULE, "officer_on_duty")
    assert (link.sha256, link.box, link.passage) == (file.sha256, PLATFORM, passage)
    assert link.true_from_ms == NOW - 10 * MINUTE + link.from_ms
    assert await desk.links.look() == 0
    assert await desk.again().look() == 0


async def test_a_step_that_is_marked_later_makes_its_moment_part_of_the_link(desk: FootageDesk) -> None:
    passage = desk.weigh()
    await desk.anchor()
    await desk.issue()
    await desk.duty()
    await desk.take_in(minutes=90)
    assert await desk.links.look() == 1
    marked = StepMarked(step="unloading", at_ms=NOW + 40 * MINUTE, by="zhao", box=PLATFORM, passage=passage)
    await desk.ledger.say(marked)
    assert await desk.links.look() == 1
    first, second = desk.said()
    assert (second.from_ms, len(first.travels), len(second.travels)) == (first.from_ms, 1, 2)
    assert second.travels[1][0] < 50 * MINUTE < second.travels[1][1]
    assert await desk.again().look() == 0


async def test_a_link_that_a_person_has_confirmed_is_cut_anew_for_a_step_that_is_marked_later(
    desk: FootageDesk,
) -> None:
    passage = desk.weigh()
    await desk.anchor()
    await desk.register("3700999")
    await desk.take_in(minutes=90)
    assert await desk.links.look() == 1
    [proposed] = desk.said()
    await desk.links.answer(proposed.link, yes=True, by="wang")
    assert await desk.links.look() == 0
    step = StepMarked(step="unloading", at_ms=NOW + 40 * MINUTE, by="zhao", box=PLATFORM, passage=passage)
    await desk.ledger.say(step)
    assert await desk.links.look() == 1
    grown = desk.said()[-1]
    assert (grown.act, grown.by, grown.confirmed_by) == ("linked", RULE, "wang")
    assert grown.travels[0] == (proposed.from_ms, proposed.to_ms)
    assert grown.travels[1][0] < 50 * MINUTE < grown.travels[1][1]
    assert await desk.links.answer(grown.link, yes=True, by="wang") == grown, "a second tap"
    with pytest.raises(RefusedError, match="already_linked"):
        await desk.links.answer(grown.link, yes=True, by="zhao")
    for at in (NOW + 1_000, NOW - 30 * MINUTE):
        await desk.anchor(ahead_ms=90 * MINUTE, at=at)
    assert await desk.links.look() == 1, "its clock is found to be another"
    assert desk.acts()[-1] == ("proposed", "no_longer_fits")
    assert desk.said()[-1].travels == grown.travels
    await desk.links.answer(grown.link, yes=True, by="wang")
    assert await desk.again().look() == 0, "what a person says of it stays"
    taken_back = await desk.links.unlink(grown.link, by="wang", reason="wrong vehicle")
    assert (taken_back.by, taken_back.confirmed_by) == ("wang", None)
    await desk.ledger.say(
        StepMarked(step="signing", at_ms=NOW + 20 * MINUTE, by="zhao", box=PLATFORM, passage=passage)
    )
    assert await desk.links.look() == 0


async def test_a_passage_that_comes_after_its_footage_is_linked_to_it(desk: FootageDesk) -> None:
    await desk.anchor()
    await desk.register()
    await desk.take_in()
    assert await desk.links.look() == 0
    desk.weigh()
    assert await desk.links.look() == 1
    assert desk.acts() == [("linked", "same_station")]


async def test_where_nobody_keeps_a_register_what_is_docked_is_of_here_and_stays_linked(
    desk: FootageDesk,
) -> None:
    desk.weigh()
    await desk.anchor()
    await desk.take_in()
    assert await desk.links.look() == 1
    assert desk.acts() == [("linked", "same_station")]
    await desk.register("3700999")
    assert await desk.links.look() == 0


async def test_an_officer_whose_shift_is_written_down_later_makes_the_footage_theirs(
    desk: FootageDesk,
) -> None:
    desk.weigh()
    await desk.anchor()
    await desk.register("3700999")
    await desk.take_in(officer="li")
    await desk.links.look()
    await desk.duty("zhao")
    assert await desk.links.look() == 0
    await desk.duty("li")
    assert await desk.links.look() == 1
    assert desk.acts() == [("proposed", "other_unit"), ("linked", "officer_on_duty")]


async def test_a_stranger_where_a_register_is_kept_is_put_to_a_person(desk: FootageDesk) -> None:
    desk.weigh()
    await desk.anchor()
    await desk.register("3700999")
    await desk.take_in()
    assert await desk.links.look() == 1
    assert desk.acts() == [("proposed", "other_unit")]
    await desk.register()
    assert await desk.links.look() == 1
    assert desk.acts()[-1] == ("linked", "same_station")


@pytest.mark.parametrize("doubt", ["number_twice", "length_uncertain"])
async def test_a_file_that_is_in_doubt_is_put_to_a_person(desk: FootageDesk, doubt: str) -> None:
    desk.weigh()
    await desk.anchor()
    await desk.register()
    await desk.take_in(problems=(doubt,))
    assert await desk.links.look() == 1
    assert desk.acts() == [("proposed", doubt)]


async def test_a_vehicle_within_its_limit_that_nobody_stopped_has_no_footage(desk: FootageDesk) -> None:
    desk.weigh(gross_kg=30_000)
    await desk.anchor()
    await desk.register()
    await desk.take_in()
    assert await desk.links.look() == 0


async def test_an_act_makes_footage_of_its_officer_the_footage_of_the_passage(desk: FootageDesk) -> None:
    passage = desk.weigh(at=NOW - 100 * MINUTE)
    await desk.anchor()
    await desk.issue("zhao")
    await desk.take_in()
    assert await desk.links.look() == 0
    acted = PassageDecided(
        passage=passage,
        weighed=desk.lane.ref(1),
        act="held",
        by="zhao",
        verdict=None,
    )
    own = OwnAct(ref=EntryRef(journal="e" * 32, seq=1, leaf="0" * 64), at_ms=NOW + MINUTE, body=acted)
    await asyncio.to_thread(desk.store.project_own, [own], journal="e" * 32, size=2)
    await desk.clock.run_for(0)
    assert await desk.links.look() == 1
    assert desk.acts() == [("linked", "officer_acted")]


async def test_a_clock_that_nobody_knows_proposes_and_an_anchor_links(desk: FootageDesk) -> None:
    desk.weigh()
    await desk.register()
    await desk.take_in(own_start_ms=NOW - 10 * MINUTE)
    assert await desk.links.look() == 1
    assert desk.acts() == [("proposed", "clock_unknown")]
    assert [one.body.link for one in proposals(desk.index)] == [desk.said()[0].link]
    await desk.anchor()
    assert await desk.links.look() == 1
    assert desk.acts()[-1] == ("linked", "same_station")
    assert proposals(desk.index) == []


async def test_an_anchor_that_moves_footage_away_asks_a_person_and_removes_nothing(desk: FootageDesk) -> None:
    desk.weigh()
    await desk.anchor()
    await desk.register()
    await desk.take_in()
    await desk.links.look()
    await desk.anchor(ahead_ms=90 * MINUTE, at=NOW + 1_000)
    await desk.anchor(ahead_ms=90 * MINUTE, at=NOW - 30 * MINUTE)
    assert await desk.links.look() == 1
    assert desk.acts() == [("linked", "same_station"), ("proposed", "no_longer_fits")]
    assert await desk.again().look() == 0


async def test_one_tap_answers_a_proposal_and_the_answer_stays(desk: FootageDesk) -> None:
    desk.weigh()
    desk.weigh(at=NOW + MINUTE)
    await desk.register()
    await desk.take_in(own_start_ms=NOW - 10 * MINUTE)
    await desk.links.look()
    first, second = [body.link for body in desk.said()]
    yes = await desk.links.answer(first, yes=True, by="li")
    no = await desk.links.answer(second, yes=False, by="li")
    assert (yes.act, yes.by, no.act, no.by) == ("linked", "li", "declined", "li")
    assert await desk.links.answer(first, yes=True, by="li") == yes
    await desk.anchor(ahead_ms=20 * MINUTE)
    assert await desk.links.look() == 0
    assert await desk.again().look() == 0


@pytest.mark.parametrize("reason", ["", "   "])
async def test_unlinking_needs_a_reason(desk: FootageDesk, reason: str) -> None:
    desk.weigh()
    await desk.anchor()
    await desk.register()
    await desk.take_in()
    await desk.links.look()
    [link] = desk.said()
    with pytest.raises(RefusedError, match="reason_missing"):
        await desk.links.unlink(link.link, by="li", reason=reason)
    done = await desk.links.unlink(link.link, by="li", reason="another vehicle")
    assert (done.act, done.by, done.reason) == ("unlinked", "li", "another vehicle")
    assert await desk.links.look() == 0


async def test_what_is_not_there_or_decided_is_refused(desk: FootageDesk) -> None:
    with pytest.raises(RefusedError, match="no_such_link"):
        await desk.links.answer("abc", yes=True, by="li")
    desk.weigh()
    await desk.register()
    file = await desk.take_in()
    await desk.links.look()
    [link] = desk.said()
    await desk.links.answer(link.link, yes=False, by="li")
    with pytest.raises(RefusedError, match="already_declined"):
        await desk.links.answer(link.link, yes=True, by="zhao")
    beyond = FootageLinked(
        link="x", act="linked", sha256=file.sha256 or "", from_ms=0, to_ms=31 * MINUTE, by="li", reason="seen"
    )
    with pytest.raises(RefusedError, match="outside_the_file"):
        await desk.links.link(beyond)


class Full:
    """A ledger whose disk takes so many entries more."""

    def __init__(self, ledger: LooseLedger, *, room: int = 0) -> None:
        self._ledger = ledger
        self.index = ledger.index
        self.room = room

    async def say(self, body: T, *, key: str | None = None) -> Said[T]:
        if not self.room:
            raise FullError("no room")
        self.room -= 1
        return await self._ledger.say(body, key=key)


async def test_what_a_full_disk_did_not_take_is_linked_when_there_is_room(desk: FootageDesk) -> None:
    desk.weigh()
    await desk.anchor()
    await desk.register()
    files = [await desk.take_in(sha256=f"{number}" * 64) for number in range(3)]
    full = Full(desk.ledger, room=1)
    links = Links(full, desk.crossings, clock=desk.clock)
    for _ in range(2):
        with pytest.raises(FullError):
            await links.look()
    full.room = 9
    assert await links.look() == 2
    assert sorted(link.sha256 for link in desk.said()) == [file.sha256 for file in files]
    assert await links.look() == 0


async def test_what_waited_for_room_is_said_as_it_is_by_then(desk: FootageDesk) -> None:
    desk.weigh()
    await desk.register()
    await desk.take_in()
    full = Full(desk.ledger)
    links = Links(full, desk.crossings, clock=desk.clock)
    with pytest.raises(FullError):
        await links.look()
    await desk.anchor(ahead_ms=90 * MINUTE)
    full.room = 9
    assert await links.look() == 0
