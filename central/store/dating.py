"""When it was, of weighings whose clock nobody had set: a later check of the clock dates what its boot said before.

The first check at or after an entry, by the machine's own count since its boot, dates it; in whatever order they come.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sqlalchemy import Connection, bindparam, or_, select, update

from central.live import Change
from central.store import schema
from central.store.engines import Database, upsert
from central.store.projections import Check, Dated, Read, Row, check_of, hour_row, is_undated, shown_ms
from central.store.rollups import add


def with_dates(connection: Connection, reads: Sequence[Read]) -> list[Read]:
    """Undated weighings, dated by the checks that are here already or come with them."""
    keep_checks(connection, reads)
    return [
        replace(item, dated=_first_check(connection, item)) if is_undated(item) else item for item in reads
    ]


def keep_checks(connection: Connection, reads: Iterable[Read]) -> None:
    checks = [check for item in reads if (check := check_of(item)) is not None]
    rows = [
        {"box": c.box, "boot": c.boot, "mono_ms": c.mono_ms, "true_ms": c.true_ms}
        for c in sorted(checks, key=lambda check: (check.box, check.boot, check.mono_ms))
    ]
    upsert(connection, schema.clock_check, rows, update=())


def date_earlier(connection: Connection, check: Check) -> tuple[list[Row], list[Change]]:
    """Date what waits for this check: what that moves between the hours, and which passages have changed."""
    passage = schema.passage.c
    query = select(
        passage.box,
        passage.passage,
        passage.station,
        passage.lane,
        passage.outcome,
        passage.suspected,
        passage.shown_ms,
        passage.received_ms,
        passage.mono_ms,
        passage.taken_back,
    ).where(
        passage.box == check.box,
        passage.boot == check.boot,
        passage.mono_ms <= check.mono_ms,
        or_(passage.dated_mono_ms.is_(None), passage.dated_mono_ms > check.mono_ms),
    )
    found = list(connection.execute(query).mappings())
    if not found:
        return [], []
    moves: list[Row] = []
    rows: list[Row] = []
    for row in found:
        now_ms = shown_ms(check.at(row["mono_ms"]), row["received_ms"])
        if not row["taken_back"]:
            moves += [hour_row(row, row["shown_ms"], -1), hour_row(row, now_ms, 1)]
        rows.append({"in_box": row["box"], "in_passage": row["passage"], "now_ms": now_ms})
    statement = (
        update(schema.passage)
        .where(passage.box == bindparam("in_box"), passage.passage == bindparam("in_passage"))
        .values(shown_ms=bindparam("now_ms"), dated_mono_ms=check.mono_ms)
    )
    connection.execute(statement, rows)
    changes = [
        Change(kind="passage", key=(row["box"], row["passage"]), at_ms=row["received_ms"]) for row in found
    ]
    return moves, changes


def summed(rows: Iterable[Row]) -> list[Row]:
    """Rows of counts by key, in the order in which writers lock them; what comes to nothing is left out."""
    sums: dict[tuple[str, str, int, str], list[int]] = {}
    for row in rows:
        count = sums.setdefault((row["station"], row["lane"], row["hour_ms"], row["outcome"]), [0, 0])
        count[0] += row["passages"]
        count[1] += row["suspected"]
    return [
        dict(zip(("station", "lane", "hour_ms", "outcome"), key, strict=True))
        | {"passages": passages, "suspected": suspected}
        for key, (passages, suspected) in sorted(sums.items())
        if passages or suspected
    ]


def settle(database: Database) -> int:
    """Date what still waits although its check is here, as after an upgrade; how many passages.  Blocking."""
    table = schema.clock_check
    waiting = (
        select(table)
        .join(
            schema.passage,
            (schema.passage.c.box == table.c.box)
            & (schema.passage.c.boot == table.c.boot)
            & (schema.passage.c.mono_ms <= table.c.mono_ms)
            & schema.passage.c.dated_mono_ms.is_(None),
        )
        .distinct()
        .order_by(table.c.box, table.c.boot, table.c.mono_ms)
    )
    with database.writer.begin() as connection:
        moves: list[Row] = []
        changes: list[Change] = []
        for row in connection.execute(waiting).mappings().all():
            moved, changed = date_earlier(connection, Check(**row))
            moves += moved
            changes += changed
        add(connection, summed(moves))
    return len(changes)


def _first_check(connection: Connection, item: Read) -> Dated | None:
    table = schema.clock_check.c
    query = (
        select(schema.clock_check)
        .where(
            table.box == item.entry.box,
            table.boot == item.entry.header.boot,
            table.mono_ms >= item.entry.header.mono_ms,
        )
        .order_by(table.mono_ms)
        .limit(1)
    )
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        return None
    check = Check(**row)
    return Dated(at_ms=check.at(item.entry.header.mono_ms), mono_ms=check.mono_ms)
