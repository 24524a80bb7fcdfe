"""Static platform 静态汽车衡: readings in, one weighing a vehicle out.

empty -> arriving -> settling -> weighed -> leaving -> empty.  The weight is the last stable displayed value before
the vehicle leaves, never an average of ours.  What cannot be told from the weight alone is in docs/scales.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge.weighing.freezing import Freezing
from edge.weighing.levels import Stillness
from edge.weighing.loops import EntryLoop
from edge.weighing.restarts import Restarts
from edge.weighing.values import Arrived, WeighingEvent, WeightReading
from edge.weighing.visits import Phase, Start, Visit
from edge.weighing.zero import Zero
from kernel.settings import above_zero, must, refuse


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticSettings:
    """How this platform is read.

    `division_kg` is the interval d of the display; bands and the limit of the zero count in it.  `stable` "auto" takes
    the device's motion flag where it sends one and looks at the readings where it does not; "flag" and "derived"
    insist.  `loop` "entry" says that the loop at the scale lies right before the platform, where a long tail may cover it
    still; "entry_clear" that it lies so far before it that a vehicle which is whole on the platform has let it go.
    """

    division_kg: int = 20
    empty_below_kg: int = 300
    stable: Literal["auto", "flag", "derived"] = "auto"
    derived_readings: int = 8
    band_divisions: int = 2  # values this close together are one level
    zero_divisions: int = 2  # an empty platform may show this much
    min_stable_ms: int = 800
    vehicle_from_kg: int = 1_000  # less is people, animals or a cart, and none that a limit is for
    person_kg: int = 150  # a settled level that moves by no more than this was moved by people
    jolt_permille: int = 50  # pulling away, braking and ringing move the display by less than this share
    fall_kg: int = 500  # below its settled weight by this much, and more than a jolt, a vehicle is leaving
    rise_kg: int = 1_500  # a rise like this while one leaves is the next vehicle
    peak_permille: int = (
        800  # a level below this share of the highest load is what is left of a leaving vehicle
    )
    gone_permille: int = 700  # at most this share of the weight is left when the next one may come
    residue_kg: int = 600  # less than this, at rest for residue_ms, is what a vehicle has left behind
    residue_ms: int = 5_000
    debounce: int = 2  # readings in a row that a change of phase needs
    max_gap_ms: int = 2_000  # a longer silence of the scale breaks what was stable
    max_kg: int = 150_000
    loop: Literal["unknown", "entry", "entry_clear"] = "unknown"

    def __post_init__(self) -> None:
        names = (
            "division_kg",
            "empty_below_kg",
            "derived_readings",
            "zero_divisions",
            "min_stable_ms",
            "fall_kg",
            "rise_kg",
            "residue_kg",
            "residue_ms",
            "debounce",
            "max_gap_ms",
            "max_kg",
            "vehicle_from_kg",
            "person_kg",
            "gone_permille",
        )
        band = f"must be above band_divisions x division_kg ({self.band_kg})"
        peak = f"must be from gone_permille ({self.gone_permille}) to 1000"
        jolt = f"must be from 0 to below 1000 - gone_permille ({self.gone_permille})"
        refuse(
            *(above_zero(name, getattr(self, name)) for name in names),
            must(self.band_divisions >= 0, "band_divisions", "must not be negative"),
            must(self.fall_kg > self.band_kg, "fall_kg", band),
            must(self.rise_kg > self.band_kg, "rise_kg", band),
            must(self.gone_permille <= self.peak_permille <= 1_000, "peak_permille", peak),
            must(0 <= self.jolt_permille < 1_000 - self.gone_permille, "jolt_permille", jolt),
        )

    @property
    def band_kg(self) -> int:
        return self.band_divisions * self.division_kg

    @property
    def stillness(self) -> Stillness:
        return Stillness(
            stable=self.stable,
            readings=self.derived_readings,
            band_kg=self.band_kg,
            for_ms=self.min_stable_ms,
            max_kg=self.max_kg,
        )


class StaticWeighing:
    """Feed it every reading and every change of the loop, in order."""

    def __init__(self, settings: StaticSettings) -> None:
        self._settings = settings
        self._visit: Visit | None = None
        self._above: list[WeightReading] = []
        self._seen_empty = False
        self._zero = Zero(settings.stillness, limit_kg=settings.zero_divisions * settings.division_kg)
        self._loop = EntryLoop()
        self._freezing = Freezing()
        self._restarts = Restarts(max_gap_ms=settings.max_gap_ms)

    @property
    def phase(self) -> Phase:
        return self._visit.phase if self._visit else "empty"

    @property
    def settled_kg(self) -> int | None:
        return self._visit.settled_kg if self._visit else None

    @property
    def zero_kg(self) -> int | None:
        """What the platform showed when it was last empty and at rest, since the last vehicle."""
        return self._zero.kg

    @property
    def frozen(self) -> bool:
        """Vehicles pass, and the display shows the same and the same."""
        return self._freezing.frozen

    @property
    def frozen_decks(self) -> tuple[str, ...]:
        """Of a scale with several, those that it is; empty for a scale of one."""
        return self._freezing.frozen_decks

    @property
    def says(self) -> tuple[str, ...]:
        """What speaks against a weighing now, for whoever stands beside it."""
        frozen = ("frozen",) if self.frozen else ()
        if self._visit is not None:
            return frozen + self._visit.says
        return frozen + self._restarts.says + (("zero_off",) if self._zero.is_off else ())

    def loop(self, *, occupied: bool, mono_ms: int) -> None:
        """The loop at the scale changed."""
        if not occupied:
            self._freezing.crossed()
        if self._settings.loop != "unknown":
            self._loop.change(occupied=occupied, mono_ms=mono_ms)

    def feed(self, reading: WeightReading) -> list[WeighingEvent]:
        self._freezing.feed(reading)
        anew = self._restarts.feed(reading)
        if self._visit is None:
            if anew:
                self._start_anew()
            return self._while_empty(reading)
        if self._freezing.frozen:
            self._visit.say("frozen")
        events = self._visit.feed(reading)
        if self._visit.successor is not None:
            first, *more = self._visit.successor
            self._end(self._visit)
            off = ("zero_off",) if self._zero.is_off else ()
            events += self._begin(first, words=("close_behind", *off))
            for later in more:
                events += self.feed(later)
        elif self._visit.gone:
            self._settle_empty(self._visit, reading)
        return events

    def _start_anew(self) -> None:
        self._zero.forget()
        if self._above:  # perhaps an axle
            self._above = []
            self._restarts.gone("restarted")

    def _settle_empty(self, visit: Visit, reading: WeightReading) -> None:
        self._end(visit)
        self._seen_empty = True
        if visit.residue_kg is not None:
            self._zero.rests_at(visit.residue_kg)
        self._zero.feed(reading)

    def _end(self, visit: Visit) -> None:
        self._visit = None
        self._restarts.gone(visit.vanished)

    def _while_empty(self, reading: WeightReading) -> list[WeighingEvent]:
        if reading.says_nothing:
            self._zero.interrupted()
            return []
        if not self._occupied(reading):
            self._above.clear()
            self._seen_empty = True
            self._zero.feed(reading)
            if self._zero.kg is not None:
                self._restarts.zero_seen()
            return []
        self._above.append(reading)
        if len(self._above) < self._settings.debounce:
            return []
        first, *more = self._above
        self._above = []
        words = self._zero.words() if self._seen_empty else ("present_at_start",)
        people = ("person_on_scale",) if self._zero.walked_on else ()
        events = self._begin(first, words=words + people)
        for later in more:
            events += self.feed(later)
        return events

    def _occupied(self, reading: WeightReading) -> bool:
        if reading.kg is None:
            return reading.over_range
        return reading.kg - self._zero.base_kg >= self._settings.empty_below_kg

    def _begin(self, first: WeightReading, *, words: tuple[str, ...]) -> list[WeighingEvent]:
        start = Start(
            first=first,
            words=words + self._restarts.words,
            zero_kg=self._zero.kg,
            base_kg=self._zero.base_kg,
        )
        self._zero.forget()
        self._restarts.came()
        self._loop.vehicle()
        self._visit = Visit(self._settings, start, self._loop)
        return [Arrived(at_ms=first.at_ms, mono_ms=first.mono_ms), *self._visit.feed(first)]
