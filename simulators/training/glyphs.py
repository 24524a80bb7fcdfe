"""Characters of plates as masks: a stroke alphabet in the proportions of GA 36, and fonts of several cuts beside it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from kernel.errors import ConfigError

Mask = npt.NDArray[np.uint8]
Line = npt.NDArray[np.float32]
Points = tuple[tuple[float, float], ...]

FONTS = Path("/usr/share/fonts")
# scripts/system training installs the packages that carry them.
LATIN = (
    "truetype/opendin/OSP-DIN.ttf",
    "truetype/liberation/LiberationSansNarrow-Bold.ttf",
    "truetype/roboto/unhinted/RobotoCondensed-Bold.ttf",
    "truetype/roboto/unhinted/RobotoCondensed-Medium.ttf",
    "truetype/dejavu/DejaVuSansCondensed-Bold.ttf",
)
CHINESE = (
    "truetype/wqy/wqy-zenhei.ttc",
    "opentype/noto/NotoSansCJK-Bold.ttc",
    "opentype/noto/NotoSansCJK-Regular.ttc",
    "opentype/noto/NotoSerifCJK-Bold.ttc",
)
TALL_PX = 160  # of a glyph before it is fitted to its cell
_LOOP: Points = ((1, 0), (3, 0), (4, 1), (4, 7), (3, 8), (1, 8), (0, 7), (0, 1), (1, 0))
_BOWL: Points = ((0, 8), (0, 0), (3, 0), (4, 1), (4, 3.4), (3, 4.4), (0, 4.4))
# On a grid of 4 by 8 that fills the cell, the pen's half width inside it.
STROKES: dict[str, tuple[Points, ...]] = {
    "0": (_LOOP,),
    "1": (((0.9, 1.3), (2.1, 0), (2.1, 8)),),
    "2": (((0, 1.9), (0, 1), (1, 0), (3, 0), (4, 1), (4, 2.7), (0, 8), (4, 8)),),
    "3": (
        ((0, 0), (4, 0), (1.8, 3.2), (3, 3.2), (4, 4.2), (4, 7), (3, 8), (1, 8), (0, 7), (0, 6.2)),
        ((0.1, 1.6), (0.1, 0)),
    ),
    "4": (((2.4, 0), (0, 5.8), (4, 5.8)), ((3, 3.6), (3, 8))),
    "5": (((3.8, 0), (0.4, 0), (0.2, 3.4), (1, 3), (3, 3), (4, 4), (4, 7), (3, 8), (1, 8), (0, 7), (0, 6.2)),),
    "6": (((2.6, 0), (0.3, 4.2), (0, 5.2), (0, 7), (1, 8), (3, 8), (4, 7), (4, 4.8), (3, 3.8), (1.2, 3.8), (0.3, 4.6)),),
    "7": (((0, 0), (4, 0), (1.4, 8)),),
    "8": (
        ((1, 0), (3, 0), (3.8, 0.9), (3.8, 2.8), (3, 3.7), (1, 3.7), (0.2, 2.8), (0.2, 0.9), (1, 0)),
        ((1, 3.7), (3, 3.7), (4, 4.7), (4, 7), (3, 8), (1, 8), (0, 7), (0, 4.7), (1, 3.7)),
    ),
    "9": (((1.4, 8), (3.7, 3.8), (4, 2.8), (4, 1), (3, 0), (1, 0), (0, 1), (0, 3.2), (1, 4.2), (2.8, 4.2), (3.7, 3.4)),),
    "A": (((0, 8), (2, 0), (4, 8)), ((0.8, 5.4), (3.2, 5.4))),
    "B": (((0, 0), (2.8, 0), (3.7, 0.9), (3.7, 2.9), (2.9, 3.7), (0, 3.7)), ((2.9, 3.7), (4, 4.7), (4, 7), (3, 8), (0, 8), (0, 0))),
    "C": (((4, 1.9), (4, 1), (3, 0), (1, 0), (0, 1), (0, 7), (1, 8), (3, 8), (4, 7), (4, 6.1)),),
    "D": (((0, 0), (2.6, 0), (4, 1.4), (4, 6.6), (2.6, 8), (0, 8), (0, 0)),),
    "E": (((4, 0), (0, 0), (0, 8), (4, 8)), ((0, 3.8), (3.4, 3.8))),
    "F": (((4, 0), (0, 0), (0, 8)), ((0, 3.8), (3.4, 3.8))),
    "G": (((4, 1.9), (4, 1), (3, 0), (1, 0), (0, 1), (0, 7), (1, 8), (3, 8), (4, 7), (4, 4.4), (2.2, 4.4)),),
    "H": (((0, 0), (0, 8)), ((4, 0), (4, 8)), ((0, 3.9), (4, 3.9))),
    "J": (((4, 0), (4, 7), (3, 8), (1, 8), (0, 7), (0, 5.8)),),
    "K": (((0, 0), (0, 8)), ((4, 0), (0, 4.8)), ((1.2, 3.6), (4, 8))),
    "L": (((0, 0), (0, 8), (4, 8)),),
    "M": (((0, 8), (0, 0), (2, 5), (4, 0), (4, 8)),),
    "N": (((0, 8), (0, 0), (4, 8), (4, 0)),),
    "O": (_LOOP,),
    "P": (_BOWL,),
    "Q": (_LOOP, ((2.4, 5.8), (4.1, 8.2))),
    "R": (_BOWL, ((2, 4.4), (4, 8))),
    "S": (((4, 1.8), (4, 1), (3, 0), (1, 0), (0, 1), (0, 2.8), (1, 3.7), (3, 4.2), (4, 5.2), (4, 7), (3, 8), (1, 8), (0, 7), (0, 6.2)),),
    "T": (((0, 0), (4, 0)), ((2, 0), (2, 8))),
    "U": (((0, 0), (0, 7), (1, 8), (3, 8), (4, 7), (4, 0)),),
    "V": (((0, 0), (2, 8), (4, 0)),),
    "W": (((0, 0), (1, 8), (2, 2.5), (3, 8), (4, 0)),),
    "X": (((0, 0), (4, 8)), ((4, 0), (0, 8))),
    "Y": (((0, 0), (2, 3.8), (4, 0)), ((2, 3.8), (2, 8))),
    "Z": (((0, 0), (4, 0), (0, 8), (4, 8)),),
}  # fmt: skip
STROKED = len(LATIN)  # the cut of Latin characters that is drawn from strokes


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Which glyphs one plate uses, and how bold each kind is stamped (-2 thin to 3 fat).

    The strokes of 汉字 lie close: what makes a digit bold fills them.
    """

    latin: int
    chinese: int
    weight: int
    chinese_weight: int = 0


