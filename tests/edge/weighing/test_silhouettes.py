"""Which kinds of vehicle fit the axles: all that do, and what they leave open stays open."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.weighing.silhouettes import groupings, groups_by_spacing, silhouettes
from kernel.events import Axle, AxleGroup, Silhouette


def groups(*counts: int) -> tuple[AxleGroup, ...]:
    return tuple(AxleGroup(axles=count, group_kg=8_000 * count) for count in counts)


def axles(*spacings: int | None) -> tuple[Axle, ...]:
    return (Axle(axle_kg=7_000), *(Axle(axle_kg=7_000, spacing_mm=spacing) for spacing in spacings))


def kinds(found: tuple[Silhouette, ...]) -> list[tuple[int, ...]]:
    return [one.axles for one in found]


def test_six_axles_in_groups_are_one_kind_with_its_drive_axles_open() -> None:
    assert silhouettes(6, groups(1, 2, 3)) == (
        Silhouette(axles=(1, 2, 3), combination=True, drive_axles=(1, 2)),
    )


def test_a_number_alone_leaves_rigid_and_combination_open() -> None:
    three = silhouettes(3)
    assert kinds(three) == [(1, 2), (2, 1), (1, 1, 1)]
    assert {one.combination for one in three} == {True, False}
    four = silhouettes(4)
    assert {one.combination for one in four} == {True, False}


def test_twin_steering_axles_and_a_tandem_are_a_rigid_truck() -> None:
    [kind] = silhouettes(4, groups(2, 2))
    assert not kind.combination


def test_spacings_stand_in_for_groups() -> None:
    assert kinds(silhouettes(6, (), axles(3_300, 1_350, 6_800, 1_310, 1_310))) == [(1, 2, 3)]


def test_a_spacing_between_together_and_apart_leaves_both() -> None:
    assert kinds(silhouettes(4, (), axles(2_000, 4_500, 1_350))) == [(2, 2), (1, 1, 2)]


def test_a_missing_spacing_leaves_the_number_alone() -> None:
    assert silhouettes(6, (), axles(3_300, None, 6_800, 1_310, 1_310)) == silhouettes(6)


@pytest.mark.parametrize("count", [None, 0, 1, 9])
def test_what_no_kind_has_fits_none(count: int | None) -> None:
    assert silhouettes(count) == ()


def test_groups_that_do_not_add_up_tell_nothing() -> None:
    assert silhouettes(6, groups(1, 2)) == silhouettes(6)


def test_axles_that_stand_as_no_vehicle_does_fit_none() -> None:
    assert silhouettes(6, groups(3, 3)) == ()


def test_groups_are_made_of_spacings_only_when_they_say_one_thing() -> None:
    assert [group.axles for group in groups_by_spacing(axles(3_300, 1_350, 6_800))] == [1, 2, 1]
    assert groups_by_spacing(axles(3_300, 2_000)) == ()
    assert groups_by_spacing(axles(3_300, None)) == ()


@given(st.lists(st.integers(500, 9_000), max_size=8))
def test_every_way_to_stand_has_all_axles(spacings: list[int]) -> None:
    found = groupings(spacings)
    assert found
    assert all(sum(stand) == len(spacings) + 1 for stand in found)
    doubtful = sum(1_800 <= spacing < 2_500 for spacing in spacings)
    assert len(found) == 2**doubtful
