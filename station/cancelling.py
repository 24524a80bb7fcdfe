"""A weighing that its weigher took back 倒车 asks for nothing more, whichever of the two entries came first."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from journal.store import Accepted
from kernel.events import EntryRef, JournalRecovered, PassageCancelled
from station.erasing import first_identity, told_again

SCHEMA = """
CREATE TABLE IF NOT EXISTS reversal (
  journal TEXT, seq INTEGER, box TEXT NOT NULL, weighed_journal TEXT NOT NULL, weighed_seq INTEGER NOT NULL,
  weighed_leaf TEXT NOT NULL, PRIMARY KEY (journal, seq)
) WITHOUT ROWID;
"""


def take_back(db: sqlite3.Connection, box: str, passage: str) -> None:
    """Mark its weighing, when both that and the entry that takes it back are here."""
    db.execute(
        "UPDATE passage SET taken_back = 1, quality = json_insert(quality, '$[#]', 'taken_back')"
        " WHERE box = ? AND passage = ? AND journal IS NOT NULL AND NOT taken_back"
        " AND EXISTS (SELECT 1 FROM said WHERE said.box = passage.box AND said.passage = passage.passage"
        " AND stream = ?)",
        (box, passage, PassageCancelled.stream),
    )


def mark_earlier(db: sqlite3.Connection) -> None:
    """What a store of before knows to be taken back and did not mark."""
    db.execute(
        "UPDATE passage SET taken_back = 1 WHERE journal IS NOT NULL AND EXISTS (SELECT 1 FROM said"
        " WHERE said.box = passage.box AND said.passage = passage.passage AND stream = ?)",
        (PassageCancelled.stream,),
    )
    db.commit()


def keep_reference(db: sqlite3.Connection, entry: Accepted, weighed: EntryRef) -> None:
    """After a restart a lane knows only the entry of the weighing, and not its passage: that waits for it."""
    db.execute(
        "INSERT OR IGNORE INTO reversal VALUES (?, ?, ?, ?, ?, ?)",
        (entry.header.journal, entry.seq, entry.box, weighed.journal, weighed.seq, weighed.leaf),
    )


def take_back_by_reference(db: sqlite3.Connection, box: str) -> None:
    """Of what this box has named by its entry alone, the weighings that are here now."""
    waiting = db.execute(
        "SELECT journal, seq, weighed_journal, weighed_seq, weighed_leaf FROM reversal WHERE box = ?", (box,)
    ).fetchall()
    for journal, seq, *weighed in waiting:
        passage = _passage_of(db, box, EntryRef(journal=weighed[0], seq=weighed[1], leaf=weighed[2]))
        if passage is not None:
            values = (box, passage, journal, seq, PassageCancelled.stream)
            db.execute("INSERT OR IGNORE INTO said VALUES (?, ?, ?, ?, ?)", values)
            db.execute("DELETE FROM reversal WHERE journal = ? AND seq = ?", (journal, seq))
            take_back(db, box, passage)


def _passage_of(db: sqlite3.Connection, box: str, weighed: EntryRef) -> str | None:
    """Its weighing may stand here by the entry itself, by what it says again, or by what says it again."""
    for ref in (weighed, *_first(db, box, weighed), *told_again(db, box, [weighed])):
        row = db.execute(
            "SELECT passage FROM passage WHERE box = ? AND journal = ? AND seq = ? AND leaf = ?",
            (box, ref.journal, ref.seq, ref.leaf),
        ).fetchone()
        if row is not None:
            return str(row[0])
    return None


def _first(db: sqlite3.Connection, box: str, ref: EntryRef) -> Sequence[EntryRef]:
    row = db.execute(
        "SELECT body FROM entry JOIN body USING (journal, seq)"
        " WHERE journal = ? AND seq = ? AND box = ? AND stream = ?",
        (ref.journal, ref.seq, box, JournalRecovered.stream),
    ).fetchone()
    old = first_identity(row[0]) if row else None
    return () if old is None else (old,)
