"""What lies on a platform besides vehicles: rain, snow, ice, mud, gusts of wind, and people."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Literal

from kernel.settings import must, refuse
from simulators.driving import DAY_MS

_HEAVY_KG = 1_000_000
_RUNS_OFF_MS = 30_000
_STEPS_ON_MS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """Rain grows to `kg` and runs off again; snow and ice grow and stay; mud falls at once and stays.

    Wind pulls and pushes by up to `kg`.
    """

    at_ms: int
    for_ms: int
    kind: Literal["rain", "snow", "ice", "mud", "wind"]
    kg: int

    def __post_init__(self) -> None:
        refuse(
            must(self.at_ms >= 0, "at_ms", "must not be negative"),
            must(0 < self.for_ms <= DAY_MS, "for_ms", f"must be 1 to {DAY_MS}"),
            must(0 < self.kg <= _HEAVY_KG, "kg", f"must be 1 to {_HEAVY_KG}"),
        )

    def load_kg(self, at_ms: int, *, seed: int) -> float:
        since_ms = at_ms - self.at_ms
        if since_ms < 0:
            return 0.0
        if self.kind == "wind":
            return _gust(since_ms, self.kg, seed) if since_ms < self.for_ms else 0.0
        grown = self.kg * min(since_ms / self.for_ms, 1.0)
        if self.kind == "rain" and since_ms > self.for_ms:
            return grown * math.exp(-(since_ms - self.for_ms) / _RUNS_OFF_MS)
        return grown


@dataclass(frozen=True, slots=True, kw_only=True)
class Hands:
    """People who step onto the platform, or lean on it, for a while."""

    at_ms: int
    for_ms: int
    kg: int = 80

    def __post_init__(self) -> None:
        refuse(
            must(self.at_ms >= 0, "at_ms", "must not be negative"),
            must(0 < self.for_ms <= DAY_MS, "for_ms", f"must be 1 to {DAY_MS}"),
            must(abs(self.kg) <= _HEAVY_KG, "kg", f"must be at most {_HEAVY_KG}"),
        )

    def load_kg(self, at_ms: int) -> float:
        on = min(max((at_ms - self.at_ms) / _STEPS_ON_MS, 0.0), 1.0)
        off = min(max((at_ms - self.at_ms - self.for_ms) / _STEPS_ON_MS, 0.0), 1.0)
        return self.kg * (on - off)


def _gust(since_ms: int, kg: int, seed: int) -> float:
    dice, since = random.Random(seed), since_ms / 1000
    slow, fast = (2 * math.pi * dice.random() for _ in range(2))
    return kg * (
        0.6 * math.sin(2 * math.pi * 0.23 * since + slow) + 0.4 * math.sin(2 * math.pi * 0.71 * since + fast)
    )
