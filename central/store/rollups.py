"""Counts by station, lane and hour, kept in the transaction of the ingest, and their recount from the entries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, exists, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from central.store import schema
from central.store.cancelling import cancelled
from central.store.projections import (
    HOUR_MS,
    Check,
    Dated,
    Read,
    Register,
    Row,
    check_of,
    is_undated,
    passage_of,
    read,
    rollup_rows,
)
from journal.store import Accepted
from kernel.events import ClockChecked, JournalRecovered, VehicleWeighed
from kernel.evidence import header

_KEY = ("station", "lane", "hour_ms", "outcome")
_CHUNK = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """An hour whose count is not what its entries say."""

    station: str
    lane: str
    hour_ms: int
    outcome: str
    counted: int
    entries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recount:
    """`without_body` weighings can be counted no more: their bodies were erased or never sent."""

    entries: int
    without_body: int
    differences: tuple[Difference, ...]


def add(connection: Connection, rows: Sequence[Row]) -> None:
    """Add to the counts; rows come sorted by key."""
    if rows:
        connection.execute(_add(connection.dialect.name), list(rows))


@cache
def _add(dialect: str) -> Any:
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    statement: Any = insert(schema.rollup_hour)
    table, fresh = schema.rollup_hour.c, statement.excluded
    return statement.on_conflict_do_update(
        index_elements=_KEY,
        set_={"passages": table.passages + fresh.passages, "suspected": table.suspected + fresh.suspected},
    )


def recount(
    connection: Connection, *, register: Register, hours_ms: Collection[int] | None = None
) -> Recount:
    """Fold over the weighings that count and compare with what is kept; of some hours, or of all.

    What is in quarantine does not count, nor what the weigher took back.
    """
    sums: Counter[tuple[Any, ...]] = Counter()
    waiting: list[Read] = []
    entries = without_body = 0
    gone = cancelled(connection)
    for accepted in _weighings(connection, hours_ms):
        item = read(accepted, register=register)
        if (item.entry.box, passage_of(item.body)) in gone or not _counts(connection, item):
            continue
        entries += 1
        without_body += accepted.body is None
        if is_undated(item):
            waiting.append(item)
        else:
            sums.update(_keys(item))
    for item in _dated(connection, waiting, register):
        sums.update(_keys(item))
    return Recount(
        entries=entries, without_body=without_body, differences=_differences(connection, sums, hours_ms)
    )


def _keys(item: Read) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in _KEY) for row in rollup_rows([item])]


def _differences(
    connection: Connection, sums: Mapping[tuple[Any, ...], int], hours_ms: Collection[int] | None
) -> tuple[Difference, ...]:
    kept = {tuple(row[:4]): row[4] for row in connection.execute(_kept())}
    return tuple(
        Difference(**dict(zip(_KEY, key, strict=True)), counted=kept.get(key, 0), entries=sums.get(key, 0))
        for key in sorted(sums.keys() | kept.keys())
        if kept.get(key, 0) != sums.get(key, 0) and (hours_ms is None or key[2] in hours_ms)
    )


def _dated(connection: Connection, waiting: Sequence[Read], register: Register) -> Iterator[Read]:
    """Weighings by a clock that nobody had set, with the first check of their boot that the entries hold."""
    boots = {(item.entry.box, item.entry.header.boot) for item in waiting}
    checks: dict[tuple[str, str], list[Check]] = {boot: [] for boot in boots}
    for accepted in _entries(connection, (ClockChecked.stream, JournalRecovered.stream)) if boots else ():
        check = check_of(read(accepted, register=register))
        if check is not None and (check.box, check.boot) in boots:
            checks[(check.box, check.boot)].append(check)
    for item in waiting:
        mono_ms = item.entry.header.mono_ms
        after = [c for c in checks[(item.entry.box, item.entry.header.boot)] if c.mono_ms >= mono_ms]
        first = min(after, key=lambda check: check.mono_ms, default=None)
        yield replace(item, dated=Dated(at_ms=first.at(mono_ms), mono_ms=first.mono_ms)) if first else item


def _counts(connection: Connection, item: Read) -> bool:
    """A recovered one counts when it was the first to tell what its predecessor had to say."""
    if item.old is None:
        return item.entry.header.stream == VehicleWeighed.stream
    if not isinstance(item.body, VehicleWeighed):
        return False
    retold = schema.retold
    told = select(retold.c.seq).where(
        retold.c.box == item.entry.box,
        retold.c.journal == item.old.journal,
        retold.c.seq == item.old.seq,
        retold.c.by_journal == item.entry.header.journal,
        retold.c.by_seq == item.entry.seq,
    )
    return connection.execute(told).first() is not None


def _kept() -> Any:
    table = schema.rollup_hour.c
    return select(table.station, table.lane, table.hour_ms, table.outcome, table.passages)


def _weighings(connection: Connection, hours_ms: Collection[int] | None) -> Iterator[Accepted]:
    entry, retold = schema.entry, schema.retold
    said_again = exists().where(
        retold.c.box == entry.c.box, retold.c.journal == entry.c.journal, retold.c.seq == entry.c.seq
    )
    rules: list[ColumnElement[bool]] = [or_(entry.c.stream == JournalRecovered.stream, ~said_again)]
    if hours_ms is not None:
        rules.append(_may_fall_into(hours_ms))
    yield from _entries(connection, (VehicleWeighed.stream, JournalRecovered.stream), *rules)


def _may_fall_into(hours_ms: Collection[int]) -> ColumnElement[bool]:
    """By its own time, by that of its receipt, or by a check of the clock."""
    entry, passage = schema.entry, schema.passage
    dated = exists().where(
        passage.c.journal == entry.c.journal, passage.c.seq == entry.c.seq, passage.c.boot.is_not(None)
    )
    times = [
        column.between(hour_ms, hour_ms + HOUR_MS - 1)
        for hour_ms in sorted(hours_ms)
        for column in (entry.c.at_ms, entry.c.received_ms)
    ]
    return or_(entry.c.stream == JournalRecovered.stream, dated, *times)


def _entries(
    connection: Connection, streams: Sequence[str], *rules: ColumnElement[bool]
) -> Iterator[Accepted]:
    """Those that are not in quarantine."""
    entry, body, quarantine = schema.entry, schema.body, schema.quarantine
    same_body = (body.c.journal == entry.c.journal) & (body.c.seq == entry.c.seq)
    same_fault = (quarantine.c.journal == entry.c.journal) & (quarantine.c.seq == entry.c.seq)
    query = (
        select(entry, body.c.salt, body.c.body)
        .select_from(entry.outerjoin(body, same_body).outerjoin(quarantine, same_fault))
        .where(entry.c.stream.in_(streams), quarantine.c.reason.is_(None), *rules)
        .order_by(entry.c.journal, entry.c.seq)
        .execution_options(yield_per=_CHUNK)
    )
    for row in connection.execute(query).mappings():
        yield as_accepted(dict(row))


def as_accepted(row: Mapping[str, Any]) -> Accepted:
    """A stored entry as it was when it was accepted."""
    return Accepted(
        box=row["box"],
        seq=row["seq"],
        leaf=row["leaf"],
        header_bytes=row["header"],
        header=header.decode(row["header"]),
        salt=row["salt"],
        body=row["body"],
        absent=row["absent"],
        received_ms=row["received_ms"],
    )
