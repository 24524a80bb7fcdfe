"""Frames of one lane camera: the truck where the world says it is at that moment, in the light of its crossing."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from simulators.scene.faces import MARGIN_MM, Lamp
from simulators.scene.lights import FALLING, dazzles, falls
from simulators.scene.optics import HEIGHT, NEAREST_MM, WIDTH, Optics, Role, SideOptics, optics_of
from simulators.scene.sheet import Image
from simulators.scene.sprites import Sprite, Texture, sprite
from simulators.scene.station import empty_lane
from simulators.scene.view import FRONT_OVERHANG_MM, Appearance
from simulators.traffic import Light

FAR_MM = 54_000  # beyond it a truck is lost in the haze
HAZE_MM = 6_000
SHADOW = 0.55
LOCAL = timedelta(hours=8)  # Asia/Shanghai, as on the cameras of the site
BANNER_PX = 30
MIRRORED = 0.34
WIDEST_GLOW = 2.2  # px of halo a mm of lamp


class LaneView:
    """What one camera sees.  Keeps the sprites of the trucks in sight; for one thread only."""

    def __init__(self, role: Role, *, site: str, static: bool = False, light: Light = "day") -> None:
        self.optics = optics_of(role, static=static)
        self.role, self.site, self.light = role, site, light
        self._sprites: dict[Appearance, Sprite] = {}

    def sight_ms(self, seen: Appearance) -> tuple[int, int]:
        """From when until when the truck can be in the picture."""
        behind = max(seen.truck.length_mm, seen.wheelbase_mm + FRONT_OVERHANG_MM + 700)
        if isinstance(self.optics, SideOptics):
            first, last = -self.optics.loop_x / self.optics.px_per_mm, WIDTH / self.optics.px_per_mm + behind
        elif self.role == "front":
            first, last = self.optics.at_mm - FAR_MM, self.optics.at_mm + behind
        else:
            first, last = self.optics.at_mm, self.optics.at_mm + FAR_MM + behind
        return seen.reaches_ms(round(first) - FRONT_OVERHANG_MM), seen.reaches_ms(round(last))

    def in_sight(self, t_ms: int, appearances: Sequence[Appearance]) -> list[Appearance]:
        """The trucks to draw, farthest first."""
        there = [seen for seen in appearances if self._alpha(seen, t_ms) > 0]
        return sorted(there, key=lambda seen: -self._away(seen, t_ms))

    def still(self, times_ms: Sequence[int], appearances: Sequence[Appearance]) -> bool:
        """Whether the picture stays the same at all these times (the clock in its corner aside)."""
        return len({self._state(t_ms, appearances) for t_ms in times_ms}) == 1

    def frame(self, t_ms: int, appearances: Sequence[Appearance]) -> Image:
        """1280x720 at `t_ms` as BGRA (alpha means nothing), with site and time in the upper edge."""
        trucks = self.in_sight(t_ms, appearances)
        light = self._light(t_ms, appearances)
        boards = any(seen.billboards for seen in appearances)
        picture = empty_lane(self.optics, light, billboards=boards).copy()
        self._keep_sprites(trucks)
        if isinstance(self.optics, SideOptics):
            self._from_the_side(picture, self.optics, trucks, t_ms)
        else:
            self._along(picture, self.optics, trucks, t_ms)
        dazzles(picture, light, self.optics)
        falls(picture, light, t_ms)
        stamp(picture, t_ms, self.site)
        return picture

    def _state(self, t_ms: int, appearances: Sequence[Appearance]) -> Hashable:
        light = self._light(t_ms, appearances)
        places = tuple((seen.trigger_ms, seen.position(t_ms)) for seen in self.in_sight(t_ms, appearances))
        return light, places, t_ms if light in FALLING else 0

    def _light(self, t_ms: int, appearances: Sequence[Appearance]) -> Light:
        """The light of the crossing nearest in time; so it changes while nobody is in sight."""
        return (
            min(appearances, key=lambda seen: abs(seen.trigger_ms - t_ms)).light
            if appearances
            else self.light
        )

    def _keep_sprites(self, trucks: Sequence[Appearance]) -> None:
        self._sprites = {
            seen: self._sprites.get(seen) or sprite(seen.truck, role=self.role, light=seen.light)
            for seen in trucks
        }

    def _away(self, seen: Appearance, t_ms: int) -> float:
        if isinstance(self.optics, SideOptics):
            return 0.0
        return self.optics.away(seen.position(t_ms))

    def _alpha(self, seen: Appearance, t_ms: int) -> float:
        """0 out of sight, 1 in plain sight, between in the haze."""
        bumper = seen.position(t_ms) + FRONT_OVERHANG_MM
        tail = bumper - max(seen.truck.length_mm, seen.wheelbase_mm + FRONT_OVERHANG_MM + 700)
        if isinstance(self.optics, SideOptics):
            return float(self.optics.x(bumper) > 0 and self.optics.x(tail) < WIDTH)
        near, far = self.optics.away(bumper), self.optics.away(tail)
        if max(near, far) < NEAREST_MM + 200:
            return 0.0
        end = near if self.role == "front" else far
        return float(np.clip((FAR_MM - end) / HAZE_MM, 0, 1))

    def _along(self, picture: Image, optics: Optics, trucks: Sequence[Appearance], t_ms: int) -> None:
        for seen in trucks:
            truck = self._sprites[seen]
            bumper = optics.away(seen.position(t_ms) + FRONT_OVERHANG_MM)
            tail = optics.away(seen.position(t_ms) + FRONT_OVERHANG_MM - truck.length_mm)
            alpha = self._alpha(seen, t_ms)
            if alpha < 1:
                clear = picture.copy()
                _truck(clear, optics, truck, bumper=bumper, tail=tail)
                cv2.addWeighted(clear, alpha, picture, 1 - alpha, 0, dst=picture)
            else:
                _truck(picture, optics, truck, bumper=bumper, tail=tail)

    def _from_the_side(
        self, picture: Image, optics: SideOptics, trucks: Sequence[Appearance], t_ms: int
    ) -> None:
        for seen in trucks:
            flank = self._sprites[seen].flank
            bumper = optics.x(seen.position(t_ms) + FRONT_OVERHANG_MM)
            left, right = round(bumper - flank.width_mm * optics.px_per_mm), round(bumper)
            shadow = picture[optics.ground_y - 5 : optics.ground_y + 9, max(left, 0) : max(right, 0)]
            shadow[:] = (shadow * SHADOW).astype(np.uint8)
            top = optics.ground_y - flank.height_mm * optics.px_per_mm
            _lay(picture, flank, bumper - flank.width_mm * optics.px_per_mm, top, optics.px_per_mm)


def _truck(picture: Image, optics: Optics, truck: Sprite, *, bumper: float, tail: float) -> None:
    near, far = sorted((max(bumper, NEAREST_MM), max(tail, NEAREST_MM)))
    _shadow(picture, optics, truck, near, far)
    _flank(picture, optics, truck, bumper=bumper, tail=tail)
    end = bumper if optics.role == "front" else tail
    if truck.end is None or end < NEAREST_MM:
        return
    scale = optics.focal_px / end
    x, y = optics.point(optics.lane_mm - truck.half_width_mm - MARGIN_MM, truck.end.height_mm, end)
    if truck.mirror:
        _lay(picture, truck.mirror, x, y + truck.end.height_mm * scale, scale, share=MIRRORED)
    _lay(picture, truck.end, x, y, scale)
    for lamp in truck.lamps:
        _glow(picture, lamp, x + lamp.x * scale, y + (truck.end.height_mm - lamp.y) * scale, scale)


def _shadow(picture: Image, optics: Optics, truck: Sprite, near: float, far: float) -> None:
    half = truck.half_width_mm * 1.06
    across = (optics.lane_mm - half, optics.lane_mm + half)
    corners = [(across[0], near), (across[1], near), (across[1], far), (across[0], far)]
    path = np.array([optics.point(x, 0, away) for x, away in corners]).round().astype(np.int32)
    x, y, width, height = _clipped(*cv2.boundingRect(path))
    if width <= 0 or height <= 0:
        return
    part = picture[y : y + height, x : x + width]
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [path - (x, y)], 255)
    cv2.copyTo(cv2.convertScaleAbs(part, alpha=SHADOW), mask, part)


def _flank(picture: Image, optics: Optics, truck: Sprite, *, bumper: float, tail: float) -> None:
    """The truck's right side, in perspective; what is behind the camera is cut off."""
    front, rear = max(bumper, NEAREST_MM), max(tail, NEAREST_MM)
    if abs(front - rear) < 100:
        return
    across = optics.lane_mm - optics.hand * truck.half_width_mm
    level = truck.flank.at(optics.focal_px / min(front, rear) * 0.5)
    rows, pixels = level.bgra.shape[:2]
    columns = [_column(pixels, away, bumper=bumper, tail=tail) for away in (rear, front)]
    source = [(columns[0], 0), (columns[1], 0), (columns[1], rows), (columns[0], rows)]
    up = truck.flank.height_mm
    target = [optics.point(across, *place) for place in ((up, rear), (up, front), (0, front), (0, rear))]
    _warp(picture, level.bgra, np.array(source, np.float32), np.array(target, np.float32))


