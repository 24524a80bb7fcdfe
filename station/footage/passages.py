"""The crossings of this station that concern an officer: found over a limit, not decided, or acted on.  Blocking."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from kernel.events import PassageDecided
from kernel.footage.bodies import StepMarked
from kernel.footage.linking import Crossing
from station.footage.index import FootageIndex

EARLIER_MS = 3_600_000  # a clock that was set back meanwhile
Row = tuple[str, str, int, str, int]
# Within its limit and nobody did anything about it: it went by.
_CONCERNS = (
    "journal IS NOT NULL AND (act IS NOT NULL OR confirmed OR (outcome IS NOT 'within' AND NOT taken_back))"
)


class Crossings:
    """Reads the station's store, and in the index which steps were marked."""

    def __init__(self, path: Path, index: FootageIndex) -> None:
        self._path = path
        self._index = index

    def since(self, at_ms: int) -> list[Crossing]:
        """Weighed since then, acted on since then, or with a step marked since then."""
        acted = "SELECT weighed_journal, weighed_seq FROM act WHERE at >= ?"
        marked = {said.body.passage for said in self._index.of(StepMarked, since_ms=at_ms)} - {None}
        where = f"(shown >= ? OR (journal, seq) IN ({acted}) OR passage IN (SELECT value FROM json_each(?)))"  # noqa: S608
        return self._found(where, (at_ms, at_ms, json.dumps(sorted(map(str, marked)))))

    def after(self, place: int) -> list[Crossing]:
        """Those that the station met after that one, in its order."""
        return self._found("place > ?", (place,))

    def newest_of(self, most: int) -> list[Crossing]:
        """The newest that concern somebody, newest first."""
        where = f"place IN (SELECT place FROM passage WHERE {_CONCERNS} ORDER BY shown DESC LIMIT ?)"  # noqa: S608
        return self._found(where, (most,))[::-1]

    def newest(self) -> int:
        """The place of the newest crossing; 0: there is none."""
        with self._reading() as db:
            return int(db.execute("SELECT coalesce(max(place), 0) FROM passage").fetchone()[0])

    def one(self, box: str, passage: str) -> Crossing | None:
        """Whether or not it concerns anybody."""
        with self._reading() as db:
            rows = db.execute(f"{_COLUMNS} WHERE box = ? AND passage = ?", (box, passage)).fetchall()
            marks = [said.body for said in self._index.of(StepMarked, passage=passage)]
            return next(iter(_crossings(db, rows, marks)), None)

    def _found(self, where: str, values: Sequence[int | str]) -> list[Crossing]:
        with self._reading() as db:
            rows = db.execute(f"{_COLUMNS} WHERE {where} AND {_CONCERNS} ORDER BY shown", values).fetchall()
            return list(_crossings(db, rows, self._marks(rows)))

    def _marks(self, rows: Sequence[Row]) -> list[StepMarked]:
        """A step is come to after the weighing, by the same clock."""
        if not rows:
            return []
        since_ms = min(row[2] for row in rows) - EARLIER_MS
        return [said.body for said in self._index.of(StepMarked, since_ms=since_ms)]

    def _reading(self) -> closing[sqlite3.Connection]:
        return closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=30))


_COLUMNS = "SELECT box, passage, shown, journal, seq FROM passage"


def _crossings(
    db: sqlite3.Connection, rows: Iterable[Row], marks: Iterable[StepMarked]
) -> Iterable[Crossing]:
    marked: dict[str, list[StepMarked]] = {}
    for mark in marks:
        marked.setdefault(mark.passage or "", []).append(mark)
    for box, passage, shown, journal, seq in rows:
        acts = db.execute(
            "SELECT body, at FROM act WHERE weighed_journal = ? AND weighed_seq = ? ORDER BY at",
            (journal, seq),
        ).fetchall()
        who = tuple((msgspec.json.decode(body, type=PassageDecided).by, at) for body, at in acts)
        steps = tuple((one.by, one.at_ms) for one in marked.get(passage, ()) if one.box in (None, box))
        yield Crossing(box=box, passage=passage, at_ms=shown, acts=who, steps=steps)
