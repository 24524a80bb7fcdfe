"""`plates`: the newest readings on a terminal, with what people say they are; the look is written down first."""

from __future__ import annotations

import argparse

from central.commands.shared import load_settings, needs_settings, open_database
from central.keyring import register
from central.store.queries import MOST_ROWS
from central.store.readings import NEWEST, Readings, Wanted, plate_line
from journal.console import Console, Verbs, write_rows
from kernel.errors import ConfigError
from kernel.vocabulary import PLATE_STATUS

COLUMNS = ("shown_ms", "station", "lane", "passage", "role", "status", "text", "said", "score_permille")


def add(verbs: Verbs) -> None:
    parser = verbs.add_parser("plates", help="the newest readings of plates, with what people say they are")
    parser.add_argument("--station")
    parser.add_argument("--lane")
    parser.add_argument("--status", choices=tuple(PLATE_STATUS))
    parser.add_argument("--limit", type=int, default=NEWEST)
    parser.add_argument("--json", action="store_true")
    needs_settings(parser)
    parser.set_defaults(run=_plates)


def _plates(given: argparse.Namespace, console: Console) -> int:
    from central.commands.noting import note_list  # loads what the other verbs need not

    if not 1 <= given.limit <= MOST_ROWS:
        raise ConfigError.one("--limit", f"must be 1 to {MOST_ROWS}")
    settings = load_settings(given.settings)
    wanted = Wanted(station=given.station, lane=given.lane, status=given.status)
    note_list(
        settings,
        console.clock,
        of="plates",
        station=given.station,
        lane=given.lane,
        status=given.status,
    )
    with open_database(settings) as database:
        found = Readings(database, register=register(settings)).newest(wanted, most=given.limit)
    write_rows([plate_line(one) for one in found], COLUMNS, as_json=given.json)
    return 0
