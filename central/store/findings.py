"""What the store has found out that the centre must say in its own journal: forks, and backups that are finished."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine, func, select

from central.store import schema
from central.store.engines import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork:
    """Two rightly signed notes of one journal that contradict each other."""

    journal: str
    box: str
    ours: str
    theirs: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A finished backup; `sha256` is of its list of contents."""

    sha256: str
    store: str
    made_ms: int
    journals: int
    entries: int
    files: int
    bytes: int


class Findings:
    """Blocking."""

    def __init__(self, database: Database) -> None:
        self._reader: Engine = database.reader

    def forks(self) -> tuple[Fork, ...]:
        fork, head = schema.fork, schema.head
        query = (
            select(fork.c.journal, head.c.box, fork.c.ours, fork.c.theirs)
            .join(head, head.c.journal == fork.c.journal)
            .order_by(fork.c.id)
        )
        with self._reader.connect() as connection:
            return tuple(Fork(**row) for row in connection.execute(query).mappings())

    def backups(self) -> tuple[Backup, ...]:
        with self._reader.connect() as connection:
            rows = connection.execute(select(schema.backup).order_by(schema.backup.c.made_ms)).mappings()
            return tuple(Backup(**row) for row in rows)

    def newest_backup_ms(self) -> int | None:
        with self._reader.connect() as connection:
            newest: int | None = connection.execute(select(func.max(schema.backup.c.made_ms))).scalar_one()
        return newest
