"""Axle by axle at walking pace: plateaus become axles, and what was not one vehicle rolling evenly has no weight."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.weighing.axlewise import CONTACT_MM, AxlewiseSettings, AxlewiseWeighing
from edge.weighing.values import Arrived, Weighed, WeighingEvent, WeightReading
from kernel.errors import ConfigError
from kernel.law.limits import facts_from_wire

PLATFORM_MM = 800
SETTINGS = AxlewiseSettings(platform_mm=PLATFORM_MM)
START_MS = 1_790_000_000_000
SIX = (6_540, 9_980, 9_840, 8_020, 8_100, 7_980)
SIX_MM = (3_300, 1_350, 6_800, 1_310, 1_310)


class Strip:
    """A short platform, twenty displays a second, and what drives over it."""

    def __init__(
        self, settings: AxlewiseSettings = SETTINGS, *, seed: int = 1, quiet_ms: int = 9_000
    ) -> None:
        self.machine = AxlewiseWeighing(settings)
        self.mono_ms = 0
        self.events: list[WeighingEvent] = []
        self._dice = random.Random(seed)
        self.waits(quiet_ms)

    def shows(self, kg: int | None, *, times: int = 1, **more: object) -> Strip:
        for _ in range(times):
            self.mono_ms += 50
            said = WeightReading(kg=kg, stable=None, at_ms=START_MS + self.mono_ms, mono_ms=self.mono_ms)
            said = replace(said, raw=b"%06d" % abs(kg or 0))
            self.events += self.machine.feed(replace(said, **more))  # type: ignore[arg-type]
        return self

    def waits(self, ms: int, kg: int = 0) -> Strip:
        return self.shows(kg, times=ms // 50)

    def drives(
        self, axles_kg: Sequence[int], spacings_mm: Sequence[int], *, mm_s: int = 1_100, zero_kg: int = 0
    ) -> Strip:
        """A truck at an even pace: each wheel comes on and off over its contact."""
        offsets = list(accumulate(spacings_mm, initial=0))
        for ms in range(0, (offsets[-1] + PLATFORM_MM + 2 * CONTACT_MM) * 1_000 // mm_s + 200, 50):
            front = ms * mm_s // 1_000
            load = sum(
                kg * _on_permille(front - offset) // 1_000
                for kg, offset in zip(axles_kg, offsets, strict=True)
            )
            noise = self._dice.randint(-15, 15) if load else 0
            self.shows(round((load + noise + zero_kg) / 20) * 20)
        return self

    @property
    def weighed(self) -> list[Weighed]:
        return [event for event in self.events if isinstance(event, Weighed)]

    @property
    def only(self) -> Weighed:
        [weighed] = self.weighed
        return weighed


def _on_permille(mm: int) -> int:
    """How much of an axle is on, whose contact's front edge is so far past the edge of the platform."""
    on = min(mm, CONTACT_MM, PLATFORM_MM + CONTACT_MM - mm)
    return max(0, on) * 1_000 // CONTACT_MM


def test_six_axles_at_walking_pace_are_six_axles_and_their_sum() -> None:
    weighed = Strip().drives(SIX, SIX_MM).waits(61_000).only
    assert weighed.quality == ()
    assert [axle.axle_kg for axle in weighed.axles] == pytest.approx(SIX, abs=20)
    assert weighed.gross_kg == sum(axle.axle_kg for axle in weighed.axles)
    assert weighed.facts.axle_count == 6
    assert len(weighed.frames) == 6
    assert [int(bytes.fromhex(frame)) for frame in weighed.frames] == [a.axle_kg for a in weighed.axles]


def test_speed_spacings_and_groups_come_from_the_length_of_the_platform() -> None:
    weighed = Strip().drives(SIX, SIX_MM).waits(61_000).only
    assert weighed.speed_dkmh == pytest.approx(40, abs=4)
    spacings = [axle.spacing_mm for axle in weighed.axles]
    assert spacings[0] is None
    for found, real in zip(spacings[1:], SIX_MM, strict=True):
        assert found == pytest.approx(real, rel=0.12)
    assert [group.axles for group in weighed.groups] == [1, 2, 3]
    assert sum(group.group_kg for group in weighed.groups) == weighed.gross_kg
    assert facts_from_wire(weighed.facts.axle_count, weighed.groups).axle_count == 6