@lru_cache(maxsize=8192)
def glyph(character: str, width: int, height: int, cut: Cut) -> Mask:
    """How much ink each pixel of the cell has, 0 to 255; the ink box is stretched to the cell as GA 36 does."""
    ink = _weighted(_drawn(character, cut), cut.weight if character.isascii() else cut.chinese_weight)
    wide = round(width * 0.42) if character == "1" and cut.latin != STROKED else width
    fitted = cv2.resize(ink, (max(2, wide), height), interpolation=cv2.INTER_AREA)
    page = np.zeros((height, width), np.uint8)
    left = (width - fitted.shape[1]) // 2
    page[:, left : left + fitted.shape[1]] = fitted
    return page


def stretched(mask: Mask, random: np.random.Generator) -> Mask:
    """The same character in other proportions, as another stamp has them: no font has quite those of GA 36."""
    height, width = mask.shape
    (at_x, slow_x, fast_x), (at_y, slow_y, fast_y) = _waves(width), _waves(height)
    ax, ay = random.normal(0, 0.03, 2)
    bx, by = random.normal(0, 0.015, (2, 2))
    x = (at_x + width * (ax * slow_x + bx[0] * fast_x))[None, :] + (width * bx[1] * slow_y)[:, None]
    y = (at_y + height * (ay * slow_y + by[0] * fast_y))[:, None] + (height * by[1] * slow_x)[None, :]
    return np.asarray(cv2.remap(mask, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR), np.uint8)


@lru_cache(maxsize=512)
def _waves(size: int) -> tuple[Line, Line, Line]:
    """Places along a side, half a wave over it, and a whole one."""
    at = np.arange(size, dtype=np.float32)
    return at, np.sin(np.pi * at / size), np.sin(2 * np.pi * at / size)


def _weighted(ink: Mask, weight: int) -> Mask:
    if weight == 0:
        return ink
    size = 1 + 3 * abs(weight)
    pen = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    changed = cv2.dilate(ink, pen) if weight > 0 else cv2.erode(ink, pen)
    return np.asarray(changed if int(changed.max()) else ink, np.uint8)


def _drawn(character: str, cut: Cut) -> Mask:
    if not character.isascii():
        return _written(character, CHINESE[cut.chinese % len(CHINESE)])
    if cut.latin == STROKED:
        return _stroked(character)
    return _written(character, LATIN[cut.latin])


@lru_cache(maxsize=512)
def _stroked(character: str) -> Mask:
    width, pen = TALL_PX // 2, TALL_PX // 8
    page = np.zeros((TALL_PX, width), np.uint8)
    step = ((width - pen) / 4, (TALL_PX - pen) / 8)
    for stroke in STROKES[character]:
        line = [(round(pen / 2 + x * step[0]), round(pen / 2 + y * step[1])) for x, y in stroke]
        cv2.polylines(
            page, [np.array(line, np.int32)], isClosed=False, color=255, thickness=pen, lineType=cv2.LINE_AA
        )
    return page


@lru_cache(maxsize=1024)
def _written(character: str, font: str) -> Mask:
    page = np.zeros((3 * TALL_PX, 3 * TALL_PX), np.uint8)
    # Many fonts put a dot or a slash into the nought; a plate's nought is an O.
    shown = "O" if character == "0" else character
    cv2.putText(page, shown, (TALL_PX // 2, 2 * TALL_PX), 255, _face(font), 2 * TALL_PX)
    x, y, width, height = cv2.boundingRect(page)
    if not width:
        raise ConfigError.one("fonts", f"{font} has no {character}")
    tall = cv2.resize(
        page[y : y + height, x : x + width],
        (max(4, width * TALL_PX // height), TALL_PX),
        interpolation=cv2.INTER_AREA,
    )
    return np.asarray(tall, np.uint8)


@lru_cache(maxsize=16)
def _face(font: str) -> Any:
    path = FONTS / font
    if not path.is_file():
        raise ConfigError.one("fonts", f"{font} is not installed: run scripts/system training")
    return cv2.FontFace(str(path))
