"""The queue as a fold over entries: weighings, pictures and acts meet in one row a crossing, in whatever order they come."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from journal.retold import first_said
from journal.store import Accepted
from kernel.errors import ProtocolError
from kernel.events import (
    Body,
    EntryRef,
    FileStored,
    LaneHealth,
    PassageCancelled,
    PassageDecided,
    PlateCorrected,
    PlateRead,
    RecordErased,
    RecordHeld,
    VehiclePictured,
    VehicleWeighed,
    Verdict,
)
from station import cancelling, holding
from station.correcting import know_vehicle, project_correction
from station.erasing import erase, forget_late
from station.releasing import SAME_STAY_MS

SCHEMA = """
CREATE TABLE IF NOT EXISTS passage (
  place INTEGER PRIMARY KEY AUTOINCREMENT, box TEXT NOT NULL, passage TEXT NOT NULL, shown INTEGER NOT NULL,
  source TEXT NOT NULL, journal TEXT, seq INTEGER, leaf TEXT, gross_kg INTEGER, axle_count INTEGER, outcome TEXT,
  suspected INTEGER NOT NULL DEFAULT 0, over_kg INTEGER NOT NULL DEFAULT 0, limits TEXT NOT NULL DEFAULT '[]',
  grade TEXT, attended INTEGER NOT NULL DEFAULT 0, tractor TEXT, tractor_colour TEXT,
  trailer TEXT, trailer_colour TEXT, pictured INTEGER NOT NULL DEFAULT 0, missing TEXT NOT NULL DEFAULT '[]',
  unseen TEXT NOT NULL DEFAULT '[]', quality TEXT NOT NULL DEFAULT '[]', confirmed INTEGER NOT NULL DEFAULT 0,
  act TEXT, act_by TEXT NOT NULL DEFAULT '', act_ms INTEGER, erased INTEGER NOT NULL DEFAULT 0,
  taken_back INTEGER NOT NULL DEFAULT 0, vehicle TEXT,
  UNIQUE (box, passage)
);
CREATE INDEX IF NOT EXISTS passage_shown ON passage (shown);
CREATE INDEX IF NOT EXISTS passage_weighed ON passage (journal, seq);
CREATE TABLE IF NOT EXISTS said (
  box TEXT, passage TEXT, journal TEXT, seq INTEGER, stream TEXT NOT NULL,
  PRIMARY KEY (box, passage, journal, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS act (
  journal TEXT, seq INTEGER, leaf TEXT NOT NULL, at INTEGER NOT NULL, weighed_journal TEXT NOT NULL,
  weighed_seq INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (journal, seq)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS act_weighed ON act (weighed_journal, weighed_seq);
CREATE TABLE IF NOT EXISTS lane (
  source TEXT PRIMARY KEY, box TEXT NOT NULL, received INTEGER NOT NULL, waiting INTEGER NOT NULL, devices BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS own (journal TEXT PRIMARY KEY, size INTEGER NOT NULL) WITHOUT ROWID;
"""

_BODIES: dict[str, type[Body]] = {
    # Not the acts of officers: those come from the station's own journal, and a lane speaks for no officer.
    body.stream: body
    for body in (
        VehicleWeighed,
        VehiclePictured,
        PassageCancelled,
        FileStored,
        LaneHealth,
        RecordErased,
        RecordHeld,
    )
}


OLDEST_MS, NEWEST_MS = 400 * 86_400_000, 86_400_000  # around its reception, where a lane's clock is believed


class _SpeaksOfPassage(msgspec.Struct, frozen=True):
    passage: str | None = None


def project(db: sqlite3.Connection, entries: Sequence[Accepted]) -> None:
    """Inside the transaction that stores them; an exception keeps the entry and holds it back from the views."""
    for entry in entries:
        kind = _BODIES.get(entry.header.stream)
        if kind is None or entry.body is None:
            continue
        _project_one(db, entry, msgspec.json.decode(entry.body, type=kind))
    forget_late(db, entries)


def passage_of(entry: Accepted) -> str | None:
    """The crossing that an entry speaks of."""
    try:
        said = first_said(entry).entry
        if said.body is None or said.header.stream not in _BODIES:
            return None
        return msgspec.json.decode(said.body, type=_SpeaksOfPassage).passage
    except (ProtocolError, msgspec.MsgspecError):
        return None


def shown_ms(at_ms: int, received_ms: int) -> int:
    """When it happened, as far as the lane's clock is credible; else when it was received: a queue shows what is new."""
    return at_ms if received_ms - OLDEST_MS <= at_ms <= received_ms + NEWEST_MS else received_ms


def project_act(
    db: sqlite3.Connection,
    body: PassageDecided | PlateCorrected,
    *,
    journal: str,
    seq: int,
    leaf: str,
    at_ms: int,
) -> None:
    """An officer's act; doing it again changes nothing."""
    if isinstance(body, PlateCorrected):
        project_correction(db, body, journal=journal, seq=seq, leaf=leaf, at_ms=at_ms)
        return
    about = body.weighed
    row = (journal, seq, leaf, at_ms, about.journal, about.seq, msgspec.json.encode(body))
    if db.execute("INSERT OR IGNORE INTO act VALUES (?, ?, ?, ?, ?, ?, ?)", row).rowcount:
        _apply_act(db, body, at_ms)


def _project_one(db: sqlite3.Connection, entry: Accepted, body: Body) -> None:
    match body:
        case VehicleWeighed():
            _begin(db, entry, body.passage)
            _weighed(db, entry, body)
            _catch_up_acts(db, entry)
            cancelling.take_back(db, entry.box, body.passage)
            cancelling.take_back_by_reference(db, entry.box)
        case VehiclePictured():
            _begin(db, entry, body.passage)
            _pictured(db, entry, body)
        case FileStored(passage=str(passage)):
            _begin(db, entry, passage)
        case PassageCancelled(passage=str(passage)):
            _begin(db, entry, passage)
            cancelling.take_back(db, entry.box, passage)
        case PassageCancelled(weighed=EntryRef() as weighed):
            cancelling.keep_reference(db, entry, weighed)
            cancelling.take_back_by_reference(db, entry.box)
        case LaneHealth():
            _health(db, entry, body)
        case RecordErased():
            erase(db, entry, body)
        case RecordHeld():
            holding.keep(db, entry, body)


def _begin(db: sqlite3.Connection, entry: Accepted, passage: str) -> None:
    header = entry.header
    db.execute(
        "INSERT OR IGNORE INTO passage (box, passage, shown, source) VALUES (?, ?, ?, ?)",
        (entry.box, passage, shown_ms(header.at, entry.received_ms), header.source),
    )
    db.execute(
        "INSERT OR IGNORE INTO said VALUES (?, ?, ?, ?, ?)",
        (entry.box, passage, header.journal, entry.seq, header.stream),
    )


def _weighed(db: sqlite3.Connection, entry: Accepted, body: VehicleWeighed) -> None:
    changed = db.execute(
        "UPDATE passage SET journal = ?, seq = ?, leaf = ?, shown = ?, gross_kg = ?, axle_count = ?, grade = ?,"
        " attended = ?, missing = ?, quality = ? WHERE box = ? AND passage = ? AND journal IS NULL",
        (
            entry.header.journal,
            entry.seq,
            entry.leaf.hex(),
            shown_ms(body.left_ms or entry.header.at, entry.received_ms),
            body.gross_kg,
            body.facts.axle_count,
            body.weighing_grade,
            body.attended,
            _list(body.missing),
            _list(body.quality),
            entry.box,
            body.passage,
        ),
    ).rowcount
    if not changed:
        raise ProtocolError("second weighing of this passage")
    _judge(db, body.verdict, entry.header.journal, entry.seq)


def _judge(db: sqlite3.Connection, verdict: Verdict, journal: str, seq: int) -> None:
    db.execute(
        "UPDATE passage SET outcome = ?, suspected = ?, over_kg = ?, limits = ? WHERE journal = ? AND seq = ?",
        (
            verdict.outcome,
            verdict.suspected,
            verdict.over_kg,
            _list(sorted({candidate.limit_kg for candidate in verdict.candidates})),
            journal,
            seq,
        ),
    )


def _pictured(db: sqlite3.Connection, entry: Accepted, body: VehiclePictured) -> None:
    db.execute(
        "UPDATE passage SET pictured = 1, tractor = ?, tractor_colour = ?, trailer = ?, trailer_colour = ?,"
        " unseen = ? WHERE box = ? AND passage = ?",
        (
            body.tractor,
            _colour(body.plates, body.tractor),
            body.trailer,
            _colour(body.plates, body.trailer),
            _list(body.missing),
            entry.box,
            body.passage,
        ),
    )
    know_vehicle(db, entry.box, body.passage)


def _colour(plates: Sequence[PlateRead], text: str | None) -> str | None:
    return next((plate.colour for plate in plates if text is not None and plate.text == text), None)


def _health(db: sqlite3.Connection, entry: Accepted, body: LaneHealth) -> None:
    """The last heartbeat in order of custody is how things are: clocks may be wrong, places are not."""
    db.execute(
        "INSERT OR REPLACE INTO lane VALUES (?, ?, ?, ?, ?)",
        (
            entry.header.source,
            entry.box,
            entry.received_ms,
            body.waiting,
            msgspec.json.encode(body.devices),
        ),
    )


def _catch_up_acts(db: sqlite3.Connection, entry: Accepted) -> None:
    rows = db.execute(
        "SELECT body, at FROM act WHERE weighed_journal = ? AND weighed_seq = ? ORDER BY at, journal, seq",
        (entry.header.journal, entry.seq),
    ).fetchall()
    for body, at_ms in rows:
        _apply_act(db, msgspec.json.decode(body, type=PassageDecided), at_ms)


def _apply_act(db: sqlite3.Connection, body: PassageDecided, at_ms: int) -> None:
    about = (body.weighed.journal, body.weighed.seq)
    if body.act == "confirmed":
        if body.verdict is not None:
            _judge(db, body.verdict, *about)
        axles = body.facts.axle_count if body.facts else None
        db.execute(
            "UPDATE passage SET confirmed = 1, axle_count = coalesce(?, axle_count) WHERE journal = ? AND seq = ?",
            (axles, *about),
        )
        return
    db.execute(
        "UPDATE passage SET act = ?, act_by = ?, act_ms = ? WHERE journal = ? AND seq = ?",
        (body.act, body.by, at_ms, *about),
    )
    if body.act == "released":
        _close_stay(db, body, at_ms)


def _close_stay(db: sqlite3.Connection, body: PassageDecided, at_ms: int) -> None:
    """The vehicle goes: its re-weighing and what was weighed of it before wait for nobody any more."""
    last = body.grounds.reweigh if body.grounds and body.grounds.reweigh else body.weighed
    row = db.execute(
        "SELECT place, box, shown, coalesce(vehicle, (SELECT vehicle FROM passage WHERE journal = ? AND seq = ?))"
        " FROM passage WHERE journal = ? AND seq = ?",
        (body.weighed.journal, body.weighed.seq, last.journal, last.seq),
    ).fetchone()
    if row is None:
        return
    place, box, shown, vehicle = row
    db.execute(
        "UPDATE passage SET act = 'released', act_by = ?, act_ms = ? WHERE act IS NOT 'released' AND (place = ?"
        " OR (vehicle = ? AND abs(shown - ?) <= ? AND CASE box WHEN ? THEN place < ? ELSE shown <= ? END))",
        (body.by, at_ms, place, vehicle, shown, SAME_STAY_MS, box, place, shown),
    )


def _list(words: Sequence[object]) -> str:
    return msgspec.json.encode(words).decode()
