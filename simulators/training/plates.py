"""Draws one clean plate at a pixel a millimetre: size, grounds, rows and gaps of GA 36, each a little off as real ones are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from kernel.plates import PlateClass
from simulators.training.glyphs import CHINESE, STROKED, Cut, glyph, stretched
from simulators.training.texts import Plate

Image = npt.NDArray[Any]
Box = tuple[float, float, float, float]  # left, top, right, bottom, mm
Bgr = tuple[float, float, float]

_GROUNDS: dict[str, Bgr] = {
    "yellow": (30, 175, 240),
    "blue": (165, 70, 20),
    "green": (120, 190, 90),
    "yellow_green": (120, 190, 90),
    "white": (238, 238, 238),
    "black": (34, 32, 32),
}
_DARK_INK = ("yellow", "white", "green", "yellow_green")
_RED: Bgr = (40, 35, 190)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """`rows` are the boxes of the text, the upper first."""

    image: Image
    rows: tuple[Box, ...]


def draw(plate: Plate, random: np.random.Generator) -> Drawn:
    cells, width, height = _cells(plate, random)
    cut = Cut(
        latin=STROKED if random.random() < 0.45 else int(random.integers(STROKED)),
        chinese=int(random.choice(len(CHINESE), p=(0.4, 0.35, 0.15, 0.1))),
        weight=int(random.integers(-1, 3)),
        chinese_weight=int(random.integers(-1, 2)),
    )
    image = _ground(plate, width, height, random)
    ink = _ink(plate, random)
    _border(image, ink, random)
    for char, box in cells:
        _stamp(image, char, box, _RED if _is_red(plate, char) else ink, cut, random)
    _dot(image, cells, ink, plate, random)
    _bolts(image, random)
    return Drawn(image=np.clip(image, 0, 255).astype(np.uint8), rows=_rows(cells, two_rows=plate.two_rows))


Cells = list[tuple[str, Box]]


def _cells(plate: Plate, random: np.random.Generator) -> tuple[Cells, int, int]:
    slip = float(random.normal(0, 2))
    if plate.two_rows:
        above = _row(plate.text[:2], 110 + slip, 15, (80, 60), [60])
        pitch = (65, 15) if len(plate.text) <= 7 else (56, 10)
        below = _row(plate.text[2:], 27.5 + slip, 90, (pitch[0], 110), [pitch[1]])
        return above + below, 440, 220
    if len(plate.text) >= 8:
        return _row(plate.text, 16.5 + slip, 25, (43, 90), [10, 50, 9]), 480, 140
    gaps = [12.0, 34.0, 12.0] if plate.plate_class is not PlateClass.EMBASSY else [12.0]
    return _row(plate.text, 15.5 + slip, 25, (45, 90), gaps), 440, 140


def _row(text: str, x: float, y: float, size: tuple[float, float], gaps: Sequence[float]) -> Cells:
    cells = []
    for n, char in enumerate(text):
        cells.append((char, (x, y, x + size[0], y + size[1])))
        x += size[0] + gaps[min(n, len(gaps) - 1)]
    return cells


def _rows(cells: Cells, *, two_rows: bool) -> tuple[Box, ...]:
    groups = [cells[:2], cells[2:]] if two_rows else [cells]
    return tuple((group[0][1][0], group[0][1][1], group[-1][1][2], group[-1][1][3]) for group in groups)


def _ground(plate: Plate, width: int, height: int, random: np.random.Generator) -> Image:
    colour = np.array(_GROUNDS[plate.colour]) * random.uniform(0.75, 1.15) + random.normal(0, 12, 3)
    image = np.empty((height, width, 3), np.float32)
    image[:] = colour
    if plate.colour == "green":
        fade = np.linspace(0, 1, height, dtype=np.float32)[:, None, None] ** random.uniform(0.5, 1.5)
        image[:] = np.array((225, 240, 225)) * (1 - fade) + colour * fade
    elif plate.colour == "yellow_green":
        image[:, : round(width * random.uniform(0.26, 0.31))] = np.array(_GROUNDS["yellow"]) + random.normal(
            0, 10, 3
        )
    return image


def _ink(plate: Plate, random: np.random.Generator) -> Bgr:
    dark = plate.colour in _DARK_INK
    level = random.uniform(10, 60) if dark else random.uniform(205, 250)
    return (level, level, level)


def _is_red(plate: Plate, char: str) -> bool:
    if plate.plate_class in (PlateClass.WJ, PlateClass.MILITARY):
        return not char.isdigit()
    return char in "警应急" or (char in "使领" and plate.colour == "black")


def _border(image: Image, ink: Bgr, random: np.random.Generator) -> None:
    height, width = image.shape[:2]
    inset, thick = int(random.integers(3, 9)), int(random.integers(1, 5))
    if random.random() < 0.85:
        cv2.rectangle(image, (inset, inset), (width - inset, height - inset), ink, thick, cv2.LINE_AA)


def _stamp(image: Image, char: str, box: Box, ink: Bgr, cut: Cut, random: np.random.Generator) -> None:
    left, top = round(box[0]), round(box[1])
    mask = stretched(glyph(char, round(box[2] - box[0]), round(box[3] - box[1]), cut), random)
    under = image[top : top + mask.shape[0], left : left + mask.shape[1]]
    shape = mask[: under.shape[0], : under.shape[1], None].astype(np.float32) / 255
    under[:] = under * (1 - shape) + np.array(ink, np.float32) * shape


def _dot(image: Image, cells: Cells, ink: Bgr, plate: Plate, random: np.random.Generator) -> None:
    """The dot 间隔符 after the office's letter; it is worn off, or no more than a bolt, now and then."""
    if plate.plate_class is PlateClass.EMBASSY or random.random() < 0.25:
        return
    first, second = cells[0][1], cells[1][1]
    x = (first[2] + second[0]) / 2 if plate.two_rows else (second[2] + cells[2][1][0]) / 2
    cv2.circle(
        image,
        (round(x), round((second[1] + second[3]) / 2)),
        int(random.integers(3, 7)),
        ink,
        -1,
        cv2.LINE_AA,
    )


def _bolts(image: Image, random: np.random.Generator) -> None:
    height, width = image.shape[:2]
    for x in (width * 0.25, width * 0.75):
        for y in (14, height - 15):
            if random.random() < 0.6:
                place = (round(x + random.normal(0, 6)), round(y + random.normal(0, 3)))
                grey = float(random.uniform(50, 200))
                cv2.circle(image, place, int(random.integers(4, 9)), (grey, grey, grey), -1, cv2.LINE_AA)
