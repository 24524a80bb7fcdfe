"""Composition root of the centre, and the verbs of weighpost-central."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from central.commands import (
    acts,
    backups,
    evidence,
    instruments,
    keys,
    listings,
    people,
    plates,
    running,
    speakers,
)
from journal.clock import SystemClock
from journal.console import Console, end
from kernel.errors import WeighpostError


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="weighpost-central", description="The centre of a county's weigh stations."
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for part in (running, keys, speakers, people, listings, plates, acts, instruments, evidence, backups):
        part.add(verbs)
    given = parser.parse_args(arguments)
    try:
        return int(given.run(given, Console(clock=SystemClock())))
    except (WeighpostError, ExceptionGroup) as error:
        return end(error, program="weighpost-central")


if __name__ == "__main__":
    raise SystemExit(main())
