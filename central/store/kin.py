"""Where the same body lies more than once: an entry, and what successors of its journal have told again of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import Connection, or_, select, tuple_

from central.store import schema
from central.store.staying import Place

_AT_ONCE = 400  # places in one question, well below what either engine takes


def kin_of(connection: Connection, places: Collection[Place]) -> dict[Place, frozenset[Place]]:
    """These and all that share a body with them, here or not; each with its whole group, itself among it."""
    near: dict[Place, set[Place]] = {place: {place} for place in places}
    fresh = set(near)
    while fresh:
        known = set(near)
        for first, again in _pairs(connection, fresh):
            near.setdefault(first, {first}).add(again)
            near.setdefault(again, {again}).add(first)
        fresh = near.keys() - known
    return _groups(near)


def boxes_of(connection: Connection, places: Collection[Place]) -> dict[Place, str]:
    """Whose those are that are here."""
    entry = schema.entry
    here, query = tuple_(entry.c.journal, entry.c.seq), select(entry.c.journal, entry.c.seq, entry.c.box)
    return {
        (row.journal, row.seq): row.box
        for some in _parts(places)
        for row in connection.execute(query.where(here.in_(some)))
    }


def _pairs(connection: Connection, places: Collection[Place]) -> list[tuple[Place, Place]]:
    table = schema.copied
    first, again = tuple_(table.c.journal, table.c.seq), tuple_(table.c.by_journal, table.c.by_seq)
    return [
        ((row.journal, row.seq), (row.by_journal, row.by_seq))
        for some in _parts(places)
        for row in connection.execute(select(table).where(or_(first.in_(some), again.in_(some))))
    ]


def _groups(near: dict[Place, set[Place]]) -> dict[Place, frozenset[Place]]:
    groups: dict[Place, frozenset[Place]] = {}
    for place in near:
        if place not in groups:
            group = _reached(near, place)
            groups |= dict.fromkeys(group, group)
    return groups


def _reached(near: dict[Place, set[Place]], start: Place) -> frozenset[Place]:
    reached, fresh = {start}, {start}
    while fresh:
        fresh = {other for place in fresh for other in near[place]} - reached
        reached |= fresh
    return frozenset(reached)


def _parts(places: Iterable[Place]) -> Iterable[list[Place]]:
    ordered = sorted(places)
    return (ordered[at : at + _AT_ONCE] for at in range(0, len(ordered), _AT_ONCE))
