"""True time of footage: straight between two anchors, less and less sure away from one, and anew after a jump."""

from __future__ import annotations

import pytest

from kernel.footage.bodies import ClockAnchor
from kernel.footage.clocks import clock_model

DAY = 86_400_000
HOUR = 3_600_000
NOON = 1_795_400_000_000
LOST = 946_684_800_000  # 2000-01-01


def anchor(own_ms: int, true_ms: int, err_ms: int = 100) -> ClockAnchor:
    return ClockAnchor(kind="dock", own_ms=own_ms, true_ms=true_ms, err_ms=err_ms)


def test_nothing_is_known_without_an_anchor() -> None:
    assert clock_model([]).true_of(NOON) is None


def test_between_two_anchors_the_offset_changes_evenly() -> None:
    model = clock_model([anchor(NOON, NOON + 4_000), anchor(NOON + DAY, NOON + DAY + 8_000, err_ms=50)])
    time = model.true_of(NOON + DAY // 2)
    assert time is not None
    # 75 ms between the errors of both, 20 ppm of half a day, and 2 ms of rounding.
    assert (time.true_ms, time.err_ms) == (NOON + DAY // 2 + 6_000, 75 + 864 + 2)


def test_away_from_the_last_anchor_the_error_grows() -> None:
    model = clock_model([anchor(NOON, NOON + 4_000)])
    near, far = model.true_of(NOON + 3_600_000), model.true_of(NOON + 8 * 3_600_000)
    assert near is not None
    assert far is not None
    assert near.true_ms == NOON + 3_604_000
    assert (near.err_ms, far.err_ms) == (100 + 504, 100 + 8 * 504)


def test_a_clock_that_has_lost_its_time_begins_a_new_piece() -> None:
    model = clock_model([anchor(NOON, NOON), anchor(LOST + 60_000, NOON + DAY)])
    lost = model.true_of(LOST + 30_000)
    assert lost is not None
    assert lost.true_ms == NOON + DAY - 30_000
    kept = model.true_of(NOON - 1_000)
    assert kept is not None
    assert kept.true_ms == NOON - 1_000


def test_a_clock_set_back_an_hour_is_told_apart_by_when_the_file_was_here() -> None:
    hour = 3_600_000
    model = clock_model([anchor(NOON + hour, NOON, 100), anchor(NOON + hour // 2, NOON + hour // 2, 100)])
    assert len(model.pieces) == 2
    early = model.true_of(NOON + hour // 2, before_ms=NOON + 1_000)
    assert early is not None
    assert early.true_ms == NOON - hour // 2


def test_what_a_person_remembers_does_not_widen_what_was_measured_around_it() -> None:
    vague = ClockAnchor(kind="event", own_ms=NOON + HOUR, true_ms=NOON + HOUR + 9_000, err_ms=30_000)
    model = clock_model([anchor(NOON, NOON), vague, anchor(NOON + 2 * HOUR, NOON + 2 * HOUR)])
    time = model.true_of(NOON + HOUR)
    assert time is not None
    assert (time.true_ms, time.err_ms) == (NOON + HOUR, 100 + 72 + 2)
    assert vague not in time.anchors


def test_what_a_person_says_against_two_measurements_that_agree_is_set_aside_and_shown() -> None:
    wrong = ClockAnchor(kind="manual", own_ms=NOON + HOUR + 300_000, true_ms=NOON + HOUR, err_ms=1_000)
    model = clock_model([anchor(NOON, NOON), wrong, anchor(NOON + 2 * HOUR, NOON + 2 * HOUR)])
    assert model.set_aside == (wrong,)
    assert len(model.pieces) == 1


@pytest.mark.parametrize("off_ms", [-HOUR, HOUR, -200 * DAY, 30 * DAY])
def test_a_file_beside_a_film_does_not_outvote_what_was_measured(off_ms: int) -> None:
    false = ClockAnchor(kind="gps_beside", own_ms=NOON + HOUR, true_ms=NOON + HOUR + off_ms, err_ms=1_500)
    model = clock_model([anchor(NOON, NOON), false, anchor(NOON + 2 * HOUR, NOON + 2 * HOUR)])
    assert model.set_aside == (false,)
    assert len(model.pieces) == 1


def test_what_is_told_of_a_clock_that_was_set_back_stays_where_a_measurement_bears_it_out() -> None:
    """It showed those hours twice; the second time it was read at both ends."""
    told = ClockAnchor(kind="gps_beside", own_ms=NOON + 90_000, true_ms=NOON + 90_000 - HOUR, err_ms=1_500)
    before = anchor(NOON, NOON - HOUR)
    model = clock_model([before, told, anchor(NOON + 60_000, NOON + 60_000), anchor(NOON + DAY, NOON + DAY)])
    assert (len(model.pieces), model.set_aside) == (2, ())


def test_what_a_person_says_after_the_last_measurement_begins_a_new_piece() -> None:
    said = ClockAnchor(kind="manual", own_ms=NOON + HOUR + 300_000, true_ms=NOON + HOUR, err_ms=1_000)
    model = clock_model([anchor(NOON, NOON), said])
    assert (len(model.pieces), model.set_aside) == (2, ())
    later = model.true_of(NOON + 2 * HOUR + 300_000)
    assert later is not None
    assert later.true_ms == NOON + 2 * HOUR


def test_when_a_clock_was_set_is_not_known_both_answers_are_in_the_error() -> None:
    """Read 40 s ahead at the dock, and right the day after: it was set some time in between."""
    model = clock_model([anchor(NOON + 40_000, NOON), anchor(NOON + DAY, NOON + DAY)])
    time = model.true_of(NOON + DAY // 2)
    assert time is not None
    assert time.from_ms <= NOON + DAY // 2 - 40_000 < NOON + DAY // 2 <= time.until_ms
    assert len(time.anchors) == 2


def test_a_clock_that_was_set_at_the_dock_is_known_at_once() -> None:
    before, after = anchor(NOON + 40_000, NOON), anchor(NOON + 60_000, NOON + 60_000, err_ms=1_000)
    model = clock_model([before, after, anchor(NOON + DAY, NOON + DAY)])
    time = model.true_of(NOON + DAY // 2)
    assert time is not None
    assert abs(time.true_ms - (NOON + DAY // 2)) < 600
    assert time.err_ms < 2_000


def test_a_battery_that_is_empty_every_night_is_told_apart_by_the_last_emptying() -> None:
    """00:10 after the loss comes every day."""
    model = clock_model([anchor(LOST + 8 * HOUR, NOON + day * DAY) for day in range(4)])
    own_ms = LOST + 600_000
    unsure = model.true_of(own_ms, before_ms=NOON + 2 * DAY)
    sure = model.true_of(own_ms, before_ms=NOON + 2 * DAY, after_ms=NOON + DAY)
    assert unsure is not None
    assert sure is not None
    assert unsure.err_ms > DAY // 2
    assert sure.true_ms == NOON + 2 * DAY - 8 * HOUR + 600_000


def test_a_clock_that_lost_its_time_where_nobody_held_it_against_anything_says_nothing() -> None:
    assert clock_model([anchor(NOON, NOON)]).true_of(LOST + 5_000) is None


def test_a_moment_that_the_clock_has_skipped_is_said_with_a_wide_error() -> None:
    model = clock_model([anchor(NOON, NOON), anchor(NOON + HOUR + 60_000, NOON + 60_000)])
    time = model.true_of(NOON + HOUR // 2)
    assert time is not None
    assert time.err_ms >= HOUR // 2
