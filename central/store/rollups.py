"""Counts by station, lane and hour, kept in the transaction of the ingest, and their recount from the entries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from central.store import schema
from central.store.projections import Read, Register, Row, read, rollup_rows
from journal.store import Accepted
from kernel.events import JournalRecovered, VehicleWeighed
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


def recount(connection: Connection, *, register: Register) -> Recount:
    """Fold over all weighings that are not in quarantine and compare with what is kept."""
    sums: dict[tuple[Any, ...], int] = {}
    entries = without_body = 0
    for accepted in _weighings(connection):
        item = read(accepted, register=register)
        if accepted.header.stream == JournalRecovered.stream and not _is_a_weighing(connection, item):
            continue
        entries += 1
        without_body += accepted.body is None
        for row in rollup_rows([item]):
            key = tuple(row[name] for name in _KEY)
            sums[key] = sums.get(key, 0) + 1
    kept = {tuple(row[:4]): row[4] for row in connection.execute(_kept())}
    differences = tuple(
        Difference(**dict(zip(_KEY, key, strict=True)), counted=kept.get(key, 0), entries=sums.get(key, 0))
        for key in sorted(sums.keys() | kept.keys())
        if kept.get(key, 0) != sums.get(key, 0)
    )
    return Recount(entries=entries, without_body=without_body, differences=differences)


def _is_a_weighing(connection: Connection, item: Read) -> bool:
    """A recovered one that counts: its first identity is not here, and no other successor told it before."""
    if item.old is None or not isinstance(item.body, VehicleWeighed):
        return False
    entry, retold = schema.entry, schema.retold
    first = select(entry.c.seq).where(entry.c.journal == item.old.journal, entry.c.seq == item.old.seq)
    told = select(retold.c.seq).where(
        retold.c.box == item.entry.box,
        retold.c.journal == item.old.journal,
        retold.c.seq == item.old.seq,
        retold.c.by_journal == item.entry.header.journal,
        retold.c.by_seq == item.entry.seq,
    )
    return connection.execute(first).first() is None and connection.execute(told).first() is not None


def _kept() -> Any:
    table = schema.rollup_hour.c
    return select(table.station, table.lane, table.hour_ms, table.outcome, table.passages)


def _weighings(connection: Connection) -> Iterator[Accepted]:
    entry, body, quarantine = schema.entry, schema.body, schema.quarantine
    same_body = (body.c.journal == entry.c.journal) & (body.c.seq == entry.c.seq)
    same_fault = (quarantine.c.journal == entry.c.journal) & (quarantine.c.seq == entry.c.seq)
    query = (
        select(entry, body.c.salt, body.c.body)
        .select_from(entry.outerjoin(body, same_body).outerjoin(quarantine, same_fault))
        .where(
            entry.c.stream.in_((VehicleWeighed.stream, JournalRecovered.stream)),
            quarantine.c.reason.is_(None),
        )
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
