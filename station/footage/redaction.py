"""Redaction 脱敏: a new file in which only what an operator chose can be seen, pixelated so that nothing comes back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import msgspec
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from kernel.errors import ProtocolError
from station.footage.copying import Made, Progress, Tell, encoder, fitting, pictures, show
from station.footage.media import first_of, open_media, video_of
from station.footage.orders import Box, Redaction
from station.footage.sound import Hearing, Plan, with_sound

BLOCK_PX = 24  # of a picture 1080 lines high; more where there are more
# No metadata of the source is taken over.
OUTPUT = {"movflags": "faststart", "fflags": "+bitexact"}
ENCODER = {"preset": "veryfast", "crf": "23", "threads": "1"}
TALLEST = 4320
TRACK_WIDTH = 640
TRACK_STEP_MS = 100
TRACK_KEY_MS = 500
TRACK_MOST_MS = 20_000

Picture = NDArray[np.uint8]


def redact(source: Path, to: Path, redaction: Redaction, tell: Tell) -> Made:
    """Blocking.  ProtocolError: the source cannot be read."""

    def make(plan: Plan) -> Made:
        return _redacted(source, to, redaction, plan, tell)

    return with_sound(source, make) if redaction.audio else make(Plan(way="off"))


def _redacted(source: Path, to: Path, redaction: Redaction, plan: Plan, tell: Tell) -> Made:
    with open_media(source) as file, av.open(str(to), "w", format="mp4", options=OUTPUT) as out:
        video, zero, progress = video_of(file), first_of(source), Progress(file, tell)
        stream, hearing, height = None, Hearing(file, out, plan, zero=zero), 0
        for frame in pictures(file, hearing):
            if stream is None:
                width, height = fitting(frame.width, frame.height, tallest=TALLEST)
                stream = encoder(out, video, width, height, ENCODER)
                hearing.begin()
            seconds = (frame.pts or 0) * (frame.time_base or Fraction(1))
            progress.at(seconds)
            at_ms = round((seconds - zero) * 1000)
            shown = hidden(_pixels(frame.reformat(width, height)), redaction, at_ms)
            picture = VideoFrame.from_ndarray(shown, format="bgr24").reformat(format="yuv420p")
            show(stream, out, picture, frame, zero)
        if stream is None:
            raise ProtocolError("nothing in it can be decoded")
        out.mux(stream.encode(None))
        hearing.end()
    return Made(how=_how(redaction, plan, height=height))


def hidden(picture: Picture, redaction: Redaction, at_ms: int) -> Picture:
    """One picture with everything pixelated that must not be seen."""
    blurred = pixelated(picture)
    seen = blurred if redaction.keep else picture.copy()
    inside = picture if redaction.keep else blurred
    for track in redaction.tracks:
        box = at(track, at_ms, held=not redaction.keep)
        if box is not None:
            rows, columns = _area(box, picture.shape[0], picture.shape[1])
            seen[rows, columns] = inside[rows, columns]
    return seen


def pixelated(picture: Picture) -> Picture:
    """One colour a block, its mean: what was in it cannot be computed from it."""
    height, width = picture.shape[:2]
    block = block_px(height)
    down, right = -height % block, -width % block
    whole = np.pad(picture, ((0, down), (0, right), (0, 0)), mode="edge")
    rows, columns = whole.shape[0] // block, whole.shape[1] // block
    small = cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA)
    blocks = np.repeat(np.repeat(small, block, axis=0), block, axis=1)
    return np.ascontiguousarray(blocks[:height, :width], dtype=np.uint8)


def block_px(height: int) -> int:
    """So large that no plate can be read, whatever the camera resolves."""
    return max(BLOCK_PX, BLOCK_PX * height // 1080)


def at(track: Sequence[Box], at_ms: int, *, held: bool) -> Box | None:
    """Where the thing is: on a straight line between two boxes; one box alone holds for the whole file.

    Before the first of several and after the last: nowhere, unless `held`, so that what is hidden stays hidden
    and what is shown is only what somebody has looked at.
    """
    if len(track) == 1:
        return track[0]
    for left, right in pairwise(track):
        if left.at_ms <= at_ms <= right.at_ms:
            return _between(left, right, at_ms)
    return (track[0] if at_ms < track[0].at_ms else track[-1]) if held else None


def _between(left: Box, right: Box, at_ms: int) -> Box:
    span = right.at_ms - left.at_ms
    if not span:
        return right

    def part(a: int, b: int) -> int:
        return a + (b - a) * (at_ms - left.at_ms) // span

    return Box(
        at_ms=at_ms,
        left_permille=part(left.left_permille, right.left_permille),
        top_permille=part(left.top_permille, right.top_permille),
        width_permille=part(left.width_permille, right.width_permille),
        height_permille=part(left.height_permille, right.height_permille),
    )


def _pixels(frame: VideoFrame) -> Picture:
    return np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)


def _area(box: Box, height: int, width: int) -> tuple[slice, slice]:
    top, left = box.top_permille * height // 1000, box.left_permille * width // 1000
    bottom = (box.top_permille + box.height_permille) * height // 1000
    right = (box.left_permille + box.width_permille) * width // 1000
    return slice(top, bottom), slice(left, right)


def _how(redaction: Redaction, plan: Plan, *, height: int) -> tuple[tuple[str, str], ...]:
    return (
        ("mode", "keep" if redaction.keep else "hide"),
        ("block_px", str(block_px(height))),
        *plan.how,
        ("boxes", msgspec.json.encode(redaction.tracks).decode()),
    )


# --- following a thing ------------------------------------------------------------------------------------------


def follow(source: Path, box: Box, *, until_ms: int) -> tuple[Box, ...]:
    """Where the thing in the box goes, as a proposal: a box every half second until it is lost.  Blocking."""
    found = [box]
    tracker = None
    for at_ms, picture in _steps(source, box.at_ms, min(until_ms, box.at_ms + TRACK_MOST_MS)):
        height, width = picture.shape[:2]
        rows, columns = _area(box, height, width)
        if tracker is None:
            tracker = cv2.TrackerMIL.create()
            tracker.init(
                picture, (columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)
            )
            continue
        sure, place = tracker.update(picture)
        if not sure:
            break
        if at_ms - found[-1].at_ms >= TRACK_KEY_MS:
            found.append(_boxed(at_ms, place, width, height))
    return tuple(found)


def _steps(source: Path, from_ms: int, until_ms: int) -> Iterator[tuple[int, Picture]]:
    with open_media(source) as file:
        video = video_of(file)
        zero, last = first_of(source), None
        base = video.time_base or Fraction(1, 1000)
        file.seek(int((zero + Fraction(from_ms, 1000)) / base), stream=video)
        for frame in pictures(file):
            at_ms = round(((frame.pts or 0) * base - zero) * 1000)
            if at_ms > until_ms:
                return
            if at_ms < from_ms or (last is not None and at_ms - last < TRACK_STEP_MS):
                continue
            last = at_ms
            height = max(2, frame.height * TRACK_WIDTH // max(1, frame.width))
            yield at_ms, _pixels(frame.reformat(TRACK_WIDTH, height))


def _boxed(at_ms: int, place: Sequence[int], width: int, height: int) -> Box:
    left, top, wide, high = place
    x = max(0, min(999, left * 1000 // width))
    y = max(0, min(999, top * 1000 // height))
    return Box(
        at_ms=at_ms,
        left_permille=x,
        top_permille=y,
        width_permille=max(1, min(1000 - x, wide * 1000 // width)),
        height_permille=max(1, min(1000 - y, high * 1000 // height)),
    )
