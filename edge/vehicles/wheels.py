"""The wheels 车轮 in one picture from the side: circles whose centres stand on one line, and those lifted off it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import hypot
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[Any]

LEAST_RADIUS, MOST_RADIUS = 0.008, 0.04  # of the picture's width: rims of far vehicles, tyres of near ones
UPPER_EDGE = 0.42  # of the height: there are no wheels above
ROUNDNESS = 0.7
RIM = 0.6  # of a tyre's radius
ON_LINE = 0.13  # of a wheel's radius: how far off the line a centre may be
LIFTED = (0.16, 0.75)  # 提升桥: how far above it the centre of a wheel in the air is, in radii
ALIKE = 1.25  # ratio of the radii of one vehicle's wheels
STEP = 1.08  # between the sizes that are tried
SLOPE = 0.05  # of the line: a camera that hangs askew
ASKEW = 8  # a level line is the likelier one
RUBBER = 0.05  # contrast from which a ring is a tyre
CLEAR = 0.25  # and from which there is no doubt
STANDS = 0.69  # score of a wheel on the road
HANGS = 0.9  # and of one in the air: tanks, lamps and mudguards are there, too
APART = 1.7  # radii between the centres of two wheels


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """`score` 0 to 1: how much it looks like a wheel; `lifted`: it does not stand on the road."""

    x: float
    y: float
    radius: float
    score: float
    lifted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """Where the centres of wheels on the road are."""

    y0: float
    slope: float

    def above(self, wheel: Wheel) -> float:
        """How far the wheel's centre is above it, in radii."""
        return (self.y0 + self.slope * wheel.x - wheel.y) / wheel.radius

    def placed(self, wheel: Wheel) -> Wheel | None:
        """The wheel on the road or above it; None when it is neither, or not clearly a wheel."""
        above = self.above(wheel)
        if abs(above) <= ON_LINE and wheel.score >= STANDS:
            return wheel
        if LIFTED[0] <= above <= LIFTED[1] and wheel.score >= HANGS:
            return replace(wheel, lifted=True)
        return None


def wheels(grey: Image) -> tuple[Wheel, ...]:
    """From left to right; nothing when no two stand on one line."""
    even = _evened(grey)
    hubs = [_hub(group, even) for group in _grouped(_circles(even))]
    best = max((_standing(_sized(hubs, radius)) for radius in _sizes(hubs)), key=_worth, default=None)
    if best is None or best.line is None:
        return ()
    return _apart([wheel for wheel in map(best.line.placed, best.wheels) if wheel is not None])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hub:
    """Circles about one centre: rim, tyre, the arch above.  `sizes`: radii the wheel may have, each with its contrast."""

    x: float
    y: float
    circles: int
    sizes: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Standing:
    """Wheels of one size, and the line that most of them are on."""

    wheels: Sequence[Wheel]
    line: _Line | None
    worth: float


def _sizes(hubs: Sequence[_Hub]) -> list[float]:
    """The sizes worth trying, a step apart."""
    sizes: list[float] = []
    for size in sorted(size for hub in hubs for size, contrast in hub.sizes if contrast > RUBBER):
        if not sizes or size > sizes[-1] * STEP:
            sizes.append(size)
    return sizes


def _sized(hubs: Sequence[_Hub], radius: float) -> list[Wheel]:
    """The hubs as wheels of about that radius."""
    found = []
    for hub in hubs:
        fitting = [(contrast, size) for size, contrast in hub.sizes if 1 / ALIKE <= size / radius <= ALIKE]
        if fitting and max(fitting)[0] > RUBBER:
            contrast, size = max(fitting)
            score = 0.5 + 0.3 * (hub.circles > 1) + 0.2 * min(contrast / CLEAR, 1)
            found.append(Wheel(x=hub.x, y=hub.y, radius=size, score=score))
    return found


def _worth(standing: _Standing) -> tuple[float, float]:
    """Of equals the larger wheels: a rim has a rim within it, too."""
    return round(standing.worth, 1), max((wheel.radius for wheel in standing.wheels), default=0)


