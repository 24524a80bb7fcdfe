"""The drift watch: zero, its trend, noise and known masses, each told once when it begins and once when it is over."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.weighing.drift import Drift, DriftSettings, DriftWatch
from kernel.errors import ConfigError

D = 20
RATE_MS = 100


@dataclass
class Platform:
    """An empty platform that is read ten times a second."""

    watch: DriftWatch = field(default_factory=lambda: DriftWatch(DriftSettings()))
    mono_ms: int = 1_000_000
    told: list[Drift] = field(default_factory=list)

    def shows(self, *kg: int, seconds: int = 10) -> list[tuple[str, bool]]:
        """What is told while the display goes through these values again and again."""
        told: list[Drift] = []
        for number in range(seconds * 1_000 // RATE_MS):
            self.mono_ms += RATE_MS
            told += self.watch.empty(kg[number % len(kg)], mono_ms=self.mono_ms, division_kg=D)
        self.told += told
        return [(drift.kind, drift.begun) for drift in told]

    def vehicle(self) -> None:
        self.watch.occupied()
        self.mono_ms += 30_000


def test_more_than_two_divisions_of_zero_demand_a_rezero_until_it_is_done() -> None:
    platform = Platform()
    assert platform.shows(0) == platform.shows(20) == platform.shows(40) == []
    assert platform.shows(60) == [("zero", True)]
    assert (platform.told[0].measured_kg, platform.told[0].limit_kg) == (60, 40)
    assert platform.watch.rezero_needed
    platform.vehicle()
    assert platform.shows(60) == platform.shows(40) == platform.shows(20) == [], "better is not done"
    assert platform.watch.rezero_needed
    assert platform.shows(0) == [("zero", False)]
    assert not platform.watch.rezero_needed


@pytest.mark.parametrize("rate", [1, 10, 160, 333, 1_280])
@pytest.mark.parametrize("window_ms", [100, 3_000])
def test_a_line_of_any_speed_fills_a_window(rate: int, window_ms: int) -> None:
    watch = DriftWatch(DriftSettings(window_ms=max(window_ms, 2_000 // rate)))
    told: list[Drift] = []
    for number in range(10 * rate):
        told += watch.empty(60, mono_ms=number * 1_000 // rate, division_kg=D)
    assert [(drift.kind, drift.begun) for drift in told] == [("zero", True)]


def test_what_a_vehicle_leaves_behind_is_seen_after_it() -> None:
    platform = Platform()
    platform.shows(0)
    platform.vehicle()
    assert platform.shows(80) == [("zero", True)], "mud"


def test_drift_counts_from_the_level_after_the_last_vehicle_too() -> None:
    platform = Platform()
    platform.vehicle()
    platform.shows(-40)
    platform.shows(-20)
    assert platform.shows(20) == [("zero", True)]
    assert platform.told[0].measured_kg == 60


def test_below_zero_counts_like_above() -> None:
    platform = Platform()
    platform.shows(0)
    assert platform.shows(-60) == [("zero", True)]


def test_one_wrong_digit_and_a_gust_are_no_drift() -> None:
    platform = Platform()
    assert platform.shows(*([0] * 20 + [5_000]), seconds=60) == []
    assert platform.shows(0, 20, -20, 40, -20, seconds=30) == []


def test_somebody_who_walks_across_is_none() -> None:
    platform = Platform()
    platform.shows(0)
    assert platform.shows(80, seconds=3) == []
    assert platform.shows(0) == []


def test_a_line_that_was_silent_does_not_join_what_was_before_and_after() -> None:
    platform = Platform()
    platform.shows(100, seconds=2)
    platform.mono_ms += 60_000
    platform.shows(0, seconds=4)
    assert platform.watch.zero_kg == 0


def test_a_zero_that_wanders_on_is_told_although_it_is_put_back_again_and_again() -> None:
    platform = Platform()
    told = []
    for _ in range(6):
        for level in (0, 20, 40):
            told += platform.shows(level, seconds=60)
        platform.mono_ms += 600_000
    assert told == [("zero_trend", True)]
    assert platform.told[0].limit_kg == 200


def test_rain_that_dries_again_is_no_trend() -> None:
    platform = Platform()
    for level in (0, 20, 40, 60, 80, 60, 40, 20, 0) * 4:
        platform.shows(level)
    assert {drift.kind for drift in platform.told} == {"zero"}
    assert not platform.watch.since


def test_a_trend_of_yesterday_is_over() -> None:
    platform = Platform()
    for _ in range(6):
        for level in (0, 20, 40):
            platform.shows(level)
    platform.shows(0)
    assert set(platform.watch.since) == {"zero_trend"}
    platform.mono_ms += 25 * 3_600_000
    assert platform.shows(0) == [("zero_trend", False)]


def test_noise_that_lasts_is_told_and_its_end() -> None:
    platform = Platform()
    assert platform.shows(0, 20, -20, seconds=120) == []
    assert platform.shows(-60, 0, 40, 20, seconds=120) == [("noise", True)]
    assert platform.shows(0, seconds=120) == [("noise", False)]


def test_known_masses_alarm_at_a_part_of_what_the_class_allows() -> None:
    watch = DriftWatch(DriftSettings())
    assert watch.known(400, error_kg=60) == [], "one pass may be a wheel beside the platform"
    assert watch.known(0, error_kg=60) == []
    assert watch.known(-20, error_kg=60) == []
    assert watch.known(-40, error_kg=60) == []
    [drift] = watch.known(-40, error_kg=60)
    assert (drift.kind, drift.begun, drift.measured_kg, drift.limit_kg) == ("known_vehicle", True, 40, 30)
    assert watch.known(0, error_kg=60) == []
    assert [each.begun for each in watch.known(0, error_kg=60)] == [False]


def test_what_was_said_before_a_restart_is_not_said_again() -> None:
    platform = Platform()
    platform.watch.begun(Drift(kind="zero", begun=True, measured_kg=60, limit_kg=40))
    assert platform.shows(60) == []
    assert platform.shows(0) == [("zero", False)]


def test_a_trend_is_not_over_because_the_program_started_anew() -> None:
    platform = Platform()
    platform.watch.begun(Drift(kind="zero_trend", begun=True, measured_kg=220, limit_kg=200))
    assert platform.shows(0, seconds=60) == []
    platform.mono_ms += 25 * 3_600_000
    assert platform.shows(0) == [("zero_trend", False)]


@given(st.lists(st.tuples(st.integers(-300, 300), st.booleans()), max_size=60))
def test_beginning_and_end_take_turns(levels: list[tuple[int, bool]]) -> None:
    platform = Platform()
    for level, vehicle in levels:
        if vehicle:
            platform.vehicle()
        for _ in range(8):
            platform.mono_ms += 1_000
            platform.told += platform.watch.empty(level, mono_ms=platform.mono_ms, division_kg=D)
    state: dict[str, bool] = {}
    for drift in platform.told:
        assert drift.begun != state.get(drift.kind, False)
        assert (drift.measured_kg > drift.limit_kg) == drift.begun
        state[drift.kind] = drift.begun
    assert {kind for kind, begun in state.items() if begun} == set(platform.watch.since)


def test_settings_that_mean_nothing_are_named() -> None:
    with pytest.raises(ConfigError) as refused:
        DriftSettings(division_kg=0, window_ms=0, passes=-1)
    assert {path for path, _ in refused.value.faults} == {"division_kg", "window_ms", "passes"}
