"""What a finished backup holds is kept: boxes may remove it; all of a backup at once, or nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict

from sqlalchemy import Connection, bindparam, select, update

from central.store import schema
from central.store.engines import Database, upsert
from central.store.findings import Backup
from central.store.receiving import lock_journals

_CHUNK = 500


def keep(database: Database, backup: Backup, *, sizes: Mapping[str, int], files: Collection[str]) -> None:
    """`sizes` of its journals, digests of its files.  Blocking."""
    with database.writer.begin() as connection:
        keep_in(connection, backup, sizes=sizes, files=files)


def keep_in(
    connection: Connection, backup: Backup, *, sizes: Mapping[str, int], files: Collection[str]
) -> None:
    """The same, in a transaction of the caller's."""
    head, stored = schema.head, schema.stored_file
    behind = {
        row.journal
        for row in connection.execute(select(head.c.journal, head.c.kept, head.c.size))
        if row.kept < sizes.get(row.journal, 0)
    }
    lock_journals(connection, sorted(behind))
    rows = [{"which": journal, "held": sizes[journal]} for journal in sorted(behind)]
    if rows:
        connection.execute(
            update(head)
            .where(head.c.journal == bindparam("which"), head.c.kept < bindparam("held"))
            .where(head.c.size >= bindparam("held"))
            .values(kept=bindparam("held")),
            rows,
        )
    waiting = connection.execute(select(stored.c.sha256).where(~stored.c.kept).distinct()).scalars()
    safe = sorted(sha256 for sha256 in waiting if sha256 in files)
    for start in range(0, len(safe), _CHUNK):
        chunk = safe[start : start + _CHUNK]
        connection.execute(update(stored).where(stored.c.sha256.in_(chunk)).values(kept=True))
    upsert(connection, schema.backup, [asdict(backup)], update=())
