"""One vehicle on a static platform, from its first reading to its last: what it weighs and what speaks against it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from edge.weighing.levels import Held, Level, Peak
from edge.weighing.loops import EntryLoop
from edge.weighing.restarts import Vanished
from edge.weighing.traces import Trace
from edge.weighing.values import Settled, Weighed, WeighingEvent, WeightReading

if TYPE_CHECKING:
    from edge.weighing.static import StaticSettings

_Change = Callable[[list[WeightReading]], list[WeighingEvent]]
Phase = Literal["empty", "arriving", "settling", "weighed", "leaving"]

RESTART_MS = 500  # no indicator is up again sooner
# With one of these there is no weight, whatever the display showed.
_REFUSE = frozenset(
    {
        "zero_off",
        "net_displayed",
        "gross_or_net_unknown",
        "rolled_back",
        "two_vehicles",
        "restarted",
        "frozen",
        "being_adjusted",
    }
)
# What those who stand beside it can still do something about.
_SEEN = frozenset({"zero_off", "restarted", "person_on_scale", "moved_while_weighing", "stop_and_go"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """How the platform was when the vehicle came."""

    first: WeightReading
    words: tuple[str, ...]
    zero_kg: int | None
    base_kg: int


class Visit:
    """Feed it every reading until it is `gone` or has a `successor`."""

    def __init__(self, settings: StaticSettings, start: Start, loop: EntryLoop) -> None:
        self._settings = settings
        self._start = start
        self._loop = loop
        self._last = start.first
        self._trace = Trace(start.first.mono_ms)
        self._words = dict.fromkeys(start.words)
        self._level = Level(settings.stillness)
        self._held: Held | None = None
        self._partly = False
        self._restarted = self._gap = False
        self._came_over_loop = 1
        self._change: _Change | None = None  # what the readings in `_against`, all in a row, speak for
        self._against: list[WeightReading] = []
        self._low: WeightReading = start.first
        self._low_since_ms = start.first.mono_ms
        self._on = start.first  # the newest with a load
        self._heard_ms = start.first.mono_ms
        self._silent_ms = 0  # the longest silence so far
        self._peak = Peak()
        self.phase: Phase = "arriving"
        self.gone = False
        self.residue_kg: int | None = None
        self.vanished: Vanished | None = None
        self.successor: list[WeightReading] | None = None

    @property
    def settled_kg(self) -> int | None:
        return self._held.kg if self._held else None

    def say(self, word: str) -> None:
        """It goes with the weighing."""
        self._words[word] = None

    @property
    def says(self) -> tuple[str, ...]:
        """What can be seen to be wrong while the vehicle is still there."""
        checks = {
            "partly_off": self._held is not None and (self._partly or self._is_past_the_end),
            "two_vehicles": self.phase != "leaving" and self._loop.passed > 1,
        }
        seen = self._words.keys() & _SEEN
        return (*(word for word, holds in checks.items() if holds), *sorted(seen))

    def feed(self, reading: WeightReading) -> list[WeighingEvent]:
        self._note(reading)
        if reading.says_nothing:
            self._level.clear()
            return []
        if reading.kg is not None and reading.kg - self._start.base_kg < self._settings.empty_below_kg:
            return self._count(reading, self._leave)
        self._on = reading
        if self.phase == "leaving":
            return self._while_leaving(reading)
        return self._while_on(reading)

    # --- what every reading tells -----------------------------------------------------------------------------

    def _note(self, reading: WeightReading) -> None:
        if reading.confirmed:
            self._believe(reading)
        if reading.mono_ms - self._last.mono_ms > self._settings.max_gap_ms:
            self.say("readings_missing")
            self._gap = True
            self._level.clear()
        if reading.kg is not None:
            self._trace.add(reading.mono_ms, reading.kg)
        if not reading.says_nothing:
            self._hear(reading)
        self._last = reading

    def _hear(self, reading: WeightReading) -> None:
        self._silent_ms = max(self._silent_ms, reading.mono_ms - self._heard_ms)
        self._heard_ms = reading.mono_ms
        if self.phase != "leaving":  # then it may be the next one that comes
            self._peak.feed(_kg(reading), mono_ms=reading.mono_ms)

    def _believe(self, reading: WeightReading) -> None:
        """A single frame without a checksum speaks against nobody."""
        self._words.update(dict.fromkeys(reading.words))
        self._restarted = self._restarted or "not_zeroed" in reading.words
        if reading.over_range or (reading.kg or 0) > self._settings.max_kg:
            self.say("over_range")

    # --- on the platform --------------------------------------------------------------------------------------

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
        held = self._level.feed(reading)
        if self._held is None:
            self.phase = "settling" if self._level.holds else "arriving"
        if held is None or held.kg * 1_000 < self._peak.kg * self._settings.peak_permille:
            return []
        if self._held is not None and held.kg == self._held.kg and self._partly == self._loop.under:
            return []
        return self._settle(held, reading)

    def _settle(self, held: Held, reading: WeightReading) -> list[WeighingEvent]:
        if self._moved_up_by_people(held):
            return []
        self._held, self._partly = held, self._loop.under
        if self._is_partly_off:
            return []
        self.phase = "weighed"
        return [Settled(gross_kg=held.kg, at_ms=reading.at_ms, mono_ms=reading.mono_ms)]

    @property
    def _is_partly_off(self) -> bool:
        """Beyond doubt; a loop right before the platform may be covered by a long tail."""
        return self._is_past_the_end or (self._partly and self._settings.loop == "entry_clear")

    @property
    def _is_past_the_end(self) -> bool:
        """More was on the platform than what stands there: the first axles have run off its far end."""
        if self._held is None:
            return False
        settled, overshoot = self._held.kg, self._jolt_kg(self._held.kg)
        return self._peak.kg > settled + self._jolt_kg(settled) + max(overshoot, self._settings.band_kg)

    def _moved_up_by_people(self, held: Held) -> bool:
        """Says what moved a level that had settled; of two that people made, the lighter is the vehicle's."""
        before = self._held
        if before is None:
            if self._restarted:
                self.say("restarted")
            return False
        step = held.kg - before.kg
        if abs(step) <= self._settings.band_kg:
            return False
        if self._restarted or self._gap:
            self.say("restarted")
        people = abs(step) <= self._settings.person_kg
        self.say("person_on_scale" if people else "moved_while_weighing")
        return people and step > 0

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
        self.say("stop_and_go")
        self._held, self.phase = None, "arriving"
        self._level.clear()
        return [event for reading in readings for event in self._watch(reading)]

    # --- leaving ----------------------------------------------------------------------------------------------

    def _start_leaving(self, readings: list[WeightReading]) -> list[WeighingEvent]:
        self.phase = "leaving"
        self._came_over_loop = self._loop.passed
        self._partly = self._partly or self._loop.under
        self._low = min(readings, key=_kg)
        self._low_since_ms = self._low.mono_ms
        return []

    def _while_leaving(self, reading: WeightReading) -> list[WeighingEvent]:
        settled = self.settled_kg or 0
        if _kg(self._low) * 1_000 > settled * self._settings.gone_permille:
            if _kg(reading) >= settled - self._fall_kg(settled):
                return self._count(reading, self._stay)
        elif _kg(reading) > _kg(self._low) + self._settings.rise_kg:
            return self._count(reading, self._hand_over)
        self._against.clear()
        self._note_low(reading)
        return self._leave_behind(reading) if self._rests_as_residue(reading) else []

    def _note_low(self, reading: WeightReading) -> None:
        if abs(_kg(reading) - _kg(self._low)) > self._settings.band_kg:
            self._low_since_ms = reading.mono_ms
        if _kg(reading) <= _kg(self._low):
            self._low = reading

    def _rests_as_residue(self, reading: WeightReading) -> bool:
        rested_ms = reading.mono_ms - self._low_since_ms
        load_kg = _kg(reading) - self._start.base_kg
        return load_kg < self._settings.residue_kg and rested_ms >= self._settings.residue_ms

    def _leave_behind(self, reading: WeightReading) -> list[WeighingEvent]:
        """Mud, ice or a load that fell off: the vehicle has gone and this has stayed."""
        self.say("left_behind")
        self.residue_kg = _kg(reading)
        return self._leave([self._low])

    def _stay(self, readings: list[WeightReading]) -> list[WeighingEvent]:
        """It only rocked."""
        self.phase = "weighed"
        self._level.clear()
        return [event for reading in readings for event in self._watch(reading)]

    def _hand_over(self, readings: list[WeightReading]) -> list[WeighingEvent]:
        self.say("close_behind")
        self.successor = readings
        return [self._weighed(self._low)]

    def _leave(self, readings: list[WeightReading]) -> list[WeighingEvent]:
        self.gone = True
        if self.phase != "leaving":
            self._came_over_loop = self._loop.passed
            self._partly = self._partly or self._loop.under
        if self._loop.under:
            self.say("rolled_back")
        self._look_how_it_went(readings[0])
        return [self._weighed(readings[0])]

    def _look_how_it_went(self, empty: WeightReading) -> None:
        """No vehicle is gone at once: an indicator that starts anew takes what is on it for nothing, if light enough."""
        if _kg(self._on) < self._settings.vehicle_from_kg:
            return
        unseen_ms = empty.mono_ms - self._on.mono_ms
        self._silent_ms = max(self._silent_ms, unseen_ms)
        self.vanished = self._vanished(unseen_ms)
        if self._held is not None and self.vanished == "restarted":
            self.say("restarted")

    def _vanished(self, unseen_ms: int) -> Vanished | None:
        """What had settled may have driven off in a longer silence; what had not may be its first axle."""
        settled, longest_ms = self.settled_kg, self._settings.max_gap_ms
        if settled is None:
            stayed = _kg(self._on) * 1_000 > self._peak.kg * self._settings.gone_permille
            anew = self._restarted or self._silent_ms > longest_ms
        else:
            stayed = _kg(self._on) >= settled - self._fall_kg(settled)
            anew = (self._restarted or self._silent_ms >= RESTART_MS) and unseen_ms <= longest_ms
        if stayed and anew:
            return "restarted"
        return "unseen" if stayed or unseen_ms > longest_ms else None

    # --- what it comes to -------------------------------------------------------------------------------------

    def _weighed(self, end: WeightReading) -> Weighed:
        self._speak_against()
        held = self._held
        refused = self._is_partly_off or bool(_REFUSE & self._words.keys())
        first = None if "present_at_start" in self._words else self._start.first
        return Weighed(
            gross_kg=None if refused or held is None else held.kg,
            arrived_ms=first.at_ms if first else None,
            arrived_mono_ms=first.mono_ms if first else None,
            left_ms=end.at_ms,
            mono_ms=end.mono_ms,
            quality=tuple(self._words),
            trace=self._trace.points(),
            zero_kg=self._start.zero_kg,
            frames=held.frames if held else (),
            decks=held.decks if held else (),
        )

    def _speak_against(self) -> None:
        """The words that are only certain at the end."""
        held = self._held
        self._words.pop("gross_or_net_unknown", None)
        checks = {
            "not_settled": held is None,
            "partly_off": self._partly or self._is_past_the_end,
            "two_vehicles": self._came_over_loop > 1,
        }
        if held is not None:
            checks |= {
                "net_displayed": held.net,
                "gross_or_net_unknown": "gross_or_net_unknown" in held.words,
                "derived_readings": "derived_readings" in held.words,
                "off_division": held.kg % self._settings.division_kg != 0,
                "no_vehicle": held.kg < self._settings.vehicle_from_kg,
            }
        self._words.update(dict.fromkeys(word for word, holds in checks.items() if holds))


def _kg(reading: WeightReading) -> int:
    # Over its range a display shows nothing, and means more than anything it can show.
    return 1 << 40 if reading.kg is None else reading.kg
