"""The filters of numpy alone do what OpenCV's do, to the last bit but one."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.cameras import filters
from edge.cameras.filters import Levels

RNG = np.random.default_rng(7)
GREY = np.asarray(cv2.GaussianBlur(RNG.integers(0, 255, (180, 320), np.uint8), (0, 0), 1.5), np.uint8)
LEVELS: Levels = GREY.astype(np.float32)


def shift_between(before: Levels, after: Levels) -> tuple[int, int, float]:
    return filters.shift_between(filters.spectrum(before), filters.spectrum(after), (180, 320))


def test_blur_slopes_and_detail() -> None:
    assert np.allclose(filters.softened(LEVELS), cv2.GaussianBlur(LEVELS, (3, 3), 0), atol=1e-3)
    assert np.allclose(filters.softened(LEVELS, times=2), cv2.GaussianBlur(LEVELS, (5, 5), 0), atol=1e-3)
    across, down = filters.gradients(LEVELS)
    assert np.allclose(across, cv2.Sobel(LEVELS, cv2.CV_32F, 1, 0) / 4, atol=1e-3)
    assert np.allclose(down, cv2.Sobel(LEVELS, cv2.CV_32F, 0, 1) / 4, atol=1e-3)
    assert np.allclose(filters.laplacian(LEVELS), cv2.Laplacian(LEVELS, cv2.CV_32F), atol=1e-3)


@pytest.mark.parametrize("reach", [1, 2, 4])
def test_the_largest_around(reach: int) -> None:
    square = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    assert np.array_equal(filters.largest_around(LEVELS, reach=reach), cv2.dilate(LEVELS, square))


def test_tiles_of_a_picture_that_divides_and_of_one_that_does_not() -> None:
    wanted = cv2.resize(LEVELS, (16, 9), interpolation=cv2.INTER_AREA)
    assert np.allclose(filters.tiled(LEVELS, (16, 9)), wanted, atol=1e-3)
    assert np.allclose(filters.tiled(GREY, (16, 9)), wanted, atol=1e-3)
    uneven = filters.tiled(LEVELS[:135, :241], (32, 18))
    assert uneven.shape == (18, 32)
    assert abs(uneven - cv2.resize(LEVELS[:135, :241], (32, 18), interpolation=cv2.INTER_AREA)).mean() < 3
    assert filters.tiled(LEVELS[:8, :8], (32, 18)).shape == (18, 32)


@pytest.mark.parametrize("shift", [(0, 0), (3, -11), (-20, 7)])
def test_a_shift_is_found_as_surely_as_opencv_finds_it(shift: tuple[int, int]) -> None:
    before = LEVELS + RNG.normal(0, 3, LEVELS.shape).astype(np.float32)  # something at every frequency
    after = np.roll(before, shift, axis=(0, 1))
    window = cv2.createHanningWindow((320, 180), cv2.CV_32F)
    (x, y), sure = cv2.phaseCorrelate(before.copy(), after.copy(), window)  # it works in place
    across, down, response = shift_between(before, after)
    assert (across, down) == (round(x), round(y)) == shift[::-1]
    assert response == pytest.approx(sure, abs=1e-3)


def test_where_there_is_nothing_to_see_there_is_no_shift() -> None:
    assert shift_between(LEVELS, np.zeros_like(LEVELS)) == (0, 0, 0.0)


@pytest.mark.parametrize(("degrees", "zoom"), [(6.0, 1.0), (-9.0, 1.0), (0.0, 1.2), (0.0, 0.8)])
def test_a_picture_is_rolled_and_zoomed_as_opencv_does_it(degrees: float, zoom: float) -> None:
    matrix = cv2.getRotationMatrix2D((160, 90), degrees, zoom)
    wanted = cv2.warpAffine(
        LEVELS, matrix, (320, 180), flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE
    )
    found = filters.rolled(LEVELS, degrees, zoom)
    assert np.mean(np.abs(found - wanted) > 1) < 0.02, "but for what lies between two pixels"
    assert np.array_equal(filters.rolled(LEVELS, 0.0, 1.0), LEVELS)
