"""Holds 封存 that lanes have written, at the centre's word or their own: footage of these crossings stays here too."""

from __future__ import annotations

import sqlite3

from journal.store import Accepted
from kernel.events import RecordHeld

SCHEMA = """
CREATE TABLE IF NOT EXISTS held (
  box TEXT, passage TEXT, journal TEXT NOT NULL, seq INTEGER NOT NULL, act TEXT NOT NULL, by TEXT NOT NULL,
  reason TEXT NOT NULL, until INTEGER, PRIMARY KEY (box, passage)
) WITHOUT ROWID;
"""


def keep(db: sqlite3.Connection, entry: Accepted, body: RecordHeld) -> None:
    """The newest word on a crossing stands; holds of single files are the lane's own business."""
    if body.passage is None:
        return
    row = (
        entry.box,
        body.passage,
        entry.header.journal,
        entry.seq,
        body.act,
        body.by,
        body.reason,
        body.until_ms,
    )
    db.execute("INSERT OR REPLACE INTO held VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
