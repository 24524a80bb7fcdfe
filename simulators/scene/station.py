"""The empty checkpoint as each camera sees it, in every light and weather; drawn once a camera and light."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from simulators.scene.lights import DARK_LIGHTS, LIGHTS
from simulators.scene.optics import HEIGHT, WIDTH, Optics, SideOptics
from simulators.scene.sheet import Bgr, Image
from simulators.traffic import Light

SKY: Bgr = (226, 206, 178)
HAZE: Bgr = (222, 216, 206)
HILL: Bgr = (160, 158, 140)
TREES: Bgr = (66, 96, 74)
GRASS: Bgr = (86, 126, 108)
ASPHALT: Bgr = (112, 110, 108)
CONCRETE: Bgr = (158, 162, 164)
PAINT: Bgr = (226, 228, 228)
WALL: Bgr = (214, 216, 218)
ROOF: Bgr = (150, 76, 30)
DARK: Bgr = (58, 56, 54)
BOOM_RED: Bgr = (48, 40, 200)
BOARDS: tuple[tuple[str, float, Bgr, Bgr], ...] = (
    ("通达配货 13854321876", 46_000, (150, 66, 20), (245, 245, 245)),
    ("鲁C超限举报0533-12328", 31_000, (24, 180, 244), (24, 22, 22)),
    ("S229 K45+300", 23_000, (96, 140, 40), (245, 245, 245)),
)
LANE_HALF_MM = 1_900
FAR_MM = 400_000


@lru_cache(maxsize=32)
def empty_lane(optics: Optics | SideOptics, light: Light, *, billboards: bool = False) -> Image:
    """The background, 1280x720 BGRA; treat as read-only."""
    day = _side_view(optics) if isinstance(optics, SideOptics) else _along(optics)
    if billboards and not isinstance(optics, SideOptics):
        _billboards(day, optics)
    lit = LIGHTS[light](cv2.GaussianBlur(day, (0, 0), 0.8).astype(np.float32), optics)
    picture: Image = np.asarray(np.clip(lit, 0, 255), np.uint8)
    if light in DARK_LIGHTS:  # what shines by itself
        _windows(picture, optics, (120, 196, 236))
        _board(picture, optics, (236, 250, 255))
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA), np.uint8)


# --- along the lane --------------------------------------------------------------------------------------------


def _along(optics: Optics) -> Image:
    picture = _sky(optics.vanishing[1], seed=7)
    _ground(picture, optics)
    _markings(picture, optics)
    _sensors(picture, optics)
    _house(picture, optics)
    _roadside(picture, optics)
    return picture


def _sky(horizon: int, *, seed: int) -> Image:
    picture = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    fade = np.clip(np.arange(HEIGHT) / max(horizon, 1), 0, 1)[:, None, None]
    picture[:] = (np.array(SKY) * (1 - fade) + np.array(HAZE) * fade).astype(np.uint8)
    random = np.random.default_rng(seed)
    _ridge(picture, horizon, height=70, steps=9, colour=HILL, random=random)
    _ridge(picture, horizon, height=34, steps=60, colour=TREES, random=random)
    return picture


def _ridge(
    picture: Image, horizon: int, *, height: int, steps: int, colour: Bgr, random: np.random.Generator
) -> None:
    tops = horizon - height * (0.45 + 0.55 * random.random(steps + 1))
    line = np.interp(np.arange(WIDTH), np.linspace(0, WIDTH, steps + 1), tops)
    points = np.column_stack([np.arange(WIDTH), line]).astype(np.int32)
    floor = np.array([[WIDTH, horizon + 4], [0, horizon + 4]], np.int32)
    cv2.fillPoly(picture, [np.concatenate([points, floor])], colour, cv2.LINE_AA)


def _patch(
    picture: Image, optics: Optics, across: tuple[float, float], away: tuple[float, float], colour: Bgr
) -> None:
    """A rectangle on the ground."""
    near = max(away[0], 1_000.0)
    corners = [(across[0], near), (across[1], near), (across[1], away[1]), (across[0], away[1])]
    _shape(picture, [optics.point(x, 0, d) for x, d in corners], colour)


def _wall(
    picture: Image,
    optics: Optics,
    across: tuple[float, float],
    up: tuple[float, float],
    away: float,
    colour: Bgr,
) -> None:
    """An upright rectangle facing the camera."""
    corners = [(across[0], up[0]), (across[1], up[0]), (across[1], up[1]), (across[0], up[1])]
    _shape(picture, [optics.point(x, z, away) for x, z in corners], colour)


def _shape(picture: Image, points: list[tuple[float, float]], colour: Bgr) -> None:
    path = np.array([(round(x * 16), round(y * 16)) for x, y in points], np.int32)
    cv2.fillPoly(picture, [path], colour, cv2.LINE_AA, 4)


def _ground(picture: Image, optics: Optics) -> None:
    hand, lane = optics.hand, optics.lane_mm
    picture[optics.vanishing[1] :] = GRASS
    _patch(picture, optics, (lane - hand * 3_300, lane + hand * 6_100), (1_000, FAR_MM), ASPHALT)
    _patch(picture, optics, (lane - hand * 3_600, lane - hand * 2_700), (1_000, 120_000), CONCRETE)
    _texture(picture, optics.vanishing[1] + 6, strength=7)


def _texture(picture: Image, top: int, *, strength: float) -> None:
    """Unevenness of the ground: coarse and still, so that it costs the encoder little."""
    random = np.random.default_rng(11)
    coarse = random.normal(0, strength, (40, 90)).astype(np.float32)
    fine = random.normal(0, strength / 2, (180, 320)).astype(np.float32)
    part = picture[top:]
    broad = cv2.resize(coarse, (WIDTH, len(part)), interpolation=cv2.INTER_CUBIC)
    grain = cv2.add(broad, cv2.resize(fine, (WIDTH, len(part)), interpolation=cv2.INTER_LINEAR))
    part[:] = np.clip(part + grain[:, :, None], 0, 255).astype(np.uint8)


def _markings(picture: Image, optics: Optics) -> None:
    hand, lane = optics.hand, optics.lane_mm
    edge, divide = lane - hand * LANE_HALF_MM, lane + hand * LANE_HALF_MM
    _patch(picture, optics, (edge - 75, edge + 75), (1_000, FAR_MM), PAINT)
    for n in range(16):
        start = 2_000 + n * 9_000
        _patch(picture, optics, (divide - 75, divide + 75), (start, start + 5_000), PAINT)
    far = divide + hand * 3_750
    _patch(picture, optics, (far - 75, far + 75), (1_000, FAR_MM), PAINT)


def _sensors(picture: Image, optics: Optics) -> None:
    """Saw cuts of the loops and the strips of the axle weigher, or the joints of the platform."""
    lane = optics.lane_mm
    for along in (0, 5_200):
        near, far = sorted((optics.away(along), optics.away(along + 1_800)))
        if near > 1_500:
            _outline(picture, optics, (lane - 1_300, lane + 1_300), (near, far))
    for along in (2_500, 3_300):
        place = optics.away(along)
        if place > 1_500:
            _patch(picture, optics, (lane - 1_750, lane + 1_750), (place, place + 110), (70, 68, 66))


def _outline(picture: Image, optics: Optics, across: tuple[float, float], away: tuple[float, float]) -> None:
    corners = [(across[0], away[0]), (across[1], away[0]), (across[1], away[1]), (across[0], away[1])]
    path = np.array([optics.point(x, 0, max(d, 1_000)) for x, d in corners]).round().astype(np.int32)
    cv2.polylines(picture, [path], True, (70, 68, 68), 3, cv2.LINE_AA)


def _house_at(optics: Optics) -> tuple[float, float, float]:
    """Left, right and distance of the duty room's canopy."""
    left, right = sorted((optics.lane_mm + optics.hand * 6_900, optics.lane_mm + optics.hand * 14_300))
    return left, right, optics.focal_px * 14.0


