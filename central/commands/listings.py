"""`events`, `sources`, `journals`, `quarantine`, `recount`, `tariff`: what the centre knows, on a terminal."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import get_args

import msgspec

from central.commands.shared import load_settings, needs_settings, open_database
from central.keyring import register
from central.settings import Settings
from central.store.engines import snapshot
from central.store.projecting import reread
from central.store.queries import MOST_ROWS, Filter, Queries
from central.store.rollups import recount
from journal.console import Console, Verbs, write, write_rows
from kernel.errors import ConfigError
from kernel.events import JointMode, Outcome, RoadClass, WeighingGrade
from kernel.law.rows import is_day
from kernel.law.shipped import national
from kernel.law.tariff import Place, fine


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listing:
    verb: str
    help: str
    columns: tuple[str, ...]
    ask: Callable[[Queries, argparse.Namespace, Console], Sequence[object]]
    personal: bool = False  # shows plates: whoever lists them is written down first


_LISTINGS = (
    _Listing(
        verb="events",
        help="crossings, newest first",
        columns=(
            "shown_ms",
            "station",
            "lane",
            "gross_kg",
            "outcome",
            "tractor",
            "trailer",
            "clip",
            "passage",
        ),
        ask=lambda queries, given, _console: (
            queries.passages(
                Filter(station=given.station, lane=given.lane, outcome=given.outcome, plate=given.plate),
                limit=given.limit,
            ).rows
        ),
        personal=True,
    ),
    _Listing(
        verb="sources",
        help="every source and whether it speaks",
        columns=("source", "box", "state", "heard_ms", "waiting", "disk_free_kb"),
        ask=lambda queries, _given, console: queries.sources(console.clock.now_ms()),
    ),
    _Listing(
        verb="journals",
        help="how far each journal is held and vouched for",
        columns=("journal", "box", "process", "state", "size", "kept", "cosigned_size", "witnessed_size"),
        ask=lambda queries, _given, _console: queries.journals(),
    ),
    _Listing(
        verb="quarantine",
        help="entries in custody that cannot be read",
        columns=("journal", "seq", "box", "stream", "reason"),
        ask=lambda queries, given, _console: queries.quarantine(given.limit),
    ),
)


def add(verbs: Verbs) -> None:
    for listing in _LISTINGS:
        parser = verbs.add_parser(listing.verb, help=listing.help)
        parser.add_argument("--json", action="store_true")
        needs_settings(parser)
        parser.set_defaults(run=_lister(listing))
        if listing.verb in ("events", "quarantine"):
            parser.add_argument("--limit", type=int, default=MOST_ROWS)
        if listing.verb == "events":
            _narrowing(parser)
        if listing.verb == "quarantine":
            parser.add_argument(
                "--retry", action="store_true", help="read them again first, as after an upgrade"
            )
    counted = verbs.add_parser("recount", help="compare the hourly counts with the entries; 1 if they differ")
    counted.add_argument("--json", action="store_true")
    needs_settings(counted)
    counted.set_defaults(run=_recount)
    _add_tariff(verbs)


def _narrowing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--station")
    parser.add_argument("--lane")
    parser.add_argument("--outcome", choices=get_args(Outcome))
    parser.add_argument("--plate")


def _add_tariff(verbs: Verbs) -> None:
    parser = verbs.add_parser("tariff", help="what an act costs by the rows in force")
    parser.add_argument("--over-kg", type=int, required=True)
    parser.add_argument("--limit-kg", type=int, required=True)
    parser.add_argument("--on", required=True, metavar="YYYY-MM-DD")
    parser.add_argument("--decided-on", metavar="YYYY-MM-DD")
    parser.add_argument("--jurisdiction", required=True, help="GB/T 2260, six digits")
    parser.add_argument("--road-class", choices=get_args(RoadClass), required=True)
    parser.add_argument("--mode", choices=get_args(JointMode), required=True)
    parser.add_argument("--grade", choices=get_args(WeighingGrade), default="certified")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=_tariff)


def _lister(listing: _Listing) -> Callable[[argparse.Namespace, Console], int]:
    def run(arguments: argparse.Namespace, console: Console) -> int:
        settings = load_settings(arguments.settings)
        if listing.personal:
            _note(settings, arguments, console)
        with open_database(settings) as database:
            if getattr(arguments, "retry", False):
                reread(database, register=register(settings))
            rows = listing.ask(Queries(database, register=register(settings)), arguments, console)
        write_rows(rows, listing.columns, as_json=arguments.json)
        return 0

    return run


def _note(settings: Settings, given: argparse.Namespace, console: Console) -> None:
    from central.commands.noting import note_list  # loads what the other verbs need not

    note_list(
        settings,
        console.clock,
        station=given.station,
        lane=given.lane,
        outcome=given.outcome,
        plate=given.plate,
    )


def _recount(arguments: argparse.Namespace, _console: Console) -> int:
    settings = load_settings(arguments.settings)
    with open_database(settings) as database, snapshot(database) as connection:
        counted = recount(connection, register=register(settings))
    if arguments.json:
        write(msgspec.json.encode(counted).decode())
    else:
        write(f"{counted.entries} weighings, {counted.without_body} without a body")
        columns = ("station", "lane", "hour_ms", "outcome", "counted", "entries")
        write_rows(counted.differences, columns, as_json=False)
    return 1 if counted.differences else 0


def _tariff(arguments: argparse.Namespace, _console: Console) -> int:
    for name in ("on", "decided_on"):
        if getattr(arguments, name) is not None and not is_day(getattr(arguments, name)):
            raise ConfigError.one(name, f"is not a day: {getattr(arguments, name)!r}")
    place = Place(
        jurisdiction=arguments.jurisdiction,
        road_class=arguments.road_class,
        joint_mode=arguments.mode,
        weighing_grade=arguments.grade,
    )
    answer = fine(
        arguments.over_kg,
        limit_kg=arguments.limit_kg,
        place=place,
        law=national(),
        on=arguments.on,
        decided_on=arguments.decided_on,
    )
    write(msgspec.json.encode(answer).decode() if arguments.json else f"{answer.kind}: {answer.explain_zh}")
    return 0
