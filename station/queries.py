"""What pages and verbs read of the station's store.  Blocking: call it from a thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from kernel.errors import ConfigError
from kernel.events import (
    Body,
    DeviceHealth,
    EntryRef,
    FileStored,
    Outcome,
    PassageDecided,
    VehiclePictured,
    VehicleWeighed,
)
from kernel.evidence import header
from kernel.evidence.header import Header
from kernel.footage.keeping import Hold
from station.correcting import corrections
from station.releasing import SAME_STAY_MS
from station.views import Acted, Detail, HeldJournal, LaneState, NamedFile, Passage, Today

SHOWN = 60

B = TypeVar("B", bound=Body)


class Queries:
    def __init__(self, path: Path) -> None:
        self._path = path
        if not path.exists():
            raise ConfigError.one(str(path), "is not there: the station has not run yet")

    def queue(self, *, since_ms: int, most: int = SHOWN) -> list[Passage]:
        """What waits and the newest of the rest, oldest first."""
        return self._passages(
            "place IN (SELECT place FROM passage WHERE shown >= ? ORDER BY place DESC LIMIT ?)"
            " OR place IN (SELECT place FROM passage WHERE shown >= ? AND act IS NOT 'released'"
            " AND CASE WHEN taken_back THEN act IS 'held' ELSE outcome IS NOT 'within' OR attended = 1 END"
            " ORDER BY place DESC LIMIT ?) ORDER BY place",
            (since_ms, most, since_ms, most),
        )

    def passage(self, box: str, passage: str) -> Passage | None:
        found = self._passages("box = ? AND passage = ?", (box, passage))
        return found[0] if found else None

    def knows_passage(self, passage: str) -> bool:
        """Whether a crossing of any lane has this name."""
        with self._reading() as db:
            found = db.execute("SELECT 1 FROM passage WHERE passage = ? LIMIT 1", (passage,)).fetchone()
        return found is not None

    def outcome(self, box: str | None, passage: str) -> Outcome | None:
        """What became of a crossing; None: it is not known here, or by more than one name."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT outcome FROM passage WHERE passage = ? AND box = ifnull(?, box) LIMIT 2",
                (passage, box),
            ).fetchall()
        return rows[0][0] if len(rows) == 1 else None

    def held(self) -> dict[str, Hold]:
        """Crossings that their lanes hold, by name."""
        with self._reading() as db:
            rows = db.execute("SELECT passage, by, reason, until FROM held WHERE act = 'held'").fetchall()
        return {name: Hold(by=by, reason=reason, until_ms=until) for name, by, reason, until in rows}

    def stay(self, row: Passage) -> list[Passage]:
        """Other crossings near it in time that may be of the same vehicle: same plate, or none read."""
        return self._passages(
            "place != ? AND shown BETWEEN ? AND ? AND (vehicle IS NULL OR vehicle = ? OR ? IS NULL) ORDER BY place",
            (
                row.order,
                row.shown_ms - SAME_STAY_MS,
                row.shown_ms + SAME_STAY_MS,
                row.vehicle,
                row.vehicle,
            ),
        )

    def detail(self, box: str, passage: str) -> Detail | None:
        with self._reading() as db:
            rows = _passages(db, "box = ? AND passage = ?", (box, passage))
            if not rows:
                return None
            return _detail(db, rows[0])

    def lanes(self) -> list[LaneState]:
        with self._reading() as db:
            rows = db.execute(
                "SELECT box, source, received, waiting, devices FROM lane ORDER BY source"
            ).fetchall()
        return [
            LaneState(
                box=box,
                source=source,
                received_ms=received,
                waiting=waiting,
                devices=msgspec.json.decode(devices, type=tuple[DeviceHealth, ...]),
            )
            for box, source, received, waiting, devices in rows
        ]

    def today(self, since_ms: int) -> Today:
        with self._reading() as db:
            row = db.execute(
                "SELECT total(NOT taken_back), total(outcome IS 'over_limit' AND NOT taken_back),"
                " total(outcome IS 'undetermined' AND NOT taken_back), total(act IS 'released')"
                " FROM passage WHERE shown >= ?",
                (since_ms,),
            ).fetchone()
        passages, over, undetermined, released = (int(value) for value in row)
        return Today(passages=passages, over=over, undetermined=undetermined, released=released)

    def journals(self) -> list[HeldJournal]:
        with self._reading() as db:
            rows = db.execute(
                "SELECT journal, box, process, state, size, kept FROM head ORDER BY box, process, journal"
            ).fetchall()
        names = ("journal", "box", "process", "state", "size", "kept")
        return [HeldJournal(**dict(zip(names, row, strict=True))) for row in rows]

    def names_file(self, sha256: str) -> str | None:
        """The name under which an entry in custody declared this file."""
        with self._reading() as db:
            row = db.execute("SELECT name FROM declared WHERE sha256 = ? LIMIT 1", (sha256,)).fetchone()
        return str(row[0]) if row else None

    def clips(self, box: str, passage: str) -> list[tuple[str, FileStored]]:
        """Each clip of a crossing by its digest, whether its bytes are here or stayed at the lane."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT declared.sha256, body.body FROM said JOIN declared USING (box, journal, seq)"
                " JOIN body USING (journal, seq) WHERE said.box = ? AND said.passage = ? AND said.stream = ?",
                (box, passage, FileStored.stream),
            ).fetchall()
        told = [(str(sha256), msgspec.json.decode(body, type=FileStored)) for sha256, body in rows]
        return [(sha256, body) for sha256, body in told if body.kind == "clip"]

    def acted(self, *, since_ms: int, until_ms: int) -> list[tuple[str, int]]:
        """Who decided on a crossing and when, the end not included."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT body, at FROM act WHERE at >= ? AND at < ? ORDER BY at", (since_ms, until_ms)
            ).fetchall()
        return [(msgspec.json.decode(body, type=PassageDecided).by, int(at)) for body, at in rows]

    def clip(self, sha256: str) -> FileStored | None:
        """What a lane has said of this file, if it is a clip."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT body.body FROM declared JOIN said USING (box, journal, seq) JOIN body USING (journal, seq)"
                " WHERE declared.sha256 = ? AND said.stream = ?",
                (sha256, FileStored.stream),
            ).fetchall()
        told = (msgspec.json.decode(row[0], type=FileStored) for row in rows)
        return next((body for body in told if body.kind == "clip"), None)

    def passages_of_file(self, box: str, sha256: str) -> list[str]:
        """The crossings whose entry declared this file."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT DISTINCT said.passage FROM declared JOIN said USING (box, journal, seq)"
                " WHERE declared.box = ? AND declared.sha256 = ?",
                (box, sha256),
            ).fetchall()
        return [str(row[0]) for row in rows]

    def passage_of_entry(self, box: str, journal: str, seq: int) -> str | None:
        """The crossing that this entry speaks of."""
        with self._reading() as db:
            row = db.execute(
                "SELECT passage FROM said WHERE box = ? AND journal = ? AND seq = ?", (box, journal, seq)
            ).fetchone()
        return str(row[0]) if row else None

    def _passages(self, where: str, values: Sequence[object]) -> list[Passage]:
        with self._reading() as db:
            return _passages(db, where, values)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=30)) as db:
            yield db


