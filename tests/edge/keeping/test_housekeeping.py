"""What leaves a lane's disk, when, in which order, and what never does."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.keeping.settings import DAY_MS, KeepingSettings
from journal.settings import Succession
from kernel.events import FileEvicted, FilesReconciled, RecordErased, RecordHeld
from kernel.evidence.header import ClockState
from tests.edge.keeping.box import MB, LaneBox, Passed, plate_of, weighing
from tests.journal.conftest import MEMORY

pytestmark = pytest.mark.broad


@pytest.fixture
async def box(quick_path: Path) -> AsyncIterator[LaneBox]:
    made = LaneBox(quick_path)
    yield made
    await made.close()


async def erased(box: LaneBox) -> list[RecordErased]:
    return [one for one in await box.said(RecordErased) if isinstance(one, RecordErased)]


async def evicted(box: LaneBox) -> list[FileEvicted]:
    return [one for one in await box.said(FileEvicted) if isinstance(one, FileEvicted)]


async def test_i14_a_compliant_vehicle_is_forgotten_after_its_days_and_its_weighing_is_not(
    box: LaneBox,
) -> None:
    gone, other = await box.drive("p1"), await box.drive("p2", "over_limit")
    box.uploaded(other.picture, other.clip)
    box.kept()
    await box.run()
    assert (await erased(box), await evicted(box)) == ([], [])
    box.days(7)
    await box.run()
    assert box.here(gone.clip, gone.picture, other.clip, other.picture) == [False, True, True, True]
    [clip] = await evicted(box)
    assert (clip.rule, clip.files) == ("compliant_clip", (gone.clip,))
    box.days(23)
    await box.run()
    assert box.here(gone.clip, gone.picture, other.clip, other.picture) == [False, False, True, True]
    raw = box.everywhere()
    assert plate_of("p1").encode() not in raw
    assert plate_of("p2").encode() in raw
    said = await erased(box)
    assert {one.rule for one in said} == {"keeping.within.plates.30d", "keeping.within.pictures.30d"}
    assert [ref for one in said for ref in one.entries] == [gone.pictured.ref]
    [weighed] = await box.journal.read(gone.weighed.seq, 1)
    assert weighed.body is not None
    assert box.upload_rows() == {other.clip, other.picture}
    box.days(153)
    await box.run()
    assert box.here(other.clip, other.picture) == [False, False]
    assert plate_of("p2").encode() not in box.everywhere()


async def test_i7_what_is_not_kept_stays_however_old_it_is(box: LaneBox) -> None:
    passed = await box.drive("p1", "over_limit")
    compliant = await box.drive("p2")
    box.kept(seq=1)
    box.clock.ms += 400 * 86_400_000
    box.told_ms = box.clock.ms
    box.used = 99 * MB
    await box.run()
    assert all(box.here(passed.picture, passed.clip, compliant.picture, compliant.clip))
    assert (await erased(box), await evicted(box)) == ([], [])
    box.clock.ms += 3_600_000
    box.kept()
    await box.run()
    assert box.here(passed.picture, passed.clip, compliant.picture, compliant.clip) == [
        True,
        True,
        False,
        False,
    ]
    box.uploaded(passed.picture, passed.clip, kept=False)
    box.clock.ms += 3_600_000
    await box.run()
    assert all(box.here(passed.picture, passed.clip)), "received is not yet kept"


async def test_i15_a_clock_that_jumps_makes_nothing_old(box: LaneBox) -> None:
    passed = await box.drive("p1")
    box.kept()
    box.clock.ms += 80 * 365 * 86_400_000
    await box.run()
    assert all(box.here(passed.picture, passed.clip))
    assert box.told_ms is not None
    box.told_ms = None
    await box.run()
    assert all(box.here(passed.picture, passed.clip)), (
        "and nothing is old while nobody has said what day it is"
    )


async def test_i15_what_was_said_by_a_clock_of_1970_is_counted_from_when_a_day_is_known(box: LaneBox) -> None:
    box.at, box.clock_state = 5, ClockState(err_ms=None, state="unset")
    passed = await box.drive("p1")
    box.at = None
    await box.run()
    box.kept()
    box.clock.ms += 3_600_001
    await box.run()
    assert all(box.here(passed.picture, passed.clip))
    box.days(8)
    await box.run()
    assert box.here(passed.picture, passed.clip) == [True, False]


async def test_a_hold_keeps_all_of_a_passage_until_it_is_released(box: LaneBox) -> None:
    passed, other = await box.drive("p1"), await box.drive("p2")
    hold = RecordHeld(act="held", passage="p1", by="wang.li", reason="case 7")
    await box.say(hold)
    box.days(400)
    box.used = 99 * MB
    await box.run()
    assert box.here(passed.picture, passed.clip, other.picture, other.clip) == [True, True, False, False]
    assert plate_of("p1").encode() in box.everywhere()
    await box.say(msgspec.structs.replace(hold, act="released"))
    box.days(1)
    await box.run()
    assert box.here(passed.picture, passed.clip) == [False, False]
    assert plate_of("p1").encode() not in box.everywhere()


async def test_holds_name_files_and_entries_too_and_end_by_themselves(box: LaneBox) -> None:
    passed, other = await box.drive("p1"), await box.drive("p2")
    until = box.clock.ms + 50 * 86_400_000
    await box.say(RecordHeld(act="held", files=(passed.clip,), by="x", reason="y", until_ms=until))
    await box.say(RecordHeld(act="held", about=(other.pictured.ref,), by="x", reason="y"))
    box.days(40)
    await box.run()
    assert box.here(passed.picture, passed.clip, other.picture, other.clip) == [False, True, True, False]
    raw = box.everywhere()
    assert [plate_of(name).encode() in raw for name in ("p1", "p2")] == [True, True]  # p1's: in its clip
    box.days(11)
    await box.run()
    assert box.here(passed.clip, other.picture) == [False, True]


async def test_an_asked_for_clip_waits_until_it_is_kept(box: LaneBox) -> None:
    passed = await box.drive("p1")
    box.cursors.demand(passed.clip, destination="centre")
    box.days(20)
    await box.run()
    assert box.here(passed.clip) == [True]
    box.uploaded(passed.clip)
    box.days(1)
    await box.run()
    assert box.here(passed.clip) == [False]


async def test_the_same_bytes_of_two_vehicles_leave_with_the_last(box: LaneBox) -> None:
    frozen = b"the same frozen picture"
    old = await box.drive("p1", picture=frozen)
    box.days(20)
    new = await box.drive("p2", picture=frozen)
    assert old.picture == new.picture
    box.days(15)
    await box.run()
    assert box.here(old.picture, old.clip) == [True, False]
    box.days(20)
    await box.run()
    assert box.here(old.picture) == [False]


# --- room -----------------------------------------------------------------------------------------------------------


async def test_room_is_made_in_order_and_down_to_the_low_mark(box: LaneBox) -> None:
    """The ring, clips of compliant vehicles, clips of others that are kept; pictures last; nothing else."""
    within = await box.drive("p1", clip=3 * MB)
    over = await box.drive("p2", "over_limit", clip=3 * MB)
    unacked = await box.drive("p3", "over_limit", clip=3 * MB)
    box.uploaded(within.picture, over.picture, over.clip)
    box.kept()
    await box.run()
    box.keeping._due_ms = 1 << 60  # as between two looks at what is due
    box.days(31)
    box.ring.unlocked, box.used = 2 * MB, 81 * MB  # 92 %
    await box.run()
    assert box.ring.unlocked == 0
    assert box.here(within.clip, over.clip, unacked.clip) == [False, False, True]
    assert [one.rule for one in await evicted(box)] == ["compliant_clip", "kept"]
    box.ring.unlocked, box.used = 5 * MB, 88 * MB  # 96 %, and the ring alone is not enough
    box.clock.ms += 60_000
    await box.run()
    assert box.here(within.picture, over.picture, unacked.picture) == [False, False, True]
    assert [one.rule for one in await evicted(box)][2:] == ["kept", "kept"]


async def test_the_ring_alone_gives_what_it_can_and_no_file_goes_for_nothing(box: LaneBox) -> None:
    over = await box.drive("p1", "over_limit", clip=3 * MB)
    box.uploaded(over.picture, over.clip)
    box.days(31)
    await box.run()
    box.ring.unlocked, box.used = 20 * MB, 72 * MB
    await box.run()
    assert box.here(over.clip, over.picture) == [True, True]
    assert box.room().used_percent == box.settings.low_percent
    assert box.ring.not_recorded == frozenset()


async def test_when_only_what_may_not_go_is_left_the_last_camera_is_recorded_no_more(box: LaneBox) -> None:
    await box.drive("p1", "over_limit")
    box.kept()
    box.used = 95 * MB
    await box.run()
    assert box.ring.not_recorded == {"side"}
    await box.run()
    assert box.ring.not_recorded == {"side"}, "the next one only after a while"
    box.clock.ms += 60_000
    await box.run()
    assert box.ring.not_recorded == {"rear", "side"}
    [said] = box.keeping.health()
    assert (said.state, said.detail) == (
        "low",
        "side not recorded for want of room, rear not recorded for want of room",
    )
    box.used = 88 * MB
    await box.run()
    assert box.ring.not_recorded == {"rear", "side"}, "between the marks nothing changes"
    box.used = 50 * MB
    seen = []
    for _ in range(3):
        await box.run()
        seen.append(sorted(box.ring.not_recorded))
    assert seen == [["side"], [], []], "one after the other, the more important first"
    assert [one.state for one in box.keeping.health()] == ["up"]
    (await box.drive("p2")), "entries and pictures went on"


async def test_a_reserve_that_was_given_up_is_made_again_when_there_is_room(box: LaneBox) -> None:
    box.reserve.give_up()
    await box.run()
    assert box.reserve.held


async def test_a_ring_that_is_away_holds_nothing_up(box: LaneBox) -> None:
    within = await box.drive("p1", clip=9 * MB)
    box.days(1)
    await box.run()
    box.keeping._due_ms = 1 << 60
    box.days(8)
    box.ring.broken, box.used = True, 85 * MB
    await box.run()
    assert box.here(within.clip) == [False]


# --- after a start --------------------------------------------------------------------------------------------------


async def test_i7_what_a_crash_left_undone_is_finished_before_anything_else(box: LaneBox) -> None:
    passed = await box.drive("p1")
    box.kept()
    said = RecordErased(rule="r", by="b", entries=(passed.pictured.ref,), files=(passed.picture, passed.clip))
    await box.say(said)
    await box.again()
    await box.run()
    assert plate_of("p1").encode() not in box.everywhere()


async def test_a_register_that_is_lost_or_spoiled_is_made_again_out_of_the_journal(box: LaneBox) -> None:
    first, held = await box.drive("p1"), await box.drive("p2")
    await box.say(RecordHeld(act="held", passage="p2", by="x", reason="y"))
    box.days(8)
    await box.run()
    assert box.here(first.clip, held.clip) == [False, True]
    await box.close()
    for spoiled in (None, b"no database" * 1000):
        for path in box.folder.glob("keeping.db*"):
            path.unlink()
        if spoiled:
            (box.folder / "keeping.db").write_bytes(spoiled)
        box.open()
        box.days(40)
        await box.run()
        assert box.here(first.picture, held.picture, held.clip) == [False, True, True]
        await box.close()
    box.open()


async def test_a_doubted_journal_and_its_successor_are_one_to_the_rules(box: LaneBox) -> None:
    passed = await box.drive("p1")
    box.kept(seq=2)  # the pictures and the clip were not kept: the successor says them again
    box.journal.doubt("shown another story")
    await box.again()
    box.clock.ms += 31 * 86_400_000
    box.told_ms = box.clock.ms
    await box.run()
    assert all(box.here(passed.picture, passed.clip))
    box.kept()
    box.clock.ms += 3_600_000
    await box.run()
    assert box.here(passed.picture, passed.clip) == [False, False]
    assert plate_of("p1").encode() not in box.everywhere()


async def test_i14_a_closed_journal_is_erased_from_and_leaves_when_nothing_here_needs_it(
    box: LaneBox,
) -> None:
    box.succession = Succession(days=20)
    await box.again()
    passed, over = await box.drive("p1"), await box.drive("p2", "over_limit")
    await box.say(
        RecordHeld(act="held", passage="p9", by="x", reason="y", until_ms=box.clock.ms + 250 * DAY_MS)
    )
    old = box.journal.id
    box.clock.ms += 20 * DAY_MS
    while box.journal.id == old:
        await box.say(weighing("p3", "within"))
    box.uploaded(passed.picture, over.picture, over.clip)
    box.days(11)
    await box.run()
    assert box.here(passed.picture, passed.clip) == [False, False]
    assert plate_of("p1").encode() not in box.everywhere()
    assert old in [volume.id for volume in box.journal.volumes]
    box.days(160)
    await box.run()
    assert box.here(over.picture, over.clip) == [False, False]
    assert old in [volume.id for volume in box.journal.volumes], "a hold is still said in it"
    box.succession = Succession(days=100_000)
    await box.again()
    box.days(70)
    await box.run()
    assert old not in [volume.id for volume in box.journal.volumes]


# --- disk and journal -----------------------------------------------------------------------------------------------


async def reconciled(box: LaneBox) -> list[FilesReconciled]:
    return [one for one in await box.said(FilesReconciled) if isinstance(one, FilesReconciled)]


async def test_disk_and_journal_are_compared_after_a_start_and_once_a_night(box: LaneBox) -> None:
    passed = await box.drive("p1")
    box.kept()
    await box.run()
    assert await reconciled(box) == [FilesReconciled(files=2, unknown_count=0, missing_count=0)]
    await box.run()
    assert len(await reconciled(box)) == 1
    # An orphan of a crash between rename and commit, a stranger, and a file that somebody took away.
    await box.files.put([("orphan.jpg", b"nobody names this")])
    day = next((box.folder / "files").iterdir())
    (day / "holiday.jpg").write_bytes(b"x")
    lost = box.files.path(passed.clip)
    assert lost is not None
    lost.unlink()
    box.ring.strangers = ["front/1.mp4"]
    night = box.clock.ms - box.clock.ms % 86_400_000 + 86_400_000 + 19 * 3_600_000  # three in China
    box.clock.ms = night
    await box.run()
    await box.run()
    found = (await reconciled(box))[-1]
    assert len(await reconciled(box)) == 2
    assert (found.files, found.unknown_count, found.missing_count) == (1, 3, 1)
    assert found.missing == (passed.clip,)
    assert {"holiday.jpg", "ring/front/1.mp4"} < set(found.unknown)
    assert (day / "holiday.jpg").exists(), "never removed"
    [said] = box.keeping.health()
    assert (said.state, said.detail) == ("low", "1 files missing, 3 files unknown")


async def test_what_was_removed_by_an_entry_is_not_missing(box: LaneBox) -> None:
    await box.drive("p1")
    box.days(40)
    await box.run()
    await box.again()
    await box.run()
    assert (await reconciled(box))[-1] == FilesReconciled(files=0, unknown_count=0, missing_count=0)


# --- any state ------------------------------------------------------------------------------------------------------

vehicles = st.lists(
    st.tuples(
        st.sampled_from(["within", "over_limit", "undetermined"]),
        st.sampled_from(["no", "received", "kept"]),
        st.booleans(),  # held
        st.integers(0, 60),  # days before
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=15, deadline=None)
@given(vehicles, st.integers(50, 100), st.integers(0, 100))
async def test_i7_in_any_state_an_entry_comes_first_and_only_the_kept_goes(
    passing: list[tuple[str, str, bool, int]],
    percent: int,
    kept_percent: int,
) -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        box = LaneBox(Path(folder), settings=KeepingSettings(evict_after_days=10))
        try:
            passed: list[tuple[Passed, tuple[str, str, bool, int]]] = []
            for n, how in enumerate(sorted(passing, key=lambda one: -one[3])):
                box.clock.ms += 60_000
                passed.append((await box.drive(f"p{n}", how[0]), how))  # type: ignore[arg-type]
                if how[1] != "no":
                    box.uploaded(passed[-1][0].picture, passed[-1][0].clip, kept=how[1] == "kept")
                if how[2]:
                    await box.say(RecordHeld(act="held", passage=f"p{n}", by="x", reason="y"))
                box.clock.ms += how[3] * 86_400_000 // len(passing)
            box.used = percent * MB
            kept = box.journal.size * kept_percent // 100
            box.kept(seq=kept)
            await box.run()
            named = {name for one in await evicted(box) for name in one.files}
            named |= {name for one in await erased(box) for name in one.files}
            for one, (outcome, file, held, _) in passed:
                for name, seq in ((one.picture, one.pictured.seq), (one.clip, one.stored.seq)):
                    if box.here(name) == [True]:
                        continue
                    assert name in named, "said before it was gone"
                    assert seq < kept
                    assert not held
                    assert file == "kept" or outcome == "within"
        finally:
            await box.close()