def test_without_the_length_there_are_axles_and_nothing_else() -> None:
    weighed = Strip(AxlewiseSettings()).drives(SIX, SIX_MM).waits(61_000).only
    assert len(weighed.axles) == 6
    assert (
        {axle.speed_dkmh for axle in weighed.axles} == {axle.spacing_mm for axle in weighed.axles} == {None}
    )
    assert (weighed.groups, weighed.speed_dkmh) == ((), None)


@pytest.mark.parametrize("mm_s", [400, 700, 1_400])
def test_the_pace_does_not_change_the_mass_and_never_makes_two_of_one_vehicle(mm_s: int) -> None:
    weighed = Strip().drives(SIX, SIX_MM, mm_s=mm_s).waits(61_000).only
    assert weighed.gross_kg == pytest.approx(sum(SIX), abs=120)
    assert weighed.quality == ()


def test_arrival_and_departure_are_those_of_the_first_and_last_axle() -> None:
    strip = Strip().drives((5_000, 10_500), (3_900,)).waits(61_000)
    [arrived] = [event for event in strip.events if isinstance(event, Arrived)]
    assert strip.only.arrived_ms == arrived.at_ms
    assert arrived.mono_ms < strip.only.mono_ms < strip.mono_ms - 60_000
    assert strip.only.left_ms - strip.only.mono_ms == START_MS
    assert strip.machine.phase == "empty"


def test_two_vehicles_with_a_gap_are_two() -> None:
    strip = Strip().drives((5_000, 10_500), (3_900,)).waits(61_000).drives(SIX, SIX_MM).waits(61_000)
    assert [len(weighed.axles) for weighed in strip.weighed] == [2, 6]
    assert all(weighed.gross_kg for weighed in strip.weighed)


def test_the_loop_tells_two_vehicles_apart_that_follow_each_other() -> None:
    strip = Strip(AxlewiseSettings(platform_mm=PLATFORM_MM, loop="entry"))
    for axles, spacings in (((5_000, 10_500), (3_900,)), (SIX, SIX_MM)):
        strip.machine.loop(occupied=True, mono_ms=strip.mono_ms)
        strip.drives(axles, spacings)
        strip.machine.loop(occupied=False, mono_ms=strip.mono_ms)
        strip.waits(2_000)
    assert [len(weighed.axles) for weighed in strip.weighed] == [2, 6]


def test_a_long_wheelbase_under_the_loop_is_one_vehicle_however_slow() -> None:
    strip = Strip(AxlewiseSettings(platform_mm=PLATFORM_MM, loop="entry"))
    strip.machine.loop(occupied=True, mono_ms=strip.mono_ms)
    strip.drives((5_000, 10_500), (9_000,), mm_s=600)
    strip.machine.loop(occupied=False, mono_ms=strip.mono_ms)
    assert len(strip.waits(2_000).only.axles) == 2


# --- what speaks against it ------------------------------------------------------------------------------------


def stops_on_its_second_axle(strip: Strip) -> Strip:
    strip.drives((5_000,), ()).waits(2_500).shows(6_000).shows(10_500, times=200).shows(3_000)
    return strip.waits(61_000)


def test_a_vehicle_that_stopped_on_the_platform_has_no_weight() -> None:
    weighed = stops_on_its_second_axle(Strip()).only
    assert (weighed.gross_kg, weighed.quality) == (None, ("stop_and_go",))
    assert [axle.axle_kg for axle in weighed.axles] == [5_000, 10_500]
    assert weighed.axles[1].spacing_mm is None


def test_a_setting_takes_the_weight_and_says_so() -> None:
    weighed = stops_on_its_second_axle(Strip(AxlewiseSettings(refuse=()))).only
    assert (weighed.gross_kg, weighed.quality) == (15_500, ("stop_and_go",))


def test_an_axle_that_rolled_back_and_came_again_is_not_two_axles_of_a_heavier_truck() -> None:
    strip = Strip().drives((5_000,), ()).waits(2_500).shows(6_000).shows(10_500, times=60).shows(6_000)
    strip.waits(4_000).drives((10_500,), ()).waits(61_000)
    assert strip.only.gross_kg is None
    assert {"stop_and_go", "rolled_back"} <= set(strip.only.quality)


@pytest.mark.parametrize("axles_kg", [(7_000, 8_000, 8_000, 7_000), (6_500, 9_000, 8_500, 8_560, 9_020)])
def test_axles_that_come_once_more_in_the_other_order_rolled_off_backwards(axles_kg: tuple[int, ...]) -> None:
    weighed = Strip().drives(axles_kg, [3_000] * (len(axles_kg) - 1)).waits(61_000).only
    assert (weighed.gross_kg, weighed.quality) == (None, ("rolled_back",))


