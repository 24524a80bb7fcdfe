"""Times in Shanghai and numbers with gaps."""

from __future__ import annotations

import pytest

from web import numbers, times

AT_MS = 1_787_897_787_250  # 2026-08-28T06:16:27.250Z


def test_the_same_moment_in_every_form() -> None:
    assert times.stamp(AT_MS) == "2026-08-28 14:16:27"
    assert times.precise(AT_MS) == "2026-08-28 14:16:27.250"
    assert times.clock(AT_MS) == "14:16:27"
    assert times.machine(AT_MS) == "2026-08-28T06:16:27.250Z"
    assert {times.stamp(None), times.precise(None), times.clock(None)} == {"—"}


def test_a_day_begins_at_midnight_in_shanghai() -> None:
    start_ms = times.day_start_ms(AT_MS)
    assert times.stamp(start_ms) == "2026-08-28 00:00:00"
    assert times.day_start_ms(start_ms) == start_ms
    assert times.day_start_ms(start_ms - 1) == start_ms - times.DAY_MS
    assert times.parse_day("2026-08-28") == start_ms


@pytest.mark.parametrize(
    "text", ["", "2026-13-01", "28.8.2026", "2026-08-28T00:00", "x" * 1000, "２０２６-08-28x"]
)
def test_what_is_no_day_is_none(text: str) -> None:
    assert times.parse_day(text) is None


@pytest.mark.parametrize(
    ("kg", "text"),
    [
        ((), ""),
        ((49_000,), "49 000"),
        ((34_000, 46_000, 49_000), "34 000 / 46 000 / 49 000"),
        ((18_000, 25_000, 27_000, 49_000), "18/25/27/49 t"),
        ((18_000, 25_000, 27_500, 49_000), "18 000 / 25 000 / 27 500 / 49 000"),
    ],
)
def test_no_mass_of_several_is_left_out(kg: tuple[int, ...], text: str) -> None:
    assert numbers.masses(kg).replace(numbers.GAP, " ") == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (999, "999"), (46_000, "46\u00a0000"), (1_234_567, "1\u00a0234\u00a0567"), (None, "—")],
)
def test_thousands_have_a_gap(value: int | None, text: str) -> None:
    assert numbers.grouped(value) == text


@pytest.mark.parametrize(
    ("bytes_", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (148_212, "148.2 kB"),
        (6_120_400, "6.1 MB"),
        (61_440_000_000, "61.4 GB"),
        (86_443_200_000_000, "86.4 TB"),
    ],
)
def test_sizes(bytes_: int, text: str) -> None:
    assert numbers.size(bytes_).replace("\u00a0", " ") == text


def test_a_long_digest_is_shortened_and_a_short_one_is_not() -> None:
    assert numbers.short("a" * 64) == "aaaaaaaaaa…aaaaaa"
    assert numbers.short("abc") == "abc"


@pytest.mark.parametrize("at_ms", [2**53 - 1, -(2**53 - 1), 2**70, -(2**70), 253_402_300_799_999, -1, 0])
def test_a_time_that_no_calendar_has_is_shown_all_the_same(at_ms: int) -> None:
    for shown in (times.stamp, times.precise, times.clock, times.machine):
        assert shown(at_ms)
