"""Simulated plates by condition, voted over bursts: read right, left unread, and read as what is not there.

The pictures are rendered: a share measured on them is an upper bound of what a real lane reaches.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import cv2

from tests.support.plate_traffic import CONDITIONS, Lane, Tally, sides

EACH, EACH_FULL = 10, 250
SEED = 2_018  # nothing is tuned on the sides of this seed
SILENT = ("foreign", "no plate")  # right is to read nothing
Row = dict[str, Any]


def run(*, full: bool) -> list[Row]:
    cv2.setNumThreads(1)
    lane, count = Lane(), EACH_FULL if full else EACH
    tallies = {condition: _tally(lane, condition, count) for condition in CONDITIONS}
    return [*(row for name, tally in tallies.items() for row in _rows(name, tally)), *_together(tallies)]


def _tally(lane: Lane, condition: str, count: int) -> Tally:
    tally = Tally()
    for shown in sides(condition, count, seed=SEED):
        tally.add(shown, lane.read(shown, clock_ms=_cpu_ms, tally=tally))
    return tally


def _cpu_ms() -> float:
    return time.process_time_ns() / 1e6


def _rows(condition: str, tally: Tally) -> Iterator[Row]:
    wrong, n = len(tally.wrong or ()), tally.sides
    what = "rightly not read" if condition in SILENT else "read right"
    against = f"unread {tally.unread} of {n}, wrong {wrong} of {n}"
    yield _row(f"{condition}: {what}, of {n} sides", 100 * tally.right / n, "%", against)
    yield _row(f"{condition}: CPU a picture, of {tally.pictures}", tally.cpu_ms / tally.pictures, "ms", None)


def _together(tallies: dict[str, Tally]) -> Iterator[Row]:
    wrong = [text for tally in tallies.values() for text in tally.wrong or ()]
    n = sum(tally.sides for tally in tallies.values())
    yield _row(f"all: wrong but confident, of {n} sides", 100 * len(wrong) / n, "%", "; ".join(wrong) or None)


def _row(name: str, value: float, unit: str, against: str | None) -> Row:
    return {
        "name": f"simulated plates, {name}",
        "value": value,
        "unit": unit,
        "ratio": None,
        "baseline": against,
    }
