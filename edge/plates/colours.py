"""The ground of a plate and what surrounds it: colour by HSV, red characters, and whether it stands out."""

from __future__ import annotations

import cv2
import numpy as np

from edge.plates.locate import Image, Line
from edge.plates.rectify import straight, stretched

GROUND_SHARE = 0.22  # of the crop that a colour must cover
STANDS_OUT = 22.0  # distance in Lab between a plate's ground and what is around it


def colour(crop: Image) -> str | None:
    """yellow, blue, green, yellow_green, white or black; None when nothing of it is sure.

    `crop` is a straight crop of the plate's text.
    """
    hsv = cv2.cvtColor(crop, cv2.COLOR_BGR2HSV)
    yellow, blue, green = (_share(hsv, *limits) for limits in _HUES)
    if green >= GROUND_SHARE / 2 and yellow >= GROUND_SHARE / 3 and _left_yellow_right_green(hsv):
        return "yellow_green"
    share, name = max((yellow, "yellow"), (blue, "blue"), (green, "green"))
    return name if share >= GROUND_SHARE else _grey(hsv)


_HUES = (((11, 85, 60), (37, 255, 255)), ((96, 75, 40), (130, 255, 255)), ((38, 35, 50), (92, 255, 255)))


def has_red(crop: Image) -> bool:
    """Red characters at the front: armed police and military plates have them, foreign ones rarely."""
    hsv = cv2.cvtColor(crop[:, : crop.shape[1] // 2], cv2.COLOR_BGR2HSV)
    return _share(hsv, (0, 110, 60), (9, 255, 255)) + _share(hsv, (168, 110, 60), (180, 255, 255)) > 0.04


def stands_out(picture: Image, line: Line) -> bool:
    """Whether the text lies on a ground of its own; an overlay 叠加字符 lies on whatever is behind it."""
    inside = cv2.cvtColor(straight(picture, line.corners), cv2.COLOR_BGR2LAB).astype(np.int16)
    wide = straight(picture, stretched(line.corners, left=0.5, right=0.5, up=1.2, down=1.2))
    around = cv2.cvtColor(wide, cv2.COLOR_BGR2LAB).astype(np.int16)
    height, width = around.shape[:2]
    ring = np.ones((height, width), bool)
    ring[height // 6 : -height // 6, width // 6 : -width // 6] = False
    ground = np.median(inside.reshape(-1, 3), axis=0)
    return float(np.linalg.norm(ground - np.median(around[ring], axis=0))) > STANDS_OUT


def _share(hsv: Image, low: tuple[int, int, int], high: tuple[int, int, int]) -> float:
    covered = cv2.countNonZero(cv2.inRange(hsv, np.array(low), np.array(high)))
    return covered / int(hsv.shape[0] * hsv.shape[1])


def _left_yellow_right_green(hsv: Image) -> bool:
    left, right = hsv[:, : hsv.shape[1] * 3 // 10], hsv[:, hsv.shape[1] * 4 // 10 :]
    return _share(left, *_HUES[0]) > 2 * _share(right, *_HUES[0]) and _share(right, *_HUES[2]) > GROUND_SHARE


def _grey(hsv: Image) -> str | None:
    """White or black by which of the two covers more; the characters are the lesser part."""
    value, saturation = hsv[:, :, 2], hsv[:, :, 1]
    if float(np.median(saturation)) > 90:
        return None
    limit, _ = cv2.threshold(value, 0, 255, cv2.THRESH_OTSU)
    return "white" if int(np.count_nonzero(value > limit)) * 2 > value.size else "black"
