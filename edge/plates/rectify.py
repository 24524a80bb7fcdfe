"""Straight crops of plates out of a picture: widened, and two rows 双层 laid side by side."""

from __future__ import annotations

import cv2
import numpy as np

from edge.plates.locate import Image, Line
from edge.plates.sessions import Floats

ROW_PX = 48  # what the recogniser takes
# GA 36: the upper row of a two-row plate is 60 mm of 80 mm wide characters over 110 mm of 65 mm wide ones.
UPPER_OVER_LOWER = 0.75
UPPER_INSET = 0.17  # the upper row is shorter on both sides
SLIM, BROAD = 0.45, 0.72  # its characters made as slim as the lower ones, or left broader
LOOSE = 0.12  # of the height of a line that the finder gives, on each side of the text
SPLIT_FROM, SPLIT_TO = 0.28, 0.52  # where the gap between two rows lies


def straight(picture: Image, corners: Floats) -> Image:
    a, b, c, d = corners
    width = max(_length(b - a), _length(c - d), 4.0)
    height = max(_length(d - a), _length(c - b), 4.0)
    size = (max(8, round(width * ROW_PX / height)), ROW_PX)
    to = np.array([[0, 0], [size[0], 0], [size[0], size[1]], [0, size[1]]], np.float32)
    turn = cv2.getPerspectiveTransform(corners, to)
    return cv2.warpPerspective(picture, turn, size, borderMode=cv2.BORDER_REPLICATE)


def _length(side: Floats) -> float:
    return float(np.linalg.norm(side))


def stretched(
    corners: Floats, *, left: float = 0.0, right: float = 0.0, up: float = 0.0, down: float = 0.0
) -> Floats:
    """Moved outwards by shares of the line's own width and height; negative is inwards."""
    a, b, c, d = corners
    along, across = (b - a + c - d) / 2, (d - a + c - b) / 2
    moved = (
        a - left * along - up * across,
        b + right * along - up * across,
        c + right * along + down * across,
        d - left * along + down * across,
    )
    return np.array(moved, np.float32)


def row(picture: Image, line: Line, *, left: float = 0.25) -> Image:
    """A single row, widened to the left: the finder often loses the province."""
    return straight(picture, stretched(line.corners, left=left, right=0.04))


def closer(line: Line) -> Line:
    """Without the room that the finder leaves around a text: ours reads better with none."""
    corners = stretched(line.corners, right=-0.01, up=-LOOSE, down=-LOOSE)
    return Line(corners=corners, score=line.score)


def from_lower_row(picture: Image, line: Line, *, squeeze: float = SLIM) -> Image:
    """Two rows of which the finder saw the lower one."""
    above = stretched(line.corners, up=UPPER_OVER_LOWER, down=-0.96, left=-UPPER_INSET, right=-UPPER_INSET)
    below = stretched(line.corners, left=0.03, right=0.03)
    return _side_by_side(straight(picture, above), straight(picture, below), squeeze)


def from_both_rows(picture: Image, line: Line, *, squeeze: float = SLIM) -> Image:
    """Two rows that the finder saw as one line."""
    plate = straight(picture, stretched(line.corners, left=0.03, right=0.03))
    share = _gap(plate)
    above = stretched(line.corners, down=share - 1, left=-UPPER_INSET / 2, right=-UPPER_INSET / 2)
    below = stretched(line.corners, up=-share, left=0.03, right=0.03)
    return _side_by_side(straight(picture, above), straight(picture, below), squeeze)


# The text of a plate with two rows is 385 x 185 mm: 60 above, 15 between, 110 below; the upper row is 220 wide.
UPPER_ENDS, LOWER_BEGINS = 60 / 185, 75 / 185
UPPER_SIDE = 82.5 / 385
ROOM = 0.12  # of a row's height around it


def of_one_row(picture: Image, corners: Floats) -> Image:
    """A row whose corners are known; a little room, for nothing is known exactly."""
    return straight(picture, stretched(corners, left=0.06, right=0.04, up=ROOM, down=ROOM))


def of_two_rows(picture: Image, corners: Floats, *, squeeze: float = SLIM) -> Image:
    """Two rows whose corners are known together, side by side."""
    share = ROOM * UPPER_ENDS
    above = stretched(
        corners, left=0.04 - UPPER_SIDE, right=0.04 - UPPER_SIDE, up=share, down=UPPER_ENDS - 1 + share
    )
    below = stretched(
        corners,
        left=0.03,
        right=0.03,
        up=ROOM * (1 - LOWER_BEGINS) - LOWER_BEGINS,
        down=ROOM * (1 - LOWER_BEGINS),
    )
    return _side_by_side(straight(picture, above), straight(picture, below), squeeze)


def of_lower_row(picture: Image, line: Line, *, squeeze: float = SLIM) -> Image:
    """Two rows of which the lower one's corners are known: 110 mm tall, 15 mm under 60 mm of upper row."""
    above = stretched(
        line.corners,
        left=0.04 - UPPER_SIDE,
        right=0.04 - UPPER_SIDE,
        up=75 / 110 + ROOM / 2,
        down=ROOM / 2 - 125 / 110,
    )
    below = stretched(line.corners, left=0.03, right=0.03, up=ROOM / 2, down=ROOM / 2)
    return _side_by_side(straight(picture, above), straight(picture, below), squeeze)


def _gap(plate: Image) -> float:
    """Where the gap lies, as a share of the height: the row with the fewest edges between the rows."""
    grey = cv2.cvtColor(plate, cv2.COLOR_BGR2GRAY)
    edges = np.abs(np.diff(grey.astype(np.int16), axis=1)).sum(axis=1)
    first, last = int(ROW_PX * SPLIT_FROM), int(ROW_PX * SPLIT_TO)
    return (first + int(np.argmin(edges[first:last])) + 0.5) / ROW_PX


def _side_by_side(upper: Image, lower: Image, squeeze: float) -> Image:
    width = max(8, round(upper.shape[1] * squeeze))
    slim = cv2.resize(upper, (width, ROW_PX), interpolation=cv2.INTER_AREA)
    return np.hstack([slim, lower])
