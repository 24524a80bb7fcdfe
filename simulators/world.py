"""The world around the devices: one timeline of trucks, from which loops, loads and records follow, and the truth.

Everything is computed from the crossings and a seed; only `run` needs time to pass.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Literal

from edge.drivers.readings import Display
from edge.drivers.scale.wim_wj.protocol import Vehicle
from kernel.clock import Clock
from simulators.platform import in_kg
from simulators.scene.view import FRONT_OVERHANG_MM, Appearance
from simulators.traffic import Crossing, Truck
from simulators.wim import measured

LaneKind = Literal["wim", "static"]

# Mm past loop 1, like all positions here.
LOOP_MM = {"wim": (0, 4_000), "static": (0, 20_000)}
PLATFORM_MM = (500, 19_500)
WEIGHER_MM = 2_500
RECORD_AFTER_MS = 150  # the weigher's own time from the vehicle's end to the record
STABLE_MS = 800  # a display that holds for less is not a weight

_RING_HZ, _RING_FADE_S = 2.2, 0.5
_ROLL_HZ = 1.7
_EASE_MS = 150  # a wheel's load comes onto the platform within this


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopChange:
    at_ms: int
    loop: int
    occupied: bool


@dataclass(slots=True, kw_only=True)
class Truth:
    """What really happened in one crossing.  `wire_gross_kg` is what the scale said: the record's sum, or the last
    display that held still while the whole truck stood on the platform; None when there was none."""

    number: int
    lane: str
    truck: Truck
    behaviour: str
    arrived_ms: int
    left_ms: int
    wire_gross_kg: int | None = None
    axles_kg: tuple[int, ...] = ()
    record_hex: str = ""


@dataclass(frozen=True, kw_only=True)
class Passing:
    """One truck's way over its lane on the wall clock."""

    crossing: Crossing
    seen: Appearance
    kind: LaneKind

    @property
    def truck(self) -> Truck:
        return self.crossing.truck

    @cached_property
    def offsets_mm(self) -> tuple[int, ...]:
        """How far each axle is behind the front one."""
        return tuple(accumulate(self.truck.spacing_mm, initial=0))

    def axle_at(self, axle: int, mm: int) -> int:
        return self.seen.reaches_ms(mm + self.offsets_mm[axle])

    @cached_property
    def left_ms(self) -> int:
        """When the last wheel is off the scale."""
        return self.axle_at(-1, WEIGHER_MM if self.kind == "wim" else PLATFORM_MM[1])

    @cached_property
    def record_ms(self) -> int:
        released = max(change.at_ms for change in self.loops if change.loop == 1)
        return max(self.left_ms, released) + RECORD_AFTER_MS

    @cached_property
    def whole_on_ms(self) -> tuple[int, int]:
        """From when until when all axles are on the platform."""
        return self.axle_at(-1, PLATFORM_MM[0]) + _EASE_MS, self.axle_at(0, PLATFORM_MM[1])

    @cached_property
    def loops(self) -> tuple[LoopChange, ...]:
        behind = max(self.truck.length_mm, self.offsets_mm[-1] + FRONT_OVERHANG_MM) - FRONT_OVERHANG_MM
        return tuple(
            LoopChange(
                at_ms=self.seen.reaches_ms(mm if occupied else mm + behind), loop=loop, occupied=occupied
            )
            for loop, mm in enumerate(LOOP_MM[self.kind], start=1)
            for occupied in (True, False)
        )

    def axle_speeds_dkmh(self) -> tuple[int, ...]:
        """Of each axle on the weigher."""
        times = [self.axle_at(axle, WEIGHER_MM) for axle in range(len(self.offsets_mm))]
        ways = [self.seen.position(at + 50) - self.seen.position(at - 50) for at in times]
        return tuple(max(10, round(mm / 100 * 36)) for mm in ways)


class Platform:
    """The load on the static platform at any moment: wheels rolling on and off, braking, and the ringing after it."""

    def __init__(self, passings: Sequence[Passing]) -> None:
        self._loads = [_Load(passing) for passing in passings]
        self._from_ms = [load.from_ms for load in self._loads]

    def load_kg(self, at_ms: int) -> float:
        last = bisect_right(self._from_ms, at_ms)
        # The one before may still be ringing, or not be off yet.
        return sum(load.load_kg(at_ms) for load in self._loads[max(0, last - 3) : last])


class _Load:
    """What one truck does to the platform."""

    def __init__(self, passing: Passing) -> None:
        self._passing = passing
        self._wheels = _wheels(passing)
        self._jolts = _jolts(passing, self._wheels)
        self.from_ms = self._wheels[0].on_ms

    def load_kg(self, at_ms: int) -> float:
        if at_ms > self._passing.left_ms + 5_000:
            return 0.0
        load = sum(wheel.load_kg(at_ms) for wheel in self._wheels)
        return load + self._rolling(at_ms, load) + sum(_ringing(at_ms - at, kg) for at, kg in self._jolts)

    def _rolling(self, at_ms: int, load: float) -> float:
        """A truck in motion never shows a calm display."""
        position = self._passing.seen.position
        if not load or position(at_ms - 60) == position(at_ms + 60):
            return 0.0
        return 0.006 * load * math.sin(2 * math.pi * _ROLL_HZ * at_ms / 1000)


