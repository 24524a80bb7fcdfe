"""The outline 轮廓 of a vehicle from the side: where the picture differs from that of the same place without it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edge.vehicles.wheels import Image

SMALL = 4  # the outline is looked for in a picture so many times smaller
DIFFERS = 13  # grey levels
FILLS = 0.1  # of a column between roof and road that must differ for it to belong to the vehicle
MOST = 0.85  # of the picture: more than a vehicle has changed, as when a lamp goes on
NARROWEST = 0.12  # of the width
DRAWBAR = 0.06  # of the width: the widest gap within one vehicle
SPECK = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """`left` and `right` in pixels; `top` is the upper edge in each column between them; `whole`: no end is cut off."""

    left: int
    right: int
    top: npt.NDArray[np.float32]
    whole: bool


def outline(picture: Image, empty: Image, *, road_y: float) -> Outline | None:
    """None when the two pictures do not belong together, or nothing large stands above `road_y`."""
    if picture.shape != empty.shape:
        return None
    changed = _changed(picture, empty)
    road = min(round(road_y / SMALL), changed.shape[0])
    above = changed[:road]
    if not above.size or above.mean() > MOST:
        return None
    columns = _columns(above)
    run = _longest(columns)
    if run is None or run[1] - run[0] < NARROWEST * len(columns):
        return None
    left, right = run
    top = np.argmax(_solid(above[:, left:right]), axis=0).astype(np.float32) * SMALL
    return Outline(
        left=left * SMALL, right=right * SMALL, top=top, whole=left > 1 and right < len(columns) - 2
    )


def _changed(picture: Image, empty: Image) -> npt.NDArray[np.bool_]:
    one, other = _small(picture), _small(empty)
    # Clouds and dusk change all of the picture alike; the vehicle changes its part of it.
    drift = np.median(one.astype(np.int16) - other, axis=(0, 1))
    differs = np.abs(one.astype(np.int16) - other - drift).max(axis=2) > DIFFERS
    closed = cv2.morphologyEx(differs.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    opened = cv2.morphologyEx(closed, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    return np.asarray(opened > 0)


def _small(picture: Image) -> Image:
    size = (picture.shape[1] // SMALL, picture.shape[0] // SMALL)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def _columns(above: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Which columns belong to something tall: a third of the picture above the road is taller than any vehicle."""
    reach = max(1, above.shape[0] // 3)
    return np.asarray(above[-reach:].mean(axis=0) > FILLS)


def _longest(columns: npt.NDArray[np.bool_]) -> tuple[int, int] | None:
    """First and last column of the longest run; what stands apart by less than a drawbar belongs to it."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], columns.astype(np.int8), [0]])))
    runs: list[tuple[int, int]] = []
    for begin, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if end - begin < SPECK * len(columns):
            continue
        if runs and begin - runs[-1][1] <= DRAWBAR * len(columns):
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((begin, end))
    return max(runs, key=lambda run: run[1] - run[0], default=None)


def _solid(part: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Without specks in the sky: a row counts from which on three in four below are the vehicle's, down to its floor."""
    below = np.cumsum(part[::-1], axis=0)[::-1]
    rows = np.arange(len(part), 0, -1)[:, None]
    return np.asarray(part & (below > 0.5 * rows))
