"""What light and weather do: to the empty checkpoint, to a truck, to its plate, and between road and lens."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from simulators.scene.optics import HEIGHT, WIDTH, Optics, Role, SideOptics
from simulators.scene.sheet import Image
from simulators.traffic import Light

Picture = npt.NDArray[np.float32]
View = Optics | SideOptics
LAYERS = 6  # of what falls; shown in turn
DARK_LIGHTS = frozenset({"night", "headlights"})
FALLING = frozenset({"rain", "snow"})
LAMPS_ON = frozenset({"night", "headlights", "rain", "wet", "snow"})
MIRRORING = frozenset({"wet"})
GLARE = 3  # a headlight's halo with the full beam on, in those of a dipped one


@dataclass(frozen=True, slots=True, kw_only=True)
class Tone:
    """Brightness times `gain` plus `lift`."""

    gain: float
    lift: float


PLAIN = Tone(gain=1, lift=0)
TRUCKS: dict[Light, Tone] = {
    "day": PLAIN,
    "night": Tone(gain=0.27, lift=2),  # only the station's lamp and the camera's flash reach it
    "headlights": Tone(gain=0.2, lift=4),
    "rain": Tone(gain=0.66, lift=44),
    "wet": Tone(gain=0.8, lift=18),
    "low_sun": Tone(gain=0.42, lift=20),
    "snow": Tone(gain=0.74, lift=44),
}
# The sheeting throws the flash back: at night the plate is the brightest part of the truck.
PLATES: dict[Light, Tone] = {
    "day": Tone(gain=0.96, lift=0),
    "night": Tone(gain=0.86, lift=8),
    "headlights": Tone(gain=0.74, lift=10),
    "rain": Tone(gain=0.76, lift=34),
    "wet": Tone(gain=0.9, lift=8),
    "low_sun": Tone(gain=0.46, lift=18),
    "snow": Tone(gain=0.8, lift=30),
}
SUNLIT = Tone(gain=1.3, lift=12)  # the camera that has the low sun behind it


def on_truck(light: Light, role: Role) -> Tone:
    return SUNLIT if light == "low_sun" and role == "rear" else TRUCKS[light]


def on_plate(light: Light, role: Role) -> Tone:
    return SUNLIT if light == "low_sun" and role == "rear" else PLATES[light]


def _day(picture: Picture, optics: View) -> Picture:
    return picture


def _night(picture: Picture, optics: View) -> Picture:
    """Dark and bluish, with the pool of the station's lamp where the trucks are measured."""
    x, y = (660, 560) if isinstance(optics, SideOptics) else _lamp_pool(optics)
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    pool = np.exp(-(((columns - x) / 520) ** 2) - ((rows - y) / 210) ** 2)[:, :, None]
    dark = picture * np.array((0.15, 0.12, 0.11), np.float32) + 6
    warm = picture * np.array((0.26, 0.33, 0.37), np.float32) * pool
    return np.asarray(dark + warm, np.float32)


def _lamp_pool(optics: Optics) -> tuple[float, float]:
    return optics.point(optics.lane_mm, 0, max(optics.away(0), 9_000.0))


def _rain(picture: Picture, optics: View) -> Picture:
    """Grey, little contrast, a wet road that smears what is above it."""
    return _mirrored(_dull(picture, gain=0.62, lift=52), optics, strength=0.16)


def _wet(picture: Picture, optics: View) -> Picture:
    """After the rain: clear air, and a road like a dark mirror."""
    return _mirrored(_dull(picture, gain=0.8, lift=22), optics, strength=0.34)


def _dull(picture: Picture, *, gain: float, lift: float) -> Picture:
    grey = picture.mean(axis=2, keepdims=True)
    return np.asarray((picture * 0.55 + grey * 0.45) * gain + lift, np.float32)


def _mirrored(picture: Picture, optics: View, *, strength: float) -> Picture:
    horizon = _horizon(optics)
    wet = picture[horizon:]
    above = cv2.GaussianBlur(picture[:horizon][::-1][: len(wet)], (0, 0), sigmaX=3, sigmaY=24)
    wet[: len(above)] = wet[: len(above)] * (0.96 - strength) + above * strength
    return picture


def _horizon(optics: View) -> int:
    return 505 if isinstance(optics, SideOptics) else optics.vanishing[1]


