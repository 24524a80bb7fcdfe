"""Which holds of the centre a box does not keep yet, by its own word."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, Row, func, select

from central.store import schema
from central.store.acting import ANY_BOX, PASSAGE, RELEASED
from central.store.engines import Database
from kernel.events import RecordHeld

MOST = 500


class Holds:
    """Blocking."""

    def __init__(self, database: Database) -> None:
        self._reader: Engine = database.reader

    def wanted(self, box: str, *, now_ms: int) -> list[RecordHeld]:
        """Holds of passages of this box, and their ends, that the box has still to say, the newest first.

        A hold counts as the box's own in a journal that goes on: one that came to an end may have taken it along.
        """
        centre, own = schema.hold.alias("centre"), schema.hold.alias("own")
        passage, head = schema.passage, schema.head
        name = func.substr(centre.c.thing, len(PASSAGE) + 1)
        query = (
            select(
                passage.c.passage,
                centre.c.by,
                centre.c.reason,
                centre.c.until_ms,
                own.c.thing.is_not(None).label("said"),
                own.c.by.label("own_by"),
                own.c.reason.label("own_reason"),
                own.c.until_ms.label("own_until_ms"),
                head.c.state.label("own_state"),
            )
            .select_from(
                centre.join(passage, passage.c.passage == name)
                .outerjoin(own, (own.c.thing == centre.c.thing) & (own.c.box == box))
                .outerjoin(head, head.c.journal == own.c.journal)
            )
            .where(centre.c.box == ANY_BOX, centre.c.thing.startswith(PASSAGE), passage.c.box == box)
            .order_by(centre.c.at_ms.desc(), centre.c.thing)
        )
        with self._reader.connect() as connection:
            rows = connection.execute(query).all()
        return [_body(row) for row in rows if not _is_settled(row, now_ms)][:MOST]


def _is_settled(row: Row[Any], now_ms: int) -> bool:
    if row.until_ms == RELEASED:
        return not (row.said and _is_in_force(row.own_until_ms, now_ms))
    if not _is_in_force(row.until_ms, now_ms):
        return True  # the box counts the days itself; a longer one of before stays there until it is released
    same = (row.by, row.reason, row.until_ms) == (row.own_by, row.own_reason, row.own_until_ms)
    return row.said and same and row.own_state == "open"


def _is_in_force(until_ms: int | None, now_ms: int) -> bool:
    return until_ms is None or until_ms > now_ms


def _body(row: Row[Any]) -> RecordHeld:
    released = row.until_ms == RELEASED
    return RecordHeld(
        act="released" if released else "held",
        passage=row.passage,
        by=row.by,
        reason=row.reason,
        until_ms=None if released else row.until_ms,
    )
