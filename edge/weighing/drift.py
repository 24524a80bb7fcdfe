"""Drift watch 漂移监测: how zero, noise and known masses move, told before the scale is out of its class.

Fed with readings of the empty platform alone, and with what known masses showed.  A level is the median of a short
window, so that wind and a single wrong digit are none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import median_low

from kernel.events import DriftKind
from kernel.settings import above_zero, refuse

_HOUR_MS = 3_600_000
READINGS = 500  # of one window, at most: those of a faster line are taken at even distances


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftSettings:
    """When the scale is said to drift; `d` is the division of its certificate.

    Only slow changes are drift of the instrument: a step of more than a division from one window to the next is
    somebody on the platform, a cleaning or a re-zero.
    """

    division_kg: int | None = None  # d of a scale without a certificate; None: it is not watched then
    window_ms: int = 3_000
    rezero_divisions: int = 2  # of zero, since the last vehicle: more demands a re-zero
    trend_hours: int = 24
    trend_divisions: int = 10  # how far zero may wander in that time, re-zeroing taken out
    noise_divisions: int = 3  # between the least and the largest of a window, less a tenth on either side
    noise_windows: int = 20  # the middle one of so many counts
    alarm_permille: int = 500  # of the error in service: what known masses may be off
    passes: int = 3  # of known masses; the middle one counts

    def __post_init__(self) -> None:
        names = ("window_ms", "rezero_divisions", "trend_hours", "trend_divisions", "noise_divisions")
        refuse(
            above_zero("division_kg", 1 if self.division_kg is None else self.division_kg),
            *(above_zero(name, getattr(self, name)) for name in (*names, "noise_windows", "passes")),
            above_zero("alarm_permille", self.alarm_permille),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Something of the scale moves, or no longer does; `measured_kg` is beyond `limit_kg` while it does."""

    kind: DriftKind
    begun: bool
    measured_kg: int
    limit_kg: int


class DriftWatch:
    """`zero_kg` is the level of the empty platform, `since` what moves now."""

    def __init__(self, settings: DriftSettings) -> None:
        self._settings = settings
        self._window: list[tuple[int, int]] = []  # (mono_ms, kg), at least _apart_ms apart
        self._apart_ms = settings.window_ms // READINGS + 1
        self._base_kg: int | None = None  # the first level after the last vehicle
        self._over = 0  # windows in a row with zero too far away
        self._noise: deque[int] = deque(maxlen=settings.noise_windows)
        self._known: deque[int] = deque(maxlen=settings.passes)
        self._hours: deque[list[int]] = deque()  # [hour, kg that zero went in it]
        self._carried_kg = 0  # how far it had gone before a restart
        self._since: dict[DriftKind, Drift] = {}
        self.zero_kg: int | None = None

    @property
    def since(self) -> Mapping[DriftKind, Drift]:
        return self._since

    @property
    def rezero_needed(self) -> bool:
        return "zero" in self._since

    def occupied(self) -> None:
        """Something is on the platform: what was seen of zero meanwhile is none, and the next level is a new base."""
        self._window.clear()
        self._base_kg = None

    def empty(self, kg: int, *, mono_ms: int, division_kg: int) -> list[Drift]:
        """A reading of the empty platform; what has begun to move with it, or has stopped."""
        since_ms = mono_ms - self._window[-1][0] if self._window else self._apart_ms
        if since_ms > self._settings.window_ms:
            self._window.clear()  # the line was silent
        if since_ms < self._apart_ms:
            return []
        self._window.append((mono_ms, kg))
        if mono_ms - self._window[0][0] < self._settings.window_ms:
            return []
        values = sorted(each for _, each in self._window)
        self._window.clear()
        level, edge = median_low(values), len(values) // 10
        found = [
            *self._level(level, mono_ms, division_kg),
            *self._spread(values[-1 - edge] - values[edge], division_kg),
        ]
        self.zero_kg = level
        return found

    def known(self, deviation_kg: int, *, error_kg: int) -> list[Drift]:
        """A known mass was shown wrong by so much; `error_kg` is what its class allows in service."""
        self._known.append(deviation_kg)
        if len(self._known) < self._settings.passes:
            return []
        limit = error_kg * self._settings.alarm_permille // 1_000
        return list(self._judge("known_vehicle", abs(median_low(self._known)), limit))

    def begun(self, drift: Drift) -> None:
        """It was said before a restart."""
        self._since[drift.kind] = drift
        if drift.kind == "zero_trend":
            self._carried_kg = drift.measured_kg

    def _level(self, level: int, mono_ms: int, division_kg: int) -> Iterator[Drift]:
        base = level if self._base_kg is None else self._base_kg
        self._base_kg = base
        yield from self._zero(max(abs(level), abs(level - base)), level, division_kg)
        step = 0 if self.zero_kg is None else level - self.zero_kg
        if abs(step) > division_kg:
            step = 0
        limit = self._settings.trend_divisions * division_kg
        yield from self._judge("zero_trend", abs(self._wandered(step, mono_ms)), limit)

    def _zero(self, away_kg: int, level: int, division_kg: int) -> Iterator[Drift]:
        """Demanded by two windows in a row, and until the display is back at zero."""
        limit = self._settings.rezero_divisions * division_kg
        self._over = self._over + 1 if away_kg > limit else 0
        if self.rezero_needed:
            if abs(level) < division_kg:
                self._base_kg = level
                yield from self._judge("zero", abs(level), limit)
        elif self._over >= 2:
            yield from self._judge("zero", away_kg, limit)

    def _wandered(self, step_kg: int, mono_ms: int) -> int:
        hour = mono_ms // _HOUR_MS
        if not self._hours or self._hours[-1][0] != hour:
            self._hours.append([hour, self._carried_kg])
            self._carried_kg = 0
        self._hours[-1][1] += step_kg
        while self._hours[0][0] <= hour - self._settings.trend_hours:
            self._hours.popleft()
        return sum(kg for _, kg in self._hours)

    def _spread(self, spread_kg: int, division_kg: int) -> Iterator[Drift]:
        self._noise.append(spread_kg)
        if len(self._noise) == self._settings.noise_windows:
            limit = self._settings.noise_divisions * division_kg
            yield from self._judge("noise", median_low(self._noise), limit)

    def _judge(self, kind: DriftKind, measured_kg: int, limit_kg: int) -> Iterator[Drift]:
        begun = measured_kg > limit_kg
        if begun == (kind in self._since):
            return
        drift = Drift(kind=kind, begun=begun, measured_kg=measured_kg, limit_kg=limit_kg)
        if begun:
            self._since[kind] = drift
        else:
            del self._since[kind]
        yield drift