def _house(picture: Image, optics: Optics) -> None:
    """Duty room under a canopy on the far side, name board on its edge."""
    left, right, away = _house_at(optics)
    _wall(picture, optics, (left + 900, right - 900), (0, 2_900), away * 1.12, WALL)
    for x in (left + 300, right - 500):
        _wall(picture, optics, (x, x + 240), (0, 3_500), away, CONCRETE)
    _wall(picture, optics, (left, right), (3_300, 4_100), away, ROOF)
    _windows(picture, optics, (150, 128, 104))
    _board(picture, optics, (240, 240, 240))


def _windows(picture: Image, optics: Optics | SideOptics, colour: Bgr) -> None:
    if isinstance(optics, SideOptics):
        for column in range(370, 980, 90):
            cv2.rectangle(picture, (column, 370), (column + 56, 440), colour, -1)
        return
    left, _, away = _house_at(optics)
    for n in range(4):
        x = left + 1_250 + n * 1_400
        _wall(picture, optics, (x, x + 1_000), (900, 2_200), away * 1.12, colour)


def _board(picture: Image, optics: Optics | SideOptics, colour: Bgr) -> None:
    if isinstance(optics, SideOptics):
        _write(picture, "沂源县超限检测站", (500, 303), 36, colour)
        return
    left, _, away = _house_at(optics)
    x, y = optics.point(left + 2_300, 3_480, away)
    _write(picture, "超限检测站", (round(x), round(y)), round(470 * optics.focal_px / away), colour)


