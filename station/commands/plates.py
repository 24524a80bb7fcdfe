"""`plates`: the newest readings of the lanes, for a person or a program on the station's own machine."""

from __future__ import annotations

import argparse

from journal.console import Console, Verbs, write_rows
from kernel.errors import ConfigError
from kernel.vocabulary import PLATE_STATUS
from station.commands.shared import load_settings, needs_settings
from station.plates import LOOKED_THROUGH, NEWEST, Plates, plate_line

COLUMNS = ("shown_ms", "box", "passage", "role", "status", "text", "said", "score_permille")


def add(verbs: Verbs) -> None:
    parser = verbs.add_parser("plates", help="the newest readings of plates, with what people say they are")
    parser.add_argument("--lane", metavar="BOX", help="only those of this lane's box")
    parser.add_argument("--status", choices=tuple(PLATE_STATUS))
    parser.add_argument("--limit", type=int, default=NEWEST)
    parser.add_argument("--json", action="store_true")
    needs_settings(parser)
    parser.set_defaults(run=_plates)


def _plates(given: argparse.Namespace, _console: Console) -> int:
    if not 1 <= given.limit <= LOOKED_THROUGH:
        raise ConfigError.one("--limit", f"must be 1 to {LOOKED_THROUGH}")
    settings = load_settings(given.settings)
    if given.lane is not None and settings.lane(given.lane) is None:
        raise ConfigError.one("--lane", f"is no box of the settings: {given.lane}")
    store = Plates(settings.folder / "station.db")
    found = store.newest(box=given.lane, status=given.status, most=given.limit)
    write_rows([plate_line(one) for one in found], COLUMNS, as_json=given.json)
    return 0
