"""True time of a file: by its recorder's clock, by what it shows itself, and not by what was told against measurements."""

from __future__ import annotations

from typing import Any

from kernel.events import EntryRef
from kernel.footage.bodies import AnchorKind, ClockAnchor, ClockAnchored, FootageImported, RecorderDocked
from station.footage.index import Said
from station.footage.times import Times

NOON = 1_795_406_400_000
HOUR = 3_600_000
DIGEST = "ab" * 32
LOST = 946_684_800_000  # 2000-01-01


def file(
    own_start_ms: int | None = NOON,
    *,
    start_err_ms: int = 1_000,
    at_ms: int = NOON + 9 * HOUR,
    problems: tuple[str, ...] = (),
) -> Said[Any]:
    body = FootageImported(
        recorder="3700123",
        dock="dock1",
        state="imported",
        name="a.mp4",
        sha256=DIGEST,
        own_start_ms=own_start_ms,
        start_err_ms=start_err_ms,
        problems=problems,
    )
    return Said(ref=EntryRef(journal="f" * 32, seq=1, leaf="0" * 64), at_ms=at_ms, body=body)


def anchored(
    kind: AnchorKind, own_ms: int, true_ms: int, err_ms: int, *, sha256: str | None = None
) -> ClockAnchored:
    anchor = ClockAnchor(kind=kind, own_ms=own_ms, true_ms=true_ms, err_ms=err_ms)
    return ClockAnchored(recorder="3700123", anchor=anchor, by="x", sha256=sha256)


def docked(at_ms: int) -> RecorderDocked:
    return RecorderDocked(dock="dock1", recorder="3700123", model="m", state="open", at_ms=at_ms)


def test_how_well_a_name_says_its_start_is_part_of_the_error() -> None:
    time = Times([anchored("dock", NOON + 5_000, NOON, 100)], []).start(file(NOON + 5_000))
    assert time is not None
    assert (time.true_ms, time.err_ms) == (NOON, 1_100)


def test_a_file_that_shows_the_clock_is_timed_by_what_it_shows() -> None:
    shown = anchored("qr", NOON + 3_000, NOON - 57_400, 1_060, sha256=DIGEST)
    time = Times([shown], []).start(file())
    assert time is not None
    assert (time.true_ms, time.err_ms) == (NOON - 60_400, 61)
    other = Times([anchored("qr", NOON + 3_000, NOON - 57_400, 1_060, sha256="cd" * 32)], []).start(file())
    assert other is not None
    assert other.err_ms == 2_061


def test_what_is_told_against_measurements_does_not_time_its_own_file() -> None:
    told = anchored("event", NOON + 1_000, NOON + 301_000, 2_000, sha256=DIGEST)
    measured = [anchored("dock", NOON + h * HOUR, NOON + h * HOUR, 3_000) for h in (-4, 4)]
    time = Times([measured[0], told, measured[1]], []).start(file())
    assert time is not None
    assert abs(time.true_ms - NOON) <= time.err_ms


def test_a_file_without_its_own_time_or_a_recorder_without_anchors_has_no_true_time() -> None:
    assert Times([anchored("dock", NOON, NOON, 100)], []).start(file(None)) is None
    assert Times([], [docked(NOON)]).start(file()) is None


def test_the_docking_before_tells_which_empty_battery_it_was() -> None:
    nights = [NOON + day * 24 * HOUR for day in range(3)]
    read = [anchored("dock", LOST + 8 * HOUR, at_ms, 100) for at_ms in nights]
    dockings = [docked(at_ms) for at_ms in nights]
    taken_in = file(LOST + HOUR, at_ms=nights[2] + 60_000)
    time = Times(read, dockings).start(taken_in)
    assert time is not None
    assert abs(time.true_ms - (nights[2] - 7 * HOUR)) <= time.err_ms < HOUR


def test_a_number_that_two_recorders_have_times_no_file_but_by_what_the_file_shows() -> None:
    twice = file(problems=("number_twice",))
    read = anchored("dock", NOON, NOON, 100)
    assert Times([read], []).start(twice) is None
    time = Times([read, anchored("qr", NOON + 3_000, NOON - 57_400, 1_060, sha256=DIGEST)], []).start(twice)
    assert time is not None
    assert (time.true_ms, time.err_ms) == (NOON - 60_400, 61)
