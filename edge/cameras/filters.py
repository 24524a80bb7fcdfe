"""The few image filters that looking at a small grey picture needs, by numpy alone: OpenCV is 25 MB of a lane's memory.

Borders are mirrored at their outermost pixel, as OpenCV does by default.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
Levels = NDArray[np.float32]
Spectrum = NDArray[np.complex64]
NEAR = 2  # pixels on each side of a peak that belong to it


def softened(levels: Levels, *, times: int = 1) -> Levels:
    """Binomial blur: 1-2-1 in both directions, once for three pixels, twice for five."""
    for _ in range(times):
        wide = np.pad(levels, 1, mode="reflect")
        down = wide[:-2] + 2 * wide[1:-1] + wide[2:]
        levels = (down[:, :-2] + 2 * down[:, 1:-1] + down[:, 2:]) / np.float32(16)
    return levels


def gradients(levels: Levels) -> tuple[Levels, Levels]:
    """Sobel, in levels over two pixels: across and down."""
    wide = np.pad(levels, 1, mode="reflect")
    down = wide[:-2] + 2 * wide[1:-1] + wide[2:]
    across = wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]
    return _levels((down[:, 2:] - down[:, :-2]) / 4), _levels((across[2:] - across[:-2]) / 4)


def _levels(values: NDArray[np.floating]) -> Levels:
    return np.asarray(values, np.float32)


def laplacian(levels: Levels) -> Levels:
    """Four neighbours against the middle."""
    wide = np.pad(levels, 1, mode="reflect")
    return wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:] - 4 * levels


def largest_around(levels: Levels, *, reach: int) -> Levels:
    """Of the square that reaches so far on each side; nothing is below zero."""
    for axis in (0, 1):
        levels = _largest_along(np.moveaxis(levels, axis, 0), reach)
        levels = np.moveaxis(levels, 0, axis)
    return levels


def _largest_along(levels: Levels, reach: int) -> Levels:
    """Doubling the window: three comparisons for nine."""
    wide = np.pad(levels, ((reach, reach), (0, 0)))
    window, whole = 1, 2 * reach + 1
    while window < whole:
        step = min(window, whole - window)
        wide = np.maximum(wide[:-step], wide[step:])
        window += step
    return wide


def tiled(levels: NDArray[np.generic], tiles: tuple[int, int]) -> Levels:
    """The mean of each of so many tiles across and down."""
    height, width = levels.shape
    rows, columns, sizes = _grid(height, width, *tiles)
    # The rows first: they lie together in memory, and leave little for the columns.
    sums = np.add.reduceat(np.add.reduceat(levels, rows, axis=0, dtype=np.float32), columns, axis=1)
    return np.asarray(sums / sizes, np.float32)


@cache
def _grid(
    height: int, width: int, across: int, down: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], Levels]:
    """Where the tiles begin, down and across, and how many pixels each has."""
    rows, columns = np.arange(down) * height // down, np.arange(across) * width // across
    tall, wide = np.diff(rows, append=height), np.diff(columns, append=width)
    return rows, columns, np.outer(np.maximum(1, tall), np.maximum(1, wide)).astype(np.float32)


def rolled(levels: Levels, degrees: float, zoom: float) -> Levels:
    """As a camera would see it that was turned about its axis, or whose lens was; the border repeats itself."""
    height, width = levels.shape
    down, across = np.indices((height, width), np.float32)
    down, across = down - height / 2, across - width / 2
    cos, sin = math.cos(math.radians(degrees)) / zoom, math.sin(math.radians(degrees)) / zoom
    columns = np.rint(cos * across - sin * down + width / 2).astype(np.intp)
    rows = np.rint(sin * across + cos * down + height / 2).astype(np.intp)
    return _levels(levels[np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)])


def spectrum(levels: Levels) -> Spectrum:
    """For `shift_between`, faded out towards the border: what lies there is not in both."""
    return np.asarray(np.fft.rfft2(levels * _window(levels.shape)), np.complex64)


def shift_between(before: Spectrum, after: Spectrum, shape: tuple[int, int]) -> tuple[int, int, float]:
    """By how many pixels (across, down) the second shows the first elsewhere, and how sure that is: phase correlation."""
    crossed = before * np.conj(after)
    phases = crossed / np.maximum(np.abs(crossed), np.finfo(np.float32).tiny)
    peaks = np.fft.fftshift(np.fft.irfft2(phases, shape))
    down, across = (int(at) for at in np.unravel_index(int(np.argmax(peaks)), peaks.shape))
    top, left = max(0, down - NEAR), max(0, across - NEAR)
    near = peaks[top : down + NEAR + 1, left : across + NEAR + 1]
    sure = float(near.sum())
    if sure <= 0:  # nothing to see in one of them
        return 0, 0, 0.0
    y, x = (float((near * place).sum()) / sure for place in np.indices(near.shape))
    height, width = shape
    return round(width / 2 - left - x), round(height / 2 - top - y), sure


@cache
def _window(shape: tuple[int, ...]) -> Levels:
    """The root of a Hann window."""
    height, width = shape
    return np.asarray(np.sqrt(np.outer(np.hanning(height), np.hanning(width))), np.float32)
