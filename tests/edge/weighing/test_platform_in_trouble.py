"""What goes wrong on a platform ends without a weight, or with one that says what speaks against it."""

from __future__ import annotations

import pytest

from edge.weighing.levels import Peak
from edge.weighing.static import StaticSettings
from tests.edge.weighing.display import SETTINGS, Display, truck_of

ENTRY = StaticSettings(loop="entry")
CLEAR = StaticSettings(loop="entry_clear")


def comes(display: Display, *, lets_the_loop_go: bool = True) -> Display:
    """A truck of 44 t rolls on over the loop and stands still."""
    display.loop(True).rolls(6_000, 20_000)
    if lets_the_loop_go:
        display.loop(False, after_ms=300)
    return display.rolls(43_000, 44_600).shows(44_120, times=12)


def goes(display: Display) -> Display:
    return display.rolls(30_000, 12_000, 4_000).shows(0, times=10)


# --- stillness -------------------------------------------------------------------------------------------------


def test_the_flag_of_the_device_is_taken_where_it_is_sent() -> None:
    display = truck_of(44_120, Display()).shows(0, times=2)
    assert (display.only.gross_kg, display.only.quality) == (44_120, ())


def test_where_no_flag_is_sent_stillness_comes_from_the_readings_and_is_said() -> None:
    display = Display(at_rest=0).shows(0, stable=None, times=20)
    for kg in (9_000, 30_000, 44_500):
        display.shows(kg, stable=None)
    display.shows(44_120, stable=None, times=20).shows(20_000, stable=None, times=2)
    display.shows(0, stable=None, times=2)
    assert (display.only.gross_kg, display.only.quality) == (44_120, ("derived_readings",))


def test_a_setting_can_insist_on_the_flag() -> None:
    display = Display(StaticSettings(stable="flag")).rolls(9_000)
    display.shows(44_120, stable=None, times=40).rolls(9_000).shows(0, times=2)
    assert display.only.gross_kg is None


def test_bands_follow_the_division() -> None:
    def wobbles(settings: StaticSettings) -> int | None:
        display = Display(settings, at_rest=0).shows(0, stable=None, times=20)
        for n in range(40):
            display.shows(30_000 + 50 * (n % 2), stable=None)
        return display.shows(0, stable=None, times=2).only.gross_kg

    assert wobbles(StaticSettings(division_kg=20)) is None
    assert wobbles(StaticSettings(division_kg=50)) in (30_000, 30_050)


def test_a_weight_between_two_divisions_is_said_to_be() -> None:
    display = truck_of(44_130, Display()).shows(0, times=2)
    assert (display.only.gross_kg, display.only.quality) == (44_130, ("off_division",))


def test_the_frames_that_gave_the_weight_go_with_it_and_no_other() -> None:
    display = Display().rolls(9_000, 30_000).shows(44_100, times=9, raw=b"\x02 44100")
    display.shows(44_120, times=30, raw=b"\x02 44120").rolls(9_000).shows(0, times=2)
    assert display.only.gross_kg == 44_120
    assert set(display.only.frames) == {b"\x02 44120".hex()}
    assert 1 <= len(display.only.frames) <= 8


# --- net, range, restart ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "word"),
    [({"net": True}, "net_displayed"), ({"words": ("gross_or_net_unknown",)}, "gross_or_net_unknown")],
)
def test_a_tare_is_refused_and_so_is_what_may_be_one(said: dict[str, object], word: str) -> None:
    display = Display().rolls(9_000).shows(30_000, times=12, **said)  # type: ignore[arg-type]
    display.rolls(9_000).shows(0, times=2)
    assert (display.only.gross_kg, display.only.quality) == (None, (word,))


def test_a_net_display_for_one_moment_of_the_rest_is_no_gross_weight() -> None:
    display = Display().rolls(9_000).shows(30_000, times=10).shows(30_000, net=True, times=2)
    display.shows(30_000, times=1).rolls(9_000).shows(0, times=2)
    assert display.only.gross_kg == 30_000  # it had settled as gross before anybody pressed tare


