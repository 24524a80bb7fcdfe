"""A truck drawn once for one camera and one light, ready to be laid into many frames."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from simulators.scene.faces import Face, Lamp, PlateSpot, front_face, rear_face
from simulators.scene.optics import Role
from simulators.scene.sheet import Image, Sheet
from simulators.scene.sides import side
from simulators.scene.view import Light
from simulators.traffic import Truck

LEVELS = 3  # each half as fine as the one before


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """`bgra` with alpha 0 or 255; four channels are warped in half the time of three."""

    px_per_mm: float
    bgra: Image


@dataclass(frozen=True, slots=True, kw_only=True)
class Texture:
    """One flat picture at several resolutions."""

    width_mm: int
    height_mm: int
    levels: tuple[Level, ...]

    def at(self, px_per_mm: float) -> Level:
        """The coarsest level that is not much coarser than asked for."""
        good = [level for level in self.levels if level.px_per_mm > 0.75 * px_per_mm]
        return good[-1] if good else self.levels[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sprite:
    """The end that faces the camera (None for the side camera), the right side, and what shines."""

    end: Texture | None
    flank: Texture
    lamps: tuple[Lamp, ...]
    half_width_mm: int
    length_mm: int


def sprite(truck: Truck, *, role: Role, light: Light) -> Sprite:
    flank = _flank(truck, light)
    if role == "side":
        return Sprite(end=None, flank=flank, lamps=(), half_width_mm=0, length_mm=flank.width_mm)
    face = front_face(truck) if role == "front" else rear_face(truck)
    light_up(face.sheet, light)
    _hang_plate(face, light)
    return Sprite(
        end=_texture(face.sheet),
        flank=flank,
        lamps=face.lamps if light != "day" else (),
        half_width_mm=face.half_width_mm,
        length_mm=flank.width_mm,
    )


@lru_cache(maxsize=8)
def _flank(truck: Truck, light: Light) -> Texture:
    """The side, which all cameras of the lane share."""
    drawn = side(truck)
    light_up(drawn, light)
    return _texture(drawn)


def light_up(sheet: Sheet, light: Light) -> None:
    """At night only the station's lamp and the camera's flash reach the truck; rain takes contrast."""
    if light == "night":
        sheet.bgr[:] = (sheet.bgr * np.array((0.27, 0.27, 0.28), np.float32) + 2).astype(np.uint8)
    elif light == "rain":
        sheet.bgr[:] = cv2.addWeighted(sheet.bgr, 0.66, sheet.bgr, 0, 44)


def _hang_plate(face: Face, light: Light) -> None:
    spot = face.plate
    if spot is None:
        return
    frame = 26
    face.sheet.box(
        spot.x - frame,
        spot.y - frame,
        spot.width + 2 * frame,
        spot.height + 2 * frame,
        (30, 29, 28),
        radius=20,
    )
    face.sheet.paste(_reflecting(spot, light), spot.x, spot.y, spot.width, spot.height)


def _reflecting(spot: PlateSpot, light: Light) -> Image:
    """The sheeting throws the flash back: at night the plate is the brightest part of the truck."""
    gain, lift = {"day": (0.96, 0), "night": (0.86, 8), "rain": (0.76, 34)}[light]
    return np.asarray(cv2.convertScaleAbs(spot.image, alpha=gain, beta=lift), np.uint8)


def _texture(sheet: Sheet) -> Texture:
    levels = [Level(px_per_mm=sheet.px_per_mm, bgra=np.dstack([sheet.bgr, sheet.mask]))]
    for _ in range(LEVELS - 1):
        levels.append(_halved(levels[-1]))
    return Texture(width_mm=sheet.width_mm, height_mm=sheet.height_mm, levels=tuple(levels))


def _halved(level: Level) -> Level:
    size = (max(1, level.bgra.shape[1] // 2), max(1, level.bgra.shape[0] // 2))
    bgra = np.asarray(cv2.resize(level.bgra, size, interpolation=cv2.INTER_AREA), np.uint8)
    bgra[:, :, 3] = np.where(bgra[:, :, 3] > 127, 255, 0)
    return Level(px_per_mm=level.px_per_mm / 2, bgra=bgra)
