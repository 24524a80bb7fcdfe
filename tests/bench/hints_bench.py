"""What pictures from the side suggest, held against simulated traffic of all kinds by day, by night and in weather.

The pictures are rendered, from a camera at right angles far off: a share measured on them is an upper bound.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

import cv2

from edge.vehicles.hints import suggest
from edge.vehicles.looking import decoded, look
from kernel.events import VehicleHints
from kernel.hinting import CONFIDENT
from simulators.traffic import Light
from tests.support.side_traffic import Passing, passings

EACH, EACH_FULL = 12, 230
SEED = 1_589
NAMES = ("a", "b", "c")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Seen:
    passing: Passing
    hints: VehicleHints | None
    cpu_ms: float

    @property
    def counted(self) -> bool:
        return self.hints is not None and self.hints.axle_count == self.passing.axles

    @property
    def confident(self) -> bool:
        return self.hints is not None and self.hints.axle_count_permille >= CONFIDENT


def run(*, full: bool) -> list[Row]:
    cv2.setNumThreads(1)
    count = EACH_FULL if full else EACH
    return [row for light in get_args(Light) for row in _rows(light, _seen(light, count))]


def _seen(light: Light, count: int) -> list[Seen]:
    found = []
    for passing in passings(count, light=light, seed=SEED):
        begun = time.process_time_ns()
        place = decoded(passing.empty)
        looks = [look(jpeg, place) for jpeg in passing.pictures]
        hints = suggest([one for one in looks if one], camera="side", pictures=NAMES)
        cpu_ms = (time.process_time_ns() - begun) / 1e6 / len(passing.pictures)
        found.append(Seen(passing, hints, cpu_ms))
    return found


def _rows(light: str, seen: list[Seen]) -> Iterator[Row]:
    n = len(seen)
    sure = [one for one in seen if one.confident]
    wrong = [one.passing.name for one in sure if not one.counted]
    kinds = sum(bool(s.hints and s.hints.combination == s.passing.combination) for s in seen)
    lifted = sum(bool(s.hints and s.hints.lifted_axles == s.passing.lifted) for s in seen)
    loads = sum(bool(s.hints and s.hints.loaded == s.passing.loaded) for s in seen)
    yield _row(f"{light}: axle count right, of {n}", _share(sum(s.counted for s in seen), n), "%")
    yield _row(
        f"{light}: confident counts, of {n}", _share(len(sure), n), "%", f"wrong {len(wrong)} of {len(sure)}"
    )
    yield _row(f"{light}: rigid or combination right, of {n}", _share(kinds, n), "%")
    yield _row(f"{light}: lifted axles right, of {n}", _share(lifted, n), "%")
    yield _row(f"{light}: load right or rightly not said, of {n}", _share(loads, n), "%")
    yield _row(f"{light}: CPU a picture, of {3 * n}", sum(s.cpu_ms for s in seen) / n, "ms")


def _share(part: int, n: int) -> float:
    return 100 * part / n


def _row(name: str, value: float, unit: str, against: str | None = None) -> Row:
    return {"name": f"side picture, {name}", "value": value, "unit": unit, "ratio": None, "baseline": against}