def test_an_indicator_that_was_being_calibrated_meanwhile_has_no_weight() -> None:
    display = Display().rolls(9_000).shows(30_000, times=12).shows(30_020, times=2, words=("being_adjusted",))
    display.shows(30_000, times=12).rolls(9_000).shows(0, times=2)
    assert (display.only.gross_kg, display.only.quality) == (None, ("being_adjusted",))


def test_an_impossible_sum_is_no_weight() -> None:
    display = Display().rolls(9_000, 90_000).shows(160_000, times=20).rolls(9_000).shows(0, times=2)
    assert display.only.gross_kg is None
    assert set(display.only.quality) == {"over_range", "not_settled"}


def test_an_indicator_that_reboots_before_the_weight_settled_gives_none() -> None:
    display = Display().rolls(9_000, 30_000).shows(None, stable=None, words=("not_zeroed",), times=10)
    display.shows(24_120, times=20).rolls(9_000).shows(0, times=2)
    assert display.only.gross_kg is None
    assert {"not_zeroed", "restarted"} <= set(display.only.quality)


def test_an_indicator_that_reboots_and_shows_another_weight_gives_none() -> None:
    display = Display().rolls(9_000, 30_000).shows(44_120, times=12)
    display.shows(None, stable=None, words=("not_zeroed",), times=10).shows(43_000, times=20)
    display.rolls(9_000).shows(0, times=2)
    assert display.only.gross_kg is None
    assert "restarted" in display.only.quality


def test_an_indicator_that_reboots_and_shows_the_same_keeps_the_weight_and_says_so() -> None:
    display = Display().rolls(9_000, 30_000).shows(44_120, times=12)
    display.shows(None, stable=None, words=("not_zeroed",), times=10).shows(44_120, times=20)
    display.rolls(9_000).shows(0, times=2)
    assert (display.only.gross_kg, display.only.quality) == (44_120, ("not_zeroed",))


def test_one_damaged_frame_that_nothing_vouches_for_speaks_against_nobody() -> None:
    display = Display().rolls(9_000, 30_000)
    display.shows(None, stable=None, words=("not_zeroed",), confirmed=False)
    display.shows(None, stable=None, over_range=True, confirmed=False)
    display.shows(44_120, times=20).rolls(20_000, 9_000).shows(0, times=2)
    assert (display.only.gross_kg, display.only.quality) == (44_120, ())


def test_a_gap_after_which_the_weight_is_another_is_no_weight() -> None:
    display = Display().rolls(9_000, 30_000).shows(44_120, times=12)
    display.mono_ms += 10_000
    display.shows(43_000, times=20).rolls(9_000).shows(0, times=2)
    assert display.only.gross_kg is None
    assert {"readings_missing", "restarted"} <= set(display.only.quality)


# --- people ----------------------------------------------------------------------------------------------------


def test_somebody_who_steps_onto_the_platform_adds_nothing_to_the_vehicle() -> None:
    display = Display().rolls(9_000, 30_000).shows(44_120, times=12).rolls(44_160)
    display.shows(44_200, times=20).rolls(30_000, 9_000).shows(0, times=2)
    assert (display.only.gross_kg, display.only.quality) == (44_120, ("person_on_scale",))


def test_hands_that_press_in_small_steps_are_said() -> None:
    display = Display().rolls(9_000, 30_000).shows(44_120, times=12)
    for step in (60, 120, 60, 140):
        display.rolls(44_120 + step).shows(44_120 + step, times=12)
    display.rolls(30_000, 9_000).shows(0, times=2)
    assert (display.only.gross_kg, display.only.quality) == (44_120, ("person_on_scale",))


def test_a_driver_who_steps_out_is_said_and_the_lighter_weight_counts() -> None:
    display = Display().rolls(9_000, 30_000).shows(44_120, times=12).shows(44_040, times=12)
    display.rolls(20_000, 9_000).shows(0, times=2)
    assert (display.only.gross_kg, display.only.quality) == (44_040, ("person_on_scale",))


