"""Which loop, weight and picture belong to one vehicle: the crossing as one thing, assembled from single facts.

Pure: fed with what happened and the time it happened, answers with what to do.  Times are monotonic milliseconds
of this machine.  A fact that finds no crossing opens one, so that nothing that was measured is left unsaid.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from edge.weighing.loops import GAP_MS

R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A vehicle is there: lock the ring, take pictures."""

    passage: str
    mono_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """The last axle has left the loop: the rear is in view."""

    passage: str
    mono_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Complete(Generic[R]):
    """All that will be known of this crossing is known; `result` None means that no weight came."""

    passage: str
    arrived_mono_ms: int | None
    left_mono_ms: int | None
    result: R | None
    quality: tuple[str, ...]


@dataclass(slots=True, kw_only=True, eq=False)
class _Crossing:
    passage: str
    opened_ms: int
    arrived_ms: int | None = None
    left_ms: int | None = None
    on_scale: bool = False
    quality: list[str] = field(default_factory=list)


Step = Opened | Passed | Complete[R]


class PassageAssembler(Generic[R]):
    """Joins loop events and weighing results of one lane, in the order in which vehicles cross.

    `prefix` starts every passage id (box and boot), `patience_ms` is how long after the loop's release a result may
    take; after that the crossing is complete without a weight.  A loop that never lets go ends after `longest_ms`, and so does
    a vehicle on a scale that says nothing more; one that the scale still shows may stand there all day.
    """

    def __init__(self, *, prefix: str, patience_ms: int, longest_ms: int = 600_000) -> None:
        self._prefix = prefix
        self._patience_ms = patience_ms
        self._longest_ms = longest_ms
        self._waiting: deque[_Crossing] = deque()
        self._last_id = -1
        self._shown_ms = 0

    def loop(self, *, occupied: bool, mono_ms: int) -> list[Step[R]]:
        """The loop at the scale changed."""
        if occupied:
            return [self._open(mono_ms, arrived_ms=mono_ms)]
        for crossing in self._waiting:
            if crossing.left_ms is None:
                crossing.left_ms = mono_ms
                self._look_who_stands_there(crossing)
                return [Passed(passage=crossing.passage, mono_ms=mono_ms)]
        return []  # released without ever being occupied: the controller has just started

    def _look_who_stands_there(self, later: _Crossing) -> None:
        for first in self._waiting:
            if _joined(first, later) and "two_vehicles" not in first.quality:
                first.quality.append("two_vehicles")

    def presence(self, mono_ms: int) -> list[Step[R]]:
        """The scale itself noticed a vehicle (weight rising): the last that came over the loop, or one without."""
        if any(crossing.on_scale for crossing in self._waiting):
            return []
        if self._waiting:
            self._waiting[-1].on_scale = True
            return []
        step = self._open(mono_ms, arrived_ms=mono_ms)
        self._waiting[-1].on_scale = True
        self._waiting[-1].quality.append("loop_missing")
        return [step]

    def still_there(self, mono_ms: int) -> None:
        """The scale shows a load."""
        self._shown_ms = mono_ms

    def result(self, result: R, *, mono_ms: int) -> list[Step[R]]:
        """The scale has finished with a vehicle: the one on it, or the first that waits."""
        steps: list[Step[R]] = []
        if not self._waiting:
            steps.append(self._open(mono_ms, arrived_ms=None))
            self._waiting[-1].quality.append("loop_missing")
        crossing = next((one for one in self._waiting if one.on_scale), self._waiting[0])
        self._waiting.remove(crossing)
        if crossing.left_ms is None:
            crossing.left_ms = mono_ms
            steps.append(Passed(passage=crossing.passage, mono_ms=mono_ms))
        steps.append(self._complete(crossing, result))
        return steps

    def late(self, result: R, *, mono_ms: int) -> list[Step[R]]:
        """A weight from the device's memory: nobody knows when its vehicle was there, so no picture is its picture.

        It is never given to a crossing that waits, which may be another vehicle's.
        """
        crossing = self._new(mono_ms, arrived_ms=None)
        crossing.quality.append("loop_missing")
        return [self._complete(crossing, result)]

    def tick(self, mono_ms: int) -> list[Step[R]]:
        """Time goes by: crossings whose weight never came are completed without one."""
        overdue = [crossing for crossing in self._waiting if self._overdue(crossing, mono_ms)]
        steps: list[Step[R]] = []
        for crossing in overdue:
            self._waiting.remove(crossing)
            crossing.quality.append("no_weight")
            steps.append(self._complete(crossing, None))
        return steps

    @property
    def current(self) -> str | None:
        """The passage that a fact of this moment would belong to."""
        on_scale = (crossing.passage for crossing in self._waiting if crossing.on_scale)
        return next(on_scale, self._waiting[0].passage if self._waiting else None)

    def _overdue(self, crossing: _Crossing, now_ms: int) -> bool:
        if crossing.left_ms is not None and not crossing.on_scale:
            return now_ms - crossing.left_ms > self._patience_ms
        heard_ms = max(crossing.opened_ms, self._shown_ms) if crossing.on_scale else crossing.opened_ms
        return now_ms - heard_ms > self._longest_ms

    def _open(self, mono_ms: int, *, arrived_ms: int | None) -> Opened:
        crossing = self._new(mono_ms, arrived_ms=arrived_ms)
        self._waiting.append(crossing)
        return Opened(passage=crossing.passage, mono_ms=mono_ms)

    def _new(self, mono_ms: int, *, arrived_ms: int | None) -> _Crossing:
        self._last_id = max(mono_ms, self._last_id + 1)  # two in one millisecond stay two
        passage = f"{self._prefix}-{self._last_id:010d}"
        return _Crossing(passage=passage, opened_ms=mono_ms, arrived_ms=arrived_ms)

    def _complete(self, crossing: _Crossing, result: R | None) -> Complete[R]:
        return Complete(
            passage=crossing.passage,
            arrived_mono_ms=crossing.arrived_ms,
            left_mono_ms=crossing.left_ms,
            result=result,
            quality=tuple(crossing.quality),
        )


def _joined(first: _Crossing, later: _Crossing) -> bool:
    """The later one came over the loop, whole, while the first was on the scale; a drawbar comes sooner."""
    if not first.on_scale or first.left_ms is None:
        return False
    return later.opened_ms - first.left_ms > GAP_MS