def _evened(grey: Image) -> Image:
    """The same contrast everywhere, by night and against the sun; black where no wheel can be."""
    top = round(UPPER_EDGE * grey.shape[0])
    even = np.zeros_like(grey)
    even[top:] = cv2.createCLAHE(4, (8, 4)).apply(grey[top:])
    return even


def _circles(even: Image) -> list[tuple[float, float, float]]:
    """x, y, radius of whatever is round."""
    height, width = even.shape[:2]
    top = round(UPPER_EDGE * height)
    circles = cv2.HoughCircles(
        cv2.GaussianBlur(even[top:], (0, 0), 1.2),
        cv2.HOUGH_GRADIENT_ALT,
        1.5,
        max(4, round(0.009 * width)),
        param1=200,
        param2=ROUNDNESS,
        minRadius=round(LEAST_RADIUS * width),
        maxRadius=round(MOST_RADIUS * width),
    )
    if circles is None:
        return []
    return [(float(x), float(y) + top, float(r)) for x, y, r in circles[0][:, :3]]


def _grouped(circles: Sequence[tuple[float, float, float]]) -> list[list[tuple[float, float, float]]]:
    """Circles about one centre together, the smallest first."""
    groups: list[list[tuple[float, float, float]]] = []
    for x, y, radius in sorted(circles, key=lambda circle: circle[2]):
        home = next((g for g in groups if hypot(g[0][0] - x, g[0][1] - y) < 0.35 * radius), None)
        if home is None:
            groups.append([(x, y, radius)])
        else:
            home.append((x, y, radius))
    return groups


def _hub(group: Sequence[tuple[float, float, float]], grey: Image) -> _Hub:
    """Each circle may be the tyre itself or the rim within it."""
    x, y = (float(np.mean([circle[n] for circle in group])) for n in (0, 1))
    sizes = {circle[2] / part for circle in group for part in (RIM, 1.0)}
    return _Hub(
        x=x, y=y, circles=len(group), sizes=tuple((size, _contrast(grey, x, y, size)) for size in sizes)
    )


def _contrast(grey: Image, x: float, y: float, radius: float) -> float:
    """How much darker the ring of a tyre is than the rim within it, as a share of both."""
    reach = int(radius) + 1
    left, top = max(int(x) - reach, 0), max(int(y) - reach, 0)
    part = grey[top : int(y) + reach + 1, left : int(x) + reach + 1]
    rows, columns = np.mgrid[0 : part.shape[0], 0 : part.shape[1]]
    away = np.hypot(columns + left - x, rows + top - y) / radius
    rubber, rim = part[(away > 0.7) & (away < 0.95)], part[away < 0.56]
    if not rubber.size or not rim.size:
        return 0.0
    dark, light = float(rubber.mean()), float(rim.mean())
    return (light - dark) / (light + dark + 1)


def _standing(found: Sequence[Wheel]) -> _Standing:
    """Of all lines through two centres, the nearly level one that most and best wheels are on; the lowest of equals."""
    best: tuple[float, float] = (0.0, 0.0)
    line = None
    for n, one in enumerate(found):
        for other in found[n + 1 :]:
            if (through := _through(one, other)) is None:
                continue
            near = [(w.score, abs(through.above(w))) for w in found if abs(through.above(w)) <= ON_LINE]
            worth = sum(score * (1 - away) for score, away in near) - ASKEW * abs(through.slope)
            if (worth, one.y) > best:
                best, line = (worth, one.y), through
    return _Standing(wheels=found, line=line, worth=best[0])


def _through(one: Wheel, other: Wheel) -> _Line | None:
    across = other.x - one.x
    if abs(across) < APART * one.radius:
        return None
    slope = (other.y - one.y) / across
    return _Line(y0=one.y - slope * one.x, slope=slope) if abs(slope) <= SLOPE else None


def _apart(found: Sequence[Wheel]) -> tuple[Wheel, ...]:
    """Of two that would overlap, the better one."""
    kept: list[Wheel] = []
    for one in sorted(found, key=lambda wheel: -wheel.score):
        if all(abs(one.x - other.x) >= APART * other.radius for other in kept):
            kept.append(one)
    return tuple(sorted(kept, key=lambda wheel: wheel.x))
