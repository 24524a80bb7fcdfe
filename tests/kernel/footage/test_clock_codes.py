"""What filming the tablet's clock says, and what a code that is not ours, stands still or contradicts itself says not."""

from __future__ import annotations

import pytest

from kernel.footage.clockcode import (
    APART_MS,
    OLDEST_MS,
    REDRAWN_MS,
    Code,
    Filming,
    Hit,
    clock_text,
    filmings,
    parse,
)

TRUE = 1_795_406_400_000  # of the first frame
LATER = TRUE + 86_400_000


def filmed(*, station: str = "yiyuan/s01", start: int = TRUE, at: int = 2_000, frames: int = 75) -> list[Hit]:
    """Three seconds of 25 frames, of a code that is drawn at every full 200 ms."""
    found = []
    for number in range(frames):
        in_file = at + number * 40
        drawn = (start + in_file - 30) // REDRAWN_MS * REDRAWN_MS
        found.append(Hit(in_file_ms=in_file, text=clock_text(station, drawn, 5)))
    return found


def one(hits: list[Hit], before_ms: int = LATER) -> Filming:
    [found] = filmings(hits, station="yiyuan/s01", before_ms=before_ms)
    return found


def test_a_code_says_what_was_written_and_nothing_else_is_one() -> None:
    text = clock_text("yiyuan/s01", TRUE, 12)
    assert parse(text) == Code(station="YIYUAN/S01", at_ms=TRUE, err_ms=12)
    for other in (
        "",
        "https://example.org",
        text + " ",
        text.lower(),
        "WP1:YIYUAN/S01:-1:5",
        "WP1::1795406400000:5",
    ):
        assert parse(other) is None


def test_three_seconds_of_filming_give_true_time_within_a_tenth() -> None:
    found = one(filmed())
    assert found.ignored is None
    assert abs(found.true_ms - (TRUE + found.in_file_ms)) <= found.err_ms <= 100


def test_two_filmings_are_two_anchors() -> None:
    later = filmed(at=2_000 + 75 * 40 + APART_MS + 1_000)
    assert [one.ignored for one in filmings(filmed() + later, station="yiyuan/s01", before_ms=LATER)] == [
        None,
        None,
    ]


def test_one_frame_that_was_read_wrongly_does_not_spoil_the_others() -> None:
    hits = filmed()
    wrong = Hit(in_file_ms=hits[5].in_file_ms, text=clock_text("yiyuan/s01", TRUE + 40_000_000, 5))
    found = one([*hits[:5], wrong, *hits[6:]])
    assert abs(found.true_ms - (TRUE + found.in_file_ms)) <= found.err_ms <= 100


@pytest.mark.parametrize(
    ("hits", "why"),
    [
        ([Hit(in_file_ms=0, text="https://example.org/?id=5")] * 9, "other_text"),
        (filmed(station="yiyuan/s02"), "other_station"),
        ([Hit(in_file_ms=n * 40, text=clock_text("yiyuan/s01", TRUE, 5)) for n in range(75)], "too_few"),
        (filmed()[:6], "too_few"),
        (filmed(start=LATER + 3_600_000), "time_impossible"),
        (filmed(start=LATER - OLDEST_MS - 60_000), "time_impossible"),
        (filmed()[::2] + filmed(start=TRUE + 50_000_000)[1::2], "contradicting"),
    ],
)
def test_a_hostile_or_useless_code_is_ignored_with_a_reason(hits: list[Hit], why: str) -> None:
    assert one(hits).ignored == why


def test_no_codes_are_no_filming() -> None:
    assert filmings([], station="yiyuan/s01", before_ms=LATER) == []
