"""What was redacted is gone: one colour a block outside of the box, no sound, no metadata, and the original untouched."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from station.footage.copying import copy
from station.footage.orders import Box, Redaction, faults_of
from station.footage.redaction import BLOCK_PX, at, block_px, follow, hidden, pixelated, redact
from tests.station.footage.movies import drawn, frames, movie, turn

SIZE = (192, 96)


def box(at_ms: int = 0, left: int = 250, top: int = 250, width: int = 250, height: int = 500) -> Box:
    return Box(
        at_ms=at_ms, left_permille=left, top_permille=top, width_permille=width, height_permille=height
    )


def spread(picture: np.ndarray) -> float:
    """How much the pixels of one block differ, in the block where they differ most."""
    height, width = picture.shape[:2]
    blocks = [
        picture[y : y + BLOCK_PX, x : x + BLOCK_PX].astype(float)
        for y in range(0, height, BLOCK_PX)
        for x in range(0, width, BLOCK_PX)
    ]
    return max(float((block.max(axis=(0, 1)) - block.min(axis=(0, 1))).max()) for block in blocks)


def test_pixelating_leaves_one_colour_a_block() -> None:
    picture = drawn(1, SIZE)
    assert spread(picture) > 200
    blurred = pixelated(picture)
    assert blurred.shape == picture.shape
    assert spread(blurred) == 0
    assert spread(pixelated(drawn(2, (100, 50)))) == 0
    assert [block_px(height) for height in (360, 1080, 2160)] == [24, 24, 48]


def test_only_the_box_is_kept_or_only_the_box_is_hidden() -> None:
    picture = drawn(1, SIZE)
    kept = hidden(picture, Redaction(tracks=((box(),),)), 0)
    assert (kept[24:72, 48:96] == picture[24:72, 48:96]).all()
    outside = kept.copy()
    outside[24:72, 48:96] = pixelated(picture)[24:72, 48:96]
    assert spread(outside) == 0
    masked = hidden(picture, Redaction(tracks=((box(),),), keep=False), 0)
    assert spread(masked[24:72, 48:96]) == 0
    assert (masked[:, 100:] == picture[:, 100:]).all()


def test_a_box_moves_on_a_straight_line_and_nothing_is_shown_where_nobody_has_looked() -> None:
    track = (box(1_000, left=0), box(3_000, left=500, width=350))
    middle = at(track, 2_000, held=False)
    assert middle is not None
    assert (middle.left_permille, middle.width_permille) == (250, 300)
    assert at(track, 999, held=False) is None
    assert at(track, 3_001, held=False) is None
    assert at(track, 9_999, held=True) == track[1]
    assert at(track[:1], 9_999, held=False) == track[0]


@pytest.mark.parametrize(
    ("redaction", "why"),
    [
        (Redaction(tracks=()), "no_box"),
        (Redaction(tracks=((),)), "no_box"),
        (Redaction(tracks=((box(left=900, width=200),),)), "box_outside"),
        (Redaction(tracks=((box(width=0),),)), "box_outside"),
        (Redaction(tracks=((box(2_000), box(1_000)),)), "boxes_out_of_order"),
        (Redaction(tracks=(tuple(box(n) for n in range(401)),)), "too_many_boxes"),
        (Redaction(tracks=((box(), box(5)),)), ""),
    ],
)
def test_boxes_that_make_no_sense_are_named(redaction: Redaction, why: str) -> None:
    assert faults_of(redaction) == why


@pytest.mark.broad
def test_the_redacted_file_holds_nothing_outside_of_the_box(tmp_path: Path) -> None:
    source = movie(tmp_path / "a.mp4", sound=True, tags={"title": "鲁C12345 王"})
    before = hashlib.sha256(source.read_bytes()).hexdigest()
    made = redact(source, tmp_path / "r.mp4", Redaction(tracks=((box(),),)), lambda _permille: None)
    pictures = frames(tmp_path / "r.mp4")
    assert [at_ms for at_ms, _ in pictures] == [at_ms for at_ms, _ in frames(source)]
    for _, picture in pictures:
        assert spread(picture[:, 120:]) < 40  # what an encoder adds; it was noise of 255 before
    assert pictures[0][1][24:72, 48:96].std() > 20
    with av.open(str(tmp_path / "r.mp4")) as file:
        assert not file.streams.audio
        assert "title" not in file.metadata
    assert "鲁C12345".encode() not in (tmp_path / "r.mp4").read_bytes()
    assert hashlib.sha256(source.read_bytes()).hexdigest() == before
    assert dict(made.how)["audio"] == "off"
    assert '"left_permille":250' in dict(made.how)["boxes"]


@pytest.mark.broad
def test_sound_stays_only_when_it_was_asked_for(tmp_path: Path) -> None:
    source = movie(tmp_path / "a.mp4", sound=True)
    wanted = Redaction(tracks=((box(),),), audio=True)
    made = redact(source, tmp_path / "r.mp4", wanted, lambda _permille: None)
    with av.open(str(tmp_path / "r.mp4")) as file:
        assert len(file.streams.audio) == 1
    assert dict(made.how)["audio"] == "taken_over"


# The white square is at the left of the middle; where players show it once they have turned the picture.
@pytest.mark.broad
@pytest.mark.parametrize(
    ("matrix", "size", "shown"),
    [
        ((-1, 0, 0, -1), (192, 96), (750, 250, 250, 500)),
        ((0, 1, -1, 0), (96, 192), (250, 0, 500, 250)),
        ((0, -1, 1, 0), (96, 192), (250, 750, 500, 250)),
        ((-1, 0, 0, 1), (192, 96), (750, 250, 250, 500)),
    ],
)
def test_what_is_hidden_is_where_players_show_it_in_a_film_that_is_turned(
    tmp_path: Path,
    matrix: tuple[int, int, int, int],
    size: tuple[int, int],
    shown: tuple[int, int, int, int],
) -> None:
    source = turn(movie(tmp_path / "a.mp4", seconds=1, still=True), *matrix)
    kept = box(0, *shown)
    redact(source, tmp_path / "r.mp4", Redaction(tracks=((kept,),)), lambda _permille: None)
    with av.open(str(tmp_path / "r.mp4")) as file:
        picture = next(file.decode(video=0))
        assert (picture.width, picture.height, picture.rotation) == (*size, 0)
        pixels = np.asarray(picture.to_ndarray(format="gray"))
    left, top, width, height = (part * size[n % 2] // 1000 for n, part in enumerate(shown))
    assert pixels[top + 4 : top + height - 4, left + 4 : left + width - 4].min() > 230
    with av.open(str(source)) as before:
        copy(source, tmp_path / "c.mp4", lambda _permille: None)
        with av.open(str(tmp_path / "c.mp4")) as after:
            assert next(after.decode(video=0)).rotation == next(before.decode(video=0)).rotation


@pytest.mark.broad
def test_the_sound_that_fits_is_kept_where_another_comes_before_it(tmp_path: Path) -> None:
    source = tmp_path / "a.mov"
    with av.open(str(source), "w") as file:
        video = file.add_stream("libx264", rate=10)
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        raw, fits = (file.add_stream(codec, rate=8_000, layout="mono") for codec in ("pcm_s16le", "aac"))
        for number in range(10):
            frame = VideoFrame.from_ndarray(drawn(number, SIZE), format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            file.mux(video.encode(frame))
        file.mux(video.encode(None))
        for sound, form, kind in ((raw, "s16", np.int16), (fits, "fltp", np.float32)):
            tone = AudioFrame.from_ndarray(np.zeros((1, 8_000), kind), format=form, layout="mono")
            tone.sample_rate, tone.pts, tone.time_base = 8_000, 0, Fraction(1, 8_000)
            file.mux(sound.encode(tone))
            file.mux(sound.encode(None))
    wanted = Redaction(tracks=((box(),),), audio=True)
    redact(source, tmp_path / "r.mp4", wanted, lambda _permille: None)
    with av.open(str(tmp_path / "r.mp4")) as file:
        assert sum(1 for _ in file.decode(audio=0)) > 5


@pytest.mark.broad
def test_the_follower_goes_where_the_thing_goes(tmp_path: Path) -> None:
    source = movie(tmp_path / "a.mp4", seconds=2, size=(320, 160))
    start = box(0, left=0, top=150, width=150, height=300)
    found = follow(source, start, until_ms=2_000)
    assert found[0] == start
    assert len(found) >= 3
    assert found[-1].at_ms > 1_000
    # The square has moved 4 of 320 pixels a frame of 100 ms.
    assert abs(found[-1].left_permille - found[-1].at_ms * 4 * 1000 // 320 // 100) < 60
    assert all(one.sound for one in found)
