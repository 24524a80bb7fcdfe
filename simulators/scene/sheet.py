"""A transparent sheet to draw on in millimetres, with y going up from the ground."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Bgr = tuple[int, int, int]
Point = tuple[float, float]
FRACTION_BITS = 4


def shade(colour: Bgr, factor: float) -> Bgr:
    """The colour darker (below 1) or lighter (above 1)."""
    blue, green, red = (max(0, min(255, round(part * factor))) for part in colour)
    return blue, green, red


class Sheet:
    """`bgr` is what was drawn, `mask` is 255 where something was."""

    def __init__(self, width_mm: int, height_mm: int, *, px_per_mm: float) -> None:
        self.width_mm, self.height_mm, self.px_per_mm = width_mm, height_mm, px_per_mm
        shape = (round(height_mm * px_per_mm), round(width_mm * px_per_mm))
        self.bgr: Image = np.zeros((*shape, 3), np.uint8)
        self.mask: Image = np.zeros(shape, np.uint8)

    def poly(self, points: Sequence[Point], colour: Bgr) -> None:
        path = self._path(points)
        cv2.fillPoly(self.bgr, [path], colour, cv2.LINE_AA, FRACTION_BITS)
        cv2.fillPoly(self.mask, [path], 255, cv2.LINE_8, FRACTION_BITS)

    def box(self, x: float, y: float, width: float, height: float, colour: Bgr, *, radius: float = 0) -> None:
        if radius:
            self.poly(_round(x, y, width, height, min(radius, width / 2, height / 2)), colour)
        else:
            self.poly([(x, y), (x + width, y), (x + width, y + height), (x, y + height)], colour)

    def disc(self, x: float, y: float, radius: float, colour: Bgr) -> None:
        self.oval(x, y, radius, radius, colour)

    def oval(self, x: float, y: float, wide: float, high: float, colour: Bgr) -> None:
        turns = np.linspace(0, 2 * np.pi, 48, endpoint=False)
        self.poly([(x + wide * np.cos(turn), y + high * np.sin(turn)) for turn in turns], colour)

    def line(self, points: Sequence[Point], colour: Bgr, *, width: float) -> None:
        path, pixels = self._path(points), max(1, round(width * self.px_per_mm))
        cv2.polylines(self.bgr, [path], False, colour, pixels, cv2.LINE_AA, FRACTION_BITS)
        cv2.polylines(self.mask, [path], False, 255, pixels, cv2.LINE_8, FRACTION_BITS)

    def hatch(
        self, x: float, y: float, width: float, height: float, colours: Sequence[Bgr], *, pitch: float
    ) -> None:
        """Vertical stripes of the colours in turn."""
        for n in range(int(width // pitch) + 1):
            left = x + n * pitch
            self.box(left, y, min(pitch, x + width - left), height, colours[n % len(colours)])

    def fade(self, x: float, y: float, width: float, height: float, *, top: float, bottom: float) -> None:
        """Darken or lighten what is there, from `top` to `bottom`."""
        rows, columns = self._slices(x, y, width, height)
        part = self.bgr[rows, columns]
        factor = np.linspace(top, bottom, part.shape[0], dtype=np.float32)[:, None, None]
        self.bgr[rows, columns] = np.clip(part * factor, 0, 255).astype(np.uint8)

    def paste(self, image: Image, x: float, y: float, width: float, height: float) -> None:
        """Lay an opaque picture down with its lower left corner at x, y."""
        rows, columns = self._slices(x, y, width, height)
        target = self.bgr[rows, columns]
        if target.size:
            target[:] = cv2.resize(image, (target.shape[1], target.shape[0]), interpolation=cv2.INTER_AREA)
            self.mask[rows, columns] = 255

    def text(self, words: str, x: float, y: float, *, size: float, colour: Bgr) -> None:
        """Words with their lower left corner at x, y; `size` is the height of the letters in mm."""
        at = (round(x * self.px_per_mm), round((self.height_mm - y) * self.px_per_mm))
        face: Any = cv2.FontFace("uni")
        cv2.putText(self.bgr, words, at, colour, face, max(4, round(size * self.px_per_mm)), 400)

    def _path(self, points: Sequence[Point]) -> npt.NDArray[np.int32]:
        scale = self.px_per_mm * (1 << FRACTION_BITS)
        path = [(round(x * scale), round((self.height_mm - y) * scale)) for x, y in points]
        return np.array(path, np.int32)

    def _slices(self, x: float, y: float, width: float, height: float) -> tuple[slice, slice]:
        scale, top = self.px_per_mm, self.height_mm - y - height
        rows = slice(max(0, round(top * scale)), max(0, round((top + height) * scale)))
        return rows, slice(max(0, round(x * scale)), max(0, round((x + width) * scale)))


def _round(x: float, y: float, width: float, height: float, radius: float) -> list[Point]:
    centres = (
        (x + width - radius, y + height - radius),
        (x + radius, y + height - radius),
        (x + radius, y + radius),
        (x + width - radius, y + radius),
    )
    return [
        (centre[0] + radius * np.cos(turn), centre[1] + radius * np.sin(turn))
        for quarter, centre in enumerate(centres)
        for turn in np.linspace(quarter * np.pi / 2, (quarter + 1) * np.pi / 2, 6)
    ]
