"""A weighing that its weigher took back 倒车 counts no more, whichever of the two entries came first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, bindparam, delete, literal_column, select, tuple_, update

from central.live import Change
from central.store import schema
from central.store.engines import upsert
from central.store.kin import kin_of
from central.store.projections import Read, Row, hour_row, passage_of
from central.store.staying import Passage
from kernel.events import PassageCancelled, VehicleWeighed

_WORD = "taken_back"  # docs/scales.md
# Written out: only then is the index of the few that are cancelled used.
_CANCELLED = schema.passage_entry.c.stream == literal_column(f"'{PassageCancelled.stream}'")


def take_back(connection: Connection, reads: Sequence[Read]) -> tuple[list[Row], list[Change]]:
    """Mark what is taken back of the weighings that these entries say or name, each once.

    What that takes out of the hours, and which passages have changed.
    """
    speaking = [item for item in reads if isinstance(item.body, VehicleWeighed | PassageCancelled)]
    if not speaking:
        return [], []
    upsert(connection, schema.reversal, [row for item in speaking for row in _waiting(item)], update=())
    touched = {
        (item.entry.box, passage) for item in speaking if (passage := passage_of(item.body)) is not None
    }
    touched |= _named_by_reference(connection, {item.entry.box for item in speaking})
    found = connection.execute(_TAKEN, {"touched": sorted(touched)}).mappings().all() if touched else []
    for row in found:
        words = msgspec.json.decode(row["quality"], type=tuple[str, ...])
        told = msgspec.json.encode(tuple(dict.fromkeys((*words, _WORD)))).decode()
        connection.execute(
            _MARK, {"in_box": row["box"], "in_passage": row["passage"], "taken_back": True, "quality": told}
        )
    changes = [
        Change(kind="passage", key=(row["box"], row["passage"]), at_ms=reads[-1].entry.received_ms)
        for row in found
    ]
    return [hour_row(row, row["shown_ms"], -1) for row in found], changes


def cancelled(connection: Connection) -> set[Passage]:
    """Every passage that an entry in custody takes back, by box and id; its weighing may not be here yet."""
    named = schema.passage_entry
    query = select(named.c.box, named.c.passage).where(_CANCELLED)
    return {(row.box, row.passage) for row in connection.execute(query)}


def _waiting(item: Read) -> list[Row]:
    """After a restart a lane knows only the entry of the weighing, and not its passage."""
    body, entry = item.body, item.entry
    if not isinstance(body, PassageCancelled) or body.passage is not None or body.weighed is None:
        return []
    return [
        {
            "journal": entry.header.journal,
            "seq": entry.seq,
            "box": entry.box,
            "weighed_journal": body.weighed.journal,
            "weighed_seq": body.weighed.seq,
            "weighed_leaf": body.weighed.leaf,
        }
    ]


def _named_by_reference(connection: Connection, boxes: Collection[str]) -> set[Passage]:
    """Passages whose weighing is here that one of these boxes has named by its entry, wherever that is told again."""
    waiting = connection.execute(_WAITING, {"boxes": sorted(boxes)}).all()
    if not waiting:
        return set()
    kin = kin_of(connection, {(row.weighed_journal, row.weighed_seq) for row in waiting})
    weighings = {
        (row.journal, row.seq): row for row in connection.execute(_WEIGHINGS, {"places": sorted(kin)})
    }
    found: list[Row] = []
    for row in waiting:
        first = (row.weighed_journal, row.weighed_seq)
        near = [weighings[place] for place in sorted(kin[first]) if place in weighings]
        # Another leaf in that very place is another entry.
        near = [w for w in near if (w.journal, w.seq) != first or w.leaf.hex() == row.weighed_leaf]
        found += [
            {"box": w.box, "passage": w.passage, "journal": row.journal, "seq": row.seq}
            for w in near
            if w.box == row.box
        ]
    said = [each | {"stream": PassageCancelled.stream} for each in found]
    upsert(connection, schema.passage_entry, said, update=())
    for each in found:
        connection.execute(_FOUND, {"in_journal": each["journal"], "in_seq": each["seq"]})
    return {(each["box"], each["passage"]) for each in found}


def _taken() -> Select[Any]:
    said, row = schema.passage_entry, schema.passage
    same = (said.c.box == row.c.box) & (said.c.passage == row.c.passage)
    names = ("box", "passage", "station", "lane", "outcome", "suspected", "shown_ms", "quality")
    return (
        select(*(row.c[name] for name in names))
        .select_from(said.join(row, same))
        .where(tuple_(said.c.box, said.c.passage).in_(bindparam("touched", expanding=True)))
        .where(_CANCELLED, row.c.journal.is_not(None), ~row.c.taken_back)
        .distinct()
        .order_by(row.c.box, row.c.passage)
    )


def _weighings() -> Select[Any]:
    row, entry = schema.passage, schema.entry
    same = (entry.c.journal == row.c.journal) & (entry.c.seq == row.c.seq)
    return (
        select(row.c.box, row.c.passage, row.c.journal, row.c.seq, entry.c.leaf)
        .select_from(row.join(entry, same))
        .where(tuple_(row.c.journal, row.c.seq).in_(bindparam("places", expanding=True)))
    )


# Made once: every batch asks, and building such a statement costs more than running it.
_TAKEN = _taken()
_WEIGHINGS = _weighings()
_WAITING = (
    select(schema.reversal)
    .where(schema.reversal.c.box.in_(bindparam("boxes", expanding=True)))
    .order_by(schema.reversal.c.journal, schema.reversal.c.seq)
)
_FOUND = delete(schema.reversal).where(
    schema.reversal.c.journal == bindparam("in_journal"), schema.reversal.c.seq == bindparam("in_seq")
)
_MARK = (
    update(schema.passage)
    .where(schema.passage.c.box == bindparam("in_box"), schema.passage.c.passage == bindparam("in_passage"))
    .values(taken_back=bindparam("taken_back"), quality=bindparam("quality"))
)
