"""Which entries are the evidence of a crossing or a case: what was seen, what was done about it, what was erased."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, or_, select, tuple_

from central.store import schema
from central.store.engines import Database

Place = tuple[str, int]  # journal, seq
MOST_AT_ONCE = 400  # places in one question, well below what either engine takes


@dataclass(frozen=True, slots=True, kw_only=True)
class Belongings:
    """`first` is the weighing, or the first entry of the case that is here; `acts` put entries into the case."""

    first: Place
    places: frozenset[Place]
    acts: frozenset[Place] = frozenset()


class Belonging:
    """Blocking, read only; every call is one read transaction."""

    def __init__(self, database: Database) -> None:
        self._engine = database.reader

    def of_passage(self, box: str, passage: str) -> Belongings | None:
        """None when it is unknown or was not weighed."""
        table = schema.passage
        query = select(table.c.journal, table.c.seq).where(table.c.box == box, table.c.passage == passage)
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
            if row is None or row.journal is None or row.seq is None:
                return None
            places = _with_acts(connection, {(row.journal, row.seq), *_of_passage(connection, box, passage)})
            return Belongings(
                first=(row.journal, row.seq), places=frozenset(places | _erasures(connection, places))
            )

    def of_case(self, case: str) -> Belongings | None:
        """Everything about every crossing that the case has an entry of.  None when nothing of it is here."""
        table = schema.case_entry
        query = (
            select(table.c.journal, table.c.seq, table.c.by_journal, table.c.by_seq)
            .where(table.c.case_id == case)
            .order_by(table.c.by_journal, table.c.by_seq, table.c.journal, table.c.seq)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
            named = [(row.journal, row.seq) for row in rows]
            acts = {(row.by_journal, row.by_seq) for row in rows}
            here = _here(connection, named)
            if not here:
                return None
            places = {*here, *acts}
            for box, passage in sorted(_passages_of(connection, named)):
                places |= _of_passage(connection, box, passage)
            places = _with_acts(connection, places)
            return Belongings(
                first=next(place for place in named if place in here),
                places=frozenset(places | _erasures(connection, places)),
                acts=frozenset(acts),
            )

    def predecessor(self, journal: str) -> str | None:
        """The journal that this one continues, if it is here."""
        head = schema.head
        before = select(head.c.predecessor).where(head.c.journal == journal).scalar_subquery()
        with self._engine.connect() as connection:
            found = connection.execute(select(head.c.journal).where(head.c.journal == before))
            return found.scalar_one_or_none()


def _of_passage(connection: Connection, box: str, passage: str) -> set[Place]:
    table = schema.passage_entry
    query = select(table.c.journal, table.c.seq).where(table.c.box == box, table.c.passage == passage)
    said = {(row.journal, row.seq) for row in connection.execute(query)}
    return said | _footage_of(connection, box, passage)


def _footage_of(connection: Connection, box: str, passage: str) -> set[Place]:
    """What its own station says of recorders' films of it."""
    table, crossing = schema.footage, schema.passage
    same = (crossing.c.box == table.c.box) & (crossing.c.passage == table.c.passage)
    query = (
        select(table.c.journal, table.c.seq)
        .select_from(table.join(crossing, same))
        .where(table.c.box == box, table.c.passage == passage, table.c.station == crossing.c.station)
    )
    return {(row.journal, row.seq) for row in connection.execute(query)}


def _passages_of(connection: Connection, places: Sequence[Place]) -> set[tuple[str, str]]:
    table = schema.passage_entry
    here = tuple_(table.c.journal, table.c.seq)
    return {
        (row.box, row.passage)
        for some in _parts(places)
        for row in connection.execute(select(table.c.box, table.c.passage).where(here.in_(some)))
    }


def _here(connection: Connection, places: Sequence[Place]) -> set[Place]:
    table = schema.entry
    here = tuple_(table.c.journal, table.c.seq)
    return {
        (row.journal, row.seq)
        for some in _parts(places)
        for row in connection.execute(select(table.c.journal, table.c.seq).where(here.in_(some)))
    }


def _with_acts(connection: Connection, places: set[Place]) -> set[Place]:
    """And what officers and reviewers did about these, also where they knew them by their first identity."""
    retold = schema.retold
    again = tuple_(retold.c.by_journal, retold.c.by_seq)
    known = set(places)
    for some in _parts(places):
        rows = connection.execute(select(retold.c.journal, retold.c.seq).where(again.in_(some)))
        known |= {(row.journal, row.seq) for row in rows}
    found = set(places)
    for table in (schema.decision, schema.review):
        about = tuple_(table.c.weighed_journal, table.c.weighed_seq)
        for some in _parts(known):
            rows = connection.execute(select(table.c.journal, table.c.seq).where(about.in_(some)))
            found |= {(row.journal, row.seq) for row in rows}
    return found


def _erasures(connection: Connection, places: set[Place]) -> set[Place]:
    """The entries that say which of these bodies and of their files were erased."""
    erasure, file, named = schema.erasure, schema.erased_file, schema.named_file
    bodies = tuple_(erasure.c.journal, erasure.c.seq)
    names = tuple_(named.c.journal, named.c.seq)
    same = (file.c.sha256 == named.c.sha256) & or_(file.c.box == named.c.box, file.c.box == "*")
    found: set[Place] = set()
    for some in _parts(places):
        asked = (
            select(erasure.c.by_journal, erasure.c.by_seq).where(bodies.in_(some)),
            select(file.c.by_journal, file.c.by_seq)
            .select_from(file.join(named, same))
            .where(names.in_(some)),
        )
        for query in asked:
            found |= {(row.by_journal, row.by_seq) for row in connection.execute(query)}
    return found


def _parts(places: Iterable[Place]) -> Iterable[list[Place]]:
    ordered = sorted(places)
    return (ordered[at : at + MOST_AT_ONCE] for at in range(0, len(ordered), MOST_AT_ONCE))
