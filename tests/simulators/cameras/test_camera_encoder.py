from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import pairwise

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.cameras.encoder import TICKS_A_FRAME, Encoder, Piece, frames_of
from simulators.scene.sheet import Image

pytestmark = pytest.mark.broad


def picture(place: int) -> Image:
    made = np.full((720, 1280, 4), 90, np.uint8)
    cv2.rectangle(made, (place, 300), (place + 200, 500), (30, 160, 220, 0), -1)
    return made


def moving(frames: range) -> Iterator[Image]:
    return (picture(100 + 9 * frame) for frame in frames)


def decoded(pieces: list[Piece]) -> list[av.VideoFrame]:
    with av.open(io.BytesIO(b"".join(piece.data for piece in pieces)), "r", format="mpegts") as stream:
        return list(stream.decode(video=0))


@given(second=st.integers(0, 100_000))
def test_a_second_holds_the_frames_that_begin_in_it(second: int) -> None:
    frames = frames_of(second)
    assert len(frames) in (12, 13)
    assert (frames[0] - 1) * 80 < second * 1000 <= frames[0] * 80
    assert frames_of(second + 1)[0] == frames[-1] + 1


def test_still_and_moving_seconds_join_without_a_fault() -> None:
    encoder = Encoder()
    pieces: list[Piece] = []
    for second in range(5):
        frames = frames_of(second)
        pieces += (
            encoder.moving(frames, moving(frames))
            if second in (1, 2, 4)
            else encoder.still(frames, picture(7))
        )
    encoder.close()
    frames_seen = decoded(pieces)
    assert len(frames_seen) == len(pieces) == frames_of(4)[-1] + 1
    assert not any(frame.is_corrupt for frame in frames_seen)
    times = [frame.pts for frame in frames_seen if frame.pts is not None]
    assert {late - early for early, late in pairwise(times)} == {TICKS_A_FRAME}


def test_in_a_still_second_the_picture_stays_what_it_is() -> None:
    encoder = Encoder()
    pieces = encoder.moving(frames_of(0), moving(frames_of(0))) + encoder.still(frames_of(1), picture(640))
    encoder.close()
    still = [frame.to_ndarray(format="gray").astype(int) for frame in decoded(pieces)[13:]]
    assert all(np.array_equal(still[0], other) for other in still[1:])
    wanted = cv2.cvtColor(picture(640), cv2.COLOR_BGRA2GRAY).astype(int)
    assert abs(still[0] - still[0].min() - (wanted - wanted.min())).mean() < 25


def test_a_viewer_may_join_at_any_second() -> None:
    encoder = Encoder()
    for second in (0, 1):
        encoder.moving(frames_of(second), moving(frames_of(second)))
    late = encoder.still(frames_of(2), picture(50)) + encoder.moving(frames_of(3), moving(frames_of(3)))
    encoder.close()
    frames_seen = decoded(late)
    assert len(frames_seen) == 25
    assert frames_seen[0].key_frame


def test_a_still_second_is_little_more_than_one_picture() -> None:
    encoder = Encoder()
    pieces = encoder.still(frames_of(0), picture(300))
    encoder.close()
    assert sum(len(piece.data) for piece in pieces[1:]) < 12 * 400
