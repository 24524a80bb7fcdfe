"""`make faults`: takes things away from the system while it works, and counts what was lost, doubled or torn."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.faults import heavy, story
from tests.faults.heavy import Whole
from tests.faults.mutants import MUTANTS
from tests.faults.rows import Row, lines
from tests.faults.suite import CASES, Case, Plan, play


def main() -> int:
    given = _arguments()
    whole_cases = _whole(given)
    with tempfile.TemporaryDirectory(prefix="weighpost-faults-") as folder:
        rows = asyncio.run(play(_plan(given), say=_say))
        whole = asyncio.run(
            heavy.play(whole_cases, folder=given.folder or Path(folder), seed=given.seed, say=_say)
        )
    report = _report(rows, whole, partly=bool(given.only))
    given.out.parent.mkdir(exist_ok=True)
    given.out.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n")
    for line in lines([*rows, *whole.rows]):
        _say(line)
    _say(f"{'good' if report['good'] else 'BAD'}; written to {given.out}")
    return 0 if report["good"] else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--full", action="store_true", help="all rounds, and the whole system too")
    parser.add_argument("--whole", action="store_true", help="the whole system's cases only")
    parser.add_argument("--only", default="", help="part of a case's name")
    parser.add_argument("--mutant", choices=MUTANTS, help="leave this out of the system and see it caught")
    parser.add_argument("--no-baseline", action="store_true", help="without the naive uplink")
    parser.add_argument("--at-once", type=int, default=6, help="cases played at the same time")
    parser.add_argument("--out", type=Path, default=Path("build/faults.json"))
    parser.add_argument("--folder", type=Path, help="keep everything here")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def _plan(given: argparse.Namespace) -> Plan:
    return Plan(
        cases=[] if given.whole else _light(given),
        seed=given.seed,
        full=given.full,
        baseline=not given.no_baseline,
        mutant=given.mutant,
        at_once=given.at_once,
        keep=given.folder,
    )


def _light(given: argparse.Namespace) -> list[Case]:
    return [
        case
        for case in CASES
        if given.only in case.name and (given.mutant is None or case.caught == given.mutant)
    ]


def _whole(given: argparse.Namespace) -> Sequence[story.Case]:
    if given.mutant or not (given.full or given.whole):
        return ()
    cases = story.full() if given.full else story.short()
    return [case for case in cases if given.only in f"whole: {case.name}"]


def _report(rows: Sequence[Row], whole: Whole, *, partly: bool) -> dict[str, Any]:
    """Nothing of ours may be bad; and where all cases were played a naive uplink must lose, or the suite sees nothing."""
    ours = [row for row in (*rows, *whole.rows) if not row.baseline]
    naive = [row for row in rows if row.baseline]
    seen = sum(row.counts.lost for row in naive)
    return {
        "good": all(row.good for row in ours) and whole.good and (seen > 0 or partly or not naive),
        "cases": [row.table() for row in (*rows, *whole.rows)],
        "lost_by_the_naive_uplink": seen,
        "whole_system": whole.other,
        "machine": {"cores": os.cpu_count(), "load": os.getloadavg()[0]},
    }


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
