"""Licence plates in the manner of GA 36-2018 号牌, drawn at one pixel a millimetre, the same for the same seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Colour = Literal["yellow", "blue", "green", "yellow_green", "white", "black", "foreign"]
Bgr = tuple[int, int, int]

BLACK: Bgr = (22, 20, 20)
WHITE: Bgr = (245, 245, 245)
RED: Bgr = (38, 28, 200)
YELLOW: Bgr = (20, 186, 250)
GREEN: Bgr = (112, 196, 76)
PALE: Bgr = (232, 244, 230)
GROUND: dict[Colour, Bgr] = {
    "yellow": YELLOW,
    "blue": (170, 62, 14),
    "green": GREEN,
    "yellow_green": GREEN,
    "white": WHITE,
    "black": (30, 28, 28),
    "foreign": (238, 240, 240),
}
INK: dict[Colour, Bgr] = {
    "yellow": BLACK,
    "blue": WHITE,
    "green": BLACK,
    "yellow_green": BLACK,
    "white": BLACK,
    "black": WHITE,
    "foreign": BLACK,
}
RED_ENDINGS = "警应急"
OVERSAMPLING = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One character and its place on the plate, mm from the top left."""

    text: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Outer size, where the characters stand, and where the dot is."""

    width: int
    height: int
    cells: tuple[Cell, ...]
    dot: tuple[int, int] | None


def layout(text: str, *, colour: Colour, two_rows: bool = False) -> Layout:
    """Cells of 45x90 mm in one row; 80x60 over 65x110 in two; 43 wide on plates of new-energy vehicles."""
    text = text.translate(str.maketrans("", "", " ·.-"))
    if colour == "foreign":
        return _foreign(text)
    if two_rows:
        return _two_rows(text)
    if len(text) >= 8:
        return _long_row(text)
    return _one_row(text)


def draw_plate(
    text: str, *, colour: Colour, two_rows: bool = False, seed: int = 0, dirt: float = 0.0
) -> Image:
    """A plate as BGR, one pixel a millimetre.  `dirt` 0 is new, 1 is hardly legible; the seed places it."""
    plan = layout(text, colour=colour, two_rows=two_rows)
    plate = _ground(plan, colour)
    _border(plate, colour)
    for cell in plan.cells:
        _stamp(plate, cell, RED if colour == "white" and cell.text in RED_ENDINGS else INK[colour])
    if plan.dot:
        cv2.circle(plate, plan.dot, 5, INK[colour], -1, cv2.LINE_AA)
    _bolts(plate, two_rows=two_rows)
    return _soil(plate, seed=seed, dirt=dirt) if dirt > 0 else plate


def _row(text: str, *, x: float, y: float, size: tuple[float, float], gaps: list[float]) -> Iterator[Cell]:
    for n, character in enumerate(text):
        yield Cell(text=character, x=x, y=y, width=size[0], height=size[1])
        x += size[0] + (gaps[n] if n < len(gaps) else gaps[-1])


def _one_row(text: str) -> Layout:
    cells = tuple(_row(text, x=15.5, y=25, size=(45, 90), gaps=[12, 34, 12]))
    return Layout(width=440, height=140, cells=cells, dot=(135, 70))


def _long_row(text: str) -> Layout:
    """New-energy plates 新能源, and the eight characters of the emergency service."""
    cells = tuple(_row(text, x=16.5, y=25, size=(43, 90), gaps=[10, 50, 9]))
    return Layout(width=480, height=140, cells=cells, dot=None)


def _two_rows(text: str) -> Layout:
    above = tuple(_row(text[:2], x=110, y=15, size=(80, 60), gaps=[60]))
    below = tuple(_row(text[2:], x=27.5, y=90, size=(65, 110), gaps=[15]))
    return Layout(width=440, height=220, cells=above + below, dot=(220, 45))


def _foreign(text: str) -> Layout:
    """Not a plate of GA 36: long, white, a blue field at the left, Latin letters."""
    pitch = min(58.0, 440 / max(len(text), 1))
    x = 52 + (460 - pitch * len(text)) / 2
    cells = tuple(_row(text, x=x, y=18, size=(pitch - 13, 76), gaps=[13]))
    return Layout(width=520, height=112, cells=cells, dot=None)


def _ground(plan: Layout, colour: Colour) -> Image:
    plate = np.full((plan.height, plan.width, 3), GROUND[colour], np.uint8)
    if colour == "green":  # white above fading into green 渐变绿
        fade = np.linspace(0, 1, plan.height)[:, None, None] ** 0.8
        plate[:] = (np.array(PALE) * (1 - fade) + np.array(GREEN) * fade).astype(np.uint8)
    elif colour == "yellow_green":  # yellow up to the gap, green after it 黄绿双拼
        plate[:, :137] = YELLOW
    elif colour == "foreign":
        plate[:, :44] = (150, 60, 20)
    return plate


def _border(plate: Image, colour: Colour) -> None:
    height, width = plate.shape[:2]
    ink = (70, 110, 50) if colour in ("green", "yellow_green") else INK[colour]
    line = rounded(6, 6, width - 13, height - 13, radius=9)
    cv2.polylines(plate, [line], isClosed=True, color=ink, thickness=3, lineType=cv2.LINE_AA)


def rounded(x: int, y: int, width: int, height: int, *, radius: int) -> npt.NDArray[np.int32]:
    """The outline of a box with round corners."""
    corners = (
        ((x + radius, y + radius), 180),
        ((x + width - radius, y + radius), 270),
        ((x + width - radius, y + height - radius), 0),
        ((x + radius, y + height - radius), 90),
    )
    arcs = [cv2.ellipse2Poly(centre, (radius, radius), turn, 0, 90, 10) for centre, turn in corners]
    return np.concatenate(arcs).astype(np.int32)


def _bolts(plate: Image, *, two_rows: bool) -> None:
    height, width = plate.shape[:2]
    for x in (width // 2 - 110, width // 2 + 110):
        for y in (14, height - 15) if not two_rows else (height - 13,):
            cv2.circle(plate, (x, y), 6, (120, 120, 118), -1, cv2.LINE_AA)
            cv2.circle(plate, (x, y), 3, (70, 70, 70), -1, cv2.LINE_AA)


def _stamp(plate: Image, cell: Cell, ink: Bgr) -> None:
    """Blend one glyph into its cell; the cell may lie between pixels."""
    x, y = round(cell.x), round(cell.y)
    shape = _glyph(cell.text, round(cell.width), round(cell.height)).astype(np.float32)[:, :, None] / 255
    under = plate[y : y + shape.shape[0], x : x + shape.shape[1]]
    under[:] = (under * (1 - shape) + np.array(ink, np.float32) * shape + 0.5).astype(np.uint8)


@lru_cache(maxsize=512)
def _glyph(character: str, width: int, height: int) -> Image:
    """How much ink each pixel of the cell has; the glyph's ink box is stretched to the cell as GA 36 does."""
    ink = _drawn(character)
    tall, wide = height * OVERSAMPLING, width * OVERSAMPLING
    narrow = min(wide, round(ink.shape[1] * tall / ink.shape[0] * 1.1)) if character in "1I" else wide
    fitted = cv2.resize(ink, (narrow, tall), interpolation=cv2.INTER_AREA)
    if not character.isascii():  # the font has one weight; the stamped strokes are bolder
        fitted = cv2.dilate(fitted, np.ones((3, max(3, width * OVERSAMPLING // 28)), np.uint8))
    page = np.zeros((tall, wide), np.uint8)
    left = (wide - narrow) // 2
    page[:, left : left + narrow] = fitted
    return np.asarray(cv2.resize(page, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


@lru_cache(maxsize=128)
def _drawn(character: str) -> Image:
    """The glyph as the font has it, cut to its ink."""
    latin = character.isascii()
    page = np.zeros((480, 480), np.uint8)
    # The plates' nought has no slash, the font's has: a squeezed O is its shape.
    shown = "O" if character == "0" else character
    face = _face("sans" if latin else "uni")
    cv2.putText(page, shown, (80, 360), 255, face, 300, 600 if latin else 400)
    x, y, width, height = cv2.boundingRect(page)
    if not width:
        raise ValueError(f"the font has no {character!r}")
    return page[y : y + height, x : x + width]


@lru_cache(maxsize=4)
def _face(name: str) -> Any:
    return cv2.FontFace(name)


def _soil(plate: Image, *, seed: int, dirt: float) -> Image:
    """Dust all over, mud in blots from below, as a wet road throws it."""
    random = np.random.default_rng(seed)
    height, width = plate.shape[:2]
    blots = random.random((6, 14)).astype(np.float32)
    mud = cv2.resize(blots, (width, height), interpolation=cv2.INTER_CUBIC)
    mud = np.clip((mud - (1 - 0.45 * dirt)) * 6, 0, 1) * (0.45 + 0.55 * np.linspace(0, 1, height)[:, None])
    cover = np.clip(0.22 * dirt + mud * 0.75, 0, 0.9)[:, :, None].astype(np.float32)
    dusty = plate * (1 - cover) + np.array((96, 118, 132), np.float32) * cover
    grain = random.normal(0, 5 * dirt, (height, width, 1))
    return np.asarray(np.clip(dusty + grain, 0, 255), np.uint8)


def seen_from_afar(
    plate: Image, *, height: int, seed: int = 0, blur: float = 0.6, noise: float = 4.0
) -> Image:
    """The plate as a sensor has it at `height` pixels: smaller, softer, grainy."""
    width = round(plate.shape[1] * height / plate.shape[0])
    small = cv2.resize(plate, (width, height), interpolation=cv2.INTER_AREA)
    if blur:
        small = cv2.GaussianBlur(small, (0, 0), blur)
    grain = np.random.default_rng(seed).normal(0, noise, small.shape)
    return np.asarray(np.clip(small + grain, 0, 255), np.uint8)
