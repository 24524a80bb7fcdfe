"""Where a truck is at any moment of its crossing: the one motion that scale, loops and cameras share.

Positions are mm of the front axle past loop 1, along the lane; times are wall milliseconds.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from math import sqrt

from simulators.traffic import Behaviour, Crossing, Light, Truck

BRAKING_MMS2 = 1_200
PULLING_AWAY_MMS2 = 900
HESITATES_MS = 2_000  # stop-and-go: stands this long with its front half over the loop
REAR_AXLE_CLEAR_MM = 1_000  # static platform: the last axle stops this far past loop 1
FRONT_OVERHANG_MM = 1_400  # bumper before the front axle; cab-over trucks


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """A stretch of constant acceleration, until the next leg begins."""

    from_ms: float
    from_mm: float
    speed_mms: float
    accel_mms2: float

    def position(self, t_ms: float) -> float:
        seconds = (t_ms - self.from_ms) / 1000
        return self.from_mm + seconds * (self.speed_mms + self.accel_mms2 * seconds / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Appearance:
    """One truck's way over one lane.  `trigger_ms` is the wall time when its front axle is on loop 1."""

    truck: Truck
    trigger_ms: int
    speed_dkmh: int
    light: Light = "day"
    behaviour: Behaviour = "steady"
    stands_ms: int = 0
    billboards: bool = False

    @classmethod
    def of(cls, crossing: Crossing, *, started_ms: int) -> Appearance:
        """The crossing as seen when the traffic began at `started_ms`."""
        return cls(
            truck=crossing.truck,
            trigger_ms=started_ms + crossing.start_ms,
            speed_dkmh=crossing.speed_dkmh,
            light=crossing.light,
            behaviour=crossing.behaviour,
            stands_ms=crossing.stands_ms,
            billboards=crossing.billboards,
        )

    @property
    def wheelbase_mm(self) -> int:
        return sum(self.truck.spacing_mm)

    @property
    def stops(self) -> tuple[tuple[int, int], ...]:
        """(position, how long) of every stop, in order."""
        hesitates = ((self.wheelbase_mm // 2, HESITATES_MS),) if self.behaviour == "stop_and_go" else ()
        stands = ((self.wheelbase_mm + REAR_AXLE_CLEAR_MM, self.stands_ms),) if self.stands_ms else ()
        return hesitates + stands

    def position(self, t_ms: int) -> int:
        """Mm of the front axle past loop 1 (negative: not there yet)."""
        legs = _legs(self.speed_dkmh, self.stops)
        since = float(t_ms - self.trigger_ms)
        at = bisect_right(legs, since, key=lambda leg: leg.from_ms)
        return round(legs[max(at - 1, 0)].position(since))

    def reaches_ms(self, mm: int) -> int:
        """When the front axle first is at `mm` or beyond."""
        late = 3_600_000
        return (
            self.trigger_ms
            + bisect_right(
                range(-late, late), mm - 1, key=lambda since: self.position(self.trigger_ms + since)
            )
            - late
        )

    def standing_ms(self) -> tuple[tuple[int, int], ...]:
        """(from, until) of every stop on the wall clock."""
        starts = [
            self.trigger_ms + round(leg.from_ms) for leg in _legs(self.speed_dkmh, self.stops) if _still(leg)
        ]
        return tuple((start, start + stop[1]) for start, stop in zip(starts, self.stops, strict=True))


def _still(leg: Leg) -> bool:
    return leg.speed_mms == 0 and leg.accel_mms2 == 0


class _Way:
    """Strings legs together; the front axle is at 0 mm at 0 ms, already at its cruising speed."""

    def __init__(self, cruise: float) -> None:
        self.legs: list[Leg] = []
        self.cruise = cruise
        self._ms, self._mm, self._speed = 0.0, 0.0, cruise

    def halt(self, stop_mm: int, stands_ms: int) -> None:
        """Go on to `stop_mm` and stand there; brakes harder where the way is short."""
        way = max(stop_mm - self._mm, 1.0)
        pulling = 0 if self._speed else PULLING_AWAY_MMS2 * BRAKING_MMS2 / (PULLING_AWAY_MMS2 + BRAKING_MMS2)
        peak = min(self.cruise, sqrt(2 * way * pulling)) if pulling else self.cruise
        self._reach(peak)
        rest = stop_mm - self._mm
        braking = max(BRAKING_MMS2, peak * peak / (2 * max(rest, 1.0)))
        self._go(0, max(rest - peak * peak / (2 * braking), 0) / peak)
        self._go(-braking, peak / braking)
        self._speed = 0.0
        self._go(0, stands_ms / 1000)

    def leave(self) -> None:
        self._reach(self.cruise)
        self._go(0, 1.0)

    def _reach(self, speed: float) -> None:
        if self._speed < speed:
            self._go(PULLING_AWAY_MMS2, (speed - self._speed) / PULLING_AWAY_MMS2)

    def _go(self, accel: float, seconds: float) -> None:
        leg = Leg(from_ms=self._ms, from_mm=self._mm, speed_mms=self._speed, accel_mms2=accel)
        self.legs.append(leg)
        self._ms += seconds * 1000
        self._mm = leg.position(self._ms)
        self._speed = self._speed + accel * seconds


@lru_cache(maxsize=256)
def _legs(speed_dkmh: int, stops: tuple[tuple[int, int], ...]) -> tuple[Leg, ...]:
    way = _Way(max(speed_dkmh, 1) * 1000 / 36)
    for stop_mm, stands_ms in stops:
        way.halt(stop_mm, stands_ms)
    way.leave()
    return tuple(way.legs)
