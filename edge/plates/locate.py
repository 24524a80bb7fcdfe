"""Finds lines of text in a picture: the DB text detector and its post-processing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from edge.plates.sessions import Floats, Model

Image = npt.NDArray[Any]  # BGR or grey, eight bits; what OpenCV says it returns
STEP = 32  # the network halves its input five times
INK, BOX = 0.3, 0.5  # least probability of a pixel, and mean of a line
UNCLIP = 1.6  # the network is trained on shrunk lines
SMALLEST_PX = 3
MOST = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of text: corners from the top left, clockwise, in the picture's pixels; `width` >= 1."""

    corners: Floats  # 4 x 2
    score: float

    @property
    def width(self) -> float:
        return float(np.linalg.norm(self.corners[1] - self.corners[0]))

    @property
    def height(self) -> float:
        return float(np.linalg.norm(self.corners[3] - self.corners[0]))

    @property
    def aspect(self) -> float:
        return self.width / max(self.height, 1.0)


class Finder:
    def __init__(self, model: Model, *, long_side_px: int) -> None:
        self._model, self._long_side = model, long_side_px

    def lines(self, picture: Image) -> list[Line]:
        small, scale = self._shrunk(picture)
        heat = self._model.run(_batch(small))[0, 0]
        ink = cv2.dilate((heat > INK).astype(np.uint8), np.ones((2, 2), np.uint8))
        contours, _ = cv2.findContours(ink, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
        found = [line for contour in contours[:MOST] if (line := _line(contour, heat, scale))]
        return sorted(found, key=lambda line: -line.width * line.height)

    def _shrunk(self, picture: Image) -> tuple[Image, tuple[float, float]]:
        """The picture in the network's size, and how many pixels of the picture one of it is."""
        height, width = picture.shape[:2]
        ratio = min(1.0, self._long_side / max(height, width))
        wide, tall = (max(STEP, round(side * ratio / STEP) * STEP) for side in (width, height))
        small = cv2.resize(picture, (wide, tall), interpolation=cv2.INTER_AREA)
        return small, (width / wide, height / tall)


def _batch(small: Image) -> Floats:
    return ((small.astype(np.float32) / 127.5) - 1.0).transpose(2, 0, 1)[None]


def _line(contour: Image, heat: Floats, scale: tuple[float, float]) -> Line | None:
    (x, y), (width, height), turn = cv2.minAreaRect(contour)
    if min(width, height) < SMALLEST_PX:
        return None
    score = _inside(contour, heat)
    if score < BOX:
        return None
    grown = width * height * UNCLIP / (2 * (width + height)) * 2
    corners = cv2.boxPoints(((x, y), (width + grown, height + grown), turn)).astype(np.float32)
    return Line(corners=_clockwise(corners * np.array(scale, np.float32)), score=score)


def _inside(contour: Image, heat: Floats) -> float:
    x, y, width, height = cv2.boundingRect(contour)
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [contour - np.array([x, y], np.int32)], 1)
    return float(cv2.mean(heat[y : y + height, x : x + width], mask)[0])


def _clockwise(corners: Floats) -> Floats:
    """From the top left: the two leftmost by height, then the two rightmost."""
    left, right = np.split(corners[np.argsort(corners[:, 0], kind="stable")], 2)
    (a, d), (b, c) = left[np.argsort(left[:, 1])], right[np.argsort(right[:, 1])]
    return np.array([a, b, c, d], np.float32)
