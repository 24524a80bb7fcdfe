"""One picture from the side, looked at: wheels, and, where the empty place is known, the vehicle's outline."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from edge.plates.opening import opened
from edge.vehicles.outline import Outline, outline
from edge.vehicles.wheels import Image, Wheel, wheels
from kernel.errors import ProtocolError

WIDTH, HEIGHT = 1280, 960  # larger pictures are made to fit
LEAST_WIDTH, LEAST_HEIGHT = 320, 160
OVERHANG = 6.5  # radii: no wheel of the first or last axle is farther from the vehicle's end
CUT_OFF = 3.0  # radii: a wheel that near to the picture's edge may not be the last one


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one picture shows; lengths in pixels of a picture `width` wide."""

    wheels: tuple[Wheel, ...]
    outline: Outline | None
    width: int

    @property
    def radius(self) -> float:
        return float(np.median([wheel.radius for wheel in self.wheels])) if self.wheels else 0.0

    @property
    def road_y(self) -> float:
        standing = [wheel.y + wheel.radius for wheel in self.wheels if not wheel.lifted]
        return float(np.median(standing)) if standing else 0.0

    @property
    def whole(self) -> float:
        """0 to 1: how sure it is that no wheel is missing at either end."""
        if not self.wheels:
            return 0.0
        first, last = self.wheels[0].x, self.wheels[-1].x
        if self.outline is None:
            edge = min(first, self.width - last)
            return 0.9 if edge > CUT_OFF * self.radius else 0.3
        if not self.outline.whole:
            return 0.3
        overhangs = (first - self.outline.left, self.outline.right - last)
        return 1.0 if max(overhangs) < OVERHANG * self.radius else 0.4


def look(jpeg: bytes, empty: Image | None) -> Look | None:
    """None for a picture that cannot be looked at.  `empty`: the same camera's, decoded, with no vehicle there.

    Below 100 ms CPU for a picture of 1280 x 720.
    """
    picture = decoded(jpeg)
    if picture is None:
        return None
    found = wheels(np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)))
    seen = Look(wheels=found, outline=None, width=picture.shape[1])
    if empty is None or not found:
        return seen
    return replace(seen, outline=outline(picture, empty, road_y=seen.road_y))


def decoded(jpeg: bytes) -> Image | None:
    """In colour and of a bounded size; None when it cannot be decoded or is too small to show a vehicle."""
    try:
        picture = opened(jpeg).picture
    except ProtocolError:
        return None
    height, width = picture.shape[:2]
    scale = min(1.0, WIDTH / width, HEIGHT / height)
    size = (round(width * scale), round(height * scale))
    if size[0] < LEAST_WIDTH or size[1] < LEAST_HEIGHT:
        return None
    return picture if scale == 1 else np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