def _column(columns: int, away: float, *, bumper: float, tail: float) -> float:
    """Where on the drawing of the side a distance from the camera is; the bumper is at its right edge."""
    return columns * (away - tail) / (bumper - tail)


def _warp(
    picture: Image, drawing: Image, source: npt.NDArray[np.float32], target: npt.NDArray[np.float32]
) -> None:
    x, y, width, height = _clipped(*cv2.boundingRect(target))
    if width < 2 or height < 2:
        return
    turn = cv2.getPerspectiveTransform(source, (target - (x, y)).astype(np.float32))
    drawn = cv2.warpPerspective(drawing, turn, (width, height), flags=cv2.INTER_LINEAR)
    _cover(picture[y : y + height, x : x + width], drawn)


def _cover(part: Image, drawn: npt.NDArray[Any], *, share: float = 1.0) -> None:
    """Lay what was drawn over the picture, where there is something."""
    mask = cv2.threshold(cv2.extractChannel(drawn, 3), 127, 255, cv2.THRESH_BINARY)[1]
    cv2.copyTo(drawn if share == 1 else cv2.addWeighted(drawn, share, part, 1 - share, 0), mask, part)


def _lay(
    picture: Image, texture: Texture, left: float, top: float, px_per_mm: float, *, share: float = 1.0
) -> None:
    """Lay a flat drawing into the picture with its upper left corner there; only what falls inside is scaled."""
    level = texture.at(px_per_mm)
    factor = px_per_mm / level.px_per_mm
    across = _overlap(left, level.bgra.shape[1], factor, WIDTH)
    down = _overlap(top, level.bgra.shape[0], factor, HEIGHT)
    if across is None or down is None:
        return
    columns, x, width = across
    rows, y, height = down
    drawn = cv2.resize(level.bgra[rows, columns], (width, height), interpolation=cv2.INTER_LINEAR)
    skip_x, skip_y = max(-x, 0), max(-y, 0)
    part = picture[max(y, 0) : y + height, max(x, 0) : x + width]
    drawn = drawn[skip_y : skip_y + part.shape[0], skip_x : skip_x + part.shape[1]]
    _cover(part, drawn, share=share)