def test_a_person_alone_is_no_vehicle() -> None:
    display = Display().shows(80, times=30).shows(160, times=30).shows(0, times=10)
    assert display.events == []


def test_a_crowd_is_weighed_and_said_to_be_no_vehicle() -> None:
    display = Display().rolls(180).shows(420, times=30).rolls(120).shows(0, times=10)
    assert (display.only.gross_kg, display.only.quality) == (420, ("no_vehicle",))


def test_a_vehicle_that_comes_while_somebody_stands_there_has_no_weight() -> None:
    display = truck_of(44_200, Display().shows(80, times=20)).shows(0, times=2)
    assert (display.only.gross_kg, display.only.quality, display.only.zero_kg) == (None, ("zero_off",), 80)


@pytest.mark.parametrize("stable", [False, None])
def test_somebody_who_walks_about_before_the_vehicle_comes_is_said(stable: bool | None) -> None:
    display = Display()
    for n in range(100):
        display.shows((60, 120, 80, 40, 100)[n % 5], stable=stable)
    truck_of(44_200, display).shows(0, times=20)
    assert (display.only.gross_kg, display.only.quality) == (44_200, ("person_on_scale",))


def test_somebody_who_has_walked_off_again_speaks_against_nobody() -> None:
    display = Display()
    for n in range(50):
        display.shows((60, 120, 80)[n % 3], stable=False)
    truck_of(44_120, display.shows(0, times=12)).shows(0, times=20)
    assert (display.only.gross_kg, display.only.quality) == (44_120, ())


def test_a_vehicle_that_moves_while_it_is_weighed_is_said_to_have_moved() -> None:
    display = Display().rolls(9_000, 30_000).shows(44_120, times=12).rolls(43_600)
    display.shows(43_800, times=12).rolls(30_000, 9_000).shows(0, times=2)
    assert (display.only.gross_kg, display.only.quality) == (43_800, ("moved_while_weighing",))


# --- the loop before the platform ------------------------------------------------------------------------------


def test_a_vehicle_whole_on_the_platform_has_nothing_against_it() -> None:
    display = goes(comes(Display(CLEAR)))
    assert (display.only.gross_kg, display.only.quality) == (44_120, ())


def test_a_vehicle_that_still_stands_on_the_clear_loop_has_no_weight() -> None:
    display = comes(Display(CLEAR), lets_the_loop_go=False)
    assert (display.settled, display.machine.phase) == ([], "settling")
    display.rolls(30_000).loop(False, after_ms=500)
    assert (goes(display).only.gross_kg, display.only.quality) == (None, ("partly_off",))


def test_it_is_weighed_once_it_has_rolled_on_whole() -> None:
    display = comes(Display(CLEAR), lets_the_loop_go=False).loop(False, after_ms=500)
    display.shows(44_120, times=3)
    assert display.settled == [44_120]
    assert (goes(display).only.gross_kg, display.only.quality) == (44_120, ())


def test_a_long_tail_over_a_near_loop_is_said_and_weighed() -> None:
    display = comes(Display(ENTRY), lets_the_loop_go=False).rolls(30_000).loop(False, after_ms=500)
    assert (goes(display).only.gross_kg, display.only.quality) == (44_120, ("partly_off",))


@pytest.mark.parametrize("settings", [ENTRY, CLEAR])
def test_a_truck_that_rolls_back_off_has_no_weight(settings: StaticSettings) -> None:
    display = Display(settings).loop(True).rolls(7_000, 24_000).shows(24_500, times=15)
    display.rolls(18_000, 7_000).shows(0, times=5).loop(False)
    assert display.only.gross_kg is None
    assert {"partly_off", "rolled_back"} <= set(display.only.quality)


def test_two_trucks_on_the_platform_together_have_no_weight() -> None:
    display = comes(Display(ENTRY)).loop(True).rolls(50_000, 58_000)
    display.loop(False, after_ms=1_000).shows(62_340, times=20)
    display.rolls(40_000, 18_220).shows(0, times=5)
    assert display.only.gross_kg is None
    assert {"two_vehicles", "stop_and_go"} <= set(display.only.quality)


