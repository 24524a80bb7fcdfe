"""What the road does to a plate: mud over its characters, snow upon it, dents; the same for the same seed."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from simulators.scene.sheet import Bgr, Image

BEHIND: Bgr = (30, 29, 28)
MUD: Bgr = (70, 92, 108)
SNOW: Bgr = (236, 232, 228)


def muddied(plate: Image, *, seed: int) -> Image:
    """Clods on one to three characters; some leave a part of the character free, some do not."""
    random = np.random.default_rng(seed + 90_001)
    height, width = plate.shape[:2]
    cover = np.zeros((height, width), np.float32)
    for _ in range(int(random.integers(1, 4))):
        x, y = random.uniform(0.08, 0.95) * width, random.uniform(0.35, 0.9) * height
        wide, high = random.uniform(0.03, 0.08) * width, random.uniform(0.15, 0.4) * height
        cv2.ellipse(cover, ((x, y), (2 * wide, 2 * high), random.uniform(-25, 25)), 0.92, -1)
    soft = np.asarray(cv2.GaussianBlur(cover, (0, 0), 5), np.float32)
    return _covered(plate, soft, MUD, grain=random.normal(0, 7, (height, width, 1)))


def snowed(plate: Image, *, seed: int, depth: float) -> Image:
    """Snow driven against it: a rim along the lower edge and the frame, flecks between.  `depth` 0 to 1."""
    random = np.random.default_rng(seed + 70_001)
    height, width = plate.shape[:2]
    rim = (
        np.interp(np.arange(width), np.linspace(0, width, 9), random.uniform(0.2, 1, 9))
        * depth
        * 0.34
        * height
    )
    up = height - np.arange(height)[:, None]
    cover = (up < rim[None, :]).astype(np.float32) * 0.95
    cover[: round(0.09 * height * depth * 2)] = 0.9
    for _ in range(round(26 * depth)):
        at = int(random.integers(0, width)), int(random.integers(0, height))
        cv2.circle(cover, at, int(random.integers(3, 9)), 0.85, -1, cv2.LINE_AA)
    return _covered(
        plate,
        np.asarray(cv2.GaussianBlur(cover, (0, 0), 2), np.float32),
        SNOW,
        grain=random.normal(0, 3, (height, width, 1)),
    )


def bent(plate: Image, *, seed: int) -> Image:
    """Bowed, sheared, and one lower corner folded towards the camera."""
    random = np.random.default_rng(seed + 50_001)
    height, width = plate.shape[:2]
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    wave = random.uniform(0.04, 0.09) * height * np.sin(np.pi * columns / width * random.uniform(0.8, 1.6))
    lean = random.uniform(-0.06, 0.06) * (columns - width / 2)
    squeeze = 1 + random.uniform(0.0, 0.08) * np.cos(np.pi * columns / width)
    source_x = (columns - width / 2) * squeeze + width / 2 + random.uniform(-0.05, 0.05) * (rows - height / 2)
    source_y = rows + wave + lean
    shaped = cv2.remap(
        plate,
        source_x.astype(np.float32),
        source_y.astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=BEHIND,
    )
    light = 1 - 0.22 * np.sin(np.pi * columns / width * 2 + random.uniform(0, 6))
    folded = _corner(columns, rows, width, height, left=bool(random.integers(0, 2)))
    shaded = shaped * np.where(folded, 0.45, light)[:, :, None]
    return np.asarray(np.clip(shaded, 0, 255), np.uint8)


def _corner(
    columns: npt.NDArray[np.float32], rows: npt.NDArray[np.float32], width: int, height: int, *, left: bool
) -> npt.NDArray[np.bool_]:
    across = columns if left else width - columns
    return np.asarray(across + (height - rows) < 0.3 * height)


def _covered(
    plate: Image, cover: npt.NDArray[np.float32], colour: Bgr, *, grain: npt.NDArray[np.float64]
) -> Image:
    share = np.clip(cover, 0, 1)[:, :, None]
    mixed = plate * (1 - share) + (np.array(colour, np.float32) + grain) * share
    return np.asarray(np.clip(mixed, 0, 255), np.uint8)
