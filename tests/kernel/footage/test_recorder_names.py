"""Names are read by the profile of their model, and what they do not say is not made up."""

from __future__ import annotations

import pytest

from kernel.errors import ConfigError
from kernel.footage.names import NameSays, Piece, Profile, fitting, goes_on, read_name

AT = 1_780_279_200_000  # 2026-06-01 10:00:00 in China
LONG = Profile(
    model="long",
    name_zh="甲",
    names=(
        r"(?P<device>\w{7})_(?P<officer>\w{6})_(?P<start>\d{14})_(?P<sequence>\d{4})(?P<mark>_IMP)?\.mp4",
    ),
)
SHORT = Profile(
    model="short", name_zh="乙", names=(r"(?P<start>\d{8}[-_]\d{6}(-\d{3})?)\.(mp4|avi)",), zone_min=0
)


def test_every_group_of_a_name_is_read() -> None:
    assert read_name("3700123_100001_20260601100000_0007_IMP.MP4", LONG) == NameSays(
        own_start_ms=AT, step_ms=1_000, device="3700123", officer="100001", sequence=7, important=True
    )


def test_milliseconds_and_another_zone() -> None:
    assert read_name("20260601_020000-250.avi", SHORT) == NameSays(own_start_ms=AT + 250, step_ms=1)


@pytest.mark.parametrize(
    "name",
    [
        "20261301_000000.mp4",  # no such month
        "00010101_000000.mp4",  # a year of no recorder
        "99991231_235959.mp4",
        "20260601_020000.mp4\n",
        "VID 001.mp4",
        "２０２６0601_020000.mp4",  # digits, but not those of a clock
        "9" * 300 + ".mp4",
        "",
    ],
)
def test_a_name_that_is_no_moment_says_nothing(name: str) -> None:
    assert read_name(name, SHORT) is None


def test_the_profile_that_reads_most_names_fits() -> None:
    names = ["20260601_020000.mp4", "20260601_030000.mp4", "3700123_100001_20260601100000_0007.mp4", "x"]
    assert fitting(names, (LONG, SHORT)) is SHORT
    assert fitting(["x"], (LONG, SHORT)) is None


@pytest.mark.parametrize(
    ("start_ms", "sequence", "together"),
    [(60_000, 2, True), (62_000, 2, True), (64_000, 2, False), (60_000, 3, False), (60_000, None, True)],
)
def test_a_file_goes_on_where_the_one_before_ends(
    start_ms: int, sequence: int | None, *, together: bool
) -> None:
    first = Piece(own_start_ms=0, duration_ms=60_000, sequence=1)
    assert goes_on(first, Piece(own_start_ms=start_ms, duration_ms=None, sequence=sequence)) is together
    assert not goes_on(Piece(own_start_ms=0, duration_ms=None, sequence=1), first)


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        ("(?P<start>", "no regular expression"),
        (r"(?P<device>\d+)\.mp4", "needs start"),
        (r"(?P<start>\d{14})(?P<colour>x)", "needs start"),
    ],
)
def test_an_expression_that_cannot_be_used_is_named(names: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=rf"names\[0\]: .*{problem}"):
        Profile(model="bad", name_zh="坏", names=(names,))
