"""Static platform 静态汽车衡: readings in, one weighing a vehicle out.

empty -> arriving -> settling -> weighed -> leaving -> empty.  The weight is the last stable displayed value before
the vehicle leaves, never an average of ours.  What cannot be told from the weight alone is in docs/scales.md.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from edge.weighing.traces import Trace
from edge.weighing.values import Arrived, Settled, Weighed, WeighingEvent, WeightReading
from kernel.errors import ConfigError

_Change = Callable[[list[WeightReading]], list[WeighingEvent]]
Phase = Literal["empty", "arriving", "settling", "weighed", "leaving"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticSettings:
    """How this platform is read.  `stable` "flag" trusts the motion flag of the device, "derived" needs none."""

    empty_below_kg: int = 300
    stable: Literal["flag", "derived"] = "flag"
    derived_readings: int = 8
    band_kg: int = 40  # values this close together are one level
    min_stable_ms: int = 800
    jolt_permille: int = 50  # pulling away, braking and ringing move the display by less than this share
    fall_kg: int = 500  # below its settled weight by this much, and more than a jolt, a vehicle is leaving
    rise_kg: int = 1_500  # a rise like this while one leaves is the next vehicle
    peak_permille: int = (
        800  # a level below this share of the highest load is what is left of a leaving vehicle
    )
    gone_permille: int = 700  # at most this share of the weight is left when the next one may come
    debounce: int = 2  # readings in a row that a change of phase needs
    max_gap_ms: int = 2_000  # a longer silence of the scale breaks what was stable
    max_kg: int = 150_000

    def __post_init__(self) -> None:
        names = (
            "empty_below_kg",
            "derived_readings",
            "min_stable_ms",
            "fall_kg",
            "rise_kg",
            "debounce",
            "max_gap_ms",
        )
        faults = [(name, "must be above 0") for name in (*names, "max_kg") if getattr(self, name) <= 0]
        if self.band_kg < 0:
            faults.append(("band_kg", "must not be negative"))
        if self.fall_kg <= self.band_kg:
            faults.append(("fall_kg", f"must be above band_kg ({self.band_kg})"))
        if self.rise_kg <= self.band_kg:
            faults.append(("rise_kg", f"must be above band_kg ({self.band_kg})"))
        if not 0 <= self.jolt_permille < 1_000 - self.gone_permille:
            faults.append(
                ("jolt_permille", f"must be from 0 to below 1000 - gone_permille ({self.gone_permille})")
            )
        if faults:
            raise ConfigError(faults)


class StaticWeighing:
    """Feed it every reading in order."""

    def __init__(self, settings: StaticSettings) -> None:
        self._settings = settings
        self._visit: _Visit | None = None
        self._above: list[WeightReading] = []
        self._seen_empty = False
        self._zero_off = False

    @property
    def phase(self) -> Phase:
        return self._visit.phase if self._visit else "empty"

    @property
    def settled_kg(self) -> int | None:
        return self._visit.settled_kg if self._visit else None

    def feed(self, reading: WeightReading) -> list[WeighingEvent]:
        if self._visit is None:
            return [] if _says_nothing(reading) else self._while_empty(reading)
        events = self._visit.feed(reading)
        if self._visit.successor is not None:
            first, *more = self._visit.successor
            self._visit = None
            events += self._begin(first, words=("close_behind",))
            for later in more:
                events += self.feed(later)
        elif self._visit.gone:
            self._visit = None
            self._note_zero(reading)
        return events

    def _while_empty(self, reading: WeightReading) -> list[WeighingEvent]:
        if not _occupied(reading, self._settings):
            self._above.clear()
            self._note_zero(reading)
            return []
        self._above.append(reading)
        if len(self._above) < self._settings.debounce:
            return []
        first, *more = self._above
        self._above = []
        words = ("zero_off",) if self._zero_off else ()
        events = self._begin(first, words=words if self._seen_empty else (*words, "present_at_start"))
        for later in more:
            events += self.feed(later)
        return events

    def _begin(self, first: WeightReading, *, words: tuple[str, ...]) -> list[WeighingEvent]:
        self._visit = _Visit(self._settings, first, words=words)
        return [Arrived(at_ms=first.at_ms, mono_ms=first.mono_ms), *self._visit.feed(first)]

    def _note_zero(self, reading: WeightReading) -> None:
        if reading.kg is not None:
            self._seen_empty = True
            self._zero_off = reading.kg <= -self._settings.empty_below_kg


def _says_nothing(reading: WeightReading) -> bool:
    return reading.kg is None and not reading.over_range


def _occupied(reading: WeightReading, settings: StaticSettings) -> bool:
    return reading.over_range if reading.kg is None else reading.kg >= settings.empty_below_kg


class _Visit:
    """One vehicle on the platform, from its first reading to its last."""

    def __init__(self, settings: StaticSettings, first: WeightReading, *, words: tuple[str, ...]) -> None:
        self._settings = settings
        self._first = first
        self._last = first
        self._trace = Trace(first.mono_ms)
        self._words = dict.fromkeys(words)
        self._level = _Level(settings)
        self._change: _Change | None = None  # what the readings in `_against`, all in a row, speak for
        self._against: list[WeightReading] = []
        self._low: WeightReading = first
        self._peak_kg = 0  # what two readings in a row have reached
        self.phase: Phase = "arriving"
        self.settled_kg: int | None = None
        self.gone = False
        self.successor: list[WeightReading] | None = None

    def feed(self, reading: WeightReading) -> list[WeighingEvent]:
        self._note(reading)
        if _says_nothing(reading):
            self._level.clear()
            return []
        if not _occupied(reading, self._settings):
            return self._count(reading, self._leave)
        if self.phase == "leaving":
            return self._while_leaving(reading)
        return self._while_on(reading)

    def _note(self, reading: WeightReading) -> None:
        self._words.update(dict.fromkeys(reading.words))
        if reading.over_range or (reading.kg or 0) > self._settings.max_kg:
            self._words["over_range"] = None
        if reading.mono_ms - self._last.mono_ms > self._settings.max_gap_ms:
            self._words["readings_missing"] = None
            self._level.clear()
        if reading.kg is not None:
            self._trace.add(reading.mono_ms, reading.kg)
        if not _says_nothing(reading):
            self._peak_kg = max(self._peak_kg, min(_kg(reading), _kg(self._last)))
        self._last = reading

    def _while_on(self, reading: WeightReading) -> list[WeighingEvent]:
        settled, kg = self.settled_kg, _kg(reading)
        if settled is not None:
            if kg < settled - self._fall_kg(settled):
                return self._count(reading, self._start_leaving)
            if kg > settled + max(self._settings.band_kg, self._jolt_kg(settled)):
                return self._count(reading, self._rise)
        self._against.clear()
        return self._watch(reading)

    def _watch(self, reading: WeightReading) -> list[WeighingEvent]:
        level = self._level.feed(reading)
        if self.settled_kg is None:
            self.phase = "settling" if self._level.holds else "arriving"
        if level is None or level == self.settled_kg:
            return []
        if level * 1_000 < self._peak_kg * self._settings.peak_permille:
            return []
        self.settled_kg, self.phase = level, "weighed"
        return [Settled(gross_kg=level, at_ms=reading.at_ms, mono_ms=reading.mono_ms)]

    def _fall_kg(self, settled: int) -> int:
        return max(self._settings.band_kg, min(self._settings.fall_kg, settled // 4), self._jolt_kg(settled))

    def _jolt_kg(self, settled: int) -> int:
        return settled * self._settings.jolt_permille // 1_000

    def _count(self, reading: WeightReading, change: _Change) -> list[WeighingEvent]:
        """Act only when several readings in a row say the same: one may be a flipped digit."""
        if change != self._change:
            self._change, self._against = change, []
        self._against.append(reading)
        if len(self._against) < self._settings.debounce:
            return []
        against, self._against = self._against, []
        return change(against)

    def _rise(self, readings: list[WeightReading]) -> list[WeighingEvent]:
        """It had stopped with only some axles on: that level was not its weight."""
        self._words["stop_and_go"] = None
        self.settled_kg, self.phase = None, "arriving"
        self._level.clear()
        return [event for reading in readings for event in self._watch(reading)]

    def _start_leaving(self, readings: list[WeightReading]) -> list[WeighingEvent]:
        self.phase = "leaving"
        self._low = min(readings, key=_kg)
        return []

    def _while_leaving(self, reading: WeightReading) -> list[WeighingEvent]:
        settled = self.settled_kg or 0
        if _kg(self._low) * 1_000 > settled * self._settings.gone_permille:
            if _kg(reading) >= settled - self._fall_kg(settled):
                return self._count(reading, self._stay)
        elif _kg(reading) > _kg(self._low) + self._settings.rise_kg:
            return self._count(reading, self._hand_over)
        self._against.clear()
        if _kg(reading) <= _kg(self._low):
            self._low = reading
        return []

    def _stay(self, readings: list[WeightReading]) -> list[WeighingEvent]:
        """It only rocked."""
        self.phase = "weighed"
        self._level.clear()
        return [event for reading in readings for event in self._watch(reading)]

    def _hand_over(self, readings: list[WeightReading]) -> list[WeighingEvent]:
        self._words["close_behind"] = None
        self.successor = readings
        return [self._weighed(self._low)]

    def _leave(self, readings: list[WeightReading]) -> list[WeighingEvent]:
        self.gone = True
        return [self._weighed(readings[0])]

    def _weighed(self, end: WeightReading) -> Weighed:
        gross = self.settled_kg
        if gross is None:
            self._words["not_settled"] = None
        if self._level.net:
            self._words["net_displayed"] = None
            gross = None
        there = "present_at_start" in self._words
        return Weighed(
            gross_kg=gross,
            arrived_ms=None if there else self._first.at_ms,
            arrived_mono_ms=None if there else self._first.mono_ms,
            left_ms=end.at_ms,
            mono_ms=end.mono_ms,
            quality=tuple(self._words),
            trace=self._trace.points(),
        )


def _kg(reading: WeightReading) -> int:
    # Over its range a display shows nothing, and means more than anything it can show.
    return 1 << 40 if reading.kg is None else reading.kg


class _Level:
    """Tells when the display has stood still for long enough, and at what."""

    def __init__(self, settings: StaticSettings) -> None:
        self._settings = settings
        self._since: WeightReading | None = None
        self._recent: deque[int] = deque(maxlen=settings.derived_readings)
        self.net = False

    @property
    def holds(self) -> bool:
        return self._since is not None

    def clear(self) -> None:
        self._since = None
        self._recent.clear()

    def feed(self, reading: WeightReading) -> int | None:
        """The displayed value once it has been stable for min_stable_ms; None until then."""
        kg = reading.kg
        if kg is None or not reading.confirmed or kg > self._settings.max_kg:
            self.clear()
            return None
        if not self._still(reading, kg):
            self._since = None
            return None
        if self._since is None or abs(kg - (self._since.kg or 0)) > self._settings.band_kg:
            self._since = reading
        if reading.mono_ms - self._since.mono_ms < self._settings.min_stable_ms:
            return None
        self.net = reading.net
        return kg

    def _still(self, reading: WeightReading, kg: int) -> bool:
        if self._settings.stable == "flag":
            return reading.stable is True
        self._recent.append(kg)
        full = len(self._recent) == self._settings.derived_readings
        return full and max(self._recent) - min(self._recent) <= self._settings.band_kg
