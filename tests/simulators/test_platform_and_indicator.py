"""What a simulated platform shows of what lies on it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from edge.drivers.readings import Display
from kernel.errors import ConfigError
from simulators.driving import Drive, Stop, Vehicle
from simulators.platform import Scale, ScaleSettings, in_kg, shown_as

QUIET = ScaleSettings(noise_kg=0, creep_ppm=0)
TRUCK = Vehicle(
    at_ms=1_000,
    axle_kg=(6_000, 10_000, 9_000),
    spacing_mm=(4_000, 1_300),
    speed_dkmh=120,
    stop=(Stop(front_mm=12_000, stands_ms=5_000),),
)


def watched(
    scale: Scale, load: Callable[[int], float], *, from_ms: int = 0, to_ms: int
) -> list[Display | None]:
    return [scale.shows(at, load(at)) for at in range(from_ms, to_ms, scale.settings.period_ms)]


def masses(shown: list[Display | None]) -> list[int]:
    return [in_kg(each) for each in shown if each is not None]


def test_a_truck_comes_on_axle_by_axle_stands_and_leaves() -> None:
    drive = Drive(TRUCK, platform_mm=18_000)
    loads = [round(drive.on_kg(at)) for at in range(0, 30_000, 100)]
    levels = list(dict.fromkeys(loads))
    assert [level for level in levels if level in (0, 6_000, 16_000, 25_000, 19_000, 9_000)] == [
        0, 6_000, 16_000, 25_000, 19_000, 9_000
    ]  # fmt: skip
    assert TRUCK.groups == (1, 2)
    [(on, off)] = drive.whole_ms
    assert off - on == 5_000
    assert drive.left_ms is not None
    assert drive.on_kg(drive.left_ms) == 0 < drive.on_kg(drive.left_ms - 50)


def test_the_display_settles_on_the_mass_and_says_motion_until_then() -> None:
    drive, scale = Drive(TRUCK, platform_mm=18_000), Scale(QUIET)
    shown = watched(scale, drive.load_kg, to_ms=drive.whole_ms[0][1])
    assert masses(shown)[-20:] == [25_000] * 20
    assert all(each and each.stable for each in shown[-15:])
    moving = [each for each in shown if each and 5_000 < each.mantissa < 24_000]
    assert moving
    assert not any(each.stable for each in moving[3:-1])


def test_a_load_that_falls_on_at_once_rings_and_comes_to_rest() -> None:
    scale = Scale(ScaleSettings(noise_kg=0, creep_ppm=0, period_ms=20, division_kg=1))
    shown = masses(watched(scale, lambda at: 20_000.0 if at >= 100 else 0.0, to_ms=4_000))
    assert max(shown) > 20_100
    assert shown[-1] == 20_000
    off = [max(abs(kg - 20_000) for kg in shown[at : at + 25]) for at in range(5, 130, 25)]
    assert all(2 * later < earlier for earlier, later in pairwise(off))


def test_a_load_that_lies_there_creeps_upwards() -> None:
    scale = Scale(ScaleSettings(noise_kg=0, division_kg=1, creep_ppm=1_000))
    shown = masses(watched(scale, lambda _at: 50_000.0, to_ms=400_000))
    assert shown[0] == 50_000
    assert 50_045 <= shown[-1] <= 50_050


def test_slow_dirt_becomes_the_zero_and_a_slab_does_not() -> None:
    slow, slab = Scale(QUIET), Scale(QUIET)
    assert set(masses(watched(slow, lambda at: at / 1_000, to_ms=200_000))) <= {0, 20}
    assert masses(watched(slab, lambda at: 160.0 if at > 500 else 0.0, to_ms=60_000))[-1] == 160


def test_the_zero_follows_no_further_than_its_range() -> None:
    shown = masses(watched(Scale(QUIET), lambda at: at / 100, to_ms=260_000))
    assert shown[-1] > 0
    assert all(kg <= 20 for kg in shown[:1_900])


@pytest.mark.parametrize(
    ("load", "over", "under"),
    [(100_180, False, False), (100_200, True, False), (-400, False, False), (-420, False, True)],
)
def test_beyond_its_range_it_says_so(load: int, over: bool, under: bool) -> None:
    shown = Scale(QUIET).shows(0, load)
    assert shown is not None
    assert (shown.over_range, shown.under_range) == (over, under)


def test_switched_on_again_it_is_dark_and_takes_a_light_load_for_nothing() -> None:
    scale = Scale(QUIET)
    watched(scale, lambda _at: 5_200.0, to_ms=1_000)
    scale.reboot()
    shown = watched(scale, lambda _at: 5_200.0, from_ms=1_000, to_ms=5_000)
    assert shown[:15] == [None] * 15
    assert masses(shown)[-1] == 0
    assert shown[-1] is not None
    assert not shown[-1].power_up


def test_switched_on_again_under_a_truck_it_says_so_until_the_truck_is_gone() -> None:
    scale = Scale(QUIET)
    watched(scale, lambda _at: 40_000.0, to_ms=1_000)
    scale.reboot()
    under = watched(scale, lambda _at: 40_000.0, from_ms=1_000, to_ms=6_000)[-1]
    gone = watched(scale, lambda _at: 0.0, from_ms=6_000, to_ms=9_000)[-1]
    assert under is not None
    assert gone is not None
    assert (under.power_up, gone.power_up) == (True, False)


def test_its_keys_do_what_they_may() -> None:
    scale = Scale(QUIET)
    watched(scale, lambda _at: 160.0, to_ms=1_000)
    assert scale.zero()
    assert masses(watched(scale, lambda _at: 160.0, from_ms=1_000, to_ms=1_500))[-1] == 0
    watched(scale, lambda _at: 9_160.0, from_ms=1_500, to_ms=6_000)
    assert not scale.zero()
    assert scale.obey("tare")
    shown = watched(scale, lambda _at: 30_160.0, from_ms=6_000, to_ms=12_000)[-1]
    assert shown is not None
    assert (shown.net, shown.mantissa, shown.tare) == (True, 21_000, 9_000)
    assert scale.obey("tare-off")
    shown = scale.shows(12_000, 30_160.0)
    assert shown is not None
    assert (shown.net, shown.mantissa) == (False, 30_000)


def test_frozen_it_repeats_itself() -> None:
    scale = Scale(QUIET)
    before = watched(scale, lambda _at: 30_000.0, to_ms=1_000)[-1]
    scale.frozen = True
    assert set(watched(scale, lambda _at: 0.0, from_ms=1_000, to_ms=9_000)) == {before}


@pytest.mark.parametrize(
    ("unit", "mantissa", "exponent"), [("kg", 25_000, 0), ("t", 2_500, -2), ("g", 25_000_000, 0)]
)
def test_it_shows_the_unit_it_is_set_to(unit: str, mantissa: int, exponent: int) -> None:
    shows, decimals = shown_as(unit, division_kg=20)
    shown = Scale(ScaleSettings(noise_kg=0, unit=shows, decimals=decimals)).shows(0, 25_004.0)
    assert shown is not None
    assert (shown.mantissa, shown.exponent, shown.unit, in_kg(shown)) == (mantissa, exponent, unit, 25_000)


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"division_kg": 30}, "division_kg"),
        ({"unit": "t", "decimals": 1}, "decimals"),
        ({"capacity_kg": 0}, "capacity_kg"),
        ({"noise_kg": -1}, "noise_kg"),
        ({"motion_displays": 0}, "motion_displays"),
    ],
)
def test_a_scale_that_cannot_be_built_is_refused(wrong: dict[str, object], path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ScaleSettings(**wrong)  # type: ignore[arg-type]
    assert [at for at, _ in caught.value.faults] == [path]


def test_pounds_are_no_metric_mass() -> None:
    with pytest.raises(ConfigError, match=r"options\.unit: .*lb"):
        shown_as("lb", division_kg=20, path="options.unit")
