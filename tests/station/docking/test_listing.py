"""What `dock --files` lists has the true time and the officer that the pages show."""

from __future__ import annotations

from pathlib import Path

from station.docking.listing import files
from tests.journal.making import NOW
from tests.station.footage.desk import MINUTE, NUMBER, FootageDesk


async def test_a_file_has_the_true_time_and_the_holder_that_are_known_now(quick_path: Path) -> None:
    desk = FootageDesk(quick_path)
    await desk.take_in(start_err_ms=1_000, officer="zhao")
    [row] = files(desk.index, most=9)
    assert (row.start_true, row.error_ms, row.officer) == (None, 1_000, "zhao")
    await desk.anchor(ahead_ms=90_000, at=NOW - 10 * MINUTE)
    await desk.issue("li")
    [row] = files(desk.index, most=9)
    assert (row.start_own, row.start_true, row.officer) == (
        "2026-09-21T22:03:20.000+08:00",
        "2026-09-21T22:01:50.000+08:00",
        "li",
    )
    assert row.error_ms == 100 + 1_000 + 13


async def test_a_jump_of_the_clock_after_the_docking_does_not_time_what_was_taken_in_before(
    quick_path: Path,
) -> None:
    desk = FootageDesk(quick_path)
    await desk.anchor()
    await desk.take_in()
    # From three hours on the clock is an hour behind: it says the same time once more.
    await desk.anchor(ahead_ms=-180 * MINUTE, at=NOW + 180 * MINUTE)
    [row] = files(desk.index, most=9)
    assert row.start_true == row.start_own
    await desk.take_in(problems=("number_twice",), recorder=NUMBER)
    assert [one.start_true for one in files(desk.index, most=9)] == [row.start_own, None]