def test_the_next_truck_that_waits_on_the_loop_speaks_against_nobody() -> None:
    display = comes(Display(ENTRY)).loop(True).shows(44_120, times=5)
    display = goes(display).rolls(6_000).loop(False, after_ms=500).shows(18_220, times=12)
    display.rolls(6_000).shows(0, times=2)
    assert [(one.gross_kg, one.quality) for one in display.weighed] == [(44_120, ()), (18_220, ())]


def test_a_drawbar_that_lets_the_loop_go_for_a_moment_is_one_truck() -> None:
    display = Display(ENTRY).loop(True).rolls(6_000, 20_000).loop(False, True, after_ms=600)
    display.rolls(30_000).loop(False, after_ms=600).shows(44_120, times=12)
    assert (goes(display).only.gross_kg, display.only.quality) == (44_120, ())


def test_without_a_loop_nothing_is_said_of_it() -> None:
    display = comes(Display(SETTINGS), lets_the_loop_go=False)
    assert (goes(display).only.gross_kg, display.only.quality) == (44_120, ())


# --- the far end of the platform -------------------------------------------------------------------------------


@pytest.mark.parametrize("steer_kg", [6_000, 7_000, 8_000, 9_800])
@pytest.mark.parametrize("settings", [SETTINGS, ENTRY])
def test_a_truck_whose_first_axle_ran_off_the_far_end_has_no_weight(
    steer_kg: int, settings: StaticSettings
) -> None:
    display = Display(settings).loop(True, after_ms=0).rolls(9_000, 33_000).loop(False, after_ms=100)
    display.rolls(49_000, 49_000, 49_000).shows(49_000 - steer_kg, times=30)
    assert (display.settled, display.machine.says) == ([], ("partly_off",))
    assert (goes(display).only.gross_kg, display.only.quality) == (None, ("partly_off",))


def test_it_is_weighed_when_it_comes_back_whole() -> None:
    display = Display().rolls(9_000, 33_000, 49_000, 49_000).shows(42_000, times=30)
    display.rolls(45_000).shows(49_000, times=20)
    assert (goes(display).only.gross_kg, display.settled) == (49_000, [49_000])


def test_a_truck_that_rocks_when_it_stops_is_whole() -> None:
    display = Display().rolls(9_000, 33_000, 51_800, 51_600, 46_500, 46_700).shows(49_000, times=30)
    assert (goes(display).only.gross_kg, display.only.quality) == (49_000, ())


def test_the_ringing_of_the_bridge_on_a_fast_line_is_no_load() -> None:
    peak = Peak()
    peak.feed(400, mono_ms=0)
    for ms in range(1, 1_000):
        peak.feed(49_000 + (8_000 if ms % 250 < 125 else -8_000), mono_ms=ms)
    assert peak.kg == 41_000


def test_what_comes_while_the_first_one_leaves_is_not_its_own_load() -> None:
    display = Display().rolls(9_000).shows(30_000, times=15).rolls(20_000, 12_000)
    display.rolls(44_000, 44_000).rolls(40_000).shows(42_000, times=20).rolls(9_000).shows(0, times=2)
    assert (display.weighed[0].gross_kg, display.weighed[0].quality) == (30_000, ("close_behind",))


# --- a display that hangs --------------------------------------------------------------------------------------


def test_a_display_that_never_changes_while_vehicles_pass_is_frozen() -> None:
    display = Display()
    for _ in range(2):
        display.shows(0, times=60, raw=b"=0000.00").loop(True, False)
        assert not display.machine.frozen
    display.shows(0, raw=b"=0000.00")
    assert display.machine.frozen
    display.shows(20, raw=b"=0000.20")
    assert not display.machine.frozen


def test_a_quiet_road_is_no_frozen_display() -> None:
    display = Display().shows(0, times=3_000, raw=b"=0000.00")
    assert not display.machine.frozen