def test_axles_that_are_all_alike_are_a_long_vehicle() -> None:
    axles_kg = (6_500, 8_500, 8_500, 8_540, 8_500)
    weighed = Strip().drives(axles_kg, (3_300, 1_350, 6_800, 1_310)).waits(61_000).only
    assert weighed.quality == ()


def fast(plateaus: Sequence[tuple[int, int]]) -> Weighed:
    """A hundred displays a second of an axle that shows so much for so many milliseconds, then of the next."""
    strip = Strip()
    for kg, ms in plateaus:
        for _ in range(ms // 10):
            strip.mono_ms -= 40
            strip.shows(kg)
    return strip.waits(61_000).only


def test_a_second_axle_that_comes_on_late_is_seen_on_a_fast_line_as_well() -> None:
    assert "axles_overlap" in fast([(7_000, 7_000), (16_000, 3_000), (0, 2_000)] * 3).quality


@pytest.mark.broad
def test_an_axle_that_stands_for_longer_than_is_looked_at_has_no_weight() -> None:
    weighed = fast([(7_000, 59_000), (0, 2_000), (9_000, 61_000), (0, 2_000)])
    assert weighed.gross_kg is None
    assert "axle_not_settled" in weighed.quality
    assert "axle_not_settled" not in fast([(7_000, 59_000), (0, 2_000), (9_000, 59_000), (0, 2_000)]).quality


def test_two_equal_axles_far_apart_are_two_axles() -> None:
    weighed = Strip().drives((6_000, 9_000, 9_000), (3_300, 6_900)).waits(61_000).only
    assert weighed.quality == ()
    assert [axle.axle_kg for axle in weighed.axles] == pytest.approx([6_000, 9_000, 9_000], abs=20)


def test_two_axles_on_at_once_are_not_taken_for_one() -> None:
    strip = Strip().drives((5_000,), ()).waits(2_500)
    strip.shows(8_000, times=6).shows(16_000, times=6).shows(8_000, times=6).waits(61_000)
    assert strip.only.gross_kg is None
    assert {"axles_overlap"} <= set(strip.only.quality)
    assert strip.only.axles == ()


def test_an_axle_too_fast_for_a_plateau_has_no_weight() -> None:
    strip = Strip().drives((5_000,), ()).waits(2_500).shows(4_000).shows(9_000).shows(3_000).waits(61_000)
    assert strip.only.gross_kg is None
    assert "axle_not_settled" in strip.only.quality


def test_one_axle_is_no_vehicle_that_could_be_judged() -> None:
    weighed = Strip().drives((5_000,), ()).waits(61_000).only
    assert (weighed.gross_kg, weighed.quality) == (None, ("one_axle",))


def test_more_axles_than_a_vehicle_has_are_more_than_one_vehicle() -> None:
    weighed = Strip().drives((7_000,) * 40, (2_600,) * 39).waits(61_000).only
    assert weighed.gross_kg is None
    assert "too_many_axles" in weighed.quality
    assert (len(weighed.axles), len(weighed.frames)) == (16, 16)
    assert len(weighed.trace) <= 400


def test_too_fast_for_the_scale_is_said() -> None:
    weighed = Strip(AxlewiseSettings(platform_mm=PLATFORM_MM, speed_max_dkmh=30)).drives(SIX, SIX_MM)
    assert (weighed.waits(61_000).only.quality, weighed.only.gross_kg is None) == (
        ("speed_out_of_range",),
        False,
    )


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ({"net": True}, "net_displayed"),
        ({"words": ("gross_or_net_unknown",)}, "gross_or_net_unknown"),
        ({"kg": None, "over_range": True}, "over_range"),
        ({"kg": None, "words": ("not_zeroed",)}, "not_zeroed"),
    ],
)
def test_what_one_display_says_against_a_weight_speaks_against_the_sum(
    said: dict[str, object], word: str
) -> None:
    strip = Strip().drives((5_000,), ()).waits(1_000)
    strip.shows(**({"kg": 0} | said)).waits(1_000).drives((9_000,), ())  # type: ignore[arg-type]
    assert strip.waits(61_000).only.gross_kg is None
    assert word in strip.only.quality


def test_one_damaged_display_that_nothing_vouches_for_speaks_against_nobody() -> None:
    strip = Strip().drives((5_000,), ()).waits(1_000).shows(0, net=True, confirmed=False).waits(1_000)
    assert strip.drives((9_000,), ()).waits(61_000).only.quality == ()


