"""Rain, snow, ice and mud are never a vehicle, and never taken for part of one without a word."""

from __future__ import annotations

import pytest

from edge.weighing.static import StaticSettings
from tests.edge.weighing.display import Display, truck_of


def snows(display: Display, to_kg: int, *, from_kg: int = 0) -> Display:
    """Twenty kilograms every two seconds."""
    for kg in range(from_kg, to_kg + 20, 20):
        display.shows(kg, times=20)
    return display


def test_snow_is_no_vehicle_however_much_of_it_comes() -> None:
    display = snows(Display(), 1_200)
    assert (display.events, display.machine.zero_kg) == ([], 1_200)


def test_rain_that_runs_off_again_is_no_vehicle_either() -> None:
    display = snows(Display(), 400)
    for kg in range(400, -20, -20):
        display.shows(kg, times=20)
    assert (display.events, display.machine.zero_kg) == ([], 0)


def test_snow_that_is_swept_off_or_zeroed_away_is_no_vehicle() -> None:
    display = snows(Display(), 800).rolls(500, 100).shows(0, times=20)
    display.shows(-800, times=20).shows(0, times=20)
    assert display.events == []


def test_a_vehicle_on_top_of_the_snow_has_no_weight_until_the_scale_is_zeroed() -> None:
    display = truck_of(44_520, snows(Display(), 400)).shows(400, times=20)
    assert (display.only.gross_kg, display.only.quality, display.only.zero_kg) == (None, ("zero_off",), 400)
    truck_of(44_120, display.shows(0, times=20)).shows(0, times=20)
    assert (display.weighed[1].gross_kg, display.weighed[1].quality) == (44_120, ())


def test_a_light_offset_is_said_and_stays_in_the_weight_as_displayed() -> None:
    display = truck_of(44_160, Display().shows(40, times=20)).shows(40, times=20)
    assert (display.only.gross_kg, display.only.quality, display.only.zero_kg) == (
        44_160,
        ("zero_shifted",),
        40,
    )


def test_a_display_below_zero_would_make_the_vehicle_too_light() -> None:
    display = truck_of(44_060, Display().shows(-60, times=20)).shows(-60, times=20)
    assert (display.only.gross_kg, display.only.quality, display.only.zero_kg) == (None, ("zero_off",), -60)


def test_an_indicator_that_zeroed_itself_under_a_truck_weighs_nobody_after_it() -> None:
    display = Display().rolls(9_000, 30_000).shows(None, stable=None, words=("not_zeroed",), times=10)
    display.shows(0, times=20).rolls(-30_000).shows(-44_120, times=20)
    truck_of(8_200, display).shows(-44_120, times=20)
    assert [weighed.gross_kg for weighed in display.weighed] == [None, None]
    assert "zero_off" in display.weighed[1].quality


@pytest.mark.parametrize(("divisions", "gross_kg"), [(2, None), (3, 44_180)])
def test_how_far_off_the_zero_may_be_is_a_setting(divisions: int, gross_kg: int | None) -> None:
    display = Display(StaticSettings(zero_divisions=divisions)).shows(60, times=20)
    assert truck_of(44_180, display).shows(60, times=20).only.gross_kg == gross_kg


def test_mud_that_a_vehicle_leaves_behind_is_not_the_next_one() -> None:
    display = truck_of(44_120, Display()).shows(420, times=80)
    assert display.only.gross_kg == 44_120
    assert "left_behind" in display.only.quality
    assert (display.machine.phase, display.machine.zero_kg) == ("empty", 420)
    truck_of(30_420, display).shows(420, times=20)
    second = display.weighed[1]
    assert (second.gross_kg, second.quality, second.zero_kg) == (None, ("zero_off",), 420)


def test_what_lies_there_speaks_against_the_next_one_close_behind_as_well() -> None:
    display = snows(Display(), 400).rolls(9_000, 30_000).shows(44_520, times=12)
    display.rolls(30_000, 16_000, 8_000).rolls(15_000, 15_200, 7_000, 20_000).shows(18_600, times=12)
    display.rolls(9_000).shows(400, times=20)
    assert [weighed.gross_kg for weighed in display.weighed] == [None, None]
    assert set(display.weighed[1].quality) == {"close_behind", "zero_off"}


def test_a_platform_that_was_not_seen_at_rest_between_two_vehicles_is_said() -> None:
    display = truck_of(44_120, truck_of(30_000, Display()).shows(0, stable=False, times=3)).shows(0, times=20)
    first, second = display.weighed
    assert (first.quality, first.zero_kg) == ((), 0)
    assert (second.gross_kg, second.quality, second.zero_kg) == (44_120, ("zero_unseen",), None)


def test_a_display_that_says_nothing_for_a_while_has_not_been_seen_at_rest() -> None:
    display = Display(at_rest=0)
    for _ in range(10):
        display.shows(0, times=4).shows(None, stable=None, words=("not_zeroed",))
    assert display.machine.zero_kg is None