def test_a_display_that_hangs_with_a_truck_on_gives_no_weight() -> None:
    display = comes(Display(ENTRY)).shows(44_120, times=80)
    for _ in range(2):
        display.loop(True, False).shows(44_120, times=30)
    assert display.machine.frozen
    display.rolls(30_000).shows(0, times=2)
    assert display.only.gross_kg is None
    assert "frozen" in display.only.quality


# --- an indicator that starts anew under a light axle ----------------------------------------------------------


def starts_anew(display: Display, *, silent_ms: int, frames: int) -> Display:
    """Zeroed with an axle of 8 t on, it shows nothing for that ever after; the truck rolls on from there."""
    display.mono_ms += silent_ms
    display.shows(None, stable=None, times=frames, words=("not_zeroed",)).shows(0, times=20)
    display.rolls(20_000, 30_000).shows(32_000, times=30)
    return display.rolls(10_000, -8_000).shows(-8_000, times=30)


@pytest.mark.parametrize(("silent_ms", "frames"), [(8_000, 0), (0, 20), (8_000, 20)])
@pytest.mark.parametrize("settings", [SETTINGS, ENTRY])
def test_what_comes_after_a_restart_under_a_light_axle_has_no_weight(
    settings: StaticSettings, silent_ms: int, frames: int
) -> None:
    display = Display(settings, at_rest=30).loop(True, after_ms=0).rolls(8_000, 8_000, 8_000)
    starts_anew(display, silent_ms=silent_ms, frames=frames)
    assert [weighed.gross_kg for weighed in display.weighed] == [None, None]
    assert "restarted" in display.weighed[1].quality


def test_neither_the_axle_that_stood_still_nor_the_rest_has_a_weight_when_the_load_vanished() -> None:
    display = Display().rolls(5_000).shows(8_000, times=15)
    starts_anew(display, silent_ms=900, frames=0)
    assert [(one.gross_kg, "restarted" in one.quality) for one in display.weighed] == [(None, True)] * 2


def test_an_indicator_that_is_zeroed_with_an_axle_on_is_said_with_the_next_weight() -> None:
    display = starts_anew(Display().rolls(8_000, 8_000, 8_000), silent_ms=0, frames=0)
    assert [(one.gross_kg, one.quality) for one in display.weighed] == [
        (None, ("not_settled",)),
        (32_000, ("zero_unseen",)),
    ]


def test_a_line_that_was_lost_while_a_weighed_truck_drove_off_is_said_with_the_next_one() -> None:
    display = Display().rolls(9_000).shows(44_120, times=15)
    display.mono_ms += 8_000
    truck_of(30_000, display.shows(0, times=20)).shows(0, times=20)
    truck_of(20_000, display).shows(0, times=20)
    assert [(one.gross_kg, one.quality) for one in display.weighed] == [
        (44_120, ("readings_missing",)),
        (30_000, ("zero_unseen",)),
        (20_000, ()),
    ]


@pytest.mark.parametrize(("silent_ms", "frames"), [(8_000, 0), (0, 20)])
def test_a_zero_that_was_not_seen_after_a_restart_weighs_nobody(silent_ms: int, frames: int) -> None:
    display = Display()
    display.mono_ms += silent_ms
    display.shows(None, stable=None, times=frames, words=("not_zeroed",)).shows(0, stable=False, times=2)
    truck_of(32_000, display).shows(0, times=20)
    truck_of(30_000, display).shows(0, times=20)
    assert [(one.gross_kg, set(one.quality)) for one in display.weighed] == [
        (None, {"zero_unseen", "restarted"}),
        (30_000, set()),
    ]


def test_a_departure_and_a_zero_after_it_end_the_doubt() -> None:
    display = Display(at_rest=30).rolls(8_000)
    display.mono_ms += 8_000
    said = [display.shows(0, times=20).machine.says]
    said += [truck_of(kg, display).shows(0, times=20).machine.says for kg in (30_000, 20_000)]
    assert said == [("restarted",), (), ()]
    assert [one.gross_kg for one in display.weighed] == [None, 20_000]
