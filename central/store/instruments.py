"""What boxes say of their scales, as rows; and what the centre says of them, until a box has accepted it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Select, select

from central.store import schema
from central.store.engines import Database, upsert
from central.store.projections import Read, Row
from kernel.events import (
    STREAMS,
    CommandAccepted,
    InstrumentCertified,
    InstrumentChanged,
    InstrumentOrdered,
    ScaleChecked,
    ScaleDrifted,
    ShiftOpened,
)
from kernel.evidence.commands import INSTRUMENT
from kernel.law.instrument_acts import CHANGES

Fact = InstrumentCertified | InstrumentChanged | ShiftOpened | ScaleChecked | ScaleDrifted
LASTING = (InstrumentCertified.stream, InstrumentChanged.stream)
RECENT = (ShiftOpened.stream, ScaleChecked.stream, ScaleDrifted.stream)
MOST = 500  # of those that do not last

Arguments = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the centre said of the scale of a box, as the command has it."""

    args: Arguments
    ordered_ms: int
    accepted_ms: int | None

    def change(self, device: str) -> InstrumentChanged | None:
        """What was done to the scale by that word, from when it counts; None: nothing was."""
        said = dict(self.args)
        for change in CHANGES:
            if said.get("act") == change:
                return InstrumentChanged(
                    device=device,
                    at_ms=int(said.get("at_ms", self.ordered_ms)),
                    change=change,
                    by=said.get("by", ""),
                    seal=said.get("seal", ""),
                    note=said.get("note", ""),
                )
        return None


def project_instruments(connection: Connection, reads: Sequence[Read]) -> None:
    """Inside the transaction that takes them in."""
    facts = [_fact_row(item, item.body) for item in reads if isinstance(item.body, Fact)]
    upsert(connection, schema.instrument_fact, facts, update=())
    for item in reads:
        if isinstance(item.body, InstrumentOrdered):
            upsert(
                connection,
                schema.instrument_order,
                [_order_row(item, item.body)],
                update=("args", "ordered_ms"),
            )
        elif isinstance(item.body, CommandAccepted) and item.body.kind == INSTRUMENT:
            upsert(
                connection, schema.instrument_order, _accepted_rows(item, item.body), update=("accepted_ms",)
            )


def _fact_row(item: Read, body: Fact) -> Row:
    return {
        "journal": item.entry.header.journal,
        "seq": item.entry.seq,
        "box": item.entry.box,
        "device": body.device,
        "stream": body.stream,
        "at_ms": body.at_ms,
        "said": msgspec.json.encode(body).decode(),
    }


def _order_row(item: Read, body: InstrumentOrdered) -> Row:
    return {
        "box": body.box,
        "id": body.id,
        "args": msgspec.json.encode(body.args).decode(),
        "ordered_ms": item.entry.received_ms,
    }


def _accepted_rows(item: Read, body: CommandAccepted) -> list[Row]:
    return [
        {"box": item.entry.box, "id": value, "accepted_ms": item.entry.received_ms}
        for name, value in body.args
        if name == "id"
    ]


class Instruments:
    """Blocking."""

    def __init__(self, database: Database) -> None:
        self._reader: Engine = database.reader

    def facts(self, box: str, *, device: str | None = None) -> tuple[Fact, ...]:
        """Every certificate and change of its scales, and the newest of what does not last; oldest first.

        What the centre has said was done to a scale counts from the moment it named, also before its lane has written it.
        """
        table = schema.instrument_fact
        query = select(table.c.stream, table.c.said).where(table.c.box == box)
        lasting = query.where(table.c.stream.in_(LASTING))
        recent = query.where(table.c.stream.in_(RECENT)).order_by(table.c.at_ms.desc()).limit(MOST)
        if device is not None:
            recent = recent.where(table.c.device == device)
        with self._reader.connect() as connection:
            facts = [*_facts(connection, lasting), *_facts(connection, recent)]
            orders = _orders(connection, box)
        devices = {fact.device for fact in facts} if device is None else {device}
        facts += _unwritten(orders, facts, devices)
        return tuple(sorted((f for f in facts if f.device in devices), key=lambda fact: fact.at_ms))

    def is_lane(self, box: str) -> bool:
        """Whether a journal of a lane of this box is known."""
        head = schema.head
        query = select(head.c.box).where(head.c.box == box, head.c.process == "edge").limit(1)
        with self._reader.connect() as connection:
            return connection.execute(query).first() is not None

    def order(self, box: str, id_: str) -> Order | None:
        """What the centre has said under this id."""
        with self._reader.connect() as connection:
            return next((order for order in _orders(connection, box) if ("id", id_) in order.args), None)

    def waiting(self, box: str, *, since_ms: int) -> list[Order]:
        """What the box has not accepted, oldest first: what was done to its scale, and what else was said since then."""
        with self._reader.connect() as connection:
            orders = _orders(connection, box)
        return [
            order
            for order in orders
            if order.accepted_ms is None and (order.change("") is not None or order.ordered_ms >= since_ms)
        ]


def _facts(connection: Connection, query: Select[Any]) -> list[Fact]:
    rows = connection.execute(query)
    bodies = [msgspec.json.decode(row.said, type=STREAMS[row.stream].body) for row in rows]
    return [body for body in bodies if isinstance(body, Fact)]


def _orders(connection: Connection, box: str) -> list[Order]:
    """What the centre has said, oldest first."""
    table = schema.instrument_order
    query = (
        select(table.c.args, table.c.ordered_ms, table.c.accepted_ms)
        .where(table.c.box == box, table.c.args.is_not(None))
        .order_by(table.c.ordered_ms, table.c.id)
    )
    return [
        Order(
            args=msgspec.json.decode(row.args, type=Arguments),
            ordered_ms=row.ordered_ms,
            accepted_ms=row.accepted_ms,
        )
        for row in connection.execute(query)
    ]


def _unwritten(
    orders: Iterable[Order], facts: Iterable[Fact], devices: Collection[str]
) -> list[InstrumentChanged]:
    """Changes that the centre has said and the lane has not written.

    Only the lane knows which scale it had then: until it says so, a change is one of whatever scale is asked about.
    """
    written = {(f.change, f.at_ms, f.by) for f in facts if isinstance(f, InstrumentChanged)}
    changes = [order.change(device) for order in orders for device in devices]
    return [
        change
        for change in changes
        if change is not None and (change.change, change.at_ms, change.by) not in written
    ]
