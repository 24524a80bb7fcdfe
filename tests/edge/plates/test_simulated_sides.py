"""Rendered sides read as the lane reads them: what is legible is read, and what is not there is never made up."""

from __future__ import annotations

import time

import pytest

from tests.support.plate_traffic import Lane, Tally, sides

pytestmark = [pytest.mark.broad, pytest.mark.timeout(120)]
SEED = 77


@pytest.fixture(scope="module")
def lane() -> Lane:
    return Lane()


def tally_of(lane: Lane, condition: str, count: int) -> Tally:
    tally = Tally()
    for shown in sides(condition, count, seed=SEED):
        tally.add(shown, lane.read(shown, clock_ms=lambda: time.process_time_ns() / 1e6, tally=tally))
    return tally


@pytest.mark.parametrize(
    ("condition", "least"),
    [
        ("day", 4),
        ("night", 4),
        ("headlights", 3),
        ("wet road", 3),
        ("low sun", 3),
        ("bent", 3),
        ("two rows", 3),
        ("another colour", 3),
        ("billboards", 3),
    ],
)
def test_in_every_light_plates_are_read_and_none_is_read_wrong(
    lane: Lane, condition: str, least: int
) -> None:
    tally = tally_of(lane, condition, 4)
    assert tally.wrong is None
    assert tally.right >= least


@pytest.mark.parametrize(("condition", "least"), [("rain", 3), ("snow", 1), ("mud over characters", 1)])
def test_where_strokes_are_covered_at_most_one_in_four_is_read_as_another_plate(
    lane: Lane, condition: str, least: int
) -> None:
    """A clod may turn an F into an E for good and all: no vote over the frames of one passing can see that."""
    tally = tally_of(lane, condition, 4)
    assert len(tally.wrong or ()) <= 1
    assert tally.right >= least


@pytest.mark.parametrize("condition", ["foreign", "no plate"])
def test_where_there_is_no_chinese_plate_none_is_read(lane: Lane, condition: str) -> None:
    tally = tally_of(lane, condition, 4)
    assert (tally.right, tally.wrong) == (4, None)
