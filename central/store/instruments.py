"""What boxes say of their scales, as rows; and what the centre says of them, until a box has accepted it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, Engine, select

from central.store import schema
from central.store.engines import Database, upsert
from central.store.projections import Read, Row
from kernel.events import (
    STREAMS,
    Body,
    CommandAccepted,
    InstrumentCertified,
    InstrumentChanged,
    InstrumentOrdered,
    ScaleChecked,
    ScaleDrifted,
    ShiftOpened,
)
from kernel.evidence.commands import INSTRUMENT

Fact = InstrumentCertified | InstrumentChanged | ShiftOpened | ScaleChecked | ScaleDrifted
LASTING = (InstrumentCertified.stream, InstrumentChanged.stream)
RECENT = (ShiftOpened.stream, ScaleChecked.stream, ScaleDrifted.stream)
MOST = 500  # of those that do not last


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

    def facts(self, box: str, *, device: str | None = None) -> tuple[Body, ...]:
        """Every certificate and change of its scales, and the newest of what does not last; oldest first."""
        table = schema.instrument_fact
        query = select(table.c.stream, table.c.said, table.c.at_ms).where(table.c.box == box)
        if device is not None:
            query = query.where(table.c.device == device)
        lasting = query.where(table.c.stream.in_(LASTING))
        recent = query.where(table.c.stream.in_(RECENT)).order_by(table.c.at_ms.desc()).limit(MOST)
        with self._reader.connect() as connection:
            rows = [*connection.execute(lasting), *connection.execute(recent)]
        rows.sort(key=lambda row: row.at_ms)
        return tuple(msgspec.json.decode(row.said, type=STREAMS[row.stream].body) for row in rows)

    def is_lane(self, box: str) -> bool:
        """Whether a journal of a lane of this box is known."""
        head = schema.head
        query = select(head.c.box).where(head.c.box == box, head.c.process == "edge").limit(1)
        with self._reader.connect() as connection:
            return connection.execute(query).first() is not None

    def waiting(self, box: str, *, since_ms: int) -> list[tuple[tuple[str, str], ...]]:
        """Arguments of what was ordered since then and not accepted, oldest first."""
        table = schema.instrument_order
        query = (
            select(table.c.args)
            .where(table.c.box == box, table.c.accepted_ms.is_(None), table.c.ordered_ms >= since_ms)
            .order_by(table.c.ordered_ms, table.c.id)
        )
        with self._reader.connect() as connection:
            found = connection.execute(query).scalars()
            return [msgspec.json.decode(args, type=tuple[tuple[str, str], ...]) for args in found]
