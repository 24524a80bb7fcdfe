"""A level without a motion flag is what the display showed most, not what it showed when the vehicle began to move."""

from __future__ import annotations

from edge.weighing.levels import Held, Level, Stillness
from edge.weighing.values import WeightReading

DERIVED = Stillness(stable="auto", readings=8, band_kg=40, for_ms=800, max_kg=100_000)


def held(values: list[int], *, stable: bool | None = None) -> Held | None:
    level, last = Level(DERIVED), None
    for n, kg in enumerate(values):
        found = level.feed(
            WeightReading(kg=kg, stable=stable, at_ms=100 * n, mono_ms=100 * n, raw=f"={kg}".encode())
        )
        last = found or last
    return last


def test_the_first_pull_of_a_vehicle_that_leaves_is_not_its_weight() -> None:
    found = held([14_500] * 20 + [14_520, 14_540])
    assert found is not None
    assert found.kg == 14_500
    assert set(found.frames) == {b"=14500".hex()}


def test_of_two_that_are_shown_as_often_the_lighter_counts() -> None:
    found = held([14_520, 14_500] * 10)
    assert found is not None
    assert found.kg == 14_500


def test_with_a_flag_of_its_own_the_display_has_the_last_word() -> None:
    found = held([14_500] * 20 + [14_520], stable=True)
    assert found is not None
    assert found.kg == 14_520


def test_a_level_that_has_moved_is_the_new_one() -> None:
    found = held([14_500] * 20 + [14_700] * 20)
    assert found is not None
    assert found.kg == 14_700
