"""What can be measured in a picture without reading it: sharpness, brightness, clipping, and what has moved.

Imports numpy: loaded in a thread, when the first picture comes.
"""

from __future__ import annotations

import av
import numpy as np
from av.codec.context import CodecContext
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from edge.cameras.filters import Grey, tiled
from edge.cameras.judging import Measures
from edge.cameras.multipart import MOST_PX, jpeg_size

# A quarter of the size comes out of the decoder; a second head inside the file may not be larger than the first; and
# what ends too soon is no picture, rather than half a black one.
REDUCED = {"lowres": "2", "max_pixels": str(MOST_PX), "err_detect": "explode"}
STRONG = 0.02  # share of the pixels of a direction whose edges are looked at
LEAST_EDGE = 6  # grey levels a pixel; below it there is noise
CLIPPED = 250
TILES = (32, 18)
TILE_MOVED = 5  # grey levels, in the middle over a tile


def grey_of(jpeg: bytes) -> Grey | None:
    """At a quarter of its size, upright (EXIF) and undistorted, never wholly decoded; None when it is no whole picture.

    A mirrored one (EXIF 2, 4, 5, 7: no camera's) stays mirrored.
    """
    width, height = jpeg_size(jpeg)
    if not 0 < width * height <= MOST_PX:
        return None
    try:
        frame = _decoded(jpeg)
        grey = frame.reformat(format="gray").to_ndarray() if frame else None
    except (FFmpegError, ValueError):
        return None
    if frame is None or grey is None or min(grey.shape) < 8:
        return None
    return np.ascontiguousarray(np.rot90(grey, frame.rotation // 90), np.uint8)


def _decoded(jpeg: bytes) -> VideoFrame | None:
    decoder = CodecContext.create("mjpeg", "r")
    if not isinstance(decoder, VideoCodecContext):
        raise TypeError("mjpeg is no video codec here")
    decoder.thread_count, decoder.options = 1, REDUCED
    frames = [*decoder.decode(av.Packet(jpeg)), *decoder.decode(None)]
    return frames[0] if frames else None


def measured(grey: Grey, region: tuple[int, ...] | None = None) -> Measures:
    """Sharpness and clipping inside the region (x, y, width, height in permille), brightness of the whole picture."""
    plates = part(grey, region)
    return Measures(
        sharpness=sharpness(plates),
        luma=round(float(grey.mean())),
        clipped_permille=round(1000 * float(np.count_nonzero(plates >= CLIPPED)) / plates.size),
    )


def part(grey: Grey, region: tuple[int, ...] | None) -> Grey:
    """The region of a picture, or all of it where the region is too small to say anything."""
    if region is None:
        return grey
    height, width = grey.shape
    x, y, wide, tall = region
    cut = grey[
        height * y // 1000 : height * (y + tall) // 1000, width * x // 1000 : width * (x + wide) // 1000
    ]
    return cut if min(cut.shape) >= 32 else grey


def sharpness(grey: Grey) -> int:
    """How steep the strongest edges are, in permille of the steepest, whatever their contrast.

    Of the two directions the worse one: motion blurs only one.  1000 where there is no edge to judge by.
    """
    return min(_steepness(grey), _steepness(grey.T))


def _steepness(grey: Grey) -> int:
    """Second over first difference across the strongest edges: 1000 for a step, 1000/s for a ramp of s pixels."""
    wide = np.ascontiguousarray(grey, np.int16)
    before, at, after = wide[:, :-2], wide[:, 1:-1], wide[:, 2:]
    first, second = np.abs(before - after), np.abs(before + after - 2 * at)
    strong = first >= _least(first)
    if np.count_nonzero(strong) < first.size * STRONG / 10:
        return 1000
    return min(1000, round(1000 * float(second[strong].mean()) / float(first[strong].mean())))


def _least(first: NDArray[np.int16]) -> int:
    """What the strongest differences have at least."""
    counts = np.bincount(first.ravel(), minlength=256)[::-1]
    return max(LEAST_EDGE, 255 - int(np.searchsorted(np.cumsum(counts), first.size * STRONG)))


def moved_permille(before: Grey, after: Grey) -> int:
    """Share of the picture's tiles that look otherwise; 1000 where the two have different sizes."""
    if before.shape != after.shape:
        return 1000
    changed = np.abs(np.rint(tiled(before, TILES)) - np.rint(tiled(after, TILES))) >= TILE_MOVED
    return round(1000 * float(changed.mean()))