def _ringing(since_ms: int, kg: float) -> float:
    if not 0 <= since_ms < 5_000:
        return 0.0
    since = since_ms / 1000
    return kg * math.exp(-since / _RING_FADE_S) * math.sin(2 * math.pi * _RING_HZ * since)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wheel:
    kg: int
    on_ms: int
    off_ms: int

    def load_kg(self, at_ms: int) -> float:
        on = min(max((at_ms - self.on_ms) / _EASE_MS, 0.0), 1.0)
        off = min(max((at_ms - self.off_ms) / _EASE_MS, 0.0), 1.0)
        return self.kg * (on - off)


def _wheels(passing: Passing) -> list[_Wheel]:
    return [
        _Wheel(kg=kg, on_ms=passing.axle_at(n, PLATFORM_MM[0]), off_ms=passing.axle_at(n, PLATFORM_MM[1]))
        for n, kg in enumerate(passing.truck.axle_kg)
    ]


def _jolts(passing: Passing, wheels: Sequence[_Wheel]) -> list[tuple[int, float]]:
    """(when, how many kg) of everything that sets the platform ringing."""
    gross = passing.truck.gross_kg
    jolts = [(at, 0.06 * wheel.kg) for wheel in wheels for at in (wheel.on_ms, wheel.off_ms)]
    return jolts + [(at, 0.02 * gross) for standing in passing.seen.standing_ms() for at in standing]


class LaneWorld:
    """One lane's part of the world."""

    def __init__(self, name: str, kind: LaneKind, passings: Sequence[Passing], *, seed: int) -> None:
        self.name = name
        self.kind = kind
        self.passings = tuple(passings)
        self.seed = seed
        self.truths = {passing.crossing.number: _truth(passing) for passing in passings}
        self._still: tuple[int, int] | None = None  # crossing, since when its display has held

    @cached_property
    def platform(self) -> Platform:
        return Platform(self.passings)

    @property
    def loops(self) -> list[LoopChange]:
        changes = [change for passing in self.passings for change in passing.loops]
        return sorted(changes, key=lambda change: (change.at_ms, change.occupied))

    def displayed(self, at_ms: int, display: Display) -> None:
        """The indicator has sent this display: if it is a weight, it is the truth of the wire."""
        on = next((p for p in self.passings if p.whole_on_ms[0] <= at_ms <= p.whole_on_ms[1]), None)
        if on is None or not display.stable or display.over_range:
            self._still = None
            return
        number = on.crossing.number
        if self._still is None or self._still[0] != number:
            self._still = number, at_ms
        if at_ms - self._still[1] >= STABLE_MS:
            self.truths[number].wire_gross_kg = in_kg(display)

    def record(self, passing: Passing, *, serial: int) -> Vehicle:
        """What the weigher measures of this passing."""
        return measured(
            passing.truck,
            serial=serial,
            axle_speeds_dkmh=passing.axle_speeds_dkmh(),
            seed=self.seed * 1_000_003 + passing.crossing.number,
        )

    def recorded(self, passing: Passing, record: Vehicle, frame: bytes) -> None:
        """The weigher has made this record: it is the truth of the wire."""
        truth = self.truths[passing.crossing.number]
        truth.wire_gross_kg, truth.axles_kg, truth.record_hex = (
            record.gross_kg,
            record.weights_kg,
            frame.hex(),
        )


def _truth(passing: Passing) -> Truth:
    return Truth(
        number=passing.crossing.number,
        lane=passing.crossing.lane,
        truck=passing.truck,
        behaviour=passing.crossing.behaviour,
        arrived_ms=passing.seen.trigger_ms,
        left_ms=passing.left_ms,
    )


class World:
    """All lanes.  `started_ms` is the wall time from which the crossings count."""

    def __init__(
        self,
        crossings: Sequence[Crossing],
        *,
        lanes: dict[str, LaneKind],
        started_ms: int,
        seed: int = 0,
    ) -> None:
        self.started_ms = started_ms
        self.crossings = tuple(crossings)
        self.lanes = {
            name: LaneWorld(name, kind, _passings(crossings, name, kind, started_ms), seed=seed)
            for name, kind in lanes.items()
        }

    @property
    def truths(self) -> dict[int, Truth]:
        """By the crossing's number; complete once every crossing has left."""
        return {number: truth for lane in self.lanes.values() for number, truth in lane.truths.items()}

    @property
    def ends_ms(self) -> int:
        """When the last truck has left every scale and its record is out."""
        passings = [passing for lane in self.lanes.values() for passing in lane.passings]
        ends = [passing.record_ms if passing.kind == "wim" else passing.left_ms for passing in passings]
        return max(ends, default=self.started_ms)


def _passings(crossings: Sequence[Crossing], lane: str, kind: LaneKind, started_ms: int) -> list[Passing]:
    return [
        Passing(crossing=crossing, seen=Appearance.of(crossing, started_ms=started_ms), kind=kind)
        for crossing in sorted(crossings, key=lambda crossing: crossing.start_ms)
        if crossing.lane == lane
    ]


async def play(timeline: Sequence[tuple[int, Callable[[], None]]], *, clock: Clock) -> None:
    """Call each at its wall time, in order; what is already past is left out."""
    begun = clock.now_ms()
    for at_ms, call in timeline:
        if at_ms >= begun:
            await clock.sleep(max(0, at_ms - clock.now_ms()) / 1000)
            call()
