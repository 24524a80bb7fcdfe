"""Files that were asked for and are not here yet, and the counters of commands that ask for them."""

from __future__ import annotations

from sqlalchemy import Engine, select

from central.store import schema
from central.store.engines import Database, upsert

MOST = 500


class Requested:
    """Blocking."""

    def __init__(self, database: Database) -> None:
        self._writer: Engine = database.writer
        self._reader: Engine = database.reader

    def waiting(self, box: str) -> tuple[str, ...]:
        """Digests of files of this box that were asked for, newest first."""
        requested, stored = schema.requested_file, schema.stored_file
        same = (stored.c.sha256 == requested.c.sha256) & (stored.c.box == requested.c.box)
        query = (
            select(requested.c.sha256)
            .select_from(requested.outerjoin(stored, same))
            .where(requested.c.box == box, stored.c.stored_ms.is_(None))
            .order_by(requested.c.requested_ms.desc(), requested.c.sha256)
            .limit(MOST)
        )
        with self._reader.connect() as connection:
            return tuple(connection.execute(query).scalars())

    def next_counters(self, box: str, count: int, *, now_ms: int) -> range:
        """Numbers larger than any before, also after the clock went back or the database was restored."""
        table = schema.command_counter
        with self._writer.begin() as connection:
            query = select(table.c.counter).where(table.c.box == box).with_for_update()
            last = connection.execute(query).scalar_one_or_none() or 0
            first = max(last + 1, now_ms)
            row = {"box": box, "counter": first + count - 1}
            upsert(connection, table, [row], update=("counter",))
        return range(first, first + count)
