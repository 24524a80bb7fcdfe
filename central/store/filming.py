"""Steps, reasons and links of footage that a station says of a crossing of its own lanes: they belong to that crossing."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from central.live import Change
from central.store import schema
from central.store.engines import upsert
from central.store.projections import Read, Register, Row, place
from kernel.footage.bodies import FootageLinked, GapExplained, StepMarked

SAID = StepMarked | GapExplained | FootageLinked


def project_filming(connection: Connection, reads: Sequence[Read], register: Register) -> list[Change]:
    """Inside the transaction that takes them in; what changed because of them."""
    rows = [row for item in reads if (row := _row(item, register)) is not None]
    upsert(connection, schema.passage_entry, rows, update=())
    at_ms = reads[0].entry.received_ms if reads else 0
    places = {(row["box"], row["passage"]): None for row in rows}
    return [Change(kind="passage", key=key, at_ms=at_ms) for key in places]


def _row(item: Read, register: Register) -> Row | None:
    """None: it is about no crossing, or about one of another station, of which nobody here may speak."""
    body, entry = item.body, item.entry
    if not isinstance(body, SAID) or body.box is None or body.passage is None:
        return None
    speaks, meant = place(entry.header.source)[0], register.sources.get(body.box)
    if entry.box != register.centre and (meant is None or place(meant)[0] != speaks):
        return None
    return {
        "box": body.box,
        "passage": body.passage,
        "journal": entry.header.journal,
        "seq": entry.seq,
        "stream": entry.header.stream,
    }
