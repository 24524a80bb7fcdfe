"""Files that were asked for, not here and not promised yet."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, Engine, select

from central.store import schema
from central.store.engines import Database
from kernel.events import CommandAccepted
from kernel.evidence.commands import FETCH_FILE

MOST = 500


class Requested:
    """Blocking."""

    def __init__(self, database: Database) -> None:
        self._reader: Engine = database.reader

    def waiting(self, box: str, *, issuer: str) -> tuple[str, ...]:
        """Digests of files of this box that were asked for and that it has not accepted to send, newest first."""
        requested, stored = schema.requested_file, schema.stored_file
        same = (stored.c.sha256 == requested.c.sha256) & (stored.c.box == requested.c.box)
        query = (
            select(requested.c.sha256, requested.c.requested_ms)
            .select_from(requested.outerjoin(stored, same))
            .where(requested.c.box == box, stored.c.stored_ms.is_(None))
            .order_by(requested.c.requested_ms.desc(), requested.c.sha256)
        )
        with self._reader.connect() as connection:
            rows = connection.execute(query).all()
            if not rows:
                return ()
            accepted = _accepted(
                connection, box, issuer=issuer, since_ms=min(row.requested_ms for row in rows)
            )
        return tuple(row.sha256 for row in rows if row.sha256 not in accepted)[:MOST]


def _accepted(connection: Connection, box: str, *, issuer: str, since_ms: int) -> set[str]:
    """What the box's open journals say since then; a journal that came to an end may have taken a promise with it."""
    head, entry, body = schema.head, schema.entry, schema.body
    same = (body.c.journal == entry.c.journal) & (body.c.seq == entry.c.seq)
    query = (
        select(body.c.body)
        .select_from(head.join(entry, entry.c.journal == head.c.journal).join(body, same))
        .where(
            head.c.box == box,
            head.c.state == "open",
            entry.c.received_ms >= since_ms,
            entry.c.stream == CommandAccepted.stream,
        )
    )
    said = filter(None, map(_read, connection.execute(query).scalars()))
    return {
        sha256
        for each in said
        if (each.issuer, each.kind) == (issuer, FETCH_FILE)
        for name, sha256 in each.args
        if name == "sha256"
    }


def _read(body: bytes) -> CommandAccepted | None:
    try:
        return msgspec.json.decode(body, type=CommandAccepted)
    except msgspec.MsgspecError:  # it is in quarantine
        return None
