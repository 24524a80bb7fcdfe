"""What is due is marked, waits seven days and is deleted, entry first; what is held, linked or unknown stays."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from kernel.errors import ConfigError, RefusedError
from kernel.events import FilesReconciled, RecordHeld
from kernel.footage.bodies import FootageDisposed, FootageImported, FootageTagged
from kernel.footage.keeping import Hold
from station.footage.index import FootageIndex, Said
from station.footage.keeping_settings import KeepingSettings
from tests.station.footage.world import DAY_MS, Footage, store


@pytest.fixture
def footage(quick_path: Path) -> Footage:
    return Footage(quick_path)


def hold(act: str, *files: str, passage: str | None = None, until_ms: int | None = None) -> RecordHeld:
    return RecordHeld(act=act, files=files, passage=passage, by="wang", reason="行政复议", until_ms=until_ms)  # type: ignore[arg-type]


async def pass_days(footage: Footage, days: int) -> None:
    """Without a look in between."""
    await footage.clock.run_for(days * 86_400)
    await footage.keeping.sweep()


async def reconciled(footage: Footage) -> FilesReconciled:
    looking = asyncio.ensure_future(footage.keeping.reconcile())
    while not looking.done():
        await footage.clock.run_for(5)
        await asyncio.sleep(0.01)
    return looking.result()


async def test_it_is_marked_waits_seven_days_and_is_deleted(footage: Footage) -> None:
    sha256 = await footage.take("a.mp4")
    await pass_days(footage, 183)
    assert footage.acts(sha256) == []
    await pass_days(footage, 2)
    assert footage.acts(sha256) == ["marked"]
    mark = footage.index.naming(FootageDisposed, sha256)[0]
    assert (mark.body.rule, mark.body.due_ms) == ("footage-unlinked", mark.at_ms + 7 * DAY_MS)
    await pass_days(footage, 6)
    assert footage.has(sha256)
    await pass_days(footage, 1)
    assert (footage.acts(sha256), footage.has(sha256)) == (["marked", "deleted"], False)


async def test_a_hold_or_a_link_that_comes_in_time_calls_it_off(footage: Footage) -> None:
    held, linked = await footage.take("held.mp4"), await footage.take("linked.mp4")
    await pass_days(footage, 185)
    await footage.keeping.hold(hold("held", held))
    footage.outcomes["p1"] = "over_limit"
    await footage.link(linked, passage="p1")
    await pass_days(footage, 8)
    for sha256 in (held, linked):
        assert (footage.acts(sha256), footage.has(sha256)) == (["marked", "restored"], True)
    await footage.keeping.hold(hold("released", held))
    await pass_days(footage, 1)
    await pass_days(footage, 7)
    assert (footage.has(held), footage.has(linked)) == (False, True)


async def test_a_file_beside_a_film_stays_as_long_as_the_film(footage: Footage) -> None:
    film, beside, alone = [await footage.take(name) for name in ("a.mp4", "A.nmea", "b.nmea")]
    footage.outcomes["p1"] = "over_limit"
    await footage.link(film, passage="p1")
    await pass_days(footage, 185)
    await pass_days(footage, 7)
    assert [footage.has(sha256) for sha256 in (film, beside, alone)] == [True, True, False]


class Counting(FootageIndex):
    """Counts how often it was asked for files that were taken in."""

    asked = 0

    def of(self, kind: type[Any], **wanted: Any) -> list[Said[Any]]:
        self.asked += kind is FootageImported
        return super().of(kind, **wanted)


async def test_a_night_asks_for_no_film_of_each_file_beside_one(footage: Footage) -> None:
    for number in range(5):
        for name in (f"{number}.mp4", f"{number}.nmea"):
            await footage.take(name)
    counting = Counting(footage.folder / "footage.db")
    footage.ledger.index = counting
    await pass_days(footage, 185)
    assert len(counting.of(FootageDisposed)[0].body.files) == 10
    assert counting.asked == 0


async def test_what_a_person_restores_has_its_days_again(footage: Footage) -> None:
    sha256 = await footage.take("a.mp4")
    with pytest.raises(RefusedError, match="not marked"):
        await footage.keeping.restore([sha256], by="wang", reason="投诉")
    await pass_days(footage, 185)
    with pytest.raises(RefusedError, match="reason"):
        await footage.keeping.restore([sha256], by="wang", reason=" ")
    await footage.keeping.restore([sha256], by="wang", reason="投诉")
    await pass_days(footage, 183)
    assert footage.acts(sha256) == ["marked", "restored"]
    await pass_days(footage, 2)
    assert footage.acts(sha256) == ["marked", "restored", "marked"]


async def test_a_hold_of_a_passage_keeps_what_is_linked_to_it(footage: Footage) -> None:
    sha256 = await footage.take("a.mp4")
    footage.outcomes["p1"] = "within"
    await footage.link(sha256, passage="p1")
    await footage.keeping.hold(hold("held", passage="p1", until_ms=footage.clock.now_ms() + 300 * DAY_MS))
    await pass_days(footage, 200)
    assert footage.acts(sha256) == []
    await pass_days(footage, 101)
    assert footage.acts(sha256) == ["marked"]


async def test_a_hold_of_its_lane_keeps_it_too_and_the_station_cannot_end_that(footage: Footage) -> None:
    sha256 = await footage.take("a.mp4")
    copy = await footage.copy(sha256)
    footage.outcomes["p1"] = "within"
    await footage.link(sha256, passage="p1")
    footage.held["p1"] = Hold(by="centre", reason="诉讼")
    await footage.keeping.hold(hold("held", passage="p1"))
    await footage.keeping.hold(hold("released", passage="p1"))
    await pass_days(footage, 185)
    footage.percent = 95
    await footage.keeping.relieve()
    assert footage.has(copy)
    assert footage.acts(sha256) == []
    footage.held.clear()
    await pass_days(footage, 1)
    assert footage.acts(sha256) == ["marked"]


async def test_a_hold_needs_what_it_is_about(footage: Footage) -> None:
    with pytest.raises(RefusedError, match="name files"):
        await footage.keeping.hold(hold("held"))
    with pytest.raises(RefusedError, match="no such file"):
        await footage.keeping.hold(hold("held", "ab" * 32))
    with pytest.raises(RefusedError, match="over already"):
        await footage.keeping.hold(hold("held", passage="p1", until_ms=1))
    with pytest.raises(RefusedError, match="no such passage"):
        await footage.keeping.hold(hold("held", passage="p1"))
    with pytest.raises(RefusedError, match="not on hold"):
        await footage.keeping.hold(hold("released", passage="p1"))
    assert footage.index.of(RecordHeld) == []
    await footage.link("ab" * 32, passage="p1")  # the lane's own word may be lost
    await footage.keeping.hold(hold("held", passage="p1"))
    await footage.keeping.hold(hold("released", passage="p1"))
    assert [said.body.act for said in footage.index.of(RecordHeld)] == ["held", "released"]


async def test_what_was_made_of_it_goes_with_it(footage: Footage) -> None:
    source = await footage.take("a.avi")
    copy = await footage.copy(source)
    await pass_days(footage, 185)
    await pass_days(footage, 7)
    assert not footage.has(source)
    assert not footage.has(copy)


async def test_a_redacted_copy_stays_as_long_as_the_clip_or_the_original_at_its_root(
    footage: Footage,
) -> None:
    clip = "c" * 64
    footage.clips.add(clip)
    of_clip = await footage.redacted(clip)
    source = await footage.take("a.avi")
    copy = await footage.copy(source)
    of_copy = await footage.redacted(copy)
    footage.outcomes["p1"] = "over_limit"
    await footage.link(source, passage="p1")
    footage.percent = 95
    await footage.keeping.relieve()
    footage.percent = 10
    assert not footage.has(copy)
    await pass_days(footage, 200)
    assert [footage.acts(name) for name in (of_clip, of_copy)] == [[], []]
    footage.clips.clear()
    await pass_days(footage, 600)
    assert [footage.acts(name) for name in (of_clip, of_copy)] == [["marked"], ["marked"]]


async def test_what_was_made_of_the_copy_of_a_held_file_is_held(footage: Footage) -> None:
    source = await footage.take("a.avi")
    again = await footage.copy(await footage.copy(source))
    await footage.keeping.hold(hold("held", source))
    footage.percent = 95
    await footage.keeping.relieve()
    assert footage.has(again)


async def test_a_disk_that_is_full_takes_nothing_that_a_lane_has_come_to_hold(footage: Footage) -> None:
    sha256 = await footage.take("a.mp4")
    footage.outcomes["p1"] = "over_limit"
    await footage.link(sha256, passage="p1")
    await pass_days(footage, 731)
    footage.held["p1"] = Hold(by="centre", reason="诉讼")
    await footage.clock.run_for(8 * 86_400)
    footage.percent = 95
    await footage.keeping.relieve()
    assert (footage.acts(sha256), footage.has(sha256)) == (["marked"], True)
    footage.held.clear()
    await footage.keeping.relieve()
    assert footage.acts(sha256) == ["marked", "deleted"]


async def test_a_process_killed_between_entry_and_disk_finishes_at_its_start(footage: Footage) -> None:
    gone, again = await footage.take("a.mp4"), await footage.take("b.mp4")
    await footage.ledger.say(
        FootageDisposed(act="deleted", files=(gone, again), rule="footage-unlinked", by="s01-station")
    )
    await footage.clock.run_for(1)
    await footage.take("b.mp4")  # docked once more: it is here by right
    await footage.made_again().finish()
    assert (footage.has(gone), footage.has(again)) == (False, True)


async def test_nothing_is_deleted_that_could_not_be_said(footage: Footage) -> None:
    sha256 = await footage.take("a.mp4")
    await pass_days(footage, 185)
    await footage.clock.run_for(8 * 86_400)
    footage.ledger.full = True
    await footage.keeping.step()
    assert footage.has(sha256)
    assert "keeping_stopped" in footage.keeping.worries()
    footage.ledger.full = False
    await footage.keeping.step()
    assert not footage.has(sha256)
    assert footage.keeping.worries() == ()


async def test_the_disk_is_held_against_the_entries_and_nothing_unknown_is_removed(footage: Footage) -> None:
    lost = await footage.take("lost.mp4")
    footage.originals.remove(lost)
    unknown = store(footage.originals, "nobody said so")
    (footage.originals.folder / "ab").mkdir(exist_ok=True)
    (footage.originals.folder / "ab" / "假日.mp4").write_text("x")
    found = await reconciled(footage)
    assert (found.unknown_count, found.missing) == (2, (lost,))
    assert set(found.unknown) == {unknown, "originals/ab/假日.mp4"}
    assert footage.has(unknown)
    assert footage.index.of(FilesReconciled)[0].body == found
    assert footage.keeping.worries() == ("footage_missing", "footage_unknown")


def put_stranger(footage: Footage, name: bytes) -> None:
    (footage.originals.folder / os.fsdecode(name)).write_text("x")


async def test_strangers_with_names_that_no_report_can_hold_are_reported(footage: Footage) -> None:
    put_stranger(footage, b"x" * 130 + b".mp4")
    put_stranger(footage, b"caf\xe9.mp4")
    found = await reconciled(footage)
    assert found.unknown == ("originals/caf?.mp4", f"originals/{'x' * 110}")
    assert footage.keeping.worries() == ("footage_unknown",)


async def test_room_is_made_with_copies_first_and_never_with_originals(footage: Footage) -> None:
    originals = [await footage.take(f"{number}.avi") for number in range(5)]
    copies = [await footage.copy(each) for each in originals]
    await footage.keeping.hold(hold("held", copies[0]))
    footage.percent = 78  # and ten files: 88
    await footage.keeping.relieve()
    assert footage.keeping.worries() == ("room_low",)
    assert all(map(footage.has, copies))
    footage.percent = 82
    await footage.keeping.relieve()
    assert [footage.has(each) for each in copies] == [True, False, False, False, False]
    assert all(map(footage.has, originals))
    footage.percent = 90
    await footage.keeping.relieve()
    assert footage.keeping.worries() == ("room_full",)
    assert all(map(footage.has, originals))


async def test_a_disk_that_is_full_of_what_must_stay_is_an_alarm(footage: Footage) -> None:
    due = await footage.take("due.mp4")
    await pass_days(footage, 185)
    footage.percent = 95
    await footage.keeping.relieve()
    assert footage.has(due)  # marked, and its seven days are not over
    await footage.clock.run_for(7 * 86_400)
    await footage.keeping.relieve()
    assert footage.acts(due) == ["marked", "deleted"]
    assert footage.keeping.worries() == ("room_full",)


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"wait_days": 0}, "wait_days"),
        ({"low_percent": 95}, "high_percent"),
        ({"night_hour": 24}, "night_hour"),
        ({"sample_permille": 1_001}, "sample_permille"),
        ({"recorders": -1}, "recorders"),
    ],
)
def test_settings_that_cannot_be(more: dict[str, int], path: str) -> None:
    with pytest.raises(ConfigError, match=path):
        KeepingSettings(**more)  # type: ignore[arg-type]


# --- a year ----------------------------------------------------------------------------------------------------


@pytest.mark.broad
@pytest.mark.timeout(180)
async def test_a_year_of_nights(footage: Footage) -> None:
    """A file a week, every kind of them; each stays for exactly as long as its longest rule says."""
    kinds = ("plain", "compliant", "over", "important", "case", "tagged", "held")
    footage.outcomes |= {"p-compliant": "within", "p-over": "over_limit"}
    taken: list[tuple[str, str, int]] = []
    for week in range(52):
        kind = kinds[week % len(kinds)]
        sha256 = await footage.take(f"{week}-{kind}.mp4", important=kind == "important")
        taken.append((kind, sha256, footage.clock.now_ms()))
        await _mark(footage, kind, sha256)
        await footage.nights(7)
        _check(footage, taken)
    deleted = [sha256 for _kind, sha256, _at in taken if not footage.has(sha256)]
    assert len(deleted) >= 6
    said = [
        name
        for one in footage.index.of(FootageDisposed)
        if one.body.act == "deleted"
        for name in one.body.files
    ]
    assert sorted(said) == sorted(deleted)
    reports = footage.index.of(FilesReconciled)
    assert len(reports) == 364
    assert all(one.body.missing_count == one.body.unknown_count == 0 for one in reports)


async def _mark(footage: Footage, kind: str, sha256: str) -> None:
    match kind:
        case "compliant" | "over":
            await footage.link(sha256, passage=f"p-{kind}")
        case "case":
            await footage.link(sha256, case="鲁沂交罚〔2026〕7号")
        case "tagged":
            await footage.ledger.say(
                FootageTagged(
                    tag=sha256, act="tagged", sha256=sha256, from_ms=0, to_ms=1, kind="category", value="permanent", by="li"
                )
            )  # fmt: skip
        case "held":
            await footage.keeping.hold(hold("held", sha256))


def _check(footage: Footage, taken: list[tuple[str, str, int]]) -> None:
    now_ms = footage.clock.now_ms()
    for kind, sha256, at_ms in taken:
        short = kind in ("plain", "compliant")
        # Marked in the night after 184 days, deleted in the night after seven more.
        due = short and now_ms >= at_ms + 191 * DAY_MS
        assert footage.has(sha256) is not due, (kind, (now_ms - at_ms) // DAY_MS)
