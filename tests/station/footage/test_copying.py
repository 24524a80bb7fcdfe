"""A working copy plays where its original does not, keeps its times, and is never made of what cannot be read."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from kernel.errors import ProtocolError
from station.footage.copying import copy, cut, fitting
from tests.station.footage.claps import apart_ms, clap_film
from tests.station.footage.movies import Codec, frames, movie, packets

pytestmark = pytest.mark.broad


def silent(_permille: int) -> None:
    """Nobody listens."""


def test_h264_in_ts_and_avi_is_taken_over_packet_by_packet(tmp_path: Path) -> None:
    for container in ("mpegts", "avi"):
        source = movie(tmp_path / f"a.{container}", container=container)
        made = copy(source, tmp_path / f"{container}.mp4", silent)
        assert dict(made.how)["way"] == "remux"
        copied = frames(tmp_path / f"{container}.mp4")
        assert len(copied) == 20
        assert copied[0][0] == 0
        assert (copied[3][1] == frames(source)[3][1]).all()


def test_what_browsers_do_not_play_is_encoded_anew_with_its_own_times(tmp_path: Path) -> None:
    wanted: tuple[tuple[Codec, str], ...] = (("mpeg4", "avi"), ("libx265", "mp4"))
    for codec, container in wanted:
        source = movie(tmp_path / f"{codec}.{container}", codec=codec, container=container, seconds=1)
        told: list[int] = []
        to = tmp_path / f"{codec}-copy.mp4"
        made = copy(source, to, told.append)
        assert dict(made.how)["video"] == "h264"
        assert [at for at, _ in frames(to)] == list(range(0, 1000, 100))
        with av.open(str(to)) as file:
            assert file.streams.video[0].codec_context.name == "h264"
        assert told == sorted(told)
        assert told[-1] >= 800


def test_a_span_begins_at_the_key_frame_before_and_changes_no_packet(tmp_path: Path) -> None:
    source = movie(tmp_path / "a.mp4", seconds=5, sound=True)
    made = cut(source, tmp_path / "s.mp4", from_ms=2_450, to_ms=3_500, tags={"passage": "p-1"}, tell=silent)
    assert (made.from_ms, made.to_ms) == (2_000, 3_500)
    span, whole = packets(tmp_path / "s.mp4"), packets(source)
    assert [data for _, data in span] == [data for at, data in whole if 2_000 <= at < 3_500]
    assert span[0][0] == 0
    with av.open(str(tmp_path / "s.mp4")) as file:
        assert file.metadata["passage"] == "p-1"
        assert file.metadata["actual_start_ms"] == "2000"
        assert len(file.streams.audio) == 1


def test_a_span_that_browsers_do_not_play_is_made_for_them_too_of_the_same_part(tmp_path: Path) -> None:
    source = clap_film(tmp_path / "a.mp4", audio="aac", video="libx265", seconds=4, clap_s=2.2)
    spans = []
    for encode in (False, True):
        to = tmp_path / f"{encode}.mp4"
        made = cut(source, to, from_ms=2_300, to_ms=3_300, tags={}, tell=silent, encode=encode)
        assert abs(apart_ms(to)) <= 40
        spans.append((made.from_ms, made.to_ms, dict(made.how)["video"], [at for at, _ in frames(to)]))
    own, encoded = spans
    assert own[::2] == (2_000, "hevc")
    assert encoded[:3] == (2_000, 3_320, "h264")
    assert encoded[3] == own[3][: len(encoded[3])]
    assert len(encoded[3]) == 33


@pytest.mark.parametrize("to_ms", [3_000, 3_100, 3_200, 3_300])
def test_the_last_pictures_of_a_span_are_whole_where_they_are_made_of_later_ones(
    tmp_path: Path, to_ms: int
) -> None:
    source = movie(tmp_path / "a.mp4", codec="libx264-b", seconds=5)
    whole = dict(frames(source))
    cut(source, tmp_path / "s.mp4", from_ms=2_000, to_ms=to_ms, tags={}, tell=silent)
    span = {at + 2_000: picture for at, picture in frames(tmp_path / "s.mp4")}
    assert set(range(2_000, to_ms, 100)) <= set(span)
    assert all((picture == whole[at]).all() for at, picture in span.items())


def test_a_span_reaches_no_further_than_its_source(tmp_path: Path) -> None:
    source = movie(tmp_path / "a.ts", container="mpegts")
    made = cut(source, tmp_path / "s.mp4", from_ms=1_500, to_ms=99_000, tags={}, tell=silent)
    assert (made.from_ms, made.to_ms) == (1_000, 2_000)


@pytest.mark.parametrize("content", [b"", b"\x00" * 5_000, b"<html>not a video</html>" * 50])
def test_what_is_no_recording_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(ProtocolError, match="cannot be read"):
        copy(tmp_path / "a.mp4", tmp_path / "to.mp4", silent)


def test_a_torn_file_gives_what_is_left_of_it(tmp_path: Path) -> None:
    whole = movie(tmp_path / "a.ts", container="mpegts", seconds=4)
    torn = tmp_path / "torn.ts"
    torn.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    copy(torn, tmp_path / "to.mp4", silent)
    assert 10 < len(packets(tmp_path / "to.mp4")) < 40


def test_pictures_are_made_to_fit_and_stay_even() -> None:
    assert fitting(1920, 1080, tallest=720) == (1280, 720)
    assert fitting(853, 481, tallest=720) == (852, 480)
    assert fitting(1, 1, tallest=720) == (2, 2)
