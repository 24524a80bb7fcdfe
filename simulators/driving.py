"""How a vehicle drives over a platform: where it stops, what of it lies on the platform at any moment."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Literal

from kernel.settings import must, refuse

APPROACH_MM = 4_000  # it begins to move so far before the platform
OVERHANG_MM = 1_200  # the body beyond the first and the last axle
FOOTPRINT_MM = 250  # within this a wheel's load comes onto the platform
DAY_MS = 86_400_000
_HEAVY_KG = 1_000_000
_FAR_MM = 1_000_000
GROUPED_MM = 1_800  # axles closer than this are one group

_SWAY_HZ, _SWAY_FADE_MS = 1.7, 700
_ROLLING, _BRAKING = 0.006, 0.015  # shares of the load by which a body that rolls, or has just stopped, sways


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """The front axle stands so far past the near edge of the platform."""

    front_mm: int
    stands_ms: int

    def __post_init__(self) -> None:
        refuse(
            must(0 < self.stands_ms <= DAY_MS, "stands_ms", f"must be 1 to {DAY_MS}"),
            must(abs(self.front_mm) <= _FAR_MM, "front_mm", f"must be at most {_FAR_MM}"),
        )


@dataclass(frozen=True, kw_only=True)
class Vehicle:
    """One vehicle of a scenario, from where it begins to move.  One that "never" leaves stays to the end."""

    at_ms: int
    axle_kg: tuple[int, ...]
    spacing_mm: tuple[int, ...]
    speed_dkmh: int = 50
    stop: tuple[Stop, ...] = ()
    leaves: Literal["forward", "backward", "never"] = "forward"
    dual_tyres: bool = True  # on every group but the first

    def __post_init__(self) -> None:
        refuse(
            must(self.at_ms >= 0, "at_ms", "must not be negative"),
            must(
                len(self.axle_kg) >= 2 and 0 < min(self.axle_kg) <= max(self.axle_kg) <= _HEAVY_KG,
                "axle_kg",
                f"two axles or more, all above 0 and at most {_HEAVY_KG}",
            ),
            must(
                len(self.spacing_mm) == len(self.axle_kg) - 1
                and 0 < min(self.spacing_mm, default=0) <= max(self.spacing_mm) <= _FAR_MM,
                "spacing_mm",
                f"one fewer than axles, all above 0 and at most {_FAR_MM}",
            ),
            must(10 <= self.speed_dkmh <= 1_000, "speed_dkmh", "must be 10 to 1000"),
            must(self.leaves == "forward" or bool(self.stop), "stop", "one that does not drive on must stop"),
        )

    @property
    def gross_kg(self) -> int:
        return sum(self.axle_kg)

    @property
    def groups(self) -> tuple[int, ...]:
        """Axles of each group, front to rear, by their distances."""
        counts = [1]
        for spacing in self.spacing_mm:
            if spacing < GROUPED_MM:
                counts[-1] += 1
            else:
                counts.append(1)
        return tuple(counts)


@dataclass(frozen=True, slots=True)
class _Leg:
    """From standing to standing: slow, fast, slow."""

    from_ms: int
    to_ms: int
    from_mm: int
    to_mm: int

    def at(self, at_ms: int) -> float:
        share = min(max((at_ms - self.from_ms) / max(self.to_ms - self.from_ms, 1), 0.0), 1.0)
        return self.from_mm + (self.to_mm - self.from_mm) * share * share * (3 - 2 * share)


class Drive:
    """One vehicle on one platform; times as in the vehicle."""

    def __init__(self, vehicle: Vehicle, *, platform_mm: int) -> None:
        self.vehicle = vehicle
        self._platform_mm = platform_mm
        self._offsets = tuple(accumulate(vehicle.spacing_mm, initial=0))
        self._legs = self._plan()
        self._begins = [leg.from_ms for leg in self._legs]

    def _plan(self) -> list[_Leg]:
        vehicle, at_ms, at_mm, legs = self.vehicle, self.vehicle.at_ms, -APPROACH_MM, []
        ways = [(stop.front_mm, stop.stands_ms) for stop in vehicle.stop]
        if vehicle.leaves != "never":
            beyond = self._platform_mm + self._offsets[-1] + APPROACH_MM
            ways.append((beyond if vehicle.leaves == "forward" else -APPROACH_MM, 0))
        for to_mm, stands_ms in ways:
            # The middle of a leg is half as fast again as its mean.
            needs_ms = round(1.5 * abs(to_mm - at_mm) * 36 / vehicle.speed_dkmh)
            legs.append(_Leg(at_ms, at_ms + needs_ms, at_mm, to_mm))
            at_ms, at_mm = at_ms + needs_ms + stands_ms, to_mm
        return legs

    def front_mm(self, at_ms: int) -> float:
        """The front axle past the near edge of the platform."""
        return self._leg(at_ms).at(at_ms)

    def on_kg(self, at_ms: int) -> float:
        """What of its mass lies on the platform, at rest."""
        front = self.front_mm(at_ms)
        return sum(
            kg * self._on(front - offset)
            for kg, offset in zip(self.vehicle.axle_kg, self._offsets, strict=True)
        )

    def covers(self, from_mm: int, to_mm: int, at_ms: int) -> bool:
        """Whether any part of its body is above that stretch of the road."""
        front = self.front_mm(at_ms)
        return front + OVERHANG_MM > from_mm and front - self._offsets[-1] - OVERHANG_MM < to_mm

    def load_kg(self, at_ms: int) -> float:
        """The same in motion: a rolling body sways, and one that has braked rocks for a while."""
        load = self.on_kg(at_ms)
        return load + load * self._sway(at_ms) if load else 0.0

    @cached_property
    def left_ms(self) -> int | None:
        """When its last wheel is off the platform for good; None for one that stays."""
        if self.vehicle.leaves == "never":
            return None
        early, late = self._legs[-1].from_ms, self._legs[-1].to_ms
        while late - early > 1:
            middle = (early + late) // 2
            early, late = (middle, late) if self.on_kg(middle) else (early, middle)
        return late

    @cached_property
    def whole_ms(self) -> tuple[tuple[int, int], ...]:
        """From when until when it stands with all its axles on the platform."""
        stands = pairwise([*self._legs, _Leg(1 << 50, 1 << 50, 0, 0)])
        return tuple(
            (leg.to_ms, after.from_ms)
            for leg, after in stands
            if after.from_ms > leg.to_ms and round(self.on_kg(leg.to_ms)) == self.vehicle.gross_kg
        )

    def _leg(self, at_ms: int) -> _Leg:
        return self._legs[max(bisect_right(self._begins, at_ms) - 1, 0)]

    def _on(self, mm: float) -> float:
        return _share(mm) - _share(mm - self._platform_mm)

    def _sway(self, at_ms: int) -> float:
        leg = self._leg(at_ms)
        since_ms = at_ms - leg.to_ms
        share = _ROLLING if since_ms < 0 else _BRAKING * math.exp(-since_ms / _SWAY_FADE_MS)
        return share * math.sin(2 * math.pi * _SWAY_HZ * (at_ms - leg.from_ms) / 1000)


def _share(mm: float) -> float:
    return min(max(mm / FOOTPRINT_MM, 0.0), 1.0)
