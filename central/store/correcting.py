"""What people say of plates, as rows that wait for the crossing they name; the reading beside them is never touched."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, bindparam, select, tuple_, update

from central.live import Change
from central.store import schema
from central.store.engines import upsert
from central.store.projections import Read, Row
from central.store.staying import Passage
from kernel.events import PlateCorrected, VehiclePictured

# Made once: every batch asks, and building such a statement costs more than running it.
_OF = (
    select(
        schema.correction.c.box,
        schema.correction.c.passage,
        schema.correction.c.role,
        schema.correction.c.text,
    )
    .where(
        tuple_(schema.correction.c.box, schema.correction.c.passage).in_(
            bindparam("passages", expanding=True)
        )
    )
    .order_by(schema.correction.c.at_ms, schema.correction.c.journal, schema.correction.c.seq)
)
_TELL = update(schema.passage).where(
    schema.passage.c.box == bindparam("in_box"), schema.passage.c.passage == bindparam("in_passage")
)


def project_corrections(connection: Connection, reads: Sequence[Read]) -> list[Change]:
    """Inside the transaction that takes them in; what changed because of them."""
    said = [(item, item.body) for item in reads if isinstance(item.body, PlateCorrected)]
    upsert(connection, schema.correction, [_row(item, body) for item, body in said], update=())
    upsert(connection, schema.passage_entry, [_entry_row(item, body) for item, body in said], update=())
    about = {(body.box, body.passage) for _item, body in said}
    pictured = {
        (item.entry.box, item.body.passage) for item in reads if isinstance(item.body, VehiclePictured)
    }
    tell(connection, about | pictured, anew=about)
    at_ms = reads[-1].entry.received_ms if reads else 0
    return [Change(kind="passage", key=key, at_ms=at_ms) for key in sorted(about)]


def tell(connection: Connection, passages: Collection[Passage], *, anew: Collection[Passage] = ()) -> None:
    """The lines of these crossings say what was said of them; of those `anew` something personal is here once more."""
    if not passages:
        return
    newest: dict[Passage, dict[str, str | None]] = {}
    for row in connection.execute(_OF, {"passages": sorted(passages)}):
        newest.setdefault((row.box, row.passage), {})[row.role] = row.text
    rows: list[Row] = [
        {"in_box": box, "in_passage": passage, "corrected": _plates(said)}
        for (box, passage), said in sorted(newest.items())
    ]
    if rows:
        connection.execute(_TELL, rows)
    again = [{"in_box": box, "in_passage": passage} for box, passage in sorted(anew)]
    if again:
        connection.execute(_TELL.values(erased_ms=None), again)


def _plates(said: dict[str, str | None]) -> str | None:
    """The plates that people gave, each once; None where they only said that there is none to read."""
    return " ".join(dict.fromkeys(text for text in said.values() if text)) or None


def _row(item: Read, body: PlateCorrected) -> Row:
    return {
        "journal": item.entry.header.journal,
        "seq": item.entry.seq,
        "at_ms": item.entry.header.at,
        "box": body.box,
        "passage": body.passage,
        "role": body.role,
        "text": body.text,
    }


def _entry_row(item: Read, body: PlateCorrected) -> Row:
    return {
        "box": body.box,
        "passage": body.passage,
        "journal": item.entry.header.journal,
        "seq": item.entry.seq,
        "stream": item.entry.header.stream,
    }
