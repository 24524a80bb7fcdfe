"""From looks at one vehicle to what they suggest: axles, rigid or combination, lifted axles, a load, each with confidence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from edge.vehicles.looking import Look
from kernel.events import VehicleHints

GROUP = 5.6  # radii: wheels farther apart belong to different axle groups 轴组
MOVES = 0.3  # radii from the first look to the last
CAB = 5.8  # radii from the front end to the cargo 货物
LOW, STRAIGHT = 3.4, 0.12  # radii: a deck is lower; a roof is straighter
BARE, TOPPED = 0.25, 0.3  # share of the cargo's length: above the deck; off the straight line
ALONE = 850  # permille of a count that only one look shows
DOUBTFUL = 600  # permille: when looks differ about the load, nothing is said
MOST = 990  # permille: a picture is never certain
T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """What most looks say, and how sure that is, 0 to 1000."""

    value: int | bool | None
    permille: int


def suggest(looks: Sequence[Look], *, camera: str, pictures: Sequence[str]) -> VehicleHints | None:
    """None when no look shows a vehicle.  `looks` in order of time, `pictures` their names.

    A suggestion for people: no fact, no verdict, and no source of either.
    """
    seen = [one for one in looks if len(one.wheels) >= 2]
    if not seen:
        return None
    axles = _vote(seen, lambda one: len(one.wheels), lambda one: one.whole * _score(one))
    agreeing = [one for one in seen if len(one.wheels) == axles.value]
    lifted = _vote(agreeing, lambda one: sum(wheel.lifted for wheel in one.wheels), _score)
    combination = _vote(agreeing, _combination, _combination_worth)
    loaded = _loaded(agreeing)
    best = max(agreeing, key=lambda one: one.whole * _score(one))
    return VehicleHints(
        camera=camera,
        picture=pictures[list(looks).index(best)],
        axle_count=int(axles.value or 0),
        axle_count_permille=axles.permille,
        combination=bool(combination.value),
        combination_permille=combination.permille * axles.permille // 1000,
        lifted_axles=int(lifted.value or 0),
        lifted_axles_permille=lifted.permille * axles.permille // 1000,
        loaded=loaded.value if loaded.value is None else bool(loaded.value),
        loaded_permille=loaded.permille,
    )


def _vote(looks: Sequence[Look], says: Callable[[Look], int], worth: Callable[[Look], float]) -> Vote:
    """The answer with the most worth; as sure as its looks are on the mean, less what speaks for others."""
    worths: defaultdict[int, list[float]] = defaultdict(list)
    for one in looks:
        worths[says(one)].append(worth(one))
    winner, mine = max(worths.items(), key=lambda item: (sum(item[1]), item[0]))
    share = sum(mine) / max(sum(sum(each) for each in worths.values()), 1e-9)
    permille = round(1000 * share * sum(mine) / len(mine))
    return Vote(value=winner, permille=min(permille, MOST if len(mine) > 1 else ALONE))


def _score(one: Look) -> float:
    """Of its least clear wheel."""
    return min(min(wheel.score for wheel in one.wheels) + 0.02, 1.0)


# --- rigid or combination 汽车列车 ------------------------------------------------------------------------------


def _groups(one: Look) -> int:
    gaps = [(right.x - left.x) / one.radius for left, right in pairwise(one.wheels)]
    return 1 + sum(gap > GROUP for gap in gaps)


def _combination(one: Look) -> bool:
    """A rigid truck has its axles in two groups and never more than four; a trailer adds a group of its own."""
    return len(one.wheels) > 4 or _groups(one) > 2


def _combination_worth(one: Look) -> float:
    axles, groups = len(one.wheels), _groups(one)
    if axles == 2:
        return 0.96
    if axles > 4:
        return 0.98 if groups > 2 else 0.8
    return 0.9 if groups == 2 else 0.85


# --- load 载货 -------------------------------------------------------------------------------------------------


def _loaded(looks: Sequence[Look]) -> Vote:
    """Nobody sees into a closed body: of a straight roof nothing is said."""
    answers = [_load(one, forward) for one in looks if (forward := _forward(looks)) is not None]
    told = [answer for answer in answers if answer is not None]
    if not told:
        return Vote(value=None, permille=0)
    loaded = 2 * sum(told) > len(told)
    permille = ALONE * told.count(loaded) // len(answers)
    return Vote(value=loaded, permille=permille) if permille > DOUBTFUL else Vote(value=None, permille=0)


def _forward(looks: Sequence[Look]) -> bool | None:
    """True: the front is at the right.  By how it moves, else by its single axle; None when neither tells."""
    first, last = looks[0], looks[-1]
    moved = float(np.mean([b.x - a.x for a, b in zip(first.wheels, last.wheels, strict=True)]))
    if abs(moved) > MOVES * first.radius:
        return moved > 0
    ends = [(pair[1].x - pair[0].x) / first.radius > GROUP for pair in pairwise(first.wheels)]
    return ends[-1] if ends[0] != ends[-1] else None


def _load(one: Look, forward: bool) -> bool | None:
    if one.outline is None or not one.outline.whole:
        return None
    height = (one.road_y - one.outline.top) / one.radius
    cab = round(len(height) * CAB * one.radius / max(one.outline.right - one.outline.left, 1))
    cargo = height[:-cab] if forward else height[cab:]
    if len(cargo) < 8:
        return None
    if (cargo > LOW).mean() < BARE:
        return False
    return True if _unevenness(cargo) > TOPPED else None


def _unevenness(height: npt.NDArray[np.float32]) -> float:
    """The share of the upper edge that is off the straight line."""
    return float((np.abs(height - np.median(height)) > STRAIGHT).mean())
