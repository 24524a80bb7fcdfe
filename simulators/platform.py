"""A weighing platform and its indicator 汽车衡: from the load that lies on it to what is displayed, moment by moment."""

from __future__ import annotations

import math
import random
from collections import deque
from dataclasses import dataclass
from typing import Literal

from edge.drivers.readings import Display
from kernel.errors import ConfigError
from kernel.settings import must, refuse

Unit = Literal["kg", "t", "g"]

_HEAVY_KG = 1_000_000
_IN_KG = {"kg": 0, "t": 3, "g": -3}  # powers of ten
_STEP_MS = 5
_EMPTY_HZ, _DECK_KG, _DAMPING = 8.0, 12_000, 0.15
_FILTER_S = 0.12  # of the indicator
_CREEP_S = 60.0
_BOOT_MS = 2_000
# Shares of the capacity: what switching on may take for zero, and what the zero key and tracking may.
_FIRST_ZERO, _ZERO_RANGE = 0.10, 0.02
_OVER_D, _UNDER_D = 9, 20  # divisions beyond the range at which a display goes blank
_TRACKED_D = 0.5  # of a division: what tracking takes for zero, and how much of it in a second


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleSettings:
    """How the scale is built and set.

    `springs`: the platform rings when the load changes.  `creep_ppm` is what a load grows by while it lies there.
    `zero_kg` is shown too much on the empty platform.  `zero_tracking` lets small slow changes of the empty platform
    become the new zero.  Motion is what the last `motion_displays` differ by.  Displayed are `decimals` places of
    `unit`.
    """

    capacity_kg: int = 100_000
    division_kg: int = 20
    noise_kg: int = 3
    zero_kg: int = 0
    period_ms: int = 100
    motion_displays: int = 5
    springs: bool = True
    creep_ppm: int = 200
    zero_tracking: bool = True
    unit: Unit = "kg"
    decimals: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        refuse(
            _within("capacity_kg", self.capacity_kg, 1, _HEAVY_KG),
            _within("division_kg", self.division_kg, 1, _HEAVY_KG),
            _within("period_ms", self.period_ms, 1, 60_000),
            _within("motion_displays", self.motion_displays, 1, 1_000),
            _within("noise_kg", self.noise_kg, 0, _HEAVY_KG),
            _within("zero_kg", self.zero_kg, -_HEAVY_KG, _HEAVY_KG),
            _within("creep_ppm", self.creep_ppm, 0, 1_000_000),
            _within("decimals", self.decimals, 0, 6),
        )
        steps = self.division_kg * 10**self.decimals, 10 ** max(_IN_KG[self.unit], 0)
        refuse(
            must(
                str(self.division_kg).rstrip("0") in ("1", "2", "5"),
                "division_kg",
                f"must be 1, 2 or 5 with zeros behind it, is {self.division_kg}",
            ),
            must(steps[0] % steps[1] == 0, "decimals", f"are too few to show {self.division_kg} kg"),
        )


def _within(path: str, value: int, least: int, most: int) -> tuple[str, str] | None:
    return must(least <= value <= most, path, f"must be {least} to {most}, is {value:.6g}")


# For loads that already ring, and for those that need not.
RIGID = ScaleSettings(springs=False, creep_ppm=0, zero_tracking=False)


