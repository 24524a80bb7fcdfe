"""The register of recorders 执法记录仪台账: who held which recorder when, how each stands, and on which days footage is missing.

Folds over entries, in whatever order they come; times are UTC, days are those of Asia/Shanghai.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Literal

from kernel.footage.bodies import (
    ClockAnchored,
    DutyKept,
    RecorderDocked,
    RecorderIssued,
    RecorderRegistered,
    RecorderStatus,
)
from kernel.footage.clocks import TOLD_BY_PEOPLE, offset_ms
from kernel.law.rows import china_day

LONGEST_SHIFT_MS = 24 * 3_600_000  # whoever forgot to end a shift is not on duty for ever

AT_ONCE_MS = 5 * 60_000  # nothing says that a recorder was taken out of its dock in good order

Conflict = Literal["two_docks", "two_models", "two_holders"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """An officer had a recorder from one moment to another; None: still."""

    recorder: str
    officer: str
    from_ms: int
    to_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """An officer was on duty; None: still, or nobody said when it ended."""

    officer: str
    from_ms: int
    to_ms: int | None

    @property
    def until_ms(self) -> int:
        latest = self.from_ms + LONGEST_SHIFT_MS
        return latest if self.to_ms is None else min(self.to_ms, latest)

    def holds(self, at_ms: int) -> bool:
        return self.from_ms <= at_ms < self.until_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Filmed:
    """A file of an officer, in true time."""

    officer: str
    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingDay:
    """An officer was on duty and no footage of that shift is here; the day is the one on which it began."""

    officer: str
    day: str  # 2026-08-28
    shift_from_ms: int
    shift_to_ms: int
    recorder: str | None  # which they held


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorder:
    """One row of the register; what nobody has said is None."""

    recorder: str
    registered: bool = False
    model: str | None = None
    unit: str | None = None
    status: RecorderStatus | None = None
    holder: str | None = None
    held_since_ms: int | None = None
    docked_ms: int | None = None
    dock: str | None = None
    clock_ahead_ms: int | None = None  # at the last anchor that was measured
    clock_err_ms: int | None = None
    clock_at_ms: int | None = None
    free_kb: int | None = None
    total_kb: int | None = None
    battery_permille: int | None = None
    note: str = ""
    conflicts: tuple[Conflict, ...] = ()  # two recorders that call themselves the same


def holdings(issued: Iterable[RecorderIssued]) -> list[Holding]:
    """By recorder and time; whoever takes one that was not given back ends the other's holding."""
    found: list[Holding] = []
    for act in sorted(issued, key=lambda one: (one.recorder, one.at_ms)):
        if found and found[-1].recorder == act.recorder and found[-1].to_ms is None:
            found[-1] = replace(found[-1], to_ms=act.at_ms)
        if act.act == "issued":
            found.append(Holding(recorder=act.recorder, officer=act.officer, from_ms=act.at_ms, to_ms=None))
    return found


def holder_at(issued: Iterable[RecorderIssued], recorder: str, at_ms: int) -> str | None:
    """The officer of what was recorded at this minute; None: nobody had taken it."""
    return holder_in(holdings(one for one in issued if one.recorder == recorder), at_ms)


def holder_in(held: Sequence[Holding], at_ms: int) -> str | None:
    """The same of the holdings of one recorder, by time."""
    place = bisect_right(held, at_ms, key=lambda one: one.from_ms)
    last = held[place - 1] if place else None
    return last.officer if last and (last.to_ms is None or at_ms < last.to_ms) else None


def shifts(duties: Iterable[DutyKept]) -> list[Shift]:
    """By officer and time; who begins again without having ended begins anew."""
    found: list[Shift] = []
    for act in sorted(duties, key=lambda one: (one.officer, one.at_ms)):
        if found and found[-1].officer == act.officer and found[-1].to_ms is None:
            found[-1] = replace(found[-1], to_ms=min(act.at_ms, found[-1].until_ms))
        if act.act == "begun":
            found.append(Shift(officer=act.officer, from_ms=act.at_ms, to_ms=None))
    return found


def on_duty(kept: Iterable[Shift], officer: str, at_ms: int) -> bool:
    return any(shift.officer == officer and shift.holds(at_ms) for shift in kept)


def shift_in(kept: Sequence[Shift], from_ms: int, to_ms: int) -> bool:
    """Whether one of an officer's shifts, by time, touches that stretch."""
    place = bisect_right(kept, to_ms, key=lambda one: one.from_ms)
    return place > 0 and from_ms < kept[place - 1].until_ms


def missing_days(
    kept: Iterable[Shift], filmed: Iterable[Filmed], *, now_ms: int, held: Iterable[Holding] = ()
) -> list[MissingDay]:
    """Shifts that are over and of which no file is here, each under the day on which it began; newest first."""
    films, holders = _by_officer(filmed), _holdings_by_officer(held)
    found = [
        MissingDay(
            officer=shift.officer,
            day=china_day(shift.from_ms),
            shift_from_ms=shift.from_ms,
            shift_to_ms=shift.until_ms,
            recorder=_held_in(holders.get(shift.officer, ()), shift),
        )
        for shift in kept
        if shift.until_ms <= now_ms and not _on_film(films.get(shift.officer), shift)
    ]
    return sorted(found, key=lambda one: (-one.shift_from_ms, one.officer))


