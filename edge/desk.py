"""Between the scale's driver and the lane: readings into weighings, the live weight, and how long appends take."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

import msgspec

from edge.lane import Appends, Lane
from edge.settings import Scale
from edge.weighing.axlewise import AxlewiseWeighing
from edge.weighing.decks import Decks
from edge.weighing.moving import MovingWeighing
from edge.weighing.static import StaticWeighing
from edge.weighing.values import ScaleEvent, VehicleRecord, VehicleReversed, WeighingEvent, WeightReading
from journal.writer import Appended
from kernel.clock import Clock
from kernel.events import Body, DeviceHealth
from kernel.evidence.header import FileRef
from kernel.quantiles import p95

# Words of a single display that take a weight away while they last.
LOUD = ("gross_or_net_unknown", "not_zeroed", "under_range", "deck_missing")
LIVE_EVERY_MS = 100  # the weight on the tablet: ten a second


class LiveWeight(msgspec.Struct, frozen=True, kw_only=True):
    """Live and never journalled: what the display shows now."""

    kg: int | None
    stable: bool | None
    at_ms: int
    state: str
    says: tuple[str, ...] = ()  # quality words that hold now


class Watches(Protocol):
    """Sees every reading of a platform, and whether nothing is on it."""

    def reading(self, reading: WeightReading, *, empty: bool) -> None: ...


class ScaleDesk:
    """Give `take` to the supervisor, and every change of the loop at the scale to `loop`."""

    def __init__(
        self,
        scale: Scale,
        lane: Lane,
        *,
        live: Callable[[str, object], None],
        instrument: Watches | None = None,
    ) -> None:
        self._platform: StaticWeighing | AxlewiseWeighing = (
            StaticWeighing(scale.platform) if scale.weighing == "static" else AxlewiseWeighing(scale.axlewise)
        )
        self._moving = MovingWeighing(scale.moving)
        self._decks = Decks(scale.deck_names, skew_ms=scale.deck_skew_ms) if scale.deck else None
        self._name = scale.name
        self._lane = lane
        self._live = live
        self._instrument = instrument
        self._said_mono = 0

    def take(self, event: ScaleEvent, *, deck: str = "") -> None:
        """`deck`: the one that says it, where there are several."""
        if self._decks is not None and isinstance(event, WeightReading):
            joined = self._decks.feed(deck or self._name, event)
            if joined is None:
                return
            event = joined
        for result in self._weigh(event):
            self._lane.scale(result)

    def loop(self, *, occupied: bool, mono_ms: int) -> None:
        """The loop at the scale changed."""
        self._platform.loop(occupied=occupied, mono_ms=mono_ms)
        self._lane.loop(occupied=occupied, mono_ms=mono_ms)

    def health(self, scales: Iterable[DeviceHealth]) -> list[DeviceHealth]:
        """Of the indicators; one that speaks well and always the same is frozen."""
        if not self._platform.frozen:
            return list(scales)
        detail = "the display does not change while vehicles pass"
        decks = self._platform.frozen_decks
        return [
            msgspec.structs.replace(one, state="frozen", detail=detail)
            if one.state == "up" and (not decks or one.name in decks)
            else one
            for one in scales
        ]

    def _weigh(self, event: ScaleEvent) -> list[WeighingEvent]:
        match event:
            case WeightReading():
                results = self._platform.feed(event)
                if self._instrument:
                    self._instrument.reading(event, empty=self._platform.phase == "empty")
                if self._platform.phase != "empty" and not event.says_nothing:
                    self._lane.standing(event.mono_ms)
                self._say(event)
                return results
            case VehicleRecord() | VehicleReversed():
                return self._moving.feed(event)

    def _say(self, reading: WeightReading) -> None:
        if reading.mono_ms - self._said_mono < LIVE_EVERY_MS * 9 // 10:
            return
        self._said_mono = reading.mono_ms
        live = LiveWeight(
            kg=reading.kg,
            stable=reading.stable,
            at_ms=reading.at_ms,
            state=self._platform.phase,
            says=(*self._platform.says, *_loud(reading)),
        )
        self._live("weight", live)


def _loud(reading: WeightReading) -> tuple[str, ...]:
    shown = {"over_range": reading.over_range, "net_displayed": reading.net}
    return (
        *(word for word, holds in shown.items() if holds),
        *(word for word in LOUD if word in reading.words),
    )


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
