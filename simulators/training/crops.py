"""What the recogniser learns from: one row of text in a loose, crooked crop, as a locator would hand it over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from simulators.training.plates import Box, Drawn, draw
from simulators.training.soiling import cloud, filmed, lit, soiled
from simulators.training.texts import chosen

Image = npt.NDArray[Any]
WIDTH, HEIGHT = 192, 48
PX_PER_MM = 0.5
MARGIN = 45  # pixels of surroundings beside the plate
NOTHING = 0.04  # share of crops without any plate: the answer is no text


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A grey crop of WIDTH by HEIGHT and the text on it."""

    crop: npt.NDArray[np.uint8]
    text: str


def samples(seed: int) -> Iterator[Sample]:
    """Without end; the same for the same seed."""
    random = np.random.default_rng(seed)
    while True:
        yield sample(random)


def sample(random: np.random.Generator) -> Sample:
    if random.random() < NOTHING:
        return Sample(crop=grey(_filmed(background(random, 60, 240), random, 16)), text="")
    plate = chosen(random)
    drawn = draw(plate, random)
    canvas = _surrounded(drawn, random)
    rows = [_cut(canvas, row, random, upper=plate.two_rows and n == 0) for n, row in enumerate(drawn.rows)]
    tall = int(np.clip(random.lognormal(3.2, 0.45), 11, 56))  # pixels of the row in the camera's picture
    shot = [_filmed(row, random, tall) for row in rows]
    return Sample(crop=grey(joined(shot, random)), text=plate.text)


def _surrounded(drawn: Drawn, random: np.random.Generator) -> Image:
    plate = cv2.resize(drawn.image, None, fx=PX_PER_MM, fy=PX_PER_MM, interpolation=cv2.INTER_AREA)
    height, width = plate.shape[:2]
    canvas = background(random, height + 2 * MARGIN, width + 2 * MARGIN)
    canvas[MARGIN : MARGIN + height, MARGIN : MARGIN + width] = soiled(plate, random)
    return lit(canvas, random)


def background(random: np.random.Generator, height: int, width: int) -> Image:
    """Bumper, grille, bolts and road: patches, bars and edges of any colour."""
    base = random.uniform(10, 200, 3)
    patches = cloud(random, height, width, cells=int(random.integers(2, 9)))[:, :, None] - 0.5
    canvas = np.ascontiguousarray(base + patches * random.uniform(10, 140), np.float32)
    for _ in range(int(random.integers(0, 5))):
        x, y = int(random.integers(width)), int(random.integers(height))
        size = (int(random.integers(4, width)), int(random.integers(2, 20)))
        colour = [float(value) for value in random.uniform(0, 230, 3)]
        cv2.rectangle(canvas, (x, y), (x + size[0], y + size[1]), colour, -1)
    return canvas


def _cut(canvas: Image, row: Box, random: np.random.Generator, *, upper: bool) -> Image:
    """The row's box, grown or cramped on every side, its corners off by a little."""
    left, top, right, bottom = (side * PX_PER_MM + MARGIN for side in row)
    height, width = bottom - top, right - left
    grow_left = random.uniform(-0.02, 0.12) if upper else random.uniform(-0.015, 0.27)
    left, right = left - grow_left * width, right + random.uniform(-0.01, 0.1) * width
    top, bottom = top - random.uniform(-0.06, 0.3) * height, bottom + random.uniform(-0.06, 0.3) * height
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
    corners += random.normal(0, 0.035 * height, (4, 2)).astype(np.float32)
    lean = random.normal(0, 0.1) * height  # a quad that is too straight for a plate that leans
    corners[:2, 0] += np.float32(lean)
    size = (max(8, round(right - left)), max(8, round(bottom - top)))
    to = np.array([[0, 0], [size[0], 0], [size[0], size[1]], [0, size[1]]], np.float32)
    turn = cv2.getPerspectiveTransform(corners, to)
    return cv2.warpPerspective(canvas, turn, size, borderMode=cv2.BORDER_REPLICATE)


def _filmed(row: Image, random: np.random.Generator, tall: int) -> Image:
    width = max(8, round(row.shape[1] * tall / row.shape[0] * random.uniform(0.85, 1.15)))
    small = cv2.resize(row.astype(np.float32), (width, tall), interpolation=cv2.INTER_AREA)
    return filmed(small, random, blur=float(random.uniform(0, 0.04) * tall))


def joined(rows: list[Image], random: np.random.Generator) -> Image:
    """Two rows side by side, the upper characters squeezed to the lower ones' width."""
    fitted = [cv2.resize(row, (max(8, round(row.shape[1] * HEIGHT / row.shape[0])), HEIGHT)) for row in rows]
    if len(fitted) == 2:
        width = max(8, round(fitted[0].shape[1] * random.uniform(0.38, 0.8)))
        fitted[0] = cv2.resize(fitted[0], (width, HEIGHT), interpolation=cv2.INTER_AREA)
    return np.hstack(fitted)


def grey(crop: Image) -> npt.NDArray[np.uint8]:
    fitted = cv2.resize(
        crop, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA if crop.shape[1] > WIDTH else cv2.INTER_LINEAR
    )
    return np.asarray(cv2.cvtColor(fitted.astype(np.uint8), cv2.COLOR_BGR2GRAY), np.uint8)
