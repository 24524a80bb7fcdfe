"""Axle by axle over a short platform at walking pace 轴重秤逐轴计量: its display in, one weighing a vehicle out.

Each axle lifts the display to a plateau and lets it fall again.  The gross mass is the sum of the axles.  A vehicle
that stopped, rolled back or had two axles on at once is said to have done so, and has no weight unless that is set.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from edge.weighing.freezing import Freezing
from edge.weighing.levels import Stillness
from edge.weighing.silhouettes import groups_by_spacing
from edge.weighing.traces import Trace
from edge.weighing.values import Arrived, Weighed, WeighingEvent, WeightReading
from edge.weighing.zero import Zero
from kernel.events import Axle, VehicleFacts
from kernel.settings import above_zero, must, refuse

LONGEST_MS = 60_000  # of one axle: what comes later is not looked at
EVERY_MS = 10  # a faster line says no more of a plateau
SHORTEST_MM = 600  # of a platform that is not known
LONGEST_GAP_MS = 60_000  # a vehicle that stops holds up the next for no longer
BETWEEN_MS = 1_000  # after so long without an axle the display has come down
CONTACT_MM = 250  # how much of the road a tyre touches: an axle is on for the platform and this
# The sum is then not that of this vehicle's axles.
_REFUSE = frozenset(
    {
        "zero_off",
        "present_at_start",
        "net_displayed",
        "gross_or_net_unknown",
        "axles_overlap",
        "axle_not_settled",
        "too_many_axles",
        "one_axle",
        "axle_out_of_range",
        "over_range",
        "readings_missing",
        "not_zeroed",
        "person_on_scale",
        "frozen",
        "being_adjusted",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AxlewiseSettings:
    """How a short platform is read.

    `platform_mm` is its length along the lane; without it there are no speeds, spacings and groups.  A vehicle ends when
    the platform has been empty for as long as it would need for `longest_mm` at its pace, but at least for `gap_ms`;
    or for `after_loop_ms` once the loop has let it go.  `refuse` names what takes the weight away; the word is said in
    either case.
    """

    division_kg: int = 20
    empty_below_kg: int = 300
    band_divisions: int = 5  # a rolling axle moves the display by this much on its plateau
    zero_divisions: int = 2
    plateau_readings: int = 3
    platform_mm: int | None = None
    speed_max_dkmh: int = 80
    longest_mm: int = 12_000  # no two axles of one vehicle are further apart
    gap_ms: int = 8_000
    after_loop_ms: int = 1_500
    max_gap_ms: int = 1_000
    axle_max_kg: int = 30_000
    axles_max: int = 16
    loop: Literal["unknown", "entry"] = "unknown"
    refuse: tuple[Literal["stop_and_go", "rolled_back", "speed_out_of_range"], ...] = (
        "stop_and_go",
        "rolled_back",
    )

    def __post_init__(self) -> None:
        names = (
            "division_kg",
            "empty_below_kg",
            "zero_divisions",
            "plateau_readings",
            "speed_max_dkmh",
            "longest_mm",
            "gap_ms",
            "after_loop_ms",
            "max_gap_ms",
            "axle_max_kg",
            "axles_max",
        )
        refuse(
            *(above_zero(name, getattr(self, name)) for name in names),
            must(self.band_divisions >= 0, "band_divisions", "must not be negative"),
            must(self.platform_mm is None or self.platform_mm > 0, "platform_mm", "must be above 0"),
            must(self.axles_max <= 16, "axles_max", "must be at most 16"),
        )

    @property
    def band_kg(self) -> int:
        return self.band_divisions * self.division_kg


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pass:
    """One axle over the platform; `kg` None when it had no plateau, `levels` how many it had."""

    from_ms: int
    to_ms: int
    kg: int | None
    levels: int
    frame: str

    @property
    def on_ms(self) -> int:
        return max(1, self.to_ms - self.from_ms)

    @property
    def middle_ms(self) -> int:
        return (self.from_ms + self.to_ms) // 2


@dataclass(slots=True, kw_only=True, eq=False)
class _Vehicle:
    first: WeightReading
    trace: Trace
    words: dict[str, None]
    zero_kg: int | None
    passes: list[_Pass] = field(default_factory=list)
    last: WeightReading
    off_ms: int  # when the last axle left the platform
    between_kg: deque[int] = field(default_factory=lambda: deque(maxlen=6))  # the newest displays since then


class AxlewiseWeighing:
    """Feed it every reading and every change of the loop, in order."""

    def __init__(self, settings: AxlewiseSettings) -> None:
        self._settings = settings
        stillness = Stillness(
            stable="auto", readings=8, band_kg=settings.band_kg, for_ms=800, max_kg=settings.axle_max_kg
        )
        self._zero = Zero(stillness, limit_kg=settings.zero_divisions * settings.division_kg)
        self._freezing = Freezing()
        self._vehicle: _Vehicle | None = None
        self._on: list[WeightReading] = []
        self._doubt: WeightReading | None = None
        self._last_ms: int | None = None
        self._watching_since_ms = 0
        self._occupied = False
        self._released_ms: int | None = None

    @property
    def phase(self) -> Literal["empty", "arriving"]:
        return "arriving" if self._vehicle else "empty"

    @property
    def zero_kg(self) -> int | None:
        return self._zero.kg

    @property
    def frozen(self) -> bool:
        return self._freezing.frozen

    @property
    def frozen_decks(self) -> tuple[str, ...]:
        """Of a scale with several, those that it is; empty for a scale of one."""
        return self._freezing.frozen_decks

    @property
    def says(self) -> tuple[str, ...]:
        """What speaks against a weighing now, for whoever stands beside it."""
        off = "zero_off" in self._vehicle.words if self._vehicle else self._zero.is_off
        return (("frozen",) if self.frozen else ()) + (("zero_off",) if off else ())

    def loop(self, *, occupied: bool, mono_ms: int) -> None:
        """The loop at the scale changed."""
        if not occupied:
            self._freezing.crossed()
        if self._settings.loop == "entry":
            self._occupied = occupied
            self._released_ms = None if occupied else mono_ms

    def feed(self, reading: WeightReading) -> list[WeighingEvent]:
        self._freezing.feed(reading)
        self._watch(reading)
        doubt, self._doubt = self._doubt, None
        loaded = self._loaded(reading)
        if not reading.confirmed and doubt is None and loaded != bool(self._on):
            self._doubt = reading  # a wheel, or a flipped digit: the next reading tells
            return []
        events = self._take(doubt) if doubt is not None and self._loaded(doubt) == loaded else []
        return events + self._take(reading)

    def _watch(self, reading: WeightReading) -> None:
        """What came while nobody looked may have been the first axles of a vehicle."""
        if self._last_ms is None or reading.mono_ms - self._last_ms > self._settings.max_gap_ms:
            self._watching_since_ms = reading.mono_ms
        self._last_ms = reading.mono_ms

    def _take(self, reading: WeightReading) -> list[WeighingEvent]:
        if self._vehicle is not None:
            self._note(self._vehicle, reading)
        if self._loaded(reading):
            return self._axle_on(reading)
        if self._vehicle is None:
            self._zero.feed(reading)
            return []
        if reading.kg is not None:
            self._axle_off(self._vehicle, reading)
            self._vehicle.between_kg.append(reading.kg)
        return self._end(self._vehicle, reading) if self._is_over(self._vehicle, reading) else []

    def _axle_on(self, reading: WeightReading) -> list[WeighingEvent]:
        if self._vehicle is not None and not self._on:
            self._look_between(self._vehicle, reading)
        if self._tells(reading):
            self._on.append(reading)
        if self._vehicle is not None:
            return []
        self._vehicle = self._begin(reading)
        return [Arrived(at_ms=reading.at_ms, mono_ms=reading.mono_ms)]

    def _tells(self, reading: WeightReading) -> bool:
        if not self._on or reading.mono_ms - self._on[0].mono_ms > LONGEST_MS:
            return not self._on
        return reading.kg is None or (
            reading.confirmed and reading.mono_ms - self._on[-1].mono_ms >= EVERY_MS
        )

    def _look_between(self, vehicle: _Vehicle, reading: WeightReading) -> None:
        """Whoever stands on the platform between two axles is weighed with each of them."""
        at_rest = reading.mono_ms - vehicle.off_ms >= BETWEEN_MS
        if at_rest and self._zero.is_above(min(vehicle.between_kg, default=0)):
            vehicle.words["person_on_scale"] = None
        vehicle.between_kg.clear()

    def _loaded(self, reading: WeightReading) -> bool:
        if reading.kg is None:
            return reading.over_range
        return reading.kg - self._zero.base_kg >= self._settings.empty_below_kg

    def _begin(self, reading: WeightReading) -> _Vehicle:
        seen_ms = reading.mono_ms - self._watching_since_ms
        there = ("present_at_start",) if seen_ms < self._settings.gap_ms else ()
        vehicle = _Vehicle(
            first=reading,
            trace=Trace(reading.mono_ms),
            words=dict.fromkeys((*there, *self._zero.words(), *_said(reading))),
            zero_kg=self._zero.kg,
            last=reading,
            off_ms=reading.mono_ms,
        )
        self._zero.forget()
        return vehicle

    def _note(self, vehicle: _Vehicle, reading: WeightReading) -> None:
        if reading.confirmed:  # a single frame without a checksum speaks against nobody
            vehicle.words.update(dict.fromkeys(_said(reading)))
        if self._freezing.frozen:
            vehicle.words["frozen"] = None
        if reading.mono_ms - vehicle.last.mono_ms > self._settings.max_gap_ms:
            vehicle.words["readings_missing"] = None
        if reading.kg is not None:
            vehicle.trace.add(reading.mono_ms, reading.kg)
        vehicle.last = reading

    def _axle_off(self, vehicle: _Vehicle, reading: WeightReading) -> None:
        if not self._on:
            return
        on, self._on = self._on, []
        vehicle.off_ms = reading.mono_ms
        vehicle.passes.append(_passed(on, reading, self._settings))
        del vehicle.passes[self._settings.axles_max + 1 :]

    def _is_over(self, vehicle: _Vehicle, reading: WeightReading) -> bool:
        if self._released_ms is not None:
            since = max(vehicle.off_ms, self._released_ms)
            return reading.mono_ms - since >= self._settings.after_loop_ms
        return not self._occupied and reading.mono_ms - vehicle.off_ms >= self._gap_ms(vehicle)

    def _gap_ms(self, vehicle: _Vehicle) -> int:
        """At a slower pace the next axle of the same vehicle comes later."""
        settings = self._settings
        length_mm = (settings.platform_mm or SHORTEST_MM) + CONTACT_MM
        on_ms = vehicle.passes[-1].on_ms if vehicle.passes else 0
        return min(max(settings.gap_ms, on_ms * settings.longest_mm // length_mm), LONGEST_GAP_MS)

    def _end(self, vehicle: _Vehicle, reading: WeightReading) -> list[WeighingEvent]:
        self._vehicle = None
        self._zero.feed(reading)
        return [_weighed(vehicle, self._settings)]


def _said(reading: WeightReading) -> tuple[str, ...]:
    shown = {"net_displayed": reading.net, "over_range": reading.over_range}
    return (*reading.words, *(word for word, holds in shown.items() if holds))


# --- from the passes to the vehicle ----------------------------------------------------------------------------


def _passed(on: Sequence[WeightReading], off: WeightReading, settings: AxlewiseSettings) -> _Pass:
    whole = off.mono_ms - on[0].mono_ms <= LONGEST_MS
    levels = _plateaus(on, settings) if whole else []
    counts = max((_counting(level) for level in levels), key=_kg, default=None)
    return _Pass(
        from_ms=on[0].mono_ms,
        to_ms=off.mono_ms,
        kg=counts.kg if counts else None,
        levels=len(levels),
        frame=counts.raw.hex() if counts else "",
    )


def _counting(level: Sequence[WeightReading]) -> WeightReading:
    """Of a plateau the lower middle: a value that was displayed, and where there are two the lighter."""
    return sorted(level, key=_kg)[(len(level) - 1) // 2]


def _kg(reading: WeightReading) -> int:
    return reading.kg or 0


def _plateaus(on: Sequence[WeightReading], settings: AxlewiseSettings) -> list[list[WeightReading]]:
    """Runs of readings within the band, each long enough, neighbours apart by more than the band."""
    runs: list[list[WeightReading]] = [[]]
    low = high = 0
    for reading in on:
        if reading.kg is None:
            runs.append([])
        elif not reading.confirmed:
            continue
        elif runs[-1] and max(high, reading.kg) - min(low, reading.kg) <= settings.band_kg:
            runs[-1].append(reading)
            low, high = min(low, reading.kg), max(high, reading.kg)
        else:
            runs.append([reading])
            low = high = reading.kg
    long = [run for run in runs if len(run) >= settings.plateau_readings]
    return _joined(long, settings.band_kg)


def _joined(runs: Sequence[list[WeightReading]], band_kg: int) -> list[list[WeightReading]]:
    """A jolt splits no plateau."""
    levels: list[list[WeightReading]] = []
    for run in runs:
        if levels and abs(_kg(levels[-1][0]) - _kg(run[0])) <= 2 * band_kg:
            levels[-1] += run
        else:
            levels.append(list(run))
    return levels


def _weighed(vehicle: _Vehicle, settings: AxlewiseSettings) -> Weighed:
    passes = vehicle.passes[: settings.axles_max]
    axles = _axles(passes, settings)
    words = (*vehicle.words, *_against(vehicle, axles, settings))
    refused = _REFUSE.intersection(words) or set(settings.refuse).intersection(words)
    gross = sum(one.kg or 0 for one in passes)
    groups = groups_by_spacing(axles) if axles else ()
    first = None if "present_at_start" in words else vehicle.first
    return Weighed(
        gross_kg=None if refused or not gross else gross,
        arrived_ms=first.at_ms if first else None,
        arrived_mono_ms=first.mono_ms if first else None,
        left_ms=vehicle.last.at_ms - (vehicle.last.mono_ms - vehicle.off_ms),
        mono_ms=vehicle.off_ms,
        quality=tuple(dict.fromkeys(words)),
        facts=VehicleFacts(axle_count=len(axles) or None),
        axles=axles,
        groups=groups,
        speed_dkmh=_middle([axle.speed_dkmh for axle in axles if axle.speed_dkmh is not None]),
        trace=vehicle.trace.points(),
        zero_kg=vehicle.zero_kg,
        frames=tuple(one.frame for one in passes if one.frame),
    )


def _middle(values: Sequence[int]) -> int | None:
    return sorted(values)[(len(values) - 1) // 2] if values else None


def _axles(passes: Sequence[_Pass], settings: AxlewiseSettings) -> tuple[Axle, ...]:
    """None of them when one had no plateau: the numbers would not be those of the axles."""
    if any(one.kg is None or one.levels != 1 for one in passes):
        return ()
    speeds = [_speed_dkmh(one, settings) for one in passes]
    steady = not _stopped(passes)
    axles = []
    for n, one in enumerate(passes):
        spacing = None
        if n and steady and (before := speeds[n - 1]) is not None and (now := speeds[n]) is not None:
            spacing = (before + now) * (one.middle_ms - passes[n - 1].middle_ms) // 72
        axles.append(Axle(axle_kg=one.kg or 0, spacing_mm=spacing, speed_dkmh=speeds[n]))
    return tuple(axles)


def _speed_dkmh(one: _Pass, settings: AxlewiseSettings) -> int | None:
    if settings.platform_mm is None:
        return None
    return (settings.platform_mm + CONTACT_MM) * 36 // one.on_ms


def _stopped(passes: Sequence[_Pass]) -> bool:
    """One axle was on for more than twice as long as another."""
    times = [one.on_ms for one in passes]
    return bool(times) and max(times) > 2 * min(times)


def _rolled_back(passes: Sequence[_Pass], band_kg: int) -> bool:
    """The same load twice, with a stop: the axle may have rolled off backwards and come again."""
    usual = _middle([one.on_ms for one in passes]) or 0
    return any(
        a.kg is not None
        and b.kg is not None
        and abs(a.kg - b.kg) <= band_kg
        and max(a.on_ms, b.on_ms) > 3 * usual
        for a, b in pairwise(passes)
    )


def _mirrored(passes: Sequence[_Pass], band_kg: int) -> bool:
    """The newest axles once more in the other order: they rolled off backwards.  Axles that are all alike say nothing."""
    kgs = [one.kg for one in passes if one.kg is not None]
    for count in range(2, len(kgs) // 2 + 1):
        came, went = kgs[-2 * count : -count], kgs[: -count - 1 : -1]
        if max(came) - min(came) > 2 * band_kg and all(
            abs(a - b) <= band_kg for a, b in zip(came, went, strict=True)
        ):
            return True
    return False


def _against(vehicle: _Vehicle, axles: Sequence[Axle], settings: AxlewiseSettings) -> tuple[str, ...]:
    passes = vehicle.passes
    speeds = [axle.speed_dkmh for axle in axles if axle.speed_dkmh is not None]
    checks = {
        "not_settled": not any(one.kg is not None for one in passes),
        "axle_not_settled": any(one.kg is None for one in passes),
        "axles_overlap": any(one.levels > 1 for one in passes),
        "too_many_axles": len(passes) > settings.axles_max,
        "one_axle": len(passes) == 1,
        "axle_out_of_range": any((one.kg or 0) > settings.axle_max_kg for one in passes),
        "stop_and_go": _stopped(passes),
        "rolled_back": _rolled_back(passes, settings.band_kg) or _mirrored(passes, settings.band_kg),
        "speed_out_of_range": bool(speeds) and max(speeds) > settings.speed_max_dkmh,
    }
    return tuple(word for word, holds in checks.items() if holds)
