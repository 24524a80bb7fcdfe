"""What the road and the camera do to a plate: mud, snow, bends, shadow, glare, rain, blur, grain, too few pixels, JPEG."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[Any]
Change = Callable[[Image, np.random.Generator], Image]


def soiled(image: Image, random: np.random.Generator) -> Image:
    """On the plate itself, before any camera."""
    out = image.astype(np.float32)
    for chance, change in ((0.35, _mud), (0.06, _snow), (0.25, _worn), (0.2, _bent), (0.06, _stuck)):
        if random.random() < chance:
            out = change(out, random)
    return np.clip(out, 0, 255)


def lit(image: Image, random: np.random.Generator) -> Image:
    """The light on it."""
    out = image * random.uniform(0.4, 1.25) + random.uniform(-15, 25)
    for chance, change in ((0.25, _shadow), (0.15, _glare), (0.2, _veil), (0.3, _tint)):
        if random.random() < chance:
            out = change(out, random)
    return np.clip(out, 0, 255)


def filmed(image: Image, random: np.random.Generator, *, blur: float) -> Image:
    """Through a lens that moves against it, onto a noisy sensor, into a JPEG; `blur` in pixels."""
    out = image
    if blur > 0.2:
        out = cv2.GaussianBlur(out, (0, 0), blur)
    if random.random() < 0.25:
        out = _moved(out, random)
    if random.random() < 0.08:
        out = _rain(out, random)
    out = out + random.normal(0, random.uniform(0.5, 9), out.shape).astype(np.float32)
    small = np.clip(out, 0, 255).astype(np.uint8)
    quality = int(random.integers(28, 96))
    good, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR) if good else None
    return small if decoded is None else np.asarray(decoded)


def cloud(random: np.random.Generator, height: int, width: int, *, cells: int) -> Image:
    """Soft random patches, 0 to 1."""
    coarse = random.random((max(2, cells * height // max(width, 1)), max(2, cells))).astype(np.float32)
    return np.clip(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1)


def _mud(out: Image, random: np.random.Generator) -> Image:
    height, width = out.shape[:2]
    cover = np.clip(
        (cloud(random, height, width, cells=int(random.integers(4, 16))) - random.uniform(0.45, 0.95)) * 5,
        0,
        1,
    )
    cover = (cover * random.uniform(0.3, 0.8) + random.uniform(0, 0.2))[:, :, None]
    earth = np.array((70, 95, 115), np.float32) * random.uniform(0.5, 1.6)
    return out * (1 - cover) + earth * cover


def _snow(out: Image, random: np.random.Generator) -> Image:
    height, width = out.shape[:2]
    cover = np.clip((cloud(random, height, width, cells=int(random.integers(5, 12))) - 0.7) * 8, 0, 1)[
        :, :, None
    ]
    return out * (1 - cover) + 240 * cover


def _worn(out: Image, random: np.random.Generator) -> Image:
    """The paint of the characters is rubbed towards the ground."""
    height, width = out.shape[:2]
    ground = np.median(out.reshape(-1, 3), axis=0)
    cover = (cloud(random, height, width, cells=24) * random.uniform(0.2, 0.65))[:, :, None]
    return out * (1 - cover) + ground * cover


def _bent(out: Image, random: np.random.Generator) -> Image:
    height, width = out.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    wave = random.uniform(1, 5) * np.sin(x / width * random.uniform(2, 7) + random.uniform(0, 6))
    return cv2.remap(out, x, (y + wave).astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _stuck(out: Image, random: np.random.Generator) -> Image:
    """Something small sits on it: a sticker, a cable, a frame."""
    height, width = out.shape[:2]
    x, y = int(random.integers(width)), int(random.choice([0, height - 1]))
    size = (int(random.integers(5, 30)), int(random.integers(2, 11)))
    colour = [float(value) for value in random.uniform(0, 255, 3)]
    cv2.rectangle(out, (x - size[0], y - size[1]), (x + size[0], y + size[1]), colour, -1)
    return out


def _shadow(out: Image, random: np.random.Generator) -> Image:
    height, width = out.shape[:2]
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    turn = random.uniform(0, 6.3)
    side = x * np.cos(turn) + y * np.sin(turn) - random.uniform(-0.6, 0.6)
    shade = random.uniform(0.35, 0.75)
    return out * np.where(side > 0, shade, 1.0)[:, :, None].astype(np.float32)


def _glare(out: Image, random: np.random.Generator) -> Image:
    height, width = out.shape[:2]
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    far = ((x - random.uniform(0, 1)) ** 2 + ((y - random.uniform(0, 1)) * 0.5) ** 2) / random.uniform(
        0.02, 0.25
    )
    return out + (np.exp(-far) * random.uniform(40, 190))[:, :, None].astype(np.float32)


def _veil(out: Image, random: np.random.Generator) -> Image:
    """Backlight, fog or a wet lens take the contrast."""
    keep = random.uniform(0.3, 0.8)
    return out * keep + random.uniform(60, 200) * (1 - keep)


def _tint(out: Image, random: np.random.Generator) -> Image:
    return out * random.uniform(0.75, 1.25, 3).astype(np.float32)


def _moved(out: Image, random: np.random.Generator) -> Image:
    size = int(random.integers(3, 8))
    kernel = np.zeros((size, size), np.float32)
    middle, turn = (size - 1) / 2, random.uniform(-0.5, 0.5) + (np.pi / 2 if random.random() < 0.35 else 0)
    ends = [
        (round(middle + sign * middle * np.cos(turn)), round(middle + sign * middle * np.sin(turn)))
        for sign in (-1, 1)
    ]
    cv2.line(kernel, ends[0], ends[1], 1.0, 1)
    return cv2.filter2D(out, -1, kernel / kernel.sum())


def _rain(out: Image, random: np.random.Generator) -> Image:
    height, width = out.shape[:2]
    drops = out.copy()
    slant = float(random.uniform(-0.3, 0.3))
    for _ in range(int(random.integers(3, 14))):
        x, y = int(random.integers(width)), int(random.integers(height))
        long = int(random.integers(4, max(5, height // 2)))
        cv2.line(drops, (x, y), (round(x + slant * long), y + long), (200, 200, 200), 1)
    return out * 0.6 + drops * 0.4
