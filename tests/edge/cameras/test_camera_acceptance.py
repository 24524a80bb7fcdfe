"""What a stream is like is measured from its packets and held against what evidence needs."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from edge.cameras.acceptance import StreamFacts, StreamWatch, complaints, listed
from edge.cameras.settings import CameraSettings
from edge.cameras.sources import SameHead
from edge.cameras.stream import STILLS, Coded, Session
from kernel.errors import LinkError

TRUE = 1_790_000_000_000
SETTINGS = CameraSettings(name="front", url="rtsp://x", role="front")
GOOD = StreamFacts(
    codec="h264", width=1920, height=1080, fps_milli=25_000, gop_ms=1_000, clock="rtcp", ahead_ms=80
)


def session(codec: str = "h264") -> Session:
    return Session(name="s", codec=codec, head=b"", width=1920, height=1080, time_base=Fraction(1, 1000))


def watched(
    seconds: int, *, gop_ms: int, codec: str = "h264", ahead_ms: int | None = None, late_ms: int = 0
) -> StreamFacts:
    """25 frames a second; from the tenth on everything comes later."""
    watch, one = StreamWatch(), session(codec)
    watch.begin(one)
    for at in range(0, seconds * 1000, 40):
        packet = Coded(
            data=bytes(20_000),
            pts=at,
            dts=at,
            key=at % gop_ms == 0,
            arrived_ms=TRUE + at + (late_ms if at >= 10_000 else 0),
            own_ms=None if ahead_ms is None else TRUE + at + ahead_ms,
        )
        one.seen(packet)
        watch.packet(one, packet)
    facts = watch.facts()
    assert facts is not None
    return facts


def test_a_stream_is_measured_by_its_own_stamps() -> None:
    assert watched(5, gop_ms=1_000, ahead_ms=-120) == StreamFacts(
        codec="h264",
        width=1920,
        height=1080,
        fps_milli=25_000,
        gop_ms=1_000,
        gop_open_ms=960,
        kbit_s=4_000,
        clock="rtcp",
        ahead_ms=-120,
    )


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (watched(5, gop_ms=2_000), ()),
        (watched(9, gop_ms=4_000), ("gop_long",)),
        (watched(9, gop_ms=60_000), ("gop_long",)),  # one key frame, and none since
        (watched(5, gop_ms=1_000, ahead_ms=400), ()),
        (watched(5, gop_ms=1_000, ahead_ms=-3_600_000), ("clock_off",)),
        (watched(70, gop_ms=1_000, late_ms=900), ("stream_behind",)),
        (watched(5, gop_ms=1_000, codec=STILLS), ()),
    ],
)
def test_what_is_wrong_with_it_has_its_word(facts: StreamFacts, words: tuple[str, ...]) -> None:
    assert complaints(facts, SETTINGS) == words


def test_a_good_camera_passes_every_line() -> None:
    assert [item.good for item in listed(GOOD, SETTINGS)] == [True] * 6


def test_what_could_not_be_seen_is_neither_good_nor_bad() -> None:
    unseen = replace(GOOD, fps_milli=None, gop_ms=None, ahead_ms=None, clock="arrival")
    assert {item.word for item in listed(unseen, SETTINGS) if item.good is None} == {
        "frames_a_second",
        "gop",
        "clock",
    }


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"codec": "hevc"}, "codec"),
        ({"width": 704, "height": 576}, "size"),
        ({"fps_milli": 5_000}, "frames_a_second"),
        ({"gop_ms": 10_000}, "gop"),
        ({"gop_ms": None, "gop_open_ms": 9_000}, "gop"),
        ({"ahead_ms": 501}, "clock"),
        ({"behind_ms": 501}, "lag"),
    ],
)
def test_each_line_of_the_list_can_fail(change: dict[str, int], word: str) -> None:
    assert [item.word for item in listed(replace(GOOD, **change), SETTINGS) if item.good is False] == [word]  # type: ignore[arg-type]


def test_its_pictures_are_dated_before_they_came_by_the_known_lag() -> None:
    late = replace(session(), lag_ms=180)
    packet = Coded(data=b"", pts=0, dts=0, key=True, arrived_ms=TRUE)
    late.seen(packet)
    assert late.at_ms(packet) == TRUE - 180


def test_a_camera_that_changes_its_picture_begins_a_new_session() -> None:
    def packet(size: bytes, *, key: bool = True) -> Coded:
        return Coded(data=b"\0\0\0\1\x67" + size + b"\0\0\0\1\x65i", pts=0, dts=0, key=key, arrived_ms=0)

    same = SameHead(session())
    for _ in range(3):
        same.check(packet(b"1080"))
    same.check(packet(b"720", key=False))
    same.check(Coded(data=b"\0\0\0\1\x65i", pts=0, dts=0, key=True, arrived_ms=0))
    with pytest.raises(LinkError, match="changed its picture"):
        same.check(packet(b"720"))
