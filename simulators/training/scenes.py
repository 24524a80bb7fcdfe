"""What the detector learns from: plates at every size and slant before bodies, grilles, signs and writing that are none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from kernel.plates import PROVINCES, SERIAL
from simulators.training.crops import background
from simulators.training.glyphs import CHINESE, STROKED, Cut, glyph
from simulators.training.plates import Drawn, draw
from simulators.training.soiling import cloud, filmed, lit, soiled
from simulators.training.texts import chosen

Image = npt.NDArray[Any]
SIDE = 256
PX_PER_MM = 0.5  # of a plate before it is laid into the picture
HOW_MANY = (0.22, 0.58, 0.2)  # no plate, one, two
APART = 24  # pixels between the texts of two plates


@dataclass(frozen=True, slots=True, kw_only=True)
class Laid:
    """The text's corners 4 x 2 from the upper left clockwise, and whether it has two rows."""

    corners: npt.NDArray[np.float32]
    two_rows: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    picture: npt.NDArray[np.uint8]  # SIDE x SIDE x 3
    plates: tuple[Laid, ...]


def scenes(seed: int) -> Iterator[Scene]:
    """Without end; the same for the same seed."""
    random = np.random.default_rng(seed)
    while True:
        yield scene(random)


def scene(random: np.random.Generator) -> Scene:
    canvas = _behind(random)
    plates: list[Laid] = []
    for _ in range(int(random.choice(3, p=HOW_MANY))):
        laid = _lay(canvas, plates, random)
        if laid is not None:
            plates.append(laid)
    shot = filmed(np.clip(canvas, 0, 255), random, blur=float(random.uniform(0, 1.3)))
    return Scene(picture=np.asarray(shot, np.uint8), plates=tuple(plates))


def _behind(random: np.random.Generator) -> Image:
    canvas = background(random, SIDE, SIDE)
    for chance, change in _THINGS:
        if random.random() < chance:
            change(canvas, random)
    return lit(canvas, random)


def _lay(canvas: Image, others: Sequence[Laid], random: np.random.Generator) -> Laid | None:
    """A plate somewhere in the canvas, on the dark or bright thing it hangs on; None where it did not fit."""
    plate = chosen(random)
    drawn = draw(plate, random)
    flat = lit(
        soiled(
            cv2.resize(drawn.image, None, fx=PX_PER_MM, fy=PX_PER_MM, interpolation=cv2.INTER_AREA), random
        ),
        random,
    )
    height, width = flat.shape[:2]
    wide = float(np.exp(random.uniform(np.log(38), np.log(210))))
    turn = _turn(random, width, height, wide)
    if turn is None:
        return None
    laid = Laid(corners=_corners(drawn, turn), two_rows=plate.two_rows)
    if any(_near(laid, other) for other in others):
        return None
    _holder(canvas, turn, width, height, random)
    shape = np.full((height, width), 1.0, np.float32)
    small = wide / width < 0.6
    under = (
        cv2.GaussianBlur(flat, (0, 0), 0.35 * width / wide) if small else flat
    )  # no pixels between the pixels
    over = cv2.warpPerspective(
        under, turn, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    mask = cv2.warpPerspective(shape, turn, (SIDE, SIDE))[:, :, None]
    canvas[:] = canvas * (1 - mask) + over * mask
    return laid


def _corners(drawn: Drawn, turn: Image) -> npt.NDArray[np.float32]:
    """Of the text as a whole; both rows stand between the ends of the lower one."""
    (left, _, right, bottom), top = drawn.rows[-1], drawn.rows[0][1]
    text = np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float32) * PX_PER_MM
    return np.asarray(cv2.perspectiveTransform(text[None], turn)[0], np.float32)


def _turn(random: np.random.Generator, width: int, height: int, wide: float) -> Image | None:
    scale = wide / width
    tall = height * scale * random.uniform(0.8, 1.1)
    half = np.array([[-wide, -tall], [wide, -tall], [wide, tall], [-wide, tall]]) / 2
    angle = random.normal(0, 0.09)
    around = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = half @ around.T
    corners[:, 1] += corners[:, 0] * random.normal(0, 0.06)  # seen from the side
    corners[:, 0] += corners[:, 1] * random.normal(0, 0.15)
    corners *= 1 + random.normal(0, 0.03, (4, 1))
    low, high = -corners.min(axis=0) + 4, SIDE - 4 - corners.max(axis=0)
    if np.any(low >= high):
        return None
    corners += random.uniform(low, high)
    flat = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    return cv2.getPerspectiveTransform(flat, corners.astype(np.float32))


def _holder(canvas: Image, turn: Image, width: int, height: int, random: np.random.Generator) -> None:
    """The bracket or bumper around it."""
    if random.random() < 0.4:
        return
    grow = random.uniform(2, 30)
    flat = np.array(
        [[-grow, -grow], [width + grow, -grow], [width + grow, height + grow], [-grow, height + grow]],
        np.float32,
    )
    corners = cv2.perspectiveTransform(flat[None], turn)[0]
    colour = [float(value) for value in np.clip(random.uniform(0, 255) + random.normal(0, 20, 3), 0, 255)]
    cv2.fillConvexPoly(canvas, corners.round().astype(np.int32), colour, cv2.LINE_AA)


