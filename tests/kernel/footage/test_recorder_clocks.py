"""True time of footage: straight between two anchors, less and less sure away from one, and anew after a jump."""

from __future__ import annotations

from kernel.footage.bodies import ClockAnchor
from kernel.footage.clocks import clock_model

DAY = 86_400_000
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
    assert (time.true_ms, time.err_ms) == (NOON + DAY // 2 + 6_000, 100)


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
