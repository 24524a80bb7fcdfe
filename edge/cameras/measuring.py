"""What can be measured in a picture without reading it: sharpness, brightness, clipping, and what has moved.

Imports OpenCV: loaded in a thread, when the first picture comes.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.cameras.judging import Measures
from edge.cameras.multipart import MOST_PX, jpeg_size

Grey = NDArray[np.uint8]
STRONG = 0.02  # share of the pixels of a direction whose edges are looked at
LEAST_EDGE = 6  # grey levels a pixel; below it there is noise
CLIPPED = 250
TILES = (32, 18)
TILE_MOVED = 5  # grey levels, in the middle over a tile

cv2.setNumThreads(1)


def grey_of(jpeg: bytes) -> Grey | None:
    """At a quarter of its size, undistorted, and never wholly decoded; None when it is no picture."""
    width, height = jpeg_size(jpeg)
    if not 0 < width * height <= MOST_PX:
        return None
    try:
        decoded = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_4)
    except cv2.error:
        return None
    return None if decoded is None or min(decoded.shape) < 8 else np.asarray(decoded, np.uint8)


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
    return min(_steepness(grey), _steepness(np.asarray(cv2.transpose(grey), np.uint8)))


def _steepness(grey: Grey) -> int:
    """Second over first difference across the strongest edges: 1000 for a step, 1000/s for a ramp of s pixels."""
    before, at, after = (np.ascontiguousarray(grey[:, n : grey.shape[1] - 2 + n]) for n in range(3))
    first = cv2.absdiff(before, after)
    second = cv2.absdiff(cv2.add(before, after, dtype=cv2.CV_16S), cv2.add(at, at, dtype=cv2.CV_16S))
    strong = np.asarray(first >= _least(first), np.uint8)
    if cv2.countNonZero(strong) < first.size * STRONG / 10:
        return 1000
    return min(1000, round(1000 * cv2.mean(second, strong)[0] / cv2.mean(first, strong)[0]))


def _least(first: cv2.typing.MatLike) -> int:
    """What the strongest differences have at least."""
    counts = cv2.calcHist([first], [0], None, [256], [0, 256]).ravel()[::-1]
    return max(LEAST_EDGE, 255 - int(np.searchsorted(np.cumsum(counts), first.size * STRONG)))


def moved_permille(before: Grey, after: Grey) -> int:
    """Share of the picture's tiles that look otherwise; 1000 where the two have different sizes."""
    if before.shape != after.shape:
        return 1000
    changed = cv2.absdiff(_tiles(before), _tiles(after)) >= TILE_MOVED
    return round(1000 * float(np.count_nonzero(changed)) / changed.size)


def _tiles(grey: Grey) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(grey, TILES, interpolation=cv2.INTER_AREA), np.uint8)
