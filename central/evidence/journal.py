"""Writes one whole journal as the centre holds it into a file that `weighpost-verify journal` reads.

The tables are those of a writer's journal.db, so the same check serves a box's own file and this copy; `note` holds
the cosigned checkpoints and `certificate` who vouches for the box.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, select

from central.store import schema
from central.store.custody import CustodyStore
from central.store.engines import Database
from journal.store import Head
from kernel.errors import RefusedError
from kernel.evidence import tree

AT_ONCE = 512
TABLES = """
CREATE TABLE entry (seq INTEGER PRIMARY KEY, leaf BLOB NOT NULL, header BLOB NOT NULL);
CREATE TABLE body (seq INTEGER PRIMARY KEY, salt BLOB NOT NULL, body BLOB NOT NULL);
CREATE TABLE block (i INTEGER PRIMARY KEY, root BLOB NOT NULL);
CREATE TABLE head (
  id INTEGER PRIMARY KEY CHECK (id = 0), size INTEGER NOT NULL, frontier BLOB NOT NULL, checkpoint TEXT NOT NULL
);
CREATE TABLE note (note TEXT NOT NULL);
CREATE TABLE certificate (place INTEGER PRIMARY KEY, note TEXT NOT NULL);
"""


class JournalExports:
    """Blocking.  What is written is what is held, erased bodies left out; nothing is judged here."""

    def __init__(self, database: Database, custody: CustodyStore) -> None:
        self._reader = database.reader
        self._custody = custody

    def write(self, journal: str, path: Path) -> int:
        """How many entries; RefusedError when the journal is not held.  `path` must not be there yet."""
        head = next((head for head in self._custody.heads() if head.journal == journal), None)
        if head is None:
            raise RefusedError("no such journal")
        with closing(sqlite3.connect(path)) as out, out:
            out.execute("PRAGMA journal_mode = OFF")  # a copy that was not finished is thrown away
            out.execute("PRAGMA synchronous = OFF")
            out.executescript(TABLES)
            with self._reader.connect() as connection:
                for start in range(0, head.size, AT_ONCE):
                    _copy(connection, out, journal, start, min(start + AT_ONCE, head.size))
            self._finish(out, head)
        return head.size

    def _finish(self, out: sqlite3.Connection, head: Head) -> None:
        vouched = self._custody.vouched(head.journal)
        notes = {vouched.note, vouched.witnessed_note} - {None} if vouched else set()
        out.execute("INSERT INTO head VALUES (0, ?, ?, ?)", (head.size, head.frontier, head.checkpoint))
        out.executemany("INSERT INTO note VALUES (?)", [(note,) for note in sorted(map(str, notes))])
        certificates = list(enumerate(self._custody.chain(head.journal)))
        out.executemany("INSERT INTO certificate VALUES (?, ?)", certificates)


def _copy(connection: Connection, out: sqlite3.Connection, journal: str, start: int, end: int) -> None:
    """Entries [start, end), whole blocks unless they are the last."""
    entry, body = schema.entry.c, schema.body.c
    entries = select(entry.seq, entry.leaf, entry.header).where(
        entry.journal == journal, entry.seq >= start, entry.seq < end
    )
    bodies = select(body.seq, body.salt, body.body).where(
        body.journal == journal, body.seq >= start, body.seq < end
    )
    rows = [tuple(row) for row in connection.execute(entries.order_by(entry.seq))]
    out.executemany("INSERT INTO entry VALUES (?, ?, ?)", rows)
    out.executemany("INSERT INTO body VALUES (?, ?, ?)", [tuple(row) for row in connection.execute(bodies)])
    out.executemany("INSERT INTO block VALUES (?, ?)", _blocks(start, [row[1] for row in rows]))


def _blocks(start: int, leaves: list[bytes]) -> Iterator[tuple[int, bytes]]:
    for at in range(0, len(leaves) - tree.BLOCK + 1, tree.BLOCK):
        yield (start + at) // tree.BLOCK, tree.root(leaves[at : at + tree.BLOCK])
