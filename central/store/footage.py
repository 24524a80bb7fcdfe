"""What stations say of footage: which crossings it belongs to, the spans that came, and the marks on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, select

from central.live import Change
from central.store import schema
from central.store.engines import upsert
from central.store.projections import LONGEST_NAME, Read, Row, place
from central.views import PassageRow
from kernel.footage.bodies import FootageDerived, FootageLinked, FootageTagged


def project_footage(connection: Connection, reads: Sequence[Read]) -> list[Change]:
    """Inside the transaction that takes them in; the crossings that are shown differently because of them."""
    rows = [row for item in reads if (row := _row(item)) is not None]
    upsert(connection, schema.footage, rows, update=())
    received = {(r.entry.header.journal, r.entry.seq): r.entry.received_ms for r in reads}
    return [
        Change(kind="passage", key=(row["box"], row["passage"]), at_ms=received[(row["journal"], row["seq"])])
        for row in rows
        if row["box"] is not None and row["passage"] is not None
    ]


def said_of(connection: Connection, row: PassageRow) -> list[tuple[str, int]]:
    """The entries in which its own station speaks of this crossing's footage, in the order in which it said them."""
    table = schema.footage
    query = select(table.c.journal, table.c.seq).where(
        table.c.box == row.box, table.c.passage == row.passage, table.c.station == row.station
    )
    return _places(connection, query)


def marks_on(connection: Connection, digests: Sequence[str], *, station: str) -> list[tuple[str, int]]:
    """The entries in which a station marks one of these recordings."""
    table = schema.footage
    query = select(table.c.journal, table.c.seq).where(
        table.c.stream == FootageTagged.stream, table.c.sha256.in_(digests), table.c.station == station
    )
    return _places(connection, query)


def _places(connection: Connection, query: Select[Any]) -> list[tuple[str, int]]:
    table = schema.footage
    ordered = query.order_by(table.c.at_ms, table.c.journal, table.c.seq)
    return [(found.journal, found.seq) for found in connection.execute(ordered)]


def _row(item: Read) -> Row | None:
    match item.body:
        case FootageTagged(sha256=sha256):
            return _said(item, sha256)
        case FootageLinked(sha256=sha256, box=box, passage=passage):
            return _said(item, sha256, box=box, passage=passage)
        case FootageDerived(sha256=sha256, sources=sources, box=box, passage=passage):
            return _said(item, sources[0] if sources else sha256, box=box, passage=passage)
    return None


def _said(item: Read, sha256: str, *, box: str | None = None, passage: str | None = None) -> Row:
    head = item.entry.header
    return {
        "journal": head.journal,
        "seq": item.entry.seq,
        "station": place(head.source)[0],
        "stream": head.stream,
        "at_ms": head.at,
        "sha256": sha256,
        "box": _name(box),
        "passage": _name(passage),
    }


def _name(text: str | None) -> str | None:
    """What is longer is no name of ours: it is held and found by nobody."""
    return text if text is not None and len(text) <= LONGEST_NAME else None
