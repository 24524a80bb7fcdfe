"""Composition root of the station, and the verbs of weighpost-station."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from journal import enrol_verb
from journal.clock import SystemClock
from journal.console import Console, end
from kernel.errors import WeighpostError
from station.commands import docking, footage, keeping, listings, people, plates, recorders, running


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="weighpost-station", description="A staffed weigh station and its tablets."
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for part in (running, people, listings, plates, docking, footage, recorders, keeping):
        part.add(verbs)
    enrol_verb.add(verbs, store=True)
    given = parser.parse_args(arguments)
    try:
        return int(given.run(given, Console(clock=SystemClock())))
    except (WeighpostError, ExceptionGroup) as error:
        return end(error, program="weighpost-station")


if __name__ == "__main__":
    raise SystemExit(main())