def register(
    *,
    registered: Iterable[RecorderRegistered] = (),
    issued: Iterable[RecorderIssued] = (),
    docked: Iterable[RecorderDocked] = (),
    anchored: Iterable[ClockAnchored] = (),
    doubled: Collection[str] = (),
) -> list[Recorder]:
    """Every recorder that anybody has spoken of, by number; entries in the order in which they were said.

    `doubled` are numbers that a dock has met while another had them.
    """
    rows: dict[str, Recorder] = {}
    for entry in registered:
        row = _row(rows, entry.recorder)
        told = {"model": entry.model, "unit": entry.unit, "status": entry.status, "note": entry.note}
        rows[entry.recorder] = replace(row, registered=True, **told)  # type: ignore[arg-type]
    log, docks = list(issued), [one for one in docked if one.recorder is not None]
    for holding in holdings(log):
        rows[holding.recorder] = _held(_row(rows, holding.recorder), holding)
    for dock in docks:
        rows[dock.recorder or ""] = _docked(_row(rows, dock.recorder or ""), dock)
    for anchor in anchored:
        rows[anchor.recorder] = _anchored(_row(rows, anchor.recorder), anchor)
    found = _conflicts(log, docks, doubled)
    return [replace(row, conflicts=tuple(found.get(name, ()))) for name, row in sorted(rows.items())]


def _row(rows: Mapping[str, Recorder], recorder: str) -> Recorder:
    return rows.get(recorder) or Recorder(recorder=recorder)


def _held(row: Recorder, holding: Holding) -> Recorder:
    if holding.to_ms is not None:
        return replace(row, holder=None, held_since_ms=None)
    return replace(row, holder=holding.officer, held_since_ms=holding.from_ms)


def _docked(row: Recorder, dock: RecorderDocked) -> Recorder:
    if row.docked_ms is not None and dock.at_ms < row.docked_ms:
        return row
    return replace(
        row,
        docked_ms=dock.at_ms,
        dock=dock.dock,
        model=row.model or dock.model or None,
        free_kb=dock.free_kb if dock.free_kb is not None else row.free_kb,
        total_kb=dock.total_kb if dock.total_kb is not None else row.total_kb,
        battery_permille=dock.battery_permille if dock.battery_permille is not None else row.battery_permille,
    )


def _anchored(row: Recorder, said: ClockAnchored) -> Recorder:
    anchor = said.anchor
    older = row.clock_at_ms is not None and anchor.true_ms < row.clock_at_ms
    if older or anchor.kind in TOLD_BY_PEOPLE:
        return row
    ahead = offset_ms(anchor)
    return replace(row, clock_ahead_ms=ahead, clock_err_ms=anchor.err_ms, clock_at_ms=anchor.true_ms)


def _conflicts(
    issued: Sequence[RecorderIssued], docked: Sequence[RecorderDocked], doubled: Collection[str]
) -> dict[str, list[Conflict]]:
    found: dict[str, list[Conflict]] = {}
    for recorder in sorted(
        {one.recorder for one in docked if one.recorder} | {one.recorder for one in issued}
    ):
        docks = [one for one in docked if one.recorder == recorder]
        log = sorted((one for one in issued if one.recorder == recorder), key=lambda one: one.at_ms)
        said: list[tuple[Conflict, bool]] = [
            ("two_docks", recorder in doubled or _in_two_docks(docks)),
            ("two_models", len({one.model for one in docks if one.model}) > 1),
            ("two_holders", _with_two(log)),
        ]
        if conflicts := [name for name, true in said if true]:
            found[recorder] = conflicts
    return found


def _in_two_docks(docked: Sequence[RecorderDocked]) -> bool:
    """It came into one dock minutes after another; who carries one over in between is asked, not overlooked."""
    inside: dict[str, int] = {}
    for one in sorted(docked, key=lambda dock: dock.at_ms):
        if one.state == "removed":
            inside.pop(one.dock, None)
            continue
        if any(dock != one.dock and one.at_ms - at_ms <= AT_ONCE_MS for dock, at_ms in inside.items()):
            return True
        inside[one.dock] = one.at_ms
    return False


def _with_two(log: Sequence[RecorderIssued]) -> bool:
    """The newest that is out was taken by one officer while another had it."""
    holder: str | None = None
    twice = False
    for act in log:
        twice = act.act == "issued" and holder not in (None, act.officer)
        holder = act.officer if act.act == "issued" else None
    return twice


@dataclass(frozen=True, slots=True)
class _Films:
    """Of one officer, by time; `until_ms` is how far the films up to that one reach."""

    from_ms: list[int]
    until_ms: list[int]


def _by_officer(filmed: Iterable[Filmed]) -> dict[str, _Films]:
    own: dict[str, list[Filmed]] = {}
    for film in sorted(filmed, key=lambda one: one.from_ms):
        own.setdefault(film.officer, []).append(film)
    return {
        officer: _Films([one.from_ms for one in films], list(accumulate((one.to_ms for one in films), max)))
        for officer, films in own.items()
    }


def _holdings_by_officer(held: Iterable[Holding]) -> dict[str, list[Holding]]:
    own: dict[str, list[Holding]] = {}
    for one in held:
        own.setdefault(one.officer, []).append(one)
    return own


def _on_film(films: _Films | None, shift: Shift) -> bool:
    place = bisect_left(films.from_ms, shift.until_ms) if films else 0
    return films is not None and place > 0 and films.until_ms[place - 1] > shift.from_ms


def _held_in(held: Sequence[Holding], shift: Shift) -> str | None:
    return next(
        (
            one.recorder
            for one in reversed(held)
            if one.from_ms < shift.until_ms and (one.to_ms is None or one.to_ms > shift.from_ms)
        ),
        None,
    )
