"""An act is one entry of the station's own journal, however often it was tapped, and only when the rules allow it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from kernel.events import PassageDecided
from kernel.evidence import header
from station.acts import Done, Refused
from station.confirming import Seen
from station.releasing import Grounds, Override
from tests.journal.making import NOW
from tests.journal.making import County as Keys
from tests.station.county import PLATFORM, WIM
from tests.station.desk import UNKNOWN, Desk


def forget(folder: Path) -> None:
    for path in folder.glob("station.db*"):
        path.unlink()


async def acts(desk: Desk) -> list[PassageDecided]:
    found = await desk.journal.read(0, 100)
    return [
        msgspec.json.decode(entry.body or b"", type=PassageDecided)
        for entry in found
        if header.decode(entry.header).stream == PassageDecided.stream
    ]


async def test_a_legal_vehicle_is_released_and_that_is_an_entry(desk: Desk) -> None:
    passage = desk.weighed(48_000)
    done = await desk.officers.release(desk.tap(passage), Grounds())
    assert isinstance(done, Done)
    [act] = await acts(desk)
    row = desk.row(passage)
    assert (act.act, act.by, act.weighed, act.passage) == ("released", "li", row.weighed, passage)
    assert act.verdict is not None
    assert act.verdict.outcome == "within"
    assert act.grounds is None
    assert (row.act, row.act_by, row.waits) == ("released", "li", False)
    assert (PLATFORM, passage) in desk.told


async def test_a_doubled_tap_is_one_act(desk: Desk) -> None:
    passage = desk.weighed(58_000)
    tap = desk.tap(passage, key="same-key-1")
    first, second = await asyncio.gather(desk.officers.hold(tap), desk.officers.hold(tap))
    assert isinstance(first, Done)
    assert isinstance(second, Done)
    assert (first.ref, first.again, second.again) == (second.ref, False, True)
    assert len(await acts(desk)) == 1


async def test_one_key_on_two_vehicles_is_two_acts(desk: Desk) -> None:
    for passage in (desk.weighed(58_000), desk.weighed(57_000, plate="豫G11111")):
        assert isinstance(await desk.officers.hold(desk.tap(passage, key="same-key-1")), Done)
    assert len(await acts(desk)) == 2


async def test_two_tablets_release_once(desk: Desk) -> None:
    passage = desk.weighed(48_000)
    answers = await asyncio.gather(
        *(desk.officers.release(desk.tap(passage, by=by), Grounds()) for by in ("li", "zhao"))
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["Done", "Refused"]
    assert Refused(why="already_released") in answers
    assert len(await acts(desk)) == 1


async def test_a_refusal_writes_nothing(desk: Desk) -> None:
    passage = desk.weighed(58_000)
    size = desk.journal.size
    assert await desk.officers.release(desk.tap(passage), Grounds()) == Refused(why="over_limit")
    assert await desk.officers.confirm(desk.tap(passage), Seen()) == Refused(why="nothing_answered")
    again = await desk.officers.release(desk.tap(passage), Grounds(), reweigh=(PLATFORM, "nobody"))
    assert again == Refused(why="no_such_reweigh")
    assert await desk.officers.hold(desk.tap("nobody")) is None
    assert (desk.journal.size, desk.row(passage).act) == (size, None)


async def test_what_was_taken_back_asks_for_no_act_and_the_acts_before_stay(desk: Desk) -> None:
    held, open_ = desk.weighed(58_000), desk.weighed(58_000, plate="豫G11111")
    assert isinstance(await desk.officers.hold(desk.tap(held)), Done)
    for passage, seq in ((held, 1), (open_, 3)):
        desk.platform.take_back(desk.platform.ref(seq), passage)
    desk.platform.put()
    size, seen = desk.journal.size, Seen(axle_count=6)
    no = Refused(why="taken_back")
    assert await desk.officers.hold(desk.tap(open_)) == no
    assert await desk.officers.confirm(desk.tap(open_), seen) == no
    assert await desk.officers.release(desk.tap(open_), Grounds()) == no
    assert await desk.officers.confirm(desk.tap(held), seen) == no
    assert desk.journal.size == size
    row = desk.row(held)
    assert (row.act, row.act_by, row.waits, desk.row(open_).waits) == ("held", "li", True, False)
    assert {row.passage for row in desk.queries.queue(since_ms=0, most=1)} == {held, open_}
    assert isinstance(await desk.officers.release(desk.tap(held), Grounds()), Done)
    assert (desk.row(held).act, desk.row(held).waits) == ("released", False)


async def test_an_act_before_the_weighing_is_refused(desk: Desk) -> None:
    desk.moving.picture("s01-lane1-9", "鲁C12345")
    desk.moving.put()
    tap = desk.tap("s01-lane1-9", box=WIM)
    assert await desk.officers.hold(tap) == Refused(why="not_arrived")
    assert await desk.officers.preview(WIM, "s01-lane1-9", Seen(axle_count=6)) is None


async def test_confirmed_facts_change_the_verdict_and_add_up(desk: Desk) -> None:
    passage = desk.weighed(47_300, UNKNOWN)
    assert desk.row(passage).outcome == "undetermined"
    seen = Seen(axle_count=6, combination=True, single_tyre_axles=0)
    assert isinstance(await desk.officers.confirm(desk.tap(passage), seen), Done)
    row = desk.row(passage)
    assert (row.outcome, row.limits, row.axle_count, row.confirmed) == (
        "undetermined",
        (46_000, 49_000),
        6,
        True,
    )
    verdict = await desk.officers.preview(PLATFORM, passage, Seen(drive_axles=1))
    assert verdict is not None
    assert verdict.over_kg == 1_300
    assert isinstance(await desk.officers.confirm(desk.tap(passage), Seen(drive_axles=1)), Done)
    row = desk.row(passage)
    assert (row.outcome, row.over_kg, row.limits) == ("over_limit", 1_300, (46_000,))
    assert [act.act for act in await acts(desk)] == ["confirmed", "confirmed"]
    assert await desk.officers.release(desk.tap(passage), Grounds()) == Refused(why="over_limit")


async def test_unloaded_weighed_again_and_released_with_the_police_result(desk: Desk) -> None:
    first = desk.weighed(58_000)
    second = desk.weighed(48_000)
    blocked = await desk.officers.release(desk.tap(second), Grounds())
    assert isinstance(blocked, Refused)
    assert (blocked.why, blocked.finding and blocked.finding.passage) == ("open_finding", first)
    reweigh = (PLATFORM, second)
    without = await desk.officers.release(desk.tap(first), Grounds(), reweigh=reweigh)
    assert without == Refused(why="needs_police")
    given = Grounds(police_result=" 沂公交移 118 ")
    assert isinstance(await desk.officers.release(desk.tap(first), given, reweigh=reweigh), Done)
    [act] = await acts(desk)
    assert act.grounds is not None
    assert (act.grounds.reweigh, act.grounds.police_result) == (desk.row(second).weighed, "沂公交移 118")
    assert {desk.row(first).act, desk.row(second).act} == {"released"}


async def test_a_release_closes_what_the_pre_check_saw_of_the_same_vehicle(desk: Desk) -> None:
    early = desk.moving.weigh(58_000, at=NOW - 60_000)
    desk.moving.picture(early.passage, "鲁C12345")
    other = desk.moving.weigh(58_000, at=NOW - 60_000)
    desk.moving.picture(other.passage, "豫G99999")
    after = desk.moving.weigh(58_000, at=NOW + 60_000)
    desk.moving.picture(after.passage, "鲁C12345")
    desk.moving.put()
    passage = desk.weighed(48_000)
    assert isinstance(await desk.officers.release(desk.tap(passage), Grounds()), Done)
    assert desk.row(early.passage, box=WIM).act == "released"
    assert desk.row(other.passage, box=WIM).act is None
    assert desk.row(after.passage, box=WIM).act is None


async def test_a_supervisors_decision_is_written_with_role_and_reason(desk: Desk) -> None:
    passage = desk.weighed(58_000)
    override = Override(role="reviewer", reason="大件运输许可 2026-31")
    assert isinstance(
        await desk.officers.release(desk.tap(passage, by="wang"), Grounds(override=override)), Done
    )
    [act] = await acts(desk)
    assert act.grounds is not None
    assert (act.grounds.override_role, act.grounds.override_reason) == ("reviewer", "大件运输许可 2026-31")


async def test_after_a_crash_between_journal_and_view_the_act_is_shown_and_a_tap_again_is_harmless(
    quick_path: Path,
) -> None:
    keys = Keys()
    desk = await Desk.open(quick_path, keys=keys)
    passage = desk.weighed(58_000)
    row = desk.row(passage)
    assert row.weighed is not None
    lost = PassageDecided(passage=passage, weighed=row.weighed, act="held", by="li")
    await desk.journal.append(lost, source="yiyuan/s01", key="lost")
    assert desk.row(passage).act is None
    await desk.officers.catch_up()
    assert desk.row(passage).act == "held"
    again = await desk.officers.hold(desk.tap(passage))
    assert isinstance(again, Done)
    assert again.again
    await desk.officers.catch_up()
    assert len(await acts(desk)) == 1
    desk.close()


async def test_acts_find_their_weighing_when_the_store_is_filled_again(quick_path: Path) -> None:
    """A store that was lost is filled from the lanes; the own journal still has the acts."""
    keys = Keys()
    desk = await Desk.open(quick_path, keys=keys)
    passage = desk.weighed(47_300, UNKNOWN)
    seen = Seen(axle_count=6, combination=True, drive_axles=1, single_tyre_axles=0)
    await desk.officers.confirm(desk.tap(passage), seen)
    await desk.officers.hold(desk.tap(passage))
    before = desk.row(passage)
    desk.close()
    forget(quick_path)
    again = await Desk.open(quick_path, keys=keys)
    await again.officers.catch_up()
    assert again.queries.passage(PLATFORM, passage) is None
    desk.platform.put_again(again.store)
    assert again.row(passage) == before
    again.close()