class Scale:
    """Ask it in order of time.  `frozen` repeats the last display, `offset_kg` spoils what the load cells say."""

    def __init__(self, settings: ScaleSettings) -> None:
        self.settings = settings
        self.frozen = False
        self.offset_kg = 0
        self._body = _Body(settings)
        self._dice = random.Random(settings.seed)
        self._recent: deque[int] = deque(maxlen=settings.motion_displays)
        self._zero = self._tracked = 0.0
        self._tare_kg = 0
        self._raw = 0.0
        self._at_ms: int | None = None
        self._dark_until_ms: int | None = None
        self._unzeroed = False
        self._shown: Display | None = None

    def shows(self, at_ms: int, load_kg: float) -> Display | None:
        """The display at this moment; None while the indicator starts."""
        passed_ms = 0 if self._at_ms is None else at_ms - self._at_ms
        self._at_ms = at_ms
        felt = self._body.feels(passed_ms, load_kg)
        noise = self._dice.uniform(-self.settings.noise_kg, self.settings.noise_kg)
        self._raw = felt + self.settings.zero_kg + self.offset_kg + noise
        if self._dark_until_ms is not None and at_ms < self._dark_until_ms:
            return None
        self._dark_until_ms = None
        if not self.frozen or self._shown is None:
            self._shown = self._display(passed_ms)
        return self._shown

    def zero(self) -> bool:
        """The zero key: refused in motion, under a load, and with a tare."""
        within = abs(self._raw) <= _ZERO_RANGE * self.settings.capacity_kg
        if not within or self._moving() or self._tare_kg:
            return False
        self._set_zero()
        return True

    def tare(self) -> bool:
        """The tare key: what stands there is the new nothing; refused in motion and below zero."""
        if self._moving() or not self._recent or self._recent[-1] < 0:
            return False
        self._tare_kg = self._recent[-1]
        return True

    def obey(self, order: str) -> bool:
        """An order of the table of drivers: zero, tare, tare-off."""
        if order == "tare-off":
            self._tare_kg = 0
            return True
        return self.zero() if order == "zero" else self.tare()

    def reboot(self) -> None:
        """The mains fail for a moment: a dark display, then a new zero if what lies there is light enough."""
        self._dark_until_ms = (self._at_ms or 0) + _BOOT_MS
        self._tare_kg, self._unzeroed = 0, True
        self._recent.clear()

    def _take_zero(self) -> None:
        """Once after switching on, as soon as what lies there is light enough and still."""
        still = len(self._recent) == self.settings.motion_displays and not self._moving()
        if self._unzeroed and still and abs(self._raw) <= _FIRST_ZERO * self.settings.capacity_kg:
            self._set_zero()

    def _set_zero(self) -> None:
        self._zero, self._tracked, self._unzeroed = self._raw, 0.0, False
        self._recent.clear()

    def _moving(self) -> bool:
        return bool(self._recent) and max(self._recent) - min(self._recent) > self.settings.division_kg

    def _track(self, value: float, passed_ms: int) -> None:
        d, most = self.settings.division_kg, _ZERO_RANGE * self.settings.capacity_kg
        if self.settings.zero_tracking and abs(value) <= _TRACKED_D * d and not self._moving():
            step = _TRACKED_D * d * passed_ms / 1000
            self._tracked = min(max(self._tracked + min(max(value, -step), step), -most), most)

    def _display(self, passed_ms: int) -> Display:
        settings = self.settings
        self._take_zero()
        d, value = settings.division_kg, self._raw - self._zero - self._tracked
        gross = round(value / d) * d
        self._recent.append(gross)
        self._track(value, passed_ms)
        return Display(
            mantissa=in_unit(gross - self._tare_kg, settings),
            exponent=-settings.decimals,
            unit=settings.unit,
            net=bool(self._tare_kg),
            tare=in_unit(self._tare_kg, settings),
            stable=not self._moving(),
            at_zero=abs(value) <= d / 4,
            over_range=gross > settings.capacity_kg + _OVER_D * d,
            under_range=gross < -_UNDER_D * d,
            power_up=self._unzeroed,
            increment=int(str(d)[0]),
        )


def in_unit(kg: int, settings: ScaleSettings) -> int:
    """The mantissa of a mass on this display."""
    return _shifted(kg, settings.decimals - _IN_KG[settings.unit])


def in_kg(shown: Display) -> int:
    """What a display of whole kilograms says, in kg."""
    return _shifted(shown.mantissa, shown.exponent + _IN_KG[shown.unit])


def _shifted(value: int, places: int) -> int:
    ten: int = 10 ** abs(places)
    return value * ten if places >= 0 else value // ten


def shown_as(unit: str, *, division_kg: int, path: str = "unit") -> tuple[Unit, int]:
    """(unit, decimals) in which an indicator set to `unit` shows such a division; ConfigError for no metric mass."""
    if unit == "t":
        return "t", 2 if division_kg % 10 == 0 else 3
    if unit == "kg":
        return "kg", 0
    if unit == "g":
        return "g", 0
    raise ConfigError.one(path, f"no simulated platform shows {unit}")


class _Body:
    """Steel and load cells: a damped spring that slows down under load, the indicator's filter, and creep."""

    def __init__(self, settings: ScaleSettings) -> None:
        self._springs = settings.springs
        self._creep = settings.creep_ppm / 1_000_000
        self._load: float | None = None
        self._at = self._speed = self._filtered = self._crept = 0.0

    def feels(self, passed_ms: int, load_kg: float) -> float:
        """What is measured now, `passed_ms` after the last call; the load changed evenly meanwhile."""
        before, self._load = self._load, load_kg
        if before is None:
            self._at = self._filtered = load_kg
        elif self._springs:
            self._ring(before, load_kg, max(1, passed_ms // _STEP_MS), passed_ms / 1000)
        if not self._springs:
            self._filtered = load_kg
        self._crept += (self._creep * load_kg - self._crept) * min(1.0, passed_ms / 1000 / _CREEP_S)
        return self._filtered + self._crept

    def _ring(self, before: float, load: float, steps: int, passed_s: float) -> None:
        step_s = passed_s / steps
        omega = 2 * math.pi * _EMPTY_HZ * math.sqrt(_DECK_KG / (_DECK_KG + max(load, 0.0)))
        for n in range(1, steps + 1):
            force = before + (load - before) * n / steps
            pull = omega * omega * (force - self._at) - 2 * _DAMPING * omega * self._speed
            self._speed += pull * step_s
            self._at += self._speed * step_s
            self._filtered += (self._at - self._filtered) * min(1.0, step_s / _FILTER_S)
