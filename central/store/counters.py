"""The counters of commands: strictly growing for each box."""

from __future__ import annotations

from sqlalchemy import Engine, select

from central.store import schema
from central.store.engines import Database, upsert


class Counters:
    """Blocking."""

    def __init__(self, database: Database) -> None:
        self._writer: Engine = database.writer

    def next(self, box: str, count: int, *, now_ms: int) -> range:
        """Numbers larger than any before, also after the clock went back or the database was restored."""
        table = schema.command_counter
        with self._writer.begin() as connection:
            query = select(table.c.counter).where(table.c.box == box).with_for_update()
            last = connection.execute(query).scalar_one_or_none() or 0
            first = max(last + 1, now_ms)
            row = {"box": box, "counter": first + count - 1}
            upsert(connection, table, [row], update=("counter",))
        return range(first, first + count)