@pytest.mark.parametrize("quiet_ms", [0, 5_000])
def test_a_vehicle_that_may_have_been_half_over_it_at_the_start_has_no_weight(quiet_ms: int) -> None:
    weighed = Strip(quiet_ms=quiet_ms).drives((8_000, 8_000, 8_000), (1_310, 1_310)).waits(61_000).only
    assert (weighed.gross_kg, weighed.arrived_ms) == (None, None)
    assert "present_at_start" in weighed.quality


def test_so_has_one_that_is_there_when_a_lost_scale_comes_back() -> None:
    strip = Strip()
    strip.mono_ms += 30_000
    weighed = strip.drives((8_000, 8_000), (1_310,)).waits(61_000).only
    assert (weighed.gross_kg, "present_at_start" in weighed.quality) == (None, True)


def test_a_gap_may_have_hidden_an_axle() -> None:
    strip = Strip().drives((5_000,), ())
    strip.mono_ms += 3_000
    weighed = strip.drives((9_000,), ()).waits(61_000).only
    assert (weighed.gross_kg, "readings_missing" in weighed.quality) == (None, True)


def test_an_axle_heavier_than_an_axle_is_none() -> None:
    weighed = Strip().drives((5_000, 41_000), (4_000,)).waits(61_000).only
    assert (weighed.gross_kg, weighed.quality) == (None, ("axle_out_of_range",))


def test_snow_on_the_platform_is_no_axle_and_refuses_the_sum() -> None:
    strip = Strip()
    for kg in range(0, 420, 20):
        strip.waits(1_500, kg)
    assert strip.events == []
    strip.drives((5_000, 10_500), (3_900,), zero_kg=400).waits(61_000, 400)
    assert (strip.only.gross_kg, strip.only.quality, strip.only.zero_kg) == (None, ("zero_off",), 400)


def test_somebody_who_stands_on_the_platform_is_not_weighed_with_every_axle() -> None:
    strip = Strip().drives((5_000,), ()).waits(2_000, 80).drives((10_500,), (), zero_kg=80).waits(61_000)
    assert (strip.only.gross_kg, strip.only.quality) == (None, ("person_on_scale",))


def test_a_display_that_lags_between_the_axles_of_a_tandem_is_nobody() -> None:
    strip = Strip().drives((5_000,), ()).waits(2_000).drives((9_000,), ()).shows(140, times=4)
    weighed = strip.drives((9_000,), ()).waits(61_000).only
    assert weighed.quality == ()
    assert weighed.gross_kg == pytest.approx(23_000, abs=60)


def test_one_unconfirmed_display_is_neither_an_axle_nor_the_end_of_one() -> None:
    strip = Strip().shows(30_000, confirmed=False).waits(1_000)
    assert strip.events == []
    strip.drives((5_000,), ()).waits(1_500).shows(6_000).shows(9_000, times=5).shows(0, confirmed=False)
    strip.shows(9_000, times=5).shows(3_000).waits(61_000)
    assert [axle.axle_kg for axle in strip.only.axles] == [5_000, 9_000]


def test_a_display_that_hangs_is_frozen() -> None:
    strip = Strip().waits(12_000)
    for _ in range(2):
        strip.machine.loop(occupied=False, mono_ms=strip.mono_ms)
    strip.waits(100)
    assert strip.machine.frozen
    assert strip.machine.zero_kg == 0


@pytest.mark.broad
@pytest.mark.timeout(60)
@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.integers(-500, 60_000), st.sampled_from([0, 8_000])), st.integers(1, 12)
        ),
        max_size=30,
    )
)
def test_any_display_gives_whole_vehicles(shown: list[tuple[int | None, int]]) -> None:
    strip = Strip()
    for kg, times in shown:
        strip.shows(kg, times=times, over_range=kg is None)
    strip.shows(0)
    strip.mono_ms += 60_000
    strip.shows(0, times=2)
    arrivals = [event for event in strip.events if isinstance(event, Arrived)]
    assert len(arrivals) == len(strip.weighed)
    for weighed in strip.weighed:
        assert weighed.gross_kg is None or weighed.gross_kg == sum(axle.axle_kg for axle in weighed.axles)
        assert weighed.gross_kg is not None or weighed.quality


def test_settings_that_cannot_be_are_named() -> None:
    with pytest.raises(ConfigError) as caught:
        AxlewiseSettings(gap_ms=0, platform_mm=0, axles_max=17)
    assert [path for path, _ in caught.value.faults] == ["gap_ms", "platform_mm", "axles_max"]
