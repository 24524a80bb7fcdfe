"""Plates of vehicles within their limit as keyed hashes in the place of their texts, where the settings ask for it.

A whole plate is still found; a list shows none.  When a vehicle turns out not to be within its limit its texts come back
out of the entries, and when they are erased the hashes go with them.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Collection, Sequence
from typing import Any, NoReturn

import msgspec
from sqlalchemy import Connection, Select, bindparam, exists, func, or_, select, tuple_, update
from sqlalchemy.exc import SQLAlchemyError

from central.store import schema
from central.store.correcting import tell
from central.store.engines import Database
from central.store.projections import Read, Row, passage_of
from central.store.staying import Passage
from kernel.clock import Clock
from kernel.events import PassageDecided, PlateCorrected, VehiclePictured, VehicleWeighed
from kernel.plates import normalise

log = logging.getLogger(__name__)

PORTION = 500
BREATH_S, AGAIN_S = 0.05, 3_600.0
_HEX = 2 * hashlib.sha256().digest_size


def plate_hash(plate: str, *, key: bytes) -> str:
    """HMAC-SHA256 of the normalised text, in hex."""
    return hmac.new(key, normalise(plate).encode(), hashlib.sha256).hexdigest()


def hide_plates(connection: Connection, reads: Sequence[Read], *, key: bytes) -> None:
    """In the transaction that takes these in, when everything else of them is projected."""
    passages = _touched(connection, reads)
    if not passages:
        return
    rows = connection.execute(_LINES, {"passages": sorted(passages)}).mappings().all()
    _hide(connection, [row for row in rows if _is_within(row) and _has_plate(row)], key)
    over = [row for row in rows if not _is_within(row)]
    hashed = _said_in_hashes(connection, over)
    _show(connection, [row for row in over if _is_hashed(row) or (row["box"], row["passage"]) in hashed])


async def hide_earlier(database: Database, *, key: bytes, clock: Clock) -> NoReturn:
    """Lines from before the settings asked for it, portion by portion; looks again now and then, for what a fault left."""
    while True:
        try:
            while await asyncio.to_thread(hide_some, database, key):
                await clock.sleep(BREATH_S)
        except SQLAlchemyError as error:
            log.warning("earlier plates are not hashed yet", extra={"reason": str(error)})
        await clock.sleep(AGAIN_S)


def hide_some(database: Database, key: bytes) -> int:
    """How many were hidden of those that are still texts; blocking."""
    table = schema.passage
    said = schema.correction
    told = exists().where(
        said.c.box == table.c.box,
        said.c.passage == table.c.passage,
        said.c.text.is_not(None),
        func.length(said.c.text) != _HEX,
    )
    columns = (table.c.tractor, table.c.trailer, table.c.corrected)
    plain = or_(*(column.is_not(None) for column in columns), told)
    within = (table.c.outcome == "within") & or_(
        table.c.decided_outcome.is_(None), table.c.decided_outcome == "within"
    )
    query = select(table).where(plain, within).order_by(table.c.box, table.c.passage).limit(PORTION)
    with database.writer.begin() as connection:
        rows = connection.execute(query).mappings().all()
        _hide(connection, rows, key)
    return len(rows)


def _touched(connection: Connection, reads: Sequence[Read]) -> set[Passage]:
    """What has been weighed, pictured, judged or corrected now."""
    found: set[Passage] = set()
    about: set[tuple[str, int]] = set()
    for item in reads:
        match item.body:
            case VehicleWeighed() | VehiclePictured():
                found.add((item.entry.box, passage_of(item.body) or ""))
            case PlateCorrected(box=box, passage=passage):
                found.add((box, passage))
            case PassageDecided(weighed=weighed):
                about.add((weighed.journal, weighed.seq))
            case _:
                pass
    if about:
        found |= {(row.box, row.passage) for row in connection.execute(_WEIGHED, {"about": sorted(about)})}
    return found


def _is_within(row: Any) -> bool:
    return row["outcome"] == "within" and row["decided_outcome"] in (None, "within")


def _has_plate(row: Any) -> bool:
    return _is_hashed(row) or any(row[name] is not None for name in ("tractor", "trailer", "corrected"))


def _is_hashed(row: Any) -> bool:
    return row["tractor_hash"] is not None or row["trailer_hash"] is not None


def _said_in_hashes(connection: Connection, rows: Sequence[Any]) -> set[Passage]:
    """Those of which only what people said is hashed: nothing was read, or nothing for sure."""
    passages = sorted((row["box"], row["passage"]) for row in rows)
    said = connection.execute(_SAID, {"passages": passages}) if passages else ()
    return {(row.box, row.passage) for row in said if len(row.text) == _HEX}


def _hide(connection: Connection, rows: Sequence[Any], key: bytes) -> None:
    lines: list[Row] = [
        {
            "in_box": row["box"],
            "in_passage": row["passage"],
            "tractor": None,
            "trailer": None,
            "corrected": None,
            "tractor_hash": _hashed(row["tractor"], key) or row["tractor_hash"],
            "trailer_hash": _hashed(row["trailer"], key) or row["trailer_hash"],
        }
        for row in rows
    ]
    if lines:
        connection.execute(_LINE, lines)
        _hide_corrections(connection, {(row["box"], row["passage"]) for row in rows}, key)


def _hashed(plate: str | None, key: bytes) -> str | None:
    return None if plate is None else plate_hash(plate, key=key)


def _hide_corrections(connection: Connection, passages: Collection[Passage], key: bytes) -> None:
    rows = connection.execute(_SAID, {"passages": sorted(passages)}).all()
    hidden = [
        {"in_journal": row.journal, "in_seq": row.seq, "text": plate_hash(row.text, key=key)}
        for row in rows
        if len(row.text) != _HEX
    ]
    if hidden:
        connection.execute(_SAY, hidden)


def _show(connection: Connection, rows: Sequence[Any]) -> None:
    """Out of the bodies, which are here for as long as the line is not stripped."""
    passages = sorted((line["box"], line["passage"]) for line in rows)
    if not passages:
        return
    lines: list[Row] = []
    for row in connection.execute(_PICTURED, {"passages": passages}):
        said = msgspec.json.decode(row.body, type=VehiclePictured)
        plates = {
            "tractor": said.tractor,
            "trailer": said.trailer,
            "tractor_hash": None,
            "trailer_hash": None,
        }
        lines.append({"in_box": row.box, "in_passage": row.passage} | plates)
    if lines:
        connection.execute(_LINE, lines)
    _show_corrections(connection, passages)
    tell(connection, passages)


def _show_corrections(connection: Connection, passages: Sequence[Passage]) -> None:
    shown = [
        {"in_journal": row.journal, "in_seq": row.seq, "text": said.text}
        for row in connection.execute(_CORRECTED, {"passages": passages})
        if (said := msgspec.json.decode(row.body, type=PlateCorrected)).text is not None
    ]
    if shown:
        connection.execute(_SAY, shown)


def _bodies_of(stream: str) -> Select[Any]:
    said, body = schema.passage_entry, schema.body
    same = (body.c.journal == said.c.journal) & (body.c.seq == said.c.seq)
    return (
        select(said.c.box, said.c.passage, body.c.body, said.c.journal, said.c.seq)
        .select_from(said.join(body, same))
        .where(
            tuple_(said.c.box, said.c.passage).in_(bindparam("passages", expanding=True)),
            said.c.stream == stream,
        )
        .order_by(said.c.journal, said.c.seq)
    )


# Made once: building such a statement costs more than running it.
_LINES = select(schema.passage).where(
    tuple_(schema.passage.c.box, schema.passage.c.passage).in_(bindparam("passages", expanding=True))
)
_WEIGHED = select(schema.passage.c.box, schema.passage.c.passage).where(
    tuple_(schema.passage.c.journal, schema.passage.c.seq).in_(bindparam("about", expanding=True))
)
_LINE = update(schema.passage).where(
    schema.passage.c.box == bindparam("in_box"), schema.passage.c.passage == bindparam("in_passage")
)
_SAID = select(schema.correction).where(
    tuple_(schema.correction.c.box, schema.correction.c.passage).in_(bindparam("passages", expanding=True)),
    schema.correction.c.text.is_not(None),
)
_SAY = update(schema.correction).where(
    schema.correction.c.journal == bindparam("in_journal"), schema.correction.c.seq == bindparam("in_seq")
)
_PICTURED, _CORRECTED = _bodies_of(VehiclePictured.stream), _bodies_of(PlateCorrected.stream)