def _low_sun(picture: Picture, optics: View) -> Picture:
    """Warm; where the camera looks into the sun, all is a silhouette before a white sky."""
    warm = picture * np.array((0.74, 0.92, 1.04), np.float32)
    if not faces_sun(optics):
        return np.asarray(warm * 1.12, np.float32)
    warm *= 0.6
    warm[: _horizon(optics)] = warm[: _horizon(optics)] * 0.5 + np.array((190, 226, 250), np.float32) * 0.62
    return warm


def _snow(picture: Picture, optics: View) -> Picture:
    """Ground under snow, with the wheels' tracks left in it; a grey sky."""
    grey = _dull(picture, gain=0.74, lift=46)
    horizon = _horizon(optics)
    ground = grey[horizon:]
    ground[:] = ground * 0.35 + np.array((226, 222, 218), np.float32) * 0.6
    if isinstance(optics, Optics):
        tracks = np.zeros((HEIGHT, WIDTH), np.uint8)
        for wheel in (-950, 950):
            across = (optics.lane_mm + wheel - 260, optics.lane_mm + wheel + 260)
            ends = [(across[0], 2_000), (across[1], 2_000), (across[1], 200_000), (across[0], 200_000)]
            path = np.array([optics.point(x, 0, away) for x, away in ends]).round().astype(np.int32)
            cv2.fillPoly(tracks, [path], 255)
        grey[tracks > 0] = grey[tracks > 0] * 0.62
    return grey


LIGHTS = {
    "day": _day,
    "night": _night,
    "rain": _rain,
    "headlights": _night,
    "wet": _wet,
    "low_sun": _low_sun,
    "snow": _snow,
}


# --- between road and lens -------------------------------------------------------------------------------------


def falls(picture: Image, light: Light, t_ms: int) -> None:
    """Rain or snow of that moment, in front of everything."""
    if light == "rain":
        cv2.add(picture, _streaks()[t_ms // 80 % LAYERS], dst=picture)
    elif light == "snow":
        cv2.add(picture, _flakes()[t_ms // 80 % LAYERS], dst=picture)


def dazzles(picture: Image, light: Light, optics: View) -> None:
    """The low sun's flare in a lens that looks into it."""
    if light == "low_sun" and faces_sun(optics):
        cv2.add(
            picture,
            _flare(1_010 if isinstance(optics, SideOptics) else optics.vanishing[0] + 420),
            dst=picture,
        )


def faces_sun(optics: View) -> bool:
    """It stands low ahead of the traffic's way; the rear camera has it behind its back."""
    return optics.role != "rear"


@lru_cache(maxsize=1)
def _streaks() -> tuple[Image, ...]:
    """Rain between camera and road."""
    random = np.random.default_rng(3)
    return tuple(_streak_layer(random) for _ in range(LAYERS))


def _streak_layer(random: np.random.Generator) -> Image:
    layer = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    for _ in range(150):
        x, y = int(random.integers(0, WIDTH)), int(random.integers(-40, HEIGHT))
        fall, grey = int(random.integers(18, 60)), int(random.integers(22, 46))
        cv2.line(layer, (x, y), (x - fall // 7, y + fall), (grey, grey, grey), 1, cv2.LINE_AA)
    return layer


@lru_cache(maxsize=1)
def _flakes() -> tuple[Image, ...]:
    """Snow between camera and road: many small flakes, a few large ones out of focus."""
    random = np.random.default_rng(5)
    return tuple(_flake_layer(random) for _ in range(LAYERS))


def _flake_layer(random: np.random.Generator) -> Image:
    layer = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    for n in range(420):
        at = int(random.integers(0, WIDTH)), int(random.integers(0, HEIGHT))
        near = n % 14 == 0
        radius, grey = (int(random.integers(4, 8)), 34) if near else (int(random.integers(1, 3)), 96)
        cv2.circle(layer, at, radius, (grey, grey, grey), -1, cv2.LINE_AA)
    return layer


@lru_cache(maxsize=4)
def _flare(x: int) -> Image:
    """The sun's disc above the horizon at `x`, its bloom, and the veil over the whole picture."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    away = np.hypot(columns - x, rows - 120)
    shine = 255 * np.exp(-((away / 70) ** 2)) + 120 * np.exp(-away / 170) + 46 * np.exp(-away / 700)
    tint = np.array((0.8, 0.94, 1.0, 0), np.float32)
    return np.asarray(np.clip(shine[:, :, None] * tint, 0, 255), np.uint8)
