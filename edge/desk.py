"""Between the scale's driver and the lane: readings into weighings, the live weight, and how long appends take."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

import msgspec

from edge.lane import Appends, Lane
from edge.settings import Scale
from edge.weighing.moving import MovingWeighing
from edge.weighing.static import StaticWeighing
from edge.weighing.values import ScaleEvent, VehicleRecord, VehicleReversed, WeighingEvent, WeightReading
from journal.writer import Appended
from kernel.clock import Clock
from kernel.events import Body
from kernel.evidence.header import FileRef
from kernel.quantiles import p95

LIVE_EVERY_MS = 100  # the weight on the tablet: ten a second


class LiveWeight(msgspec.Struct, frozen=True, kw_only=True):
    """Live and never journalled: what the display shows now."""

    kg: int | None
    stable: bool | None
    at_ms: int
    state: str


class Watches(Protocol):
    """Sees every reading of a platform, and whether nothing is on it."""

    def reading(self, reading: WeightReading, *, empty: bool) -> None: ...


class ScaleDesk:
    """Give `take` to the supervisor."""

    def __init__(
        self,
        scale: Scale,
        lane: Lane,
        *,
        live: Callable[[str, object], None],
        instrument: Watches | None = None,
    ) -> None:
        self._static = StaticWeighing(scale.platform)
        self._moving = MovingWeighing(scale.moving)
        self._lane = lane
        self._live = live
        self._instrument = instrument
        self._said_mono = 0

    def take(self, event: ScaleEvent) -> None:
        for result in self._weigh(event):
            self._lane.scale(result)

    def _weigh(self, event: ScaleEvent) -> list[WeighingEvent]:
        match event:
            case WeightReading():
                results = self._static.feed(event)
                if self._instrument:
                    self._instrument.reading(event, empty=self._static.phase == "empty")
                if self._static.phase != "empty":
                    self._lane.standing(event.mono_ms)
                self._say(event)
                return results
            case VehicleRecord() | VehicleReversed():
                return self._moving.feed(event)

    def _say(self, reading: WeightReading) -> None:
        if reading.mono_ms - self._said_mono < LIVE_EVERY_MS * 9 // 10:
            return
        self._said_mono = reading.mono_ms
        live = LiveWeight(kg=reading.kg, stable=reading.stable, at_ms=reading.at_ms, state=self._static.phase)
        self._live("weight", live)


class TimedJournal:
    """A journal whose appends are timed, for the heartbeat."""

    def __init__(self, journal: Appends, *, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._took_ms: deque[int] = deque(maxlen=256)

    async def append(
        self, body: Body, *, source: str, files: tuple[FileRef, ...] = (), key: str | None = None
    ) -> Appended:
        before = self._clock.mono_ms()
        appended = await self._journal.append(body, source=source, files=files, key=key)
        self._took_ms.append(self._clock.mono_ms() - before)
        return appended

    @property
    def p95_us(self) -> int | None:
        value = p95(self._took_ms)
        return None if value is None else value * 1000