def _passages(db: sqlite3.Connection, where: str, values: Sequence[object]) -> list[Passage]:
    cursor = db.execute(f"SELECT * FROM passage WHERE {where}", tuple(values))  # noqa: S608 - our own texts
    names = [column[0] for column in cursor.description]
    return [_passage(dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


def _passage(row: dict[str, Any]) -> Passage:
    weighed = row["journal"] is not None
    missing = (*_words(row["missing"]), *_words(row["unseen"]))
    return Passage(
        box=row["box"],
        passage=row["passage"],
        order=row["place"],
        shown_ms=row["shown"],
        source=row["source"],
        weighed=EntryRef(journal=row["journal"], seq=row["seq"], leaf=row["leaf"]) if weighed else None,
        gross_kg=row["gross_kg"],
        axle_count=row["axle_count"],
        outcome=row["outcome"],
        suspected=bool(row["suspected"]),
        over_kg=row["over_kg"],
        limits=msgspec.json.decode(row["limits"], type=tuple[int, ...]),
        grade=row["grade"],
        attended=bool(row["attended"]),
        tractor=row["tractor"],
        tractor_colour=row["tractor_colour"],
        trailer=row["trailer"],
        trailer_colour=row["trailer_colour"],
        pictured=bool(row["pictured"]),
        missing=tuple(dict.fromkeys(missing)),
        quality=_words(row["quality"]),
        confirmed=bool(row["confirmed"]),
        act=row["act"],
        act_by=row["act_by"],
        act_ms=row["act_ms"],
        erased=bool(row["erased"]),
        taken_back=bool(row["taken_back"]),
        vehicle=row["vehicle"],
    )


def _words(text: str) -> tuple[str, ...]:
    return msgspec.json.decode(text, type=tuple[str, ...])


def _detail(db: sqlite3.Connection, row: Passage) -> Detail:
    entries = db.execute(
        "SELECT entry.header, body.body, said.stream FROM said JOIN entry USING (journal, seq)"
        " JOIN body USING (journal, seq) WHERE said.box = ? AND said.passage = ? ORDER BY said.journal, said.seq",
        (row.box, row.passage),
    ).fetchall()
    headers = [(header.decode(head), body, stream) for head, body, stream in entries]
    weighed = [(head, body) for head, body, stream in headers if stream == VehicleWeighed.stream]
    return Detail(
        row=row,
        at_ms=weighed[0][0].at if weighed else None,
        weighed=msgspec.json.decode(weighed[0][1], type=VehicleWeighed) if weighed else None,
        pictured=tuple(_bodies(headers, VehiclePictured)),
        clips=tuple(body for body in _bodies(headers, FileStored) if body.kind == "clip"),
        files=_files(db, [head for head, _, _ in headers]),
        acts=tuple(_acts(db, row)),
        corrected=tuple(corrections(db, row.box, row.passage)),
    )


def _bodies(headers: Sequence[tuple[Header, bytes, str]], kind: type[B]) -> Iterator[B]:
    for _, body, stream in headers:
        if stream == kind.stream:
            yield msgspec.json.decode(body, type=kind)


def _files(db: sqlite3.Connection, headers: Sequence[Header]) -> dict[str, NamedFile]:
    named = [file for head in headers for file in head.files]
    marks = ", ".join("?" * len(named))
    here = {
        row[0]
        for row in db.execute(
            f"SELECT sha256 FROM declared WHERE stored IS NOT NULL AND sha256 IN ({marks})",  # noqa: S608
            [file.sha256 for file in named],
        )
    }
    return {file.name: NamedFile(file=file, stored=file.sha256 in here) for file in named}


def _acts(db: sqlite3.Connection, row: Passage) -> Iterator[Acted]:
    if row.weighed is None:
        return
    rows = db.execute(
        "SELECT journal, seq, leaf, at, body FROM act WHERE weighed_journal = ? AND weighed_seq = ?"
        " ORDER BY at, journal, seq",
        (row.weighed.journal, row.weighed.seq),
    ).fetchall()
    for journal, seq, leaf, at, body in rows:
        yield Acted(
            ref=EntryRef(journal=journal, seq=seq, leaf=leaf),
            at_ms=at,
            body=msgspec.json.decode(body, type=PassageDecided),
        )
