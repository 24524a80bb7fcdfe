"""Cameras as plain projections: where a point of the lane falls in the picture.

X is across the lane (right of the camera positive), z up from the road, all mm; `away` is the distance along the lane.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

WIDTH, HEIGHT = 1280, 720
NEAREST_MM = 2_000

Role = Literal["front", "rear", "side"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Optics:
    """A camera beside the lane that looks along it; its axis is level, its sensor shifted to the road."""

    role: Role
    focal_px: int
    at_mm: int  # along the lane, from loop 1
    lane_mm: int  # where the middle of the lane is, across
    height_mm: int
    vanishing: tuple[int, int]

    def away(self, along_mm: float) -> float:
        """Distance from the camera of a place on the lane."""
        return self.at_mm - along_mm if self.role == "front" else along_mm - self.at_mm

    def point(self, across_mm: float, up_mm: float, away_mm: float) -> tuple[float, float]:
        scale = self.focal_px / away_mm
        return self.vanishing[0] + scale * across_mm, self.vanishing[1] + scale * (self.height_mm - up_mm)

    @property
    def hand(self) -> int:
        """+1 where the lane is to the right of the camera, -1 to the left."""
        return 1 if self.lane_mm > 0 else -1


@dataclass(frozen=True, slots=True, kw_only=True)
class SideOptics:
    """A camera far off at right angles to the lane: lengths keep their proportion, front to the right."""

    px_per_mm: float = 0.049
    loop_x: int = 250
    ground_y: int = 585
    role: Role = "side"

    def x(self, along_mm: float) -> float:
        return self.loop_x + along_mm * self.px_per_mm


# The plate is 35 px tall (one row) when the front axle meets loop 1, or the tail leaves it; a moving lane's cameras
# are near, so that of two trucks close behind each other neither hides the other's plate.
MOVING_FRONT = Optics(
    role="front", focal_px=4_000, at_mm=17_400, lane_mm=2_700, height_mm=2_000, vanishing=(60, 205)
)
MOVING_REAR = Optics(
    role="rear", focal_px=4_000, at_mm=-16_800, lane_mm=-2_700, height_mm=2_000, vanishing=(1_220, 205)
)
# A truck stands with its nose some 15 m past the loop: the camera is further off with a longer lens.
STATIC_FRONT = Optics(
    role="front", focal_px=8_000, at_mm=41_400, lane_mm=2_200, height_mm=1_900, vanishing=(180, 245)
)
STATIC_REAR = Optics(
    role="rear", focal_px=4_100, at_mm=-14_500, lane_mm=-2_700, height_mm=2_000, vanishing=(1_220, 205)
)
SIDE = SideOptics()


def optics_of(role: Role, *, static: bool) -> Optics | SideOptics:
    if role == "side":
        return SIDE
    if role == "front":
        return STATIC_FRONT if static else MOVING_FRONT
    return STATIC_REAR if static else MOVING_REAR
