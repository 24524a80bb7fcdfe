"""A truck drawn once for one camera and one light, ready to be laid into many frames."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from zlib import crc32

import cv2
import numpy as np

from simulators.scene.faces import Face, Lamp, front_face, rear_face
from simulators.scene.lights import GLARE, LAMPS_ON, MIRRORING, PLAIN, Tone, on_plate, on_truck
from simulators.scene.optics import Role
from simulators.scene.sheet import Image, Sheet
from simulators.scene.sides import side
from simulators.scene.wear import snowed
from simulators.traffic import Light, Truck

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
    mirror: Texture | None  # the end upside down, where the road throws it back
    flank: Texture
    lamps: tuple[Lamp, ...]
    half_width_mm: int
    length_mm: int


def sprite(truck: Truck, *, role: Role, light: Light) -> Sprite:
    flank = _flank(truck, light)
    if role == "side":
        return Sprite(end=None, mirror=None, flank=flank, lamps=(), half_width_mm=0, length_mm=flank.width_mm)
    face = front_face(truck) if role == "front" else rear_face(truck)
    light_up(face.sheet, on_truck(light, role))
    _hang_plate(face, light, role, seed=crc32(truck.name.encode()))
    end = _texture(face.sheet)
    return Sprite(
        end=end,
        mirror=_mirror(end) if light in MIRRORING else None,
        flank=flank,
        lamps=_lamps(face, light, role),
        half_width_mm=face.half_width_mm,
        length_mm=flank.width_mm,
    )


@lru_cache(maxsize=8)
def _flank(truck: Truck, light: Light) -> Texture:
    """The side, which all cameras of the lane share."""
    drawn = side(truck)
    light_up(drawn, on_truck(light, "side"))
    return _texture(drawn)


def light_up(sheet: Sheet, tone: Tone) -> None:
    if tone != PLAIN:
        sheet.bgr[:] = np.clip(sheet.bgr * np.float32(tone.gain) + np.float32(tone.lift), 0, 255).astype(
            np.uint8
        )


def _lamps(face: Face, light: Light, role: Role) -> tuple[Lamp, ...]:
    if light not in LAMPS_ON:
        return ()
    if light == "headlights" and role == "front":  # full beam, into the lens
        return tuple(replace(lamp, radius=GLARE * lamp.radius) for lamp in face.lamps)
    return face.lamps


def _hang_plate(face: Face, light: Light, role: Role, *, seed: int) -> None:
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
    image = snowed(spot.image, seed=seed, depth=seed // 11 % 4 / 4) if light == "snow" else spot.image
    face.sheet.paste(_reflecting(image, on_plate(light, role)), spot.x, spot.y, spot.width, spot.height)


def _reflecting(plate: Image, tone: Tone) -> Image:
    return np.asarray(cv2.convertScaleAbs(plate, alpha=tone.gain, beta=tone.lift), np.uint8)


def _mirror(end: Texture) -> Texture:
    """Upside down, and drawn out along the road by its roughness."""
    levels = tuple(
        Level(px_per_mm=level.px_per_mm, bgra=_smeared(level.bgra[::-1], 40 * level.px_per_mm))
        for level in end.levels
    )
    return Texture(width_mm=end.width_mm, height_mm=end.height_mm, levels=levels)


def _smeared(bgra: Image, sigma: float) -> Image:
    return np.asarray(cv2.GaussianBlur(bgra, (0, 0), sigmaX=sigma / 4, sigmaY=sigma), np.uint8)


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
