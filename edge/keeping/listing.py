"""What would leave the box now and why, and what is held: a look from outside that changes nothing and disturbs nobody."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from edge.keeping.custody import Custody
from edge.keeping.planning import ORDER, Kind, Lying, is_due, may_make_room
from edge.keeping.register import HoldRow, Register, Row
from edge.keeping.settings import DAY_MS, KeepingSettings, Rule, days_of
from journal.cursors import Cursors
from journal.disk import room_of
from journal.doubted import DoubtedJournal, doubted_journals
from journal.erasing import readable
from journal.reserve import Reserve
from kernel.clock import Clock
from kernel.errors import ConfigError, ProtocolError
from kernel.events import Outcome, RecordHeld
from kernel.law.rows import china_day

if TYPE_CHECKING:
    from edge.settings import Settings

SCAN = 256
ALL = -1


class Leaving(Struct, frozen=True, kw_only=True):
    """One thing that would leave; `why` is the rule or the ground, and `source` what that rests on."""

    what: str  # plates, pictures or clips
    why: str
    source: str
    passage: str | None
    entry: str  # journal/seq
    sha256: str | None
    bytes: int


class Held(Struct, frozen=True, kw_only=True):
    kind: str  # passage, file or entry
    name: str
    by: str
    reason: str
    until_ms: int | None


class RuleLine(Struct, frozen=True, kw_only=True):
    what: str
    outcome: str
    days: int
    source: str
    effective_from: str


class Report(Struct, frozen=True, kw_only=True):
    """`due` leaves at the next look, `for_room` only when room is short, in this order."""

    today: str
    used_percent: int
    reserve_held: bool
    here: dict[str, tuple[int, int]]  # what: files, bytes
    entries_not_kept: int
    rules: list[RuleLine]
    held: list[Held]
    due: list[Leaving]
    for_room: list[Leaving]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    register: Register
    custody: Custody
    settings: KeepingSettings
    rules: Sequence[Rule]
    today_ms: int


async def report(settings: Settings, *, clock: Clock) -> Report:
    """ConfigError: there is no journal.  Ages are counted by this machine's clock, the process counts them by receipts."""
    home = Path(settings.data) / "journal"
    places = doubted_journals(home, but=())
    if not places:
        raise ConfigError.one("data", f"holds no journal: {home}")
    with (
        _copies(Path(settings.data) / "keeping.db", home / "cursor.db") as folder,
        closing(Register(folder / "keeping.db")) as register,
        closing(Cursors(folder)) as cursors,
    ):
        for place in places:
            await _scan(register, place, now_ms=clock.now_ms())
        look = _look(settings, register, cursors, clock=clock)
        return Report(
            today=china_day(look.today_ms),
            used_percent=room_of(home).used_percent,
            reserve_held=Reserve.beside(home, mb=settings.keeping.reserve_mb).held,
            here=register.counts(),
            entries_not_kept=_not_kept(settings, cursors, places),
            rules=[_line(rule) for rule in look.rules],
            held=[await _held(hold, places) for hold in register.holds(today_ms=look.today_ms)],
            due=list(_due(look)),
            for_room=list(_for_room(look)),
        )


def lines(found: Report) -> Iterator[str]:
    """For a person."""
    yield f"{found.today}: {found.used_percent} % used, reserve {'held' if found.reserve_held else 'given up'}"
    for what, (files, size) in sorted(found.here.items()):
        yield f"{what}: {files} files, {size >> 20} MB"
    yield f"entries not kept elsewhere: {found.entries_not_kept}"
    for rule in found.rules:
        yield f"{rule.what} of {rule.outcome}: {rule.days} days ({rule.source})"
    for title, leaving in (("due", found.due), ("for room", found.for_room)):
        yield f"{title}: {len(leaving)}, {sum(one.bytes for one in leaving) >> 20} MB"
    for hold in found.held:
        until = "released" if hold.until_ms is None else china_day(hold.until_ms)
        yield f"held until {until}: {hold.kind} {hold.name} by {hold.by}: {hold.reason}"


