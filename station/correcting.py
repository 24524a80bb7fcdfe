"""What people have said of plates, beside the readings: rows by crossing, and the plate that a vehicle is known by.

`passage.vehicle` is what counts for one stay: the plate that was read, or what the newest correction of it says.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import msgspec

from kernel.events import EntryRef, PlateCorrected
from kernel.plates.correcting import says_tractor
from station.views import Corrected

SCHEMA = """
CREATE TABLE IF NOT EXISTS correction (
  journal TEXT, seq INTEGER, leaf TEXT NOT NULL, at INTEGER NOT NULL, box TEXT NOT NULL, passage TEXT NOT NULL,
  body BLOB, gone INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (journal, seq)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS correction_of ON correction (box, passage);
"""


def bring_up_to_date(db: sqlite3.Connection) -> None:
    """A store of before knows a vehicle by what was read."""
    columns = {row[1] for row in db.execute("PRAGMA table_info(passage)")}
    if "vehicle" not in columns:
        db.execute("ALTER TABLE passage ADD COLUMN vehicle TEXT")
        db.execute("UPDATE passage SET vehicle = tractor")
    db.execute("CREATE INDEX IF NOT EXISTS passage_vehicle ON passage (vehicle, shown)")
    db.execute("CREATE INDEX IF NOT EXISTS passage_trailer ON passage (trailer, shown)")


def project_correction(
    db: sqlite3.Connection, body: PlateCorrected, *, journal: str, seq: int, leaf: str, at_ms: int
) -> None:
    """Doing it again changes nothing; of a crossing that was erased nothing is held but that it was said."""
    gone = db.execute(
        "SELECT 1 FROM passage WHERE box = ? AND passage = ? AND erased", (body.box, body.passage)
    ).fetchone()
    said = None if gone else msgspec.json.encode(body)
    row = (journal, seq, leaf, at_ms, body.box, body.passage, said)
    query = "INSERT OR IGNORE INTO correction VALUES (?, ?, ?, ?, ?, ?, ?, 0)"
    if db.execute(query, row).rowcount:
        know_vehicle(db, body.box, body.passage)


def know_vehicle(db: sqlite3.Connection, box: str, passage: str) -> None:
    """By what it is known, now that a reading or a correction of it is here."""
    row = db.execute(
        "SELECT tractor FROM passage WHERE box = ? AND passage = ? AND NOT erased", (box, passage)
    ).fetchone()
    if row is None:
        return
    vehicle = row[0]
    for (body,) in db.execute(
        "SELECT body FROM correction WHERE box = ? AND passage = ? AND body IS NOT NULL"
        " ORDER BY at, journal, seq",
        (box, passage),
    ).fetchall():
        said = msgspec.json.decode(body, type=PlateCorrected)
        if says_tractor(said, row[0]):
            vehicle = said.text
    db.execute("UPDATE passage SET vehicle = ? WHERE box = ? AND passage = ?", (vehicle, box, passage))


def forget(db: sqlite3.Connection, box: str, passage: str) -> None:
    """With the pictures goes what was said of the plates in them."""
    db.execute("UPDATE correction SET body = NULL WHERE box = ? AND passage = ?", (box, passage))


def corrections(db: sqlite3.Connection, box: str, passage: str) -> Iterator[Corrected]:
    """What was said of the plates of a crossing, oldest first."""
    rows = db.execute(
        "SELECT journal, seq, leaf, at, body FROM correction WHERE box = ? AND passage = ?"
        " AND body IS NOT NULL ORDER BY at, journal, seq",
        (box, passage),
    ).fetchall()
    for journal, seq, leaf, at, body in rows:
        yield Corrected(
            ref=EntryRef(journal=journal, seq=seq, leaf=leaf),
            at_ms=at,
            body=msgspec.json.decode(body, type=PlateCorrected),
        )
