"""`capacity`, and of `footage`: `day`, `keep`, `hold`, `restore`, `steps`: how long it stays, and who looks after it."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

import msgspec

from journal.console import Console, Verbs, read_law, write, write_rows
from journal.disk import room_of
from kernel.errors import ConfigError, RefusedError
from kernel.footage.bodies import CaseNoted
from kernel.footage.capacity import Basis
from kernel.footage.keeping import retention
from kernel.footage.steps import StepState
from station.commands.asking import asking
from station.commands.recorders import footage_index
from station.commands.shared import load_settings, needs_settings
from station.footage.capacity import Forecast, forecast, measured, room_for_footage
from station.footage.index import FootageIndex
from station.footage.keeping_settings import KeepingSettings
from station.footage.ledger import LooseLedger
from station.footage.steps import Steps
from station.footage.stock import holds_of, of_lane, stock_of
from station.footage.supervising import Lot, Supervising
from station.queries import Queries
from station.settings import Settings
from web import times

OFFICERS = (
    "officer",
    "on_duty_min",
    "filmed_min",
    "covered_min",
    "acts",
    "acts_unfilmed",
    "differences",
)
CASES = ("case", "box", "passage", "closed_ms", "kept_as", "by")
KEPT = ("sha256", "rule", "due_ms", "held_by", "reason", "until_ms")
STEPS = ("step", "marked_ms", "by", "shown", "reason", "open")
CAPACITY = (
    "recorders",
    "minutes_a_day",
    "kbit_s",
    "bytes_a_day",
    "days",
    "needed_bytes",
    "room_bytes",
    "days_kept",
    "enough",
)
USUAL_HIGH = KeepingSettings().high_percent


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A forecast in one row; `basis` says where recorders, minutes and bit rate came from."""

    recorders: int
    minutes_a_day: int
    kbit_s: int
    bytes_a_day: int
    days: int
    needed_bytes: int
    room_bytes: int
    days_kept: int | None
    enough: bool
    basis: dict[str, Basis]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Something that is marked for deletion, or on hold; a passage on hold is `passage:NAME`, or `lane:NAME` by its lane."""

    sha256: str
    rule: str | None = None
    due_ms: int | None = None
    held_by: str | None = None
    reason: str | None = None
    until_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """One step as it stands."""

    step: str
    marked_ms: int | None
    by: str
    shown: str
    reason: str
    files: tuple[str, ...]
    open: bool


def add(verbs: Verbs) -> None:
    capacity = verbs.add_parser("capacity", help="how many days of footage the disk holds")
    capacity.add_argument("--recorders", type=int, metavar="N")
    capacity.add_argument("--hours", metavar="H", help="that each records a day, such as 8 or 2.5")
    capacity.add_argument("--mbit", metavar="M", help="Mbit/s of a recorder, such as 5.8")
    capacity.add_argument("--days", type=int, metavar="D", help="that it must stay; the rule's without it")
    capacity.add_argument(
        "--free-gb", type=int, metavar="G", help="room for footage; of this disk without it"
    )
    capacity.add_argument("--settings", type=Path, metavar="FILE", help="station.toml; here if it is there")
    capacity.add_argument("--json", action="store_true")
    capacity.set_defaults(run=_capacity)


def add_to(kinds: Verbs) -> None:
    day = kinds.add_parser("day", help="shifts, acts and footage of each officer on a day")
    day.add_argument("--day", metavar="YYYY-MM-DD", help="today without it")
    day.set_defaults(run=_day)
    keep = kinds.add_parser("keep", help="what is to be deleted, and what is on hold")
    keep.set_defaults(run=_keep)
    cases = kinds.add_parser("cases", help="cases of which the centre has told this station")
    cases.set_defaults(run=_cases)
    steps = kinds.add_parser("steps", help="the steps of a crossing that must be on footage")
    steps.add_argument("box")
    steps.add_argument("passage")
    steps.set_defaults(run=_steps)
    for parser in (day, keep, cases, steps):
        parser.add_argument("--json", action="store_true")
        needs_settings(parser)
    _add_acts(kinds)


def _add_acts(kinds: Verbs) -> None:
    hold = kinds.add_parser("hold", help="keep files, or what is linked to a passage, or let them go")
    hold.add_argument("files", nargs="*", metavar="SHA256")
    hold.add_argument("--passage")
    hold.add_argument(
        "--until", default="", metavar="YYYY-MM-DD", help="the last day; without it until released"
    )
    hold.add_argument("--release", action="store_true")
    hold.set_defaults(run=_hold)
    restore = kinds.add_parser("restore", help="files that are marked are not deleted after all")
    restore.add_argument("files", nargs="+", metavar="SHA256")
    restore.set_defaults(run=_restore)
    for parser in (hold, restore):
        parser.add_argument("--reason", required=True)
        parser.add_argument("--by", required=True, metavar="ACCOUNT", help="a supervisor of this station")
        needs_settings(parser)


# --- capacity --------------------------------------------------------------------------------------------------


def _capacity(arguments: argparse.Namespace, console: Console) -> int:
    given = {
        "recorders": arguments.recorders,
        "minutes_a_day": _thousandths("--hours", arguments.hours, 60),
        "kbit_s": _thousandths("--mbit", arguments.mbit, 1_000),
    }
    for name, value in {**given, "days": arguments.days, "free_gb": arguments.free_gb}.items():
        if value is not None and value < 0:
            raise ConfigError.one(name, "must not be below 0")
    found = _forecast(arguments, given, console.clock.now_ms())
    row = _figures(found)
    if arguments.json:
        write(msgspec.json.format(msgspec.json.encode(row)).decode())
        return 0
    write_rows([row], CAPACITY, as_json=False)
    if not row.enough:
        write(f"not enough: {row.days_kept} of {row.days} days fit")
    return 0


def _forecast(arguments: argparse.Namespace, given: dict[str, int | None], now_ms: int) -> Forecast:
    settings = _maybe_settings(arguments.settings)
    place, law = (settings.jurisdiction, read_law(settings.law)) if settings else ("", read_law(None))
    unlinked = retention(law, jurisdiction=place, now_ms=now_ms).get("unlinked")
    days = arguments.days if arguments.days is not None else (unlinked.days or 0 if unlinked else 0)
    free = None if arguments.free_gb is None else arguments.free_gb * 10**9
    if settings is None or settings.footage is None:
        return forecast(days=days, room_bytes=_free_here() if free is None else free, given=given)
    folder, keeping = _folder(settings), settings.footage.keeping
    index = FootageIndex(folder / "footage.db")
    there = room_for_footage(stock_of(index).values(), room_of(folder), high_percent=keeping.high_percent)
    return forecast(
        days=days,
        room_bytes=there if free is None else free,
        given=given,
        settings=keeping,
        measured=measured(index, now_ms=now_ms),
    )


def _free_here() -> int:
    room = room_of(Path.cwd())
    return max((room.used + room.free) * USUAL_HIGH // 100 - room.used, 0)


def _maybe_settings(path: Path | None) -> Settings | None:
    """What was named must be there; what was not named may be."""
    usual = Path("station.toml")
    if path is None and not usual.exists():
        return None
    return load_settings(path or usual)


def _figures(found: Forecast) -> Figures:
    load, result = found.load, found.capacity
    return Figures(
        recorders=load.recorders,
        minutes_a_day=load.minutes_a_day,
        kbit_s=load.kbit_s,
        bytes_a_day=result.bytes_a_day,
        days=result.days,
        needed_bytes=result.needed_bytes,
        room_bytes=result.room_bytes,
        days_kept=result.days_kept,
        enough=result.enough,
        basis=dict(found.basis),
    )


def _thousandths(option: str, text: str | None, parts: int) -> int | None:
    """A decimal in whole parts, without a float in between."""
    if text is None:
        return None
    try:
        return int((Decimal(text) * parts).to_integral_value())
    except (InvalidOperation, OverflowError, ValueError) as error:
        raise ConfigError.one(option, f"is not a number: {text!r}") from error


# --- looking ---------------------------------------------------------------------------------------------------


def _day(arguments: argparse.Namespace, console: Console) -> int:
    settings, now_ms = _with_footage(arguments), console.clock.now_ms()
    from_ms = times.parse_day(arguments.day) if arguments.day else times.day_start_ms(now_ms)
    if from_ms is None:
        raise ConfigError.one("--day", f"is not a day: {arguments.day!r}")
    keeping = settings.footage.keeping if settings.footage else KeepingSettings()
    lot = Lot(seed=keeping.sample_seed or settings.source, permille=keeping.sample_permille)
    report = Supervising(_ledger(settings, console), _queries(settings), lot=lot).day(from_ms, now_ms=now_ms)
    if arguments.json:
        write(msgspec.json.format(msgspec.json.encode(report)).decode())
        return 0
    write_rows(report.officers, OFFICERS, as_json=False)
    for one in report.sample:
        write(f"sample\t{one.sha256}\t{one.name}\t{len(one.scores)} scores")
    return 0


def _keep(arguments: argparse.Namespace, console: Console) -> int:
    settings = _with_footage(arguments)
    index = _ledger(settings, console).index
    lanes = {of_lane(name): hold for name, hold in _queries(settings).held().items()}
    rows = [
        Kept(sha256=one.sha256, rule=one.mark.rule, due_ms=one.mark.due_ms)
        for one in stock_of(index, spans=True).values()
        if one.mark is not None
    ]
    rows += [
        Kept(sha256=thing, held_by=hold.by, reason=hold.reason, until_ms=hold.until_ms)
        for thing, hold in {**lanes, **holds_of(index)}.items()
    ]
    write_rows(rows, KEPT, as_json=arguments.json)
    return 0


def _cases(given: argparse.Namespace, _console: Console) -> int:
    index = footage_index(load_settings(given.settings))
    newest = {(one.body.case, one.body.box, one.body.passage): one.body for one in index.of(CaseNoted)}
    write_rows(list(newest.values()), CASES, as_json=given.json)
    return 0


def _steps(arguments: argparse.Namespace, console: Console) -> int:
    settings = _with_footage(arguments)
    steps = Steps(
        _ledger(settings, console),
        _queries(settings),
        law=read_law(settings.law),
        jurisdiction=settings.jurisdiction,
        clock=console.clock,
    )
    found = steps.states(arguments.box, arguments.passage)
    if found is None:
        raise RefusedError("no such passage")
    write_rows([_step_row(state) for state in found], STEPS, as_json=arguments.json)
    return 0


def _step_row(state: StepState) -> StepRow:
    return StepRow(
        step=state.step,
        marked_ms=state.marked_ms,
        by=state.by,
        shown=state.shown,
        reason=state.reason,
        files=state.files,
        open=state.open,
    )


# --- acting ----------------------------------------------------------------------------------------------------


def _hold(arguments: argparse.Namespace, console: Console) -> int:
    body = {
        "act": "released" if arguments.release else "held",
        "files": arguments.files,
        "passage": arguments.passage,
        "reason": arguments.reason,
        "until": arguments.until,
    }
    with asking(_with_footage(arguments), by=arguments.by, clock=console.clock) as station:
        station.post("/footage/keeping/hold", body)
    write(body["act"])
    return 0


def _restore(arguments: argparse.Namespace, console: Console) -> int:
    body = {"files": arguments.files, "reason": arguments.reason}
    with asking(_with_footage(arguments), by=arguments.by, clock=console.clock) as station:
        station.post("/footage/keeping/restore", body)
    write(f"restored {len(arguments.files)}")
    return 0


def _with_footage(arguments: argparse.Namespace) -> Settings:
    settings = load_settings(arguments.settings)
    if settings.footage is None:
        raise ConfigError.one("footage", "is not set: no recorders are taken in here")
    return settings


def _folder(settings: Settings) -> Path:
    named = settings.footage.folder if settings.footage else None
    folder = Path(named) if named else settings.folder / "footage"
    if not folder.is_dir():
        raise ConfigError.one("footage.folder", f"{folder} is not there: the station has not run yet")
    return folder


def _ledger(settings: Settings, console: Console) -> LooseLedger:
    """Only its index is asked; nothing is said."""
    return LooseLedger(FootageIndex(_folder(settings) / "footage.db"), clock=console.clock)


def _queries(settings: Settings) -> Queries:
    return Queries(settings.folder / "station.db")