def _near(one: Laid, other: Laid) -> bool:
    (a, b), (c, d) = ((p.corners.min(axis=0), p.corners.max(axis=0)) for p in (one, other))
    return bool(np.all(a < d + APART) and np.all(c < b + APART))


# --- things that are no plates ---------------------------------------------------------------------------------


def _body(canvas: Image, random: np.random.Generator) -> None:
    """A panel in one paint, as a cab or a tailgate fills the picture."""
    x, y = random.integers(-60, SIDE // 2, 2)
    size = random.integers(60, 2 * SIDE, 2)
    colour = [float(value) for value in random.uniform(10, 240, 3)]
    cv2.rectangle(canvas, (int(x), int(y)), (int(x + size[0]), int(y + size[1])), colour, -1)
    canvas += (cloud(random, SIDE, SIDE, cells=5)[:, :, None] - 0.5) * random.uniform(0, 50)


def _bars(canvas: Image, random: np.random.Generator) -> None:
    """Grille, ladder, steps, guard rail."""
    x, y = (int(value) for value in random.integers(-20, SIDE - 40, 2))
    pitch, long, count = (
        int(random.integers(4, 18)),
        int(random.integers(40, 220)),
        int(random.integers(3, 14)),
    )
    colour = [float(value) for value in random.uniform(0, 255, 3)]
    thick = max(1, int(pitch * random.uniform(0.2, 0.7)))
    across = random.random() < 0.4
    for n in range(count):
        ends = (
            ((x, y + n * pitch), (x + long, y + n * pitch))
            if not across
            else ((x + n * pitch, y), (x + n * pitch, y + long))
        )
        cv2.line(canvas, *ends, colour, thick, cv2.LINE_AA)


def _lamps(canvas: Image, random: np.random.Generator) -> None:
    for _ in range(int(random.integers(1, 4))):
        x, y = (int(value) for value in random.integers(0, SIDE, 2))
        glow: Image = np.zeros((SIDE, SIDE), np.float32)
        cv2.circle(glow, (x, y), int(random.integers(3, 26)), 1.0, -1)
        glow = cv2.GaussianBlur(glow, (0, 0), float(random.uniform(1, 16)))
        canvas += glow[:, :, None] * random.uniform(80, 400) * random.uniform(0.5, 1, 3).astype(np.float32)


def _tape(canvas: Image, random: np.random.Generator) -> None:
    """Red and white reflecting tape."""
    x, y, tall = (
        int(random.integers(0, SIDE // 2)),
        int(random.integers(0, SIDE)),
        int(random.integers(3, 12)),
    )
    for n in range(int(random.integers(3, 12))):
        colour = (40.0, 40.0, 190.0) if n % 2 else (230.0, 230.0, 235.0)
        cv2.rectangle(canvas, (x + n * 3 * tall, y), (x + (n + 1) * 3 * tall, y + tall), colour, -1)


def _writing(canvas: Image, random: np.random.Generator) -> None:
    """Names, telephone numbers, load limits: text that is no plate, sometimes on a sign of a plate's colour."""
    count, tall = int(random.integers(2, 11)), int(random.integers(8, 60))
    wide = max(4, round(tall * random.uniform(0.4, 1.1)))
    x, y = (int(value) for value in random.integers(-20, SIDE - 20, 2))
    if random.random() < 0.45:
        ground = [
            float(v)
            for v in random.choice(
                np.array([(30, 175, 240), (165, 70, 20), (60, 160, 60), (235, 235, 235), (40, 40, 200)])
            )
        ]
        cv2.rectangle(
            canvas,
            (x - tall // 2, y - tall // 2),
            (x + count * (wide + 3) + tall // 2, y + tall + tall // 2),
            ground,
            -1,
        )
    ink = [float(value) for value in random.uniform(0, 255, 3)]
    cut = Cut(
        latin=int(random.integers(STROKED + 1)),
        chinese=int(random.integers(len(CHINESE))),
        weight=int(random.integers(-1, 3)),
    )
    among = list(SERIAL if random.random() < 0.5 else _WORDS)
    for n in range(count):
        _stamp(canvas, x + n * (wide + 3), y, glyph(str(random.choice(among)), wide, tall, cut), ink)


def _stamp(canvas: Image, x: int, y: int, mask: Image, ink: list[float]) -> None:
    left, top = max(0, -x), max(0, -y)
    under = canvas[max(0, y) : max(0, y + mask.shape[0]), max(0, x) : max(0, x + mask.shape[1])]
    shape = mask[top : top + under.shape[0], left : left + under.shape[1], None].astype(np.float32) / 255
    under[:] = under * (1 - shape) + np.array(ink, np.float32) * shape


_WORDS = PROVINCES + "放大号货车运输有限公司严禁超载限重吨核定总质量电话保持车距危险爆炸液体集装箱年月日"
_THINGS: tuple[tuple[float, Callable[[Image, np.random.Generator], None]], ...] = (
    (0.6, _body),
    (0.35, _body),
    (0.45, _bars),
    (0.3, _lamps),
    (0.2, _tape),
    (0.5, _writing),
    (0.35, _writing),
)