def _write(picture: Image, words: str, at: tuple[int, int], size: int, colour: Bgr) -> None:
    cv2.putText(picture, words, at, colour, cv2.FontFace("uni"), size, 400)


def _roadside(picture: Image, optics: Optics) -> None:
    """Lamp posts, a line of bollards, the boom beside the lane."""
    hand, lane = optics.hand, optics.lane_mm
    for lamp_post in (160_000, 110_000, 75_000):
        x = lane + hand * 6_500
        _wall(picture, optics, (x - 70, x + 70), (0, 7_500), lamp_post, DARK)
    for n in range(9):
        place, x = 60_000 - n * 5_500, lane - hand * 3_150
        _wall(picture, optics, (x - 70, x + 70), (0, 800), place, (60, 130, 240))
        _wall(picture, optics, (x - 72, x + 72), (500, 640), place, PAINT)
    post = lane + hand * 2_350
    away = 26_000.0 if optics.focal_px < 6_000 else 52_000.0
    _wall(picture, optics, (post - 150, post + 150), (0, 1_150), away, (40, 150, 236))
    for n in range(5):
        up = (1_250 + n * 330, 1_250 + (n + 1) * 330)
        _wall(picture, optics, (post - 45, post + 45), up, away, BOOM_RED if n % 2 else PAINT)


def _billboards(picture: Image, optics: Optics) -> None:
    """Boards at the height of plates, with what such boards say: names, telephone numbers, kilometres, limits."""
    hand, lane = optics.hand, optics.lane_mm
    for words, away, colour, ink in BOARDS:
        width = 330 * len(words) + 500
        left, right = sorted((lane + hand * 4_300, lane + hand * (4_300 + width)))
        place = away * optics.focal_px / 4_000
        _wall(picture, optics, (left - 60, right + 60), (300, 1_660), place, DARK)
        _wall(picture, optics, (left, right), (360, 1_600), place, colour)
        x, y = optics.point(left + 240, 760, place)
        _write(picture, words, (round(x), round(y)), round(480 * optics.focal_px / place), ink)


# --- from the side ---------------------------------------------------------------------------------------------


def _side_view(optics: SideOptics) -> Image:
    picture = _sky(380, seed=5)
    picture[380:] = GRASS
    picture[505:655] = ASPHALT
    picture[655:] = CONCRETE
    _texture(picture, 384, strength=5)
    _canopy(picture, optics)
    for y in (512, 648):
        picture[y : y + 4] = PAINT
    for x in range(40, WIDTH, 170):  # divide of the lanes beyond
        cv2.rectangle(picture, (x, 541), (x + 80, 543), PAINT, -1)
    _side_sensors(picture, optics)
    for x in range(20, WIDTH, 140):
        cv2.rectangle(picture, (x, 664), (x + 9, 706), (60, 130, 240), -1)
        cv2.rectangle(picture, (x, 676), (x + 9, 684), PAINT, -1)
    return picture


def _canopy(picture: Image, optics: SideOptics) -> None:
    cv2.rectangle(picture, (330, 330), (1_010, 505), WALL, -1)
    _windows(picture, optics, (150, 128, 104))
    cv2.rectangle(picture, (240, 262), (1_100, 316), ROOF, -1)
    for x in (262, 660, 1_066):
        cv2.rectangle(picture, (x, 316), (x + 14, 505), CONCRETE, -1)
    _board(picture, optics, (240, 240, 240))


def _side_sensors(picture: Image, optics: SideOptics) -> None:
    for along in (0, 1_800, 2_500, 3_300, 5_200, 7_000):
        x = round(optics.x(along))
        cv2.line(picture, (x + 12, 560), (x - 6, 640), (74, 72, 70), 2, cv2.LINE_AA)
