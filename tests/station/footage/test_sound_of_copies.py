"""What was said is heard in the copy, at the picture it was said at; a sound that is broken costs no picture."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from station.footage.copying import copy, cut
from station.footage.orders import Box, Redaction
from station.footage.redaction import redact
from tests.station.footage.claps import Audio, Video, apart_ms, changing, clap_film, sounds_in, torn
from tests.station.footage.movies import frames, movie

pytestmark = pytest.mark.broad

TOGETHER_MS = 40
WHOLE = (0.0, 60.0)


def silent(_permille: int) -> None:
    """Nobody listens."""


@pytest.mark.parametrize(
    ("suffix", "audio", "rate", "way"),
    [
        ("mp4", "aac", 44_100, "taken_over"),
        ("ts", "aac", 48_000, "taken_over"),
        ("ts", "mp2", 48_000, "encoded"),
        ("avi", "pcm_mulaw", 8_000, "encoded"),
        ("avi", "adpcm_ima_wav", 8_000, "encoded"),
        ("mov", "pcm_s16le", 11_025, "encoded"),
        ("mov", "libopencore_amrnb", 8_000, "encoded"),
    ],
)
@pytest.mark.parametrize("video", ["libx264", "mpeg4"])
def test_the_sound_of_a_copy_is_aac_and_stays_with_its_picture(
    tmp_path: Path, suffix: str, audio: Audio, rate: int, way: str, video: Video
) -> None:
    source = clap_film(tmp_path / f"a.{suffix}", audio=audio, rate=rate, video=video)
    made = copy(source, tmp_path / "c.mp4", silent)
    assert dict(made.how)["audio"] == way
    assert sounds_in(tmp_path / "c.mp4") == ["aac"]
    assert abs(apart_ms(tmp_path / "c.mp4") - apart_ms(source)) <= TOGETHER_MS
    assert len(frames(tmp_path / "c.mp4")) == len(frames(source))


@pytest.mark.parametrize("audio", ["aac", "pcm_alaw"])
def test_a_sound_that_begins_later_than_its_picture_still_does(tmp_path: Path, audio: Audio) -> None:
    source = clap_film(tmp_path / "a.mov", audio=audio, sound_from_s=0.6)
    copy(source, tmp_path / "c.mp4", silent)
    assert abs(apart_ms(tmp_path / "c.mp4")) <= TOGETHER_MS


def test_where_sound_is_missing_there_is_silence_and_what_follows_is_in_its_place(tmp_path: Path) -> None:
    source = clap_film(tmp_path / "a.ts", audio="aac", rate=48_000, silent=(0.4, 0.9))
    assert apart_ms(source) < -400  # as a player counts
    made = copy(source, tmp_path / "c.mp4", silent)
    assert dict(made.how)["audio"] == "encoded"
    assert abs(apart_ms(tmp_path / "c.mp4")) <= TOGETHER_MS


@pytest.mark.parametrize(("rate", "layout"), [(16_000, "mono"), (48_000, "stereo")])
def test_a_sound_that_becomes_another_on_the_way_is_heard_to_its_end(
    tmp_path: Path, rate: int, layout: str
) -> None:
    source = changing(tmp_path / "a.ts", ((48_000, "mono"), (rate, layout)))
    made = copy(source, tmp_path / "c.mp4", silent)
    assert dict(made.how)["audio"] == "encoded"
    with av.open(str(tmp_path / "c.mp4")) as file:
        levels = np.concatenate([one.to_ndarray()[0] for one in file.decode(audio=0)])
        assert 3.9 < (levels > 0.05).sum() / file.streams.audio[0].rate < 4.1


@pytest.mark.parametrize("video", ["libx264", "mpeg4"])
def test_a_torn_film_that_states_a_second_is_heard_to_its_end(tmp_path: Path, video: Video) -> None:
    source = clap_film(tmp_path / "a.avi", audio="pcm_mulaw", video=video, seconds=15, clap_s=14.0)
    torn(source, seconds=1)
    made = copy(source, tmp_path / "c.mp4", silent)
    assert dict(made.how)["audio"] == "encoded"
    assert abs(apart_ms(tmp_path / "c.mp4")) <= TOGETHER_MS


def test_a_part_that_cannot_be_decoded_is_silent_and_the_rest_is_heard(tmp_path: Path) -> None:
    source = clap_film(tmp_path / "a.mp4", audio="aac", rate=16_000, spoiled=(0.3, 0.8))
    made = copy(source, tmp_path / "c.mp4", silent)
    assert dict(made.how)["audio"] == "encoded"
    assert abs(apart_ms(tmp_path / "c.mp4")) <= TOGETHER_MS


@pytest.mark.parametrize(("suffix", "video"), [("ts", "libx264"), ("mp4", "libx264"), ("mp4", "libx265")])
def test_a_broken_sound_costs_no_picture_and_the_copy_says_so(
    tmp_path: Path, suffix: str, video: Video
) -> None:
    source = clap_film(tmp_path / f"a.{suffix}", audio="aac", video=video, rate=48_000, spoiled=WHOLE)
    made = copy(source, tmp_path / "c.mp4", silent)
    assert dict(made.how)["audio"] == "broken"
    assert sounds_in(tmp_path / "c.mp4") == []
    assert len(frames(tmp_path / "c.mp4")) == len(frames(source)) == 60


def test_a_sound_that_nobody_knows_is_left_out_and_said(tmp_path: Path) -> None:
    source = clap_film(tmp_path / "a.avi", audio="pcm_mulaw")
    data = source.read_bytes()
    header = data.index(b"strf", data.index(b"auds")) + 8
    source.write_bytes(data[:header] + b"\xfe\x7a" + data[header + 2 :])
    made = copy(source, tmp_path / "c.mp4", silent)
    assert dict(made.how)["audio"] == "broken"
    assert len(frames(tmp_path / "c.mp4")) == 60


def test_a_sound_that_would_fill_the_memory_costs_no_picture(tmp_path: Path) -> None:
    source = clap_film(tmp_path / "a.avi", audio="pcm_mulaw")
    data = source.read_bytes()
    rate = data.index(b"strf", data.index(b"auds")) + 8 + 4
    source.write_bytes(data[:rate] + b"\x01\0\0\0\x01\0\0\0" + data[rate + 8 :])
    made = copy(source, tmp_path / "c.mp4", silent)
    assert dict(made.how)["audio"] == "broken"
    assert len(frames(tmp_path / "c.mp4")) == 60


def test_a_film_without_sound_has_a_copy_without(tmp_path: Path) -> None:
    made = copy(movie(tmp_path / "a.ts", container="mpegts"), tmp_path / "c.mp4", silent)
    assert dict(made.how)["audio"] == "none"


@pytest.mark.parametrize(("audio", "way"), [("aac", "taken_over"), ("pcm_mulaw", "encoded")])
def test_what_was_said_travels_with_its_span(tmp_path: Path, audio: Audio, way: str) -> None:
    source = clap_film(tmp_path / "a.mov", audio=audio, seconds=4, clap_s=2.2)
    made = cut(source, tmp_path / "s.mp4", from_ms=2_000, to_ms=3_000, tags={}, tell=silent)
    assert dict(made.how)["audio"] == way
    assert abs(apart_ms(tmp_path / "s.mp4")) <= TOGETHER_MS


@pytest.mark.parametrize(("audio", "way"), [("aac", "taken_over"), ("mp2", "encoded")])
@pytest.mark.parametrize("encode", [False, True])
def test_a_span_has_its_first_sound_where_it_is_stored_before_its_picture(
    tmp_path: Path, audio: Audio, way: str, encode: bool
) -> None:
    source = clap_film(
        tmp_path / "a.ts", audio=audio, rate=48_000, seconds=6, clap_s=4.1, stored_before_s=0.9, gop=50
    )
    made = cut(source, tmp_path / "s.mp4", from_ms=4_000, to_ms=5_000, tags={}, tell=silent, encode=encode)
    assert (made.from_ms, dict(made.how)["audio"]) == (4_000, way)
    assert abs(apart_ms(tmp_path / "s.mp4")) <= TOGETHER_MS
    with av.open(str(tmp_path / "s.mp4")) as file:
        assert (next(file.decode(audio=0)).time or 0) < 0.1


def test_a_redacted_copy_has_the_sound_only_when_it_was_asked_for(tmp_path: Path) -> None:
    source = clap_film(tmp_path / "a.avi", audio="pcm_mulaw", video="mpeg4")
    box = Box(at_ms=0, left_permille=0, top_permille=0, width_permille=1000, height_permille=1000)
    for wanted, way in ((True, "encoded"), (False, "off")):
        made = redact(source, tmp_path / "r.mp4", Redaction(tracks=((box,),), audio=wanted), silent)
        assert dict(made.how)["audio"] == way
        assert sounds_in(tmp_path / "r.mp4") == ["aac"] * wanted
        if wanted:
            assert abs(apart_ms(tmp_path / "r.mp4")) <= TOGETHER_MS
