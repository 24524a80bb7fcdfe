"""Erasure at the station: what a lane has erased by its own rule goes here too, rows first and then every byte.

Headers and leaves stay.  The lane's entry is the order; it is noted in the transaction that takes it in, so that a
crash leaves nothing half done, and an entry that comes later loses its body as it comes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from journal.store import Accepted
from kernel.errors import ProtocolError
from kernel.events import EntryRef, JournalRecovered, PassageDecided, RecordErased, VehiclePictured
from kernel.evidence.recovery import unwrap
from station import correcting

SCHEMA = """
CREATE TABLE IF NOT EXISTS erasure (
  journal TEXT, seq INTEGER, leaf TEXT NOT NULL, box TEXT NOT NULL, cleaned INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (journal, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS erased_file (
  box TEXT, sha256 TEXT, cleaned INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (box, sha256)
) WITHOUT ROWID;
"""
# Without these nobody could tell whose journal it is, and what was erased when.
_NEVER = ("journal.", "record.")

Passage = tuple[str, str]  # box, id


def erase(db: sqlite3.Connection, entry: Accepted, body: RecordErased) -> None:
    """Do what this entry asks for, of what its own box has said."""
    refs = [ref for ref in body.entries if _is_own(db, entry, ref.journal)]
    db.executemany(
        "INSERT OR IGNORE INTO erasure (journal, seq, leaf, box) VALUES (?, ?, ?, ?)",
        [(ref.journal, ref.seq, ref.leaf, entry.box) for ref in refs],
    )
    db.executemany(
        "INSERT OR IGNORE INTO erased_file (box, sha256) VALUES (?, ?)",
        [(entry.box, sha256) for sha256 in body.files],
    )
    forget_files(db, entry.box, body.files)
    for ref in [*refs, *told_again(db, entry.box, refs)]:
        _forget_entry(db, ref)


def forget_late(db: sqlite3.Connection, entries: Sequence[Accepted]) -> None:
    """What these entries bring that was erased before they came."""
    for entry in entries:
        row = db.execute(
            "SELECT leaf FROM erasure WHERE journal = ? AND seq = ?", (entry.header.journal, entry.seq)
        ).fetchone()
        if row is not None:
            _forget_entry(db, EntryRef(journal=entry.header.journal, seq=entry.seq, leaf=row[0]))
        forget_files(db, entry.box, [file.sha256 for file in entry.header.files])


def forget_files(db: sqlite3.Connection, box: str, digests: Sequence[str]) -> None:
    """Of these files of this box, those that were erased are not here."""
    gone = [(box, sha256) for sha256 in digests if erased(db, box, sha256)]
    db.executemany("UPDATE declared SET stored = NULL WHERE box = ? AND sha256 = ?", gone)
    db.executemany("UPDATE erased_file SET cleaned = 0 WHERE box = ? AND sha256 = ?", gone)


def erased(db: sqlite3.Connection, box: str, sha256: str) -> bool:
    """Whether this file is not to be here any more."""
    found = db.execute("SELECT 1 FROM erased_file WHERE box = ? AND sha256 = ?", (box, sha256)).fetchone()
    return found is not None


def unclean_files(db: sqlite3.Connection) -> list[str]:
    """Files whose bytes are to go: no box has them here by right."""
    rows = db.execute(
        "SELECT DISTINCT sha256 FROM erased_file WHERE NOT cleaned AND sha256 NOT IN"
        " (SELECT sha256 FROM declared WHERE stored IS NOT NULL)"
    )
    return [str(row[0]) for row in rows]


def unclean(db: sqlite3.Connection) -> bool:
    """Whether rows or files were erased since the last cleaning."""
    query = "SELECT 1 FROM erasure WHERE NOT cleaned UNION ALL SELECT 1 FROM erased_file WHERE NOT cleaned LIMIT 1"
    return db.execute(query).fetchone() is not None


def empty_wal(db: sqlite3.Connection) -> bool:
    """The old pages that the WAL still holds go; False when a reader is in the way.  Outside of a transaction."""
    before = db.execute("PRAGMA busy_timeout").fetchone()[0]
    db.execute("PRAGMA busy_timeout = 200")
    busy = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    db.execute(f"PRAGMA busy_timeout = {before}")
    return not busy


def mark_clean(db: sqlite3.Connection) -> None:
    db.execute("UPDATE erasure SET cleaned = 1 WHERE NOT cleaned")
    db.execute("UPDATE erased_file SET cleaned = 1 WHERE NOT cleaned")


def _is_own(db: sqlite3.Connection, entry: Accepted, journal: str) -> bool:
    if journal == entry.header.journal:
        return True
    row = db.execute("SELECT box FROM entry WHERE journal = ? AND seq = 0", (journal,)).fetchone()
    return row is not None and row[0] == entry.box


def told_again(db: sqlite3.Connection, box: str, refs: Sequence[EntryRef]) -> list[EntryRef]:
    """Where a successor holds the same bodies once more; few boxes ever have one."""
    if not refs or not db.execute("SELECT 1 FROM retold WHERE box = ? LIMIT 1", (box,)).fetchone():
        return []
    wanted = {(ref.journal, ref.seq) for ref in refs}
    rows = db.execute(
        "SELECT entry.journal, entry.seq, entry.leaf, body FROM entry JOIN body USING (journal, seq)"
        " WHERE box = ? AND stream = ?",
        (box, JournalRecovered.stream),
    )
    return [
        EntryRef(journal=journal, seq=seq, leaf=leaf.hex())
        for journal, seq, leaf, body in rows
        if (old := first_identity(body)) is not None and (old.journal, old.seq) in wanted
    ]


def first_identity(body: bytes) -> EntryRef | None:
    """Of what this body of a journal.recovered says again."""
    try:
        return unwrap(body).old
    except (ProtocolError, msgspec.MsgspecError):
        return None


def _forget_entry(db: sqlite3.Connection, ref: EntryRef) -> None:
    row = db.execute(
        "SELECT leaf, stream, box FROM entry WHERE journal = ? AND seq = ?", (ref.journal, ref.seq)
    ).fetchone()
    if row is None or row[0].hex() != ref.leaf or _stays(row[1]):
        return
    place = (ref.journal, ref.seq)
    db.execute("DELETE FROM body WHERE journal = ? AND seq = ?", place)
    db.execute("DELETE FROM quarantine WHERE journal = ? AND seq = ?", place)
    db.execute("UPDATE erasure SET cleaned = 0 WHERE journal = ? AND seq = ?", place)
    said = db.execute(
        "SELECT passage FROM said WHERE box = ? AND journal = ? AND seq = ? AND stream = ?",
        (row[2], *place, VehiclePictured.stream),
    ).fetchone()
    if said is not None:
        _strip(db, (row[2], said[0]))


def _stays(stream: str) -> bool:
    return stream.startswith(_NEVER) and stream != JournalRecovered.stream


def _strip(db: sqlite3.Connection, passage: Passage) -> None:
    """With the pictures goes what the queue says of the vehicle, and what officers wrote in their own words."""
    db.execute(
        "UPDATE passage SET tractor = NULL, tractor_colour = NULL, trailer = NULL, trailer_colour = NULL,"
        " vehicle = NULL, erased = 1 WHERE box = ? AND passage = ?",
        passage,
    )
    correcting.forget(db, *passage)
    acts = db.execute(
        "SELECT act.journal, act.seq, act.body FROM act JOIN passage ON passage.journal = weighed_journal"
        " AND passage.seq = weighed_seq WHERE box = ? AND passage = ?",
        passage,
    ).fetchall()
    for journal, seq, body in acts:
        db.execute(
            "UPDATE act SET body = ? WHERE journal = ? AND seq = ?", (_without_words(body), journal, seq)
        )


def _without_words(body: bytes) -> bytes:
    act = msgspec.json.decode(body, type=PassageDecided)
    grounds = act.grounds
    if grounds is not None:
        grounds = msgspec.structs.replace(grounds, police_result="", override_reason="")
    return msgspec.json.encode(msgspec.structs.replace(act, note="", grounds=grounds))
