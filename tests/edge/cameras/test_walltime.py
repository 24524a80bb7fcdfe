import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.cameras.walltime import BUCKET_MS, WINDOW_MS, OwnClock, WallTime

TRUE = 1_700_000_000_000


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 900), min_size=5, max_size=60))
def test_lateness_never_moves_wall_time_once_one_packet_was_on_time(late: list[int]) -> None:
    wall = WallTime()
    for number, extra in enumerate([*late, 0]):
        wall.seen(number * 40, TRUE + number * 40 + extra)
    assert wall.at_ms(0) == TRUE


def test_packets_held_back_while_connecting_look_late_only_at_first() -> None:
    wall = WallTime()
    for stamp in range(0, 1000, 40):  # a second of packets handed over at once
        wall.seen(stamp, TRUE + 1080)
    assert wall.at_ms(0) == TRUE + 1080 - 960
    wall.seen(1080, TRUE + 1080)
    assert wall.at_ms(0) == TRUE


def test_a_camera_whose_clock_is_fast_is_followed() -> None:
    wall = WallTime(window_ms=2_000)
    for second in range(60):  # its clock gains 10 ms a second
        wall.seen(second * 1010, TRUE + second * 1000)
    assert abs(wall.at_ms(59 * 1010) - (TRUE + 59_000)) <= 30


def test_minima_are_kept_for_the_window_only() -> None:
    wall = WallTime()
    wall.seen(0, TRUE)
    for at in range(BUCKET_MS, WINDOW_MS + 3 * BUCKET_MS, BUCKET_MS):
        wall.seen(at, TRUE + at + 50)
    assert wall.at_ms(0) == TRUE + 50


def test_a_clock_that_is_set_back_is_followed_at_once_and_leaves_nothing_behind() -> None:
    wall, back = WallTime(), 70 * 365 * 86_400_000
    for at in range(0, 10_000, 40):
        wall.seen(at, TRUE + at)
    for at in range(10_000, 200_000, 40):
        wall.seen(at, TRUE + at - back)
        assert wall.at_ms(at) == TRUE + at - back
    assert len(wall._buckets) <= WINDOW_MS // BUCKET_MS + 2


def test_a_stream_that_falls_behind_is_known_after_the_window_has_forgotten() -> None:
    wall = WallTime(window_ms=5_000)
    for second in range(60):
        late_ms = 1_500 if second >= 20 else 0
        wall.seen(second * 1000, TRUE + second * 1000 + late_ms)
        assert wall.behind_ms <= 1_500
    assert wall.behind_ms == pytest.approx(1_500, abs=40)


def test_a_crystal_that_is_slow_is_no_stream_that_falls_behind() -> None:
    wall = WallTime(window_ms=5_000)
    for second in range(3_600):  # 100 ppm: a third of a second an hour
        wall.seen(second * 1000, TRUE + second * 1000 + second // 10)
    assert wall.behind_ms == 0


def test_our_own_clock_set_back_begins_a_new_comparison() -> None:
    wall = WallTime()
    wall.seen(0, TRUE)
    wall.seen(2_000, TRUE - 3_600_000)
    assert wall.behind_ms == 0


def test_of_a_camera_s_own_clock_the_middle_counts() -> None:
    own = OwnClock()
    assert own.ahead_ms is None
    for ahead in (700, 690, 9_000, 710, -8_000):
        own.seen(TRUE + ahead, TRUE)
    assert own.ahead_ms == 700
