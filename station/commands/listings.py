"""`queue` and `journals`: what the station holds, for a person or a program."""

from __future__ import annotations

import argparse

from journal.console import Console, Verbs, write_rows
from station.commands.shared import load_settings, needs_settings
from station.queries import Queries

DAY_MS = 86_400_000
QUEUE = (
    "shown_ms",
    "box",
    "passage",
    "tractor",
    "trailer",
    "gross_kg",
    "outcome",
    "suspected",
    "over_kg",
    "act",
    "act_by",
)
JOURNALS = ("journal", "box", "process", "state", "size", "kept")


def add(verbs: Verbs) -> None:
    queue = verbs.add_parser("queue", help="crossings of the last day, as the tablets show them")
    queue.add_argument("--waiting", action="store_true", help="only those that wait for somebody")
    queue.set_defaults(run=_queue)
    journals = verbs.add_parser("journals", help="the lanes' journals in custody here")
    journals.set_defaults(run=_journals)
    for parser in (queue, journals):
        parser.add_argument("--json", action="store_true")
        needs_settings(parser)


def _queue(arguments: argparse.Namespace, console: Console) -> int:
    queries = _queries(arguments)
    rows = queries.queue(since_ms=console.clock.now_ms() - DAY_MS, most=10_000)
    wanted = [row for row in rows if row.waits or not arguments.waiting]
    write_rows(wanted, QUEUE, as_json=arguments.json)
    return 0


def _journals(arguments: argparse.Namespace, _console: Console) -> int:
    write_rows(_queries(arguments).journals(), JOURNALS, as_json=arguments.json)
    return 0


def _queries(arguments: argparse.Namespace) -> Queries:
    return Queries(load_settings(arguments.settings).folder / "station.db")
