"""`footage ...`: what is said of footage at this station, for a person or a program."""

from __future__ import annotations

from journal.console import Verbs
from station.commands import links


def add(verbs: Verbs) -> None:
    footage = verbs.add_parser("footage", help="recordings of recorders, and what was made and said of them")
    kinds = footage.add_subparsers(required=True, metavar="VERB")
    links.add_to(kinds)