def _overlap(start: float, pixels: int, factor: float, limit: int) -> tuple[slice, int, int] | None:
    """Which of the drawing's pixels meet 0..limit when drawn from `start`: they, where to put them, how wide."""
    first = max(0, int(-start / factor))
    last = min(pixels, int((limit - start) / factor) + 2)
    at, end = round(start + first * factor), round(start + last * factor)
    return (slice(first, last), at, end - at) if last > first and end > max(at, 0) and at < limit else None


def _clipped(x: int, y: int, width: int, height: int) -> tuple[int, int, int, int]:
    left, top = max(x, 0), max(y, 0)
    return left, top, min(x + width, WIDTH) - left, min(y + height, HEIGHT) - top


def _glow(picture: Image, lamp: Lamp, x: float, y: float, scale: float) -> None:
    """A lamp that shines towards the camera, with its halo."""
    radius = max(3, round(min(lamp.radius * scale * 5, lamp.radius * WIDEST_GLOW)))
    left, top = round(x) - radius, round(y) - radius
    part = _clipped(left, top, 2 * radius, 2 * radius)
    if part[2] <= 0 or part[3] <= 0:
        return
    halo = cv2.resize(_halo(lamp.colour), (2 * radius, 2 * radius), interpolation=cv2.INTER_LINEAR)
    rows = slice(part[1] - top, part[1] - top + part[3])
    columns = slice(part[0] - left, part[0] - left + part[2])
    under = picture[part[1] : part[1] + part[3], part[0] : part[0] + part[2]]
    under[:] = cv2.add(under, halo[rows, columns])


@lru_cache(maxsize=8)
def _halo(colour: tuple[int, int, int]) -> Image:
    span = np.linspace(-1, 1, 128)
    away = np.hypot(span[:, None], span[None, :])
    shine = np.clip(1.6 * np.exp(-((away / 0.17) ** 2)) + 0.4 * np.exp(-((away / 0.42) ** 2)) - 0.01, 0, 1)
    return np.asarray(np.clip(shine[:, :, None] * np.array((*colour, 0)), 0, 255), np.uint8)


def stamp(picture: Image, t_ms: int, site: str) -> None:
    """Burn in local time to the second and the site's name, small, along the upper edge."""
    for text, left in ((_clock(t_ms), True), (site, False)):
        words, mask = _banner(text)
        width = words.shape[1]
        x = 12 if left else WIDTH - 12 - width
        cv2.copyTo(words, mask, picture[6 : 6 + BANNER_PX, x : x + width])


def _clock(t_ms: int) -> str:
    return (datetime.fromtimestamp(t_ms / 1000, UTC) + LOCAL).strftime("%Y-%m-%d %H:%M:%S")


@lru_cache(maxsize=32)
def _banner(text: str) -> tuple[Image, Image]:
    """Light letters with a dark rim, and where they cover the picture."""
    ink = np.zeros((BANNER_PX, 14 + 22 * len(text)), np.uint8)
    cv2.putText(ink, text, (4, 23), 255, cv2.FontFace("uni"), 21, 400)
    x, _, width, _ = cv2.boundingRect(ink)
    ink = ink[:, : x + width + 4]
    rim = cv2.dilate(ink, np.ones((3, 3), np.uint8))
    words = cv2.cvtColor(ink, cv2.COLOR_GRAY2BGRA)
    return np.asarray(words, np.uint8), np.asarray(
        cv2.threshold(rim, 90, 255, cv2.THRESH_BINARY)[1], np.uint8
    )
