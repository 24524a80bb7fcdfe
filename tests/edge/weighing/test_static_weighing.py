"""A platform's weighing in the ordinary: arrival, rest, leaving, and what follows close behind."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.weighing.static import StaticSettings
from edge.weighing.values import Arrived, Settled, Weighed
from kernel.errors import ConfigError
from tests.edge.weighing.display import START_MS, Display, truck_of

DERIVED = StaticSettings(stable="derived")


def test_a_truck_that_stands_still_is_weighed_once_when_it_has_left() -> None:
    display = truck_of(44_120, Display().shows(0, times=10)).shows(0, times=10)
    arrived, settled, weighed = display.events
    assert isinstance(arrived, Arrived)
    assert isinstance(settled, Settled)
    assert settled.gross_kg == 44_120
    assert settled.mono_ms - arrived.mono_ms == 1_400
    assert isinstance(weighed, Weighed)
    assert weighed.gross_kg == 44_120
    assert weighed.quality == ()
    assert weighed.arrived_ms == arrived.at_ms == START_MS + 6_100
    assert (weighed.left_ms, weighed.zero_kg) == (START_MS + 9_000, 0)
    assert display.machine.phase == "empty"


def test_phases_follow_the_truck() -> None:
    display = Display().shows(0)
    seen = [display.machine.phase]
    for kg, stable, times in (
        (5_000, False, 2),
        (30_000, True, 3),
        (30_000, True, 8),
        (20_000, False, 2),
        (0, True, 2),
    ):
        seen.append(display.shows(kg, stable=stable, times=times).machine.phase)
    assert seen == ["empty", "arriving", "settling", "weighed", "leaving", "empty"]


def test_the_weight_is_the_last_stable_value_shown() -> None:
    display = Display().shows(0).rolls(9_000, 30_000).shows(44_120, times=12).shows(44_100, times=3)
    display.rolls(43_000, 20_000).shows(0, times=2)
    assert display.weighed[0].gross_kg == 44_100


def test_a_driver_who_steps_out_lowers_the_weight_and_no_second_truck_appears() -> None:
    display = Display().shows(0).rolls(9_000, 30_000).shows(44_120, times=12)
    display.rolls(44_080).shows(44_020, times=12).rolls(20_000, 9_000).shows(0, times=2)
    assert [weighed.gross_kg for weighed in display.weighed] == [44_020]


def test_a_truck_that_never_stands_still_has_no_weight() -> None:
    display = (
        Display().shows(0).rolls(*range(1_000, 40_000, 900), *range(40_000, 400, -900)).shows(0, times=2)
    )
    [weighed] = display.weighed
    assert weighed.gross_kg is None
    assert weighed.quality == ("not_settled",)


def test_a_display_that_holds_still_while_the_last_axle_rolls_off_is_not_a_weight() -> None:
    display = Display().shows(0).rolls(5_000, 9_000, 14_000, 13_800, 13_900, 8_900).shows(8_760, times=15)
    display.rolls(4_000).shows(0, times=2)
    [weighed] = display.weighed
    assert (weighed.gross_kg, weighed.quality) == (None, ("not_settled",))


def test_a_driver_who_rolls_back_a_little_is_not_a_second_truck() -> None:
    display = Display().shows(0).rolls(9_000, 30_000).shows(44_120, times=12)
    display.rolls(41_000, 37_000, 37_200, 41_000).shows(44_100, times=12).rolls(30_000, 9_000).shows(
        0, times=2
    )
    assert [weighed.gross_kg for weighed in display.weighed] == [44_100]


def test_the_jolt_of_pulling_away_changes_nothing() -> None:
    display = Display().shows(0).rolls(9_000, 30_000).shows(54_200, times=12)
    display.rolls(55_280, 55_000, 53_100, 53_200, 54_900, 54_700, 41_000, 20_000).shows(0, times=2)
    [weighed] = display.weighed
    assert (weighed.gross_kg, weighed.quality) == (54_200, ())


def test_a_stop_with_half_the_axles_on_is_not_a_weight() -> None:
    display = Display().shows(0).rolls(7_000, 24_000).shows(24_500, times=15)
    display.rolls(30_000, 45_000, 49_000, 30_000, 9_000).shows(0, times=2)
    [weighed] = display.weighed
    assert weighed.gross_kg is None
    assert set(weighed.quality) == {"stop_and_go", "not_settled"}


def test_a_stop_with_half_the_axles_on_and_then_a_proper_one_gives_the_proper_weight() -> None:
    display = Display().shows(0).rolls(7_000, 24_000).shows(24_500, times=15)
    display.rolls(30_000, 45_000).shows(49_000, times=15).rolls(30_000, 9_000).shows(0, times=2)
    [weighed] = display.weighed
    assert weighed.gross_kg == 49_000
    assert weighed.quality == ("stop_and_go",)


def test_a_stop_while_leaving_does_not_replace_the_weight() -> None:
    display = Display().shows(0).rolls(9_000, 30_000).shows(44_120, times=12)
    display.rolls(30_000, 24_000).shows(23_800, times=20).rolls(9_000).shows(0, times=2)
    assert [weighed.gross_kg for weighed in display.weighed] == [44_120]


def test_two_trucks_close_behind_each_other_are_two_though_the_display_never_reached_zero() -> None:
    display = Display().shows(0).rolls(9_000, 30_000).shows(44_120, times=12)
    display.rolls(30_000, 16_000, 8_000).rolls(15_000, 15_200, 7_000, 20_000).shows(18_200, times=12)
    display.rolls(9_000).shows(0, times=2)
    first, second = display.weighed
    assert (first.gross_kg, second.gross_kg) == (44_120, 18_200)
    assert "close_behind" in first.quality
    assert "close_behind" in second.quality
    assert second.arrived_ms is not None
    assert first.left_ms < second.arrived_ms
    assert len([event for event in display.events if isinstance(event, Arrived)]) == 2


def test_a_truck_found_on_the_platform_at_start_has_no_time_of_arrival() -> None:
    display = Display(at_rest=0).shows(30_000, times=12).rolls(9_000).shows(0, times=2)
    [weighed] = display.weighed
    assert weighed.gross_kg == 30_000
    assert weighed.arrived_ms is None
    assert weighed.quality == ("present_at_start",)


def test_one_wrong_reading_changes_nothing() -> None:
    display = Display().shows(0, times=3).shows(88_000).shows(0, times=3)
    assert display.events == []
    display.rolls(9_000, 30_000).shows(44_120, times=12)
    display.shows(4_120).shows(44_120, times=3).shows(88_000).shows(44_120, times=3).shows(0).shows(
        44_120, times=9
    )
    display.rolls(20_000, 9_000).shows(0, times=2)
    assert [(weighed.gross_kg, weighed.quality) for weighed in display.weighed] == [(44_120, ())]


def test_an_unconfirmed_reading_is_never_a_weight() -> None:
    display = (
        Display().shows(0).rolls(9_000, 30_000).shows(44_120, times=30, confirmed=False).shows(0, times=2)
    )
    assert [weighed.gross_kg for weighed in display.weighed] == [None]


def test_over_its_range_the_display_shows_no_weight() -> None:
    display = Display().shows(0).rolls(60_000).shows(60_000, times=12)
    display.shows(None, over_range=True, times=20).rolls(60_000, 9_000).shows(0, times=2)
    [weighed] = display.weighed
    assert weighed.gross_kg is None
    assert "over_range" in weighed.quality


def test_a_net_display_is_not_a_gross_weight() -> None:
    display = Display().shows(0).rolls(9_000).shows(30_000, times=12, net=True).rolls(9_000).shows(0, times=2)
    [weighed] = display.weighed
    assert weighed.gross_kg is None
    assert "net_displayed" in weighed.quality


def test_a_display_below_zero_before_the_truck_is_told() -> None:
    display = (
        Display().shows(-340, times=10).rolls(9_000).shows(30_000, times=12).rolls(9_000).shows(-340, times=2)
    )
    assert display.weighed[0].quality == ("zero_off",)


def test_a_display_that_was_not_zeroed_says_nothing() -> None:
    display = Display().shows(None, words=("not_zeroed",), times=30)
    assert display.events == []


def test_a_silent_scale_breaks_what_was_stable() -> None:
    display = Display().shows(0).rolls(9_000).shows(30_000, times=5)
    display.mono_ms += 10_000
    display.shows(30_000, times=5).rolls(9_000).shows(0, times=2)
    [weighed] = display.weighed
    assert weighed.gross_kg is None
    assert set(weighed.quality) == {"readings_missing", "not_settled"}


def test_without_a_motion_flag_stillness_is_derived_from_the_readings() -> None:
    display = Display(DERIVED).shows(0, stable=None).rolls(9_000, 30_000, 44_500)
    display.shows(44_120, stable=None, times=30).rolls(30_000, 9_000).shows(0, stable=None, times=2)
    assert [weighed.gross_kg for weighed in display.weighed] == [44_120]


def test_a_long_stay_keeps_a_small_trace_with_its_corners() -> None:
    display = (
        Display()
        .shows(0)
        .rolls(*range(1_000, 44_000, 50))
        .shows(44_120, times=3_000)
        .rolls(9_000)
        .shows(0, times=2)
    )
    trace = display.weighed[0].trace
    assert len(trace) <= 400
    assert trace[0][0] <= 400
    assert [at for at, _ in trace] == sorted(at for at, _ in trace)
    assert max(kg for _, kg in trace) == 44_120


kgs = st.one_of(st.none(), st.integers(-1_000, 120_000), st.sampled_from([0, 20, 30_000, 44_120]))


@settings(max_examples=40)
@given(st.lists(st.tuples(kgs, st.booleans(), st.integers(1, 15)), max_size=40))
def test_any_display_gives_whole_passages_in_order(shown: list[tuple[int | None, bool, int]]) -> None:
    display = Display()
    for kg, stable, times in shown:
        display.shows(kg, stable=stable, times=times, over_range=kg is None and stable)
    display.shows(0, times=2)
    arrivals = [event for event in display.events if isinstance(event, Arrived)]
    assert len(arrivals) == len(display.weighed)
    for arrived, weighed in zip(arrivals, display.weighed, strict=True):
        assert arrived.mono_ms <= weighed.mono_ms
        settled = [e.gross_kg for e in display.events if isinstance(e, Settled)]
        assert weighed.gross_kg is None or weighed.gross_kg in settled


def test_settings_that_contradict_each_other_are_all_named() -> None:
    with pytest.raises(ConfigError) as caught:
        StaticSettings(empty_below_kg=0, fall_kg=30, division_kg=20)
    assert [path for path, _ in caught.value.faults] == ["empty_below_kg", "fall_kg"]


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ({"vehicle_from_kg": 0}, ["vehicle_from_kg"]),
        ({"person_kg": -1}, ["person_kg"]),
        ({"gone_permille": 0}, ["gone_permille"]),
        ({"peak_permille": 1_001}, ["peak_permille"]),
        ({"peak_permille": 0}, ["peak_permille"]),
        ({"gone_permille": 1_000}, ["peak_permille", "jolt_permille"]),
    ],
)
def test_shares_and_masses_that_would_weigh_anything_are_refused(
    setting: dict[str, int], named: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        StaticSettings(**setting)  # type: ignore[arg-type]
    assert [path for path, _ in caught.value.faults] == named