def _look(settings: Settings, register: Register, cursors: Cursors, *, clock: Clock) -> _Look:
    today_ms = clock.now_ms()
    register.date(today_ms)
    [destination] = [one for one in settings.destinations if one.custody]
    custody = Custody(
        cursors,
        destination=destination.name,
        takes_files=destination.files is not None,
        told_ms=lambda: today_ms,
        clock=clock,
    )
    rules = settings.keeping.in_force(on=china_day(today_ms))
    return _Look(
        register=register, custody=custody, settings=settings.keeping, rules=rules, today_ms=today_ms
    )


async def _scan(register: Register, place: DoubtedJournal, *, now_ms: int) -> None:
    try:
        size = place.size
    except ProtocolError:
        return  # it is damaged, and the process says so
    start = register.scanned(place.id)
    while start < size:
        register.take(place.id, await readable(place, start, SCAN), today_ms=now_ms)
        start += SCAN


def _not_kept(settings: Settings, cursors: Cursors, places: Sequence[DoubtedJournal]) -> int:
    """Of the newest journal: what earlier ones hold was sent before it, or is said again in it."""
    [destination] = [one.name for one in settings.destinations if one.custody]
    newest = places[-1]
    return newest.size - cursors.cursor(journal=newest.id, destination=destination).kept


def _due(look: _Look) -> Iterator[Leaving]:
    for rule in look.rules:
        since_ms = look.today_ms - rule.days * DAY_MS
        if rule.what == "plates":
            for row in look.register.plates_before(
                rule.outcome, since_ms, today_ms=look.today_ms, count=ALL, skip=0
            ):
                if not row.held and look.custody.keeps(row):
                    yield _leaving(row, "plates", rule.name, rule.source)
        else:
            over = partial(is_due, rules=look.rules, today_ms=look.today_ms)
            for file, row in _files(look, rule.what, rule.outcome, since_ms):
                if over(file):
                    yield _leaving(row, rule.what, rule.name, rule.source, file)


def _for_room(look: _Look) -> Iterator[Leaving]:
    days = look.settings.evict_after_days
    source = f"evict_after_days = {days}"
    for what, outcomes in ORDER:
        for outcome in outcomes:
            since_ms = look.today_ms - min(days, days_of(look.rules, what, outcome)) * DAY_MS
            for file, row in _files(look, what, outcome, since_ms):
                ground = may_make_room(file, look.rules, days=days, today_ms=look.today_ms)
                if ground is not None:
                    yield _leaving(row, what, ground, source, file)


def _files(look: _Look, what: Kind, outcome: Outcome, since_ms: int) -> Iterator[tuple[Lying, Row]]:
    page = look.register.files_before(what, outcome, since_ms, today_ms=look.today_ms, count=ALL, skip=0)
    for file in look.custody.lying(page):
        yield file, page[file.sha256][0].row


def _leaving(row: Row, what: str, why: str, source: str, file: Lying | None = None) -> Leaving:
    return Leaving(
        what=what,
        why=why,
        source=source,
        passage=row.passage,
        entry=f"{row.place.journal}/{row.place.seq}",
        sha256=file.sha256 if file else None,
        bytes=file.size if file else 0,
    )


async def _held(hold: HoldRow, places: Sequence[DoubtedJournal]) -> Held:
    said = None
    for place in places:
        if place.id == hold.journal:
            for entry in await readable(place, hold.seq, 1):
                said = msgspec.json.decode(entry.body, type=RecordHeld) if entry.body else None
    return Held(
        kind=hold.kind,
        name=hold.name,
        by=said.by if said else "",
        reason=said.reason if said else "",
        until_ms=hold.until_ms,
    )


def _line(rule: Rule) -> RuleLine:
    return RuleLine(
        what=rule.what,
        outcome=rule.outcome,
        days=rule.days,
        source=rule.source,
        effective_from=rule.effective_from,
    )


@contextmanager
def _copies(*databases: Path) -> Iterator[Path]:
    """Of the process's own files as they are now, in a folder of their own: nothing of it is written to."""
    with tempfile.TemporaryDirectory() as name:
        for database in databases:
            if database.exists():
                _copy(database, Path(name) / database.name)
        yield Path(name)


def _copy(database: Path, to: Path) -> None:
    try:
        with (
            closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(to)) as copy,
        ):
            source.backup(copy)
    except sqlite3.DatabaseError:  # only ever a saving: what it knew is found out anew
        to.unlink(missing_ok=True)
