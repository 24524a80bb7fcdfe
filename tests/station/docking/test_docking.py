"""A recorder comes, its clock is held against ours before it is set, it is emptied into the station, and it goes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from journal.cursors import Cursor, Cursors
from kernel.errors import LinkError, RefusedError
from kernel.events import EntryRef
from kernel.footage.bodies import ClockAnchored, FootageImported, RecorderCleared, RecorderDocked
from station.docking.acknowledged import kept_by
from station.docking.board import Board
from station.docking.clocks import hold_against
from station.docking.contract import About
from station.docking.describing import Visit
from station.docking.importing import Importer, NoRoomError, Outcome, Told
from station.docking.threads import OwnThreads
from station.docking.volume import Found, Volume
from tests.station.docking.docks import NAME, Bench, Clock, PaperDock

ASK = OwnThreads(1, name="test")
SECOND = "3700123_100001_20260601110000_0002.mp4"


@pytest.fixture
def bench(quick_path: Path) -> Bench:
    return Bench(quick_path)


def state(board: Board) -> str:
    return board.docks["dock1"].state


class Mute(PaperDock):
    """A program that knows neither a log nor how to set a clock."""

    def log(self) -> bytes | None:
        raise LinkError("it ended with 2")

    def set_clock(self, true_ms: int) -> bool:
        raise LinkError("it ended with 2")


class Slow(PaperDock):
    """Its storage takes long to appear, or never does."""

    def unlock(self) -> bool:
        self.done.append("unlock")
        return True


class Strange(PaperDock):
    def about(self) -> About:
        raise RecursionError


class FullThenNot:
    """A disk that has no room until somebody makes some."""

    def __init__(self, full: Importer, free: Importer) -> None:
        self.full = True
        self._importers = {True: full, False: free}

    def __getattr__(self, name: str) -> object:
        return getattr(self._importers[self.full], name)


def recorder(bench: Bench, **more: object) -> PaperDock:
    return PaperDock(top=bench.top, clock=bench.clock, **more)  # type: ignore[arg-type]


class Tight:
    """A disk that has room for all files but one."""

    def __init__(self, importer: Importer) -> None:
        self.too_large = NAME
        self._importer = importer

    def __getattr__(self, name: str) -> object:
        return getattr(self._importer, name)

    async def take(self, volume: Volume, found: Found, visit: Visit, told: Told) -> Outcome:
        if found.name == self.too_large:
            raise NoRoomError("too large")
        return await self._importer.take(volume, found, visit, told)


async def test_a_docking_is_one_entry_an_anchor_and_its_files(bench: Bench) -> None:
    bench.put(NAME, b"film")
    bench.put(SECOND, b"film 2")
    board = Board.of(["dock1"])
    docking = bench.docking(recorder(bench, off_ms=-137_000), board=board)
    for _ in range(3):
        await docking.step()
    (docked,) = [one.body for one in bench.index.of(RecorderDocked)]
    assert (docked.recorder, docked.state, docked.files, docked.model) == ("3700123", "open", 2, "h8-series")
    assert (docked.named_officer, docked.battery_permille, docked.free_kb) == ("100001", 500, 1_000)
    assert docked.clock_set
    assert [body.state for body in bench.said()] == ["imported", "imported"]
    view = board.docks["dock1"]
    assert (view.state, view.done_files, view.new_files, view.done, view.size) == ("collected", 2, 2, 10, 10)


async def test_the_clock_is_read_before_it_is_set_and_again_behind(bench: Bench) -> None:
    bench.put(NAME, b"film")
    driver = recorder(bench, off_ms=-137_423)
    await bench.docking(driver).step()
    assert driver.done[0] == "read"
    assert driver.done.count("set") == 1
    before, after = (one.body.anchor for one in bench.index.of(ClockAnchored))
    assert abs(before.own_ms - before.true_ms + 137_423) <= before.err_ms <= 100
    assert abs(after.own_ms - after.true_ms) <= after.err_ms <= 100


@pytest.mark.parametrize(("off_ms", "step_ms"), [(0, 1_000), (-137_423, 1_000), (999, 1_000), (250, 1)])
async def test_the_error_of_a_reading_holds_the_truth(bench: Bench, off_ms: int, step_ms: int) -> None:
    driver = recorder(bench, off_ms=off_ms, step_ms=step_ms)
    anchor = await hold_against(driver, clock=bench.clock, ask=ASK)
    assert anchor is not None
    assert abs((anchor.own_ms - anchor.true_ms) - off_ms) <= anchor.err_ms <= 100


async def test_a_clock_that_stands_still_is_known_to_its_second(bench: Bench) -> None:
    driver = recorder(bench)
    still = Clock(now_ms=bench.clock.now_ms())
    driver.clock = still
    anchor = await hold_against(driver, clock=bench.clock, ask=ASK)
    assert anchor is not None
    assert anchor.err_ms >= 1_000


async def test_a_good_clock_is_left_alone(bench: Bench) -> None:
    bench.put(NAME, b"film")
    driver = recorder(bench, off_ms=300)
    await bench.docking(driver).step()
    assert "set" not in driver.done
    assert len(bench.index.of(ClockAnchored)) == 1


async def test_a_locked_recorder_is_shown_as_locked_and_said_once(bench: Bench) -> None:
    bench.put(NAME, b"film")
    board = Board.of(["dock1"])
    driver = recorder(bench, here="locked", opens=RefusedError("password"))
    docking = bench.docking(driver, board=board)
    for _ in range(3):
        await docking.step()
    (docked,) = [one.body for one in bench.index.of(RecorderDocked)]
    assert docked.state == "locked"
    assert docked.note
    assert (board.docks["dock1"].state, board.docks["dock1"].why) == ("locked", "password")
    driver.here = "open"  # somebody has typed it in
    await docking.step()
    assert state(board) == "collected"


async def test_a_recorder_that_is_unlocked_is_taken_in_at_once(bench: Bench) -> None:
    bench.put(NAME, b"film")
    await bench.docking(recorder(bench, here="locked", opens=True)).step()
    assert [one.body.state for one in bench.index.of(RecorderDocked)] == ["open"]
    assert len(bench.said()) == 1


async def test_two_recorders_with_one_number_are_both_taken_in_and_told(bench: Bench, tmp_path: Path) -> None:
    bench.put(NAME, b"film")
    other = tmp_path / "other"
    other.mkdir()
    (other / NAME).write_bytes(b"another film of the same name")
    board = Board.of(["dock1", "dock2"])
    await bench.docking(recorder(bench), board=board).step()
    second = PaperDock(top=other, clock=bench.clock, off_ms=60_000)
    await bench.docking(second, name="dock2", board=board).step()
    assert len(list(bench.originals.digests())) == 2
    assert {name for view in board.docks.values() for name, _ in view.problems} >= {"number_twice"}
    assert "number_twice" in bench.said()[1].problems
    assert len(bench.index.of(ClockAnchored)) == 1  # their clocks are not taken for one


async def test_a_recorder_that_is_gone_before_its_end_is_said_so_and_comes_back(bench: Bench) -> None:
    bench.put(NAME, b"film")
    board = Board.of(["dock1"])
    driver = recorder(bench)
    docking = bench.docking(driver, board=board)
    hidden = bench.folder / "hidden"
    bench.top.rename(hidden)
    await docking.step()
    assert state(board) == "unreadable"
    driver.here = "absent"
    await docking.step()
    assert state(board) == "absent"
    hidden.rename(bench.top)
    driver.here = "open"
    await docking.step()
    assert state(board) == "collected"


async def test_it_waits_for_room_and_then_goes_on_without_docking_again(bench: Bench) -> None:
    bench.put(NAME, b"film")
    board = Board.of(["dock1"])

    full = Bench(bench.folder, reserve_mb=1 << 30)
    room = FullThenNot(full.importer, bench.importer)
    bench.importer = room  # type: ignore[assignment]
    docking = bench.docking(recorder(bench), board=board)
    await docking.step()
    assert state(board) == "no_room"
    assert "MB are needed" in board.docks["dock1"].why
    assert bench.said() == []
    room.full = False
    await docking.step()
    assert state(board) == "collected"
    assert len(bench.index.of(RecorderDocked)) == 1


async def test_nothing_is_deleted_before_the_centre_has_acknowledged_it(bench: Bench) -> None:
    bench.put(NAME, b"film")
    bench.put(SECOND, b"torn film")
    kept: set[int] = set()
    docking = bench.docking(recorder(bench), deletes=lambda entry: entry.seq in kept)
    await docking.step()
    assert (bench.top / NAME).exists()
    kept |= {one.ref.seq for one in bench.index.of(FootageImported)}
    await docking.step()
    assert not (bench.top / NAME).exists()
    (cleared,) = [one.body for one in bench.index.of(RecorderCleared)]
    (imported,) = [one for one in bench.index.of(FootageImported) if one.body.name == NAME]
    assert (cleared.sha256, cleared.name, cleared.imported) == (imported.body.sha256, NAME, imported.ref)
    assert (bench.top / SECOND).exists()  # what is damaged stays: a workshop may get more from the recorder


@pytest.mark.parametrize(
    ("kept", "destinations", "acknowledged"),
    [({}, ["centre"], False), ({"centre": 7}, ["centre"], False), ({"centre": 8}, ["centre"], True),
     ({"centre": 8}, ["centre", "province"], False), ({"centre": 8}, [], False)],
)  # fmt: skip
def test_only_a_receipt_of_every_destination_acknowledges(
    bench: Bench, kept: dict[str, int], destinations: list[str], *, acknowledged: bool
) -> None:
    cursors = Cursors(bench.folder)
    for name, size in kept.items():
        cursors.save(Cursor(sent=9, size=9, kept=size), journal="f" * 32, destination=name)
    entry = EntryRef(journal="f" * 32, seq=7, leaf="0" * 64)
    assert kept_by(cursors, destinations)(entry) is acknowledged
    cursors.close()


async def test_a_card_that_cannot_be_listed_is_said_once(bench: Bench) -> None:
    driver = recorder(bench, here="open")
    driver.top = bench.folder / "nowhere"
    docking = bench.docking(driver)
    for _ in range(3):
        await docking.step()
    assert [one.body.state for one in bench.index.of(RecorderDocked)] == ["unreadable"]


async def test_by_default_nothing_is_deleted(bench: Bench) -> None:
    bench.put(NAME, b"film")
    docking = bench.docking(recorder(bench))
    for _ in range(3):
        await docking.step()
    assert (bench.top / NAME).exists()


async def test_a_recorder_without_a_log_is_docked_once_and_emptied(bench: Bench) -> None:
    bench.put(NAME, b"film")
    board = Board.of(["dock1"])
    docking = bench.docking(Mute(top=bench.top, clock=bench.clock, off_ms=-137_000), board=board)
    for _ in range(4):
        await docking.step()
    assert len(bench.index.of(RecorderDocked)) == len(bench.index.of(ClockAnchored)) == len(bench.said()) == 1
    assert {"log_unread", "clock_not_set"} <= {name for name, _ in board.docks["dock1"].problems}
    assert state(board) == "collected"


async def test_against_a_clock_that_nobody_has_set_no_recorder_is_held(bench: Bench) -> None:
    bench.put(NAME, b"film")
    bench.clock_err_ms = None
    board = Board.of(["dock1"])
    driver = recorder(bench, off_ms=-137_000)
    await bench.docking(driver, board=board).step()
    assert "set" not in driver.done
    assert bench.index.of(ClockAnchored) == []
    assert ("own_clock_unset", 1) in board.docks["dock1"].problems
    assert [body.state for body in bench.said()] == ["imported"]


async def test_the_error_of_our_own_clock_is_in_every_anchor(bench: Bench) -> None:
    bench.put(NAME, b"film")
    bench.clock_err_ms = 4_000
    await bench.docking(recorder(bench)).step()
    (held,) = bench.index.of(ClockAnchored)
    assert 4_000 < held.body.anchor.err_ms <= 4_100


async def test_a_file_that_does_not_fit_keeps_no_smaller_one_back(bench: Bench) -> None:
    bench.put(NAME, b"film")
    bench.put(SECOND, b"film 2")
    tight = Tight(bench.importer)
    bench.importer = tight  # type: ignore[assignment]
    board = Board.of(["dock1"])
    docking = bench.docking(recorder(bench), board=board)
    await docking.step()
    assert [body.name for body in bench.said()] == [SECOND]
    assert (state(board), board.docks["dock1"].why) == ("no_room", "too large")
    tight.too_large = ""
    await docking.step()
    assert [body.name for body in bench.said()] == [SECOND, NAME]
    assert state(board) == "collected"


async def test_what_comes_while_it_is_docked_is_taken_once_it_is_still(bench: Bench) -> None:
    bench.put(NAME, b"film")
    board = Board.of(["dock1"])
    docking = bench.docking(recorder(bench), board=board)
    await docking.step()
    bench.put(SECOND, b"film 2")
    for _ in range(2):
        await docking.step()
        assert len(bench.said()) == 1
        await bench.clock.sleep(61)
    await docking.step()
    assert [body.name for body in bench.said()] == [NAME, SECOND]
    assert (state(board), board.docks["dock1"].files, board.docks["dock1"].size) == ("collected", 2, 10)


async def test_a_recorder_that_was_told_to_open_is_not_told_again(bench: Bench) -> None:
    bench.put(NAME, b"film")
    driver = Slow(top=bench.top, clock=bench.clock, here="locked")
    docking = bench.docking(driver)
    for _ in range(40):
        await bench.clock.sleep(await docking.step())
    assert driver.done == ["unlock"]
    assert [one.body.state for one in bench.index.of(RecorderDocked)] == ["locked"]
    driver.here = "open"
    await docking.step()
    assert len(bench.said()) == 1


async def test_what_nobody_foresaw_ends_at_its_dock(bench: Bench) -> None:
    board = Board.of(["dock1"])
    docking = bench.docking(Strange(top=bench.top, clock=bench.clock), board=board)
    assert await docking.step() > 1
    assert (state(board), board.docks["dock1"].why) == ("unreadable", "RecursionError")


async def test_two_recorders_with_the_same_log_keep_it_both(bench: Bench) -> None:
    visits = [replace(bench.visit, dock=name, recorder=number) for name, number in (("a", "1"), ("b", "2"))]
    await asyncio.gather(*(bench.importer.take_log(b"log", visit) for visit in visits))
    assert [body.recorder for body in bench.said()].count("1") == 1
    assert len(bench.said()) == 2
