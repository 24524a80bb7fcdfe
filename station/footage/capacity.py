"""Whether the disk holds as many days of footage as must be kept: worked out from what is given, set or measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

from journal.disk import Room
from kernel.footage.bodies import FootageImported
from kernel.footage.capacity import Basis, Capacity, Load, capacity
from kernel.footage.keeping import DAY_MS
from station.footage.index import FootageIndex
from station.footage.keeping_settings import KeepingSettings
from station.footage.stock import HERE, Stocked

MEASURED_MS = 28 * DAY_MS
# 1080p at the bit rate of the recorders' standard, eight hours of a shift: the worst case.
ASSUMED = Load(recorders=0, minutes_a_day=480, kbit_s=5_800)
FIGURES = tuple(field.name for field in fields(Load))


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What was worked out, and where each figure came from."""

    load: Load
    basis: Mapping[str, Basis]
    capacity: Capacity


def forecast(
    *,
    days: int,
    room_bytes: int,
    given: Mapping[str, int | None],
    settings: KeepingSettings | None = None,
    measured: Load | None = None,
) -> Forecast:
    """Of each figure the first that is known: typed, set, measured, assumed."""
    known: dict[Basis, Mapping[str, int | None]] = {
        "given": given,
        "settings": _of(settings),
        "measured": _of(measured),
        "assumed": _of(ASSUMED),
    }
    figures, basis = dict[str, int](), dict[str, Basis]()
    for name in FIGURES:
        basis[name], figures[name] = next(
            (word, value) for word, values in known.items() if (value := values.get(name)) is not None
        )
    load = Load(**figures)
    return Forecast(load=load, basis=basis, capacity=capacity(load, days=days, room_bytes=room_bytes))


def measured(index: FootageIndex, *, now_ms: int) -> Load | None:
    """What was taken in in the last four weeks, by the day on which something was; None: nothing.  Blocking."""
    taken = [
        one
        for one in index.of(FootageImported, since_ms=now_ms - MEASURED_MS)
        if one.body.state in HERE and one.body.duration_ms
    ]
    length_ms = sum(one.body.duration_ms or 0 for one in taken)
    if not length_ms:
        return None
    recorders = {one.body.recorder for one in taken}
    used = {(one.body.recorder, one.at_ms // DAY_MS) for one in taken}
    return Load(
        recorders=len(recorders),
        minutes_a_day=max(length_ms // len(used) // 60_000, 1),
        kbit_s=sum(one.body.size for one in taken) * 8 // length_ms,
    )


def room_for_footage(stock: Iterable[Stocked], room: Room, *, high_percent: int) -> int:
    """What footage has, and what is free up to where room must be made."""
    free = max((room.used + room.free) * high_percent // 100 - room.used, 0)
    return free + sum(one.size for one in stock)


def _of(source: object) -> dict[str, int | None]:
    return {name: getattr(source, name, None) for name in FIGURES}
