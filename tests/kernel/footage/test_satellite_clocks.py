"""What sentences in a film say of its recorder's clock, and what they do not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kernel.footage.nmea import Rmc
from kernel.footage.satellites import Stamp, along, receptions

TRUE = 1_795_406_400_300  # of the first frame
NOW = TRUE + 86_400_000


def received(seconds: int, *, late_ms: int = 200, from_s: int = 0, step_ms: int = 10) -> list[Stamp]:
    """A sentence a second, each in the file so long after its second."""
    first = -(-TRUE // 1000) * 1000
    return [
        Stamp(in_file_ms=first + n * 1000 + late_ms - TRUE, rmc=Rmc(utc_ms=first + n * 1000, step_ms=step_ms))
        for n in range(from_s, from_s + seconds)
    ]


@pytest.mark.parametrize("late_ms", [0, 200, 990])
@pytest.mark.parametrize(("step_ms", "most_ms"), [(10, 510), (1_000, 1_000)])
def test_true_time_is_within_the_error_however_late_the_recorder_writes(
    late_ms: int, step_ms: int, most_ms: int
) -> None:
    [found] = receptions(received(60, late_ms=late_ms, step_ms=step_ms), before_ms=NOW)
    assert found.ignored is None
    assert abs(found.true_ms - found.in_file_ms - TRUE) <= found.err_ms <= most_ms


def test_both_ends_of_a_film_are_an_anchor_each() -> None:
    stamps = received(60) + received(60, from_s=3_540)
    assert [round(one.in_file_ms / 60_000) for one in receptions(stamps, before_ms=NOW)] == [1, 60]


def test_writing_a_seconds_worth_at_once_makes_the_error_larger() -> None:
    stamps = received(60)
    hasty = [replace(one, in_file_ms=one.in_file_ms + 900 * (n % 2)) for n, one in enumerate(stamps)]
    [found] = receptions(hasty, before_ms=NOW)
    assert abs(found.true_ms - found.in_file_ms - TRUE) <= found.err_ms
    assert 1_000 < found.err_ms < 1_500


@pytest.mark.parametrize(
    ("stamps", "why"),
    [
        (received(4), "too_few"),
        ([replace(one, rmc=Rmc(utc_ms=None)) for one in received(60)], "no_fix"),
        ([replace(one, in_file_ms=0) for one in received(60)], "contradicting"),
        (
            [
                *received(30),
                *(replace(s, rmc=Rmc(utc_ms=(s.rmc.utc_ms or 0) + 7_000)) for s in received(30, from_s=30)),
            ],
            "contradicting",
        ),
        # The receiver has lost count of its weeks: 1024 of them.
        (
            [replace(s, rmc=Rmc(utc_ms=(s.rmc.utc_ms or 0) - 1024 * 7 * 86_400_000)) for s in received(60)],
            "time_impossible",
        ),
        (
            [replace(s, rmc=Rmc(utc_ms=(s.rmc.utc_ms or 0) + 2 * 86_400_000)) for s in received(60)],
            "time_impossible",
        ),
    ],
)
def test_what_says_nothing_of_the_clock_is_ignored_and_says_why(stamps: list[Stamp], why: str) -> None:
    assert [one.ignored for one in receptions(stamps, before_ms=NOW)] == [why]


def test_one_wrong_sentence_does_not_spoil_the_others() -> None:
    stamps = received(60)
    stamps[20] = replace(stamps[20], rmc=Rmc(utc_ms=TRUE + 999_000))
    [found] = receptions(stamps, before_ms=NOW)
    assert (found.ignored, found.sentences) == (None, 59)


def test_a_file_beside_the_film_counts_only_if_it_is_as_long() -> None:
    lines = [Rmc(utc_ms=None)] * 8 + [one.rmc for one in received(52, from_s=8)]
    found = along(lines, duration_ms=61_000, before_ms=NOW)
    assert found.ignored is None
    assert abs(found.true_ms - found.in_file_ms - TRUE) <= found.err_ms <= 3_600
    assert along(lines, duration_ms=70_000, before_ms=NOW).ignored == "not_of_this_length"
    assert along(lines[:8], duration_ms=8_000, before_ms=NOW).ignored == "no_fix"
    assert along(lines[:10], duration_ms=10_000, before_ms=NOW).ignored == "too_few"
    beside_each_other = [replace(one, talker=system) for one in lines for system in ("GP", "BD")]
    assert along(beside_each_other, duration_ms=61_000, before_ms=NOW) == found
    assert along([], duration_ms=10_000, before_ms=NOW).ignored == "no_fix"
    still = [Rmc(utc_ms=TRUE)] * 60
    assert along(still, duration_ms=60_000, before_ms=NOW).ignored == "too_few"
