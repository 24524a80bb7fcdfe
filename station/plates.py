"""The readings of the lanes for people: the newest ones, what passed before, and a person's word beside a reading."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import msgspec

from journal.erasing import Erasing
from kernel.clock import Clock
from kernel.errors import ConfigError, FullError
from kernel.events import EntryRef, PlateRead, VehiclePictured
from kernel.evidence import header
from kernel.plates.correcting import Answer, corrected, reading
from kernel.plates.labels import Label, is_double_row
from kernel.plates.nearness import one_edit_away
from kernel.plates.saying import Refused
from station.acts import Done, Officers, Tap
from station.correcting import corrections
from station.queries import Queries
from station.views import NamedFile, PlateLine, PlateReading
from web.plates import Seen

log = logging.getLogger(__name__)

NEWEST = 50
LOOKED_THROUGH = 2_000  # crossings at most, for readings of a rare kind
SEEN_MS = 30 * 86_400_000
SEEN_MOST = 3
AT_ONCE = 100
FORGETTING_S = 60.0
RULE = "station.follows_lane"  # as record.erased names it


class Plates:
    """Reads the station's store.  Blocking: call it from a thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        if not path.exists():
            raise ConfigError.one(str(path), "is not there: the station has not run yet")

    def newest(
        self, *, box: str | None = None, status: str | None = None, most: int = NEWEST
    ) -> list[PlateReading]:
        """The newest readings first, each side of a vehicle on its own, as far as they are not erased."""
        found: list[PlateReading] = []
        with self._reading() as db:
            for place, passage in _pictured(db, box):
                detail = _of_crossing(db, place, passage)
                found += [one for one in detail if status in (None, one.read.status)]
                if len(found) >= most:
                    break
        return found[:most]

    def seen(self, texts: Sequence[str], *, before_ms: int) -> list[Seen]:
        """Crossings before then of these plates, or of plates one edit away; the same plate first, then the newest."""
        same = set(texts)
        wanted = same.union(*(one_edit_away(text) for text in same)) if same else set()
        if not wanted:
            return []
        marks = ", ".join("?" * len(wanted))
        with self._reading() as db:
            rows = [
                row
                for column in ("vehicle", "trailer")
                for row in db.execute(
                    f"SELECT box, passage, {column}, shown, grade FROM passage WHERE {column} IN ({marks})"  # noqa: S608
                    " AND shown >= ? AND shown < ? ORDER BY shown DESC LIMIT ?",
                    (*sorted(wanted), before_ms - SEEN_MS, before_ms, SEEN_MOST * len(wanted)),
                )
            ]
        rows.sort(key=lambda row: (row[2] not in same, -row[3]))
        return [_seen(row, same) for row in rows[:SEEN_MOST]]

    def labels(self) -> list[Label]:
        """The crops of which a person has said the plate, newest word of each; without those that are erased."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT box, passage FROM correction WHERE body IS NOT NULL GROUP BY box, passage"
            ).fetchall()
            return [label for box, passage in rows for label in _labels(db, box, passage)]

    def to_forget(self, most: int = AT_ONCE) -> list[EntryRef]:
        """Corrections in the station's own journal whose crossing was erased by its lane."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT journal, seq, leaf FROM correction WHERE body IS NULL AND NOT gone LIMIT ?", (most,)
            ).fetchall()
        return [EntryRef(journal=journal, seq=seq, leaf=leaf) for journal, seq, leaf in rows]

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=30)) as db:
            yield db


@dataclass(frozen=True, slots=True, kw_only=True)
class NotCorrected:
    """Why it was not written down: of the rules of plates, or because nothing is there to correct."""

    refused: Refused | None = None
    why: str = ""


class Corrections:
    """The only writer of `plate.corrected` at this station."""

    def __init__(self, officers: Officers, queries: Queries, *, told: Callable[[str, str], None]) -> None:
        self._officers = officers
        self._queries = queries
        self._told = told

    async def correct(self, tap: Tap, role: str, answer: Answer) -> Done | NotCorrected | None:
        """None: there is no such crossing.  The reading stays as it is."""
        detail = await asyncio.to_thread(self._queries.detail, tap.box, tap.passage)
        if detail is None:
            return None
        read = reading(detail.pictured, role)
        if read is None:
            return NotCorrected(why="erased" if detail.row.erased else "no_such_read")
        said = corrected(
            read, answer, box=tap.box, passage=tap.passage, by=tap.by, crop=_crop(read, detail.files)
        )
        if isinstance(said, Refused):
            return NotCorrected(refused=said)
        done = await self._officers.say(said, f"plate/{tap.box}/{tap.passage}/{role}/{tap.by}/{tap.key}")
        self._told(tap.box, tap.passage)
        return done


class Forgetting:
    """What a lane has erased leaves the station's own journal too: first said, then done, each by an entry."""

    def __init__(
        self, plates: Plates, erasing: Erasing, done: Callable[[Sequence[EntryRef]], None], *, by: str
    ) -> None:
        """`done` blocks: the store notes that they are gone."""
        self._plates = plates
        self._erasing = erasing
        self._done = done
        self._by = by

    async def forget(self) -> None:
        """FullError: what is not said yet is not done either."""
        while refs := await asyncio.to_thread(self._plates.to_forget):
            await self._erasing.erase(refs, rule=RULE, by=self._by)
            await asyncio.to_thread(self._done, refs)

    async def run(self, clock: Clock) -> NoReturn:
        while True:
            try:
                await self.forget()
            except (FullError, sqlite3.Error) as error:
                log.warning("corrections of erased plates are still there", extra={"reason": str(error)})
            await clock.sleep(FORGETTING_S)


def plate_line(one: PlateReading) -> PlateLine:
    read, said = one.read, one.said.body if one.said else None
    return PlateLine(
        shown_ms=one.shown_ms,
        box=one.box,
        passage=one.passage,
        role=read.role,
        status=read.status,
        text=read.text,
        said=(said.text or said.without) if said else None,
        said_by=said.by if said else None,
        plate_class=read.plate_class,
        colour=read.colour,
        score_permille=read.score_permille,
        chars_permille=read.chars_permille,
        candidates=read.candidates,
        crop=one.crop.file.sha256 if one.crop else None,
    )


# --- inside ----------------------------------------------------------------------------------------------------


def _pictured(db: sqlite3.Connection, box: str | None) -> list[tuple[str, str]]:
    return db.execute(
        "SELECT box, passage FROM passage WHERE pictured AND NOT erased AND (? IS NULL OR box = ?)"
        " ORDER BY shown DESC, place DESC LIMIT ?",
        (box, box, LOOKED_THROUGH),
    ).fetchall()


def _of_crossing(db: sqlite3.Connection, box: str, passage: str) -> list[PlateReading]:
    rows = db.execute(
        "SELECT entry.header, body.body, shown FROM passage JOIN said USING (box, passage)"
        " JOIN entry ON entry.journal = said.journal AND entry.seq = said.seq"
        " JOIN body ON body.journal = said.journal AND body.seq = said.seq"
        " WHERE passage.box = ? AND passage.passage = ? AND said.stream = ? ORDER BY said.journal, said.seq",
        (box, passage, VehiclePictured.stream),
    ).fetchall()
    said = {one.body.role: one for one in corrections(db, box, passage)}
    found: dict[str, PlateReading] = {}
    for head, body, shown in rows:
        files = {file.name: file for file in header.decode(head).files}
        for read in msgspec.json.decode(body, type=VehiclePictured).plates:
            file = files.get(read.crop or "")
            crop = NamedFile(file=file, stored=_is_stored(db, box, file.sha256)) if file else None
            found[read.role] = PlateReading(
                box=box, passage=passage, shown_ms=shown, read=read, crop=crop, said=said.get(read.role)
            )
    return list(found.values())


def _is_stored(db: sqlite3.Connection, box: str, sha256: str) -> bool:
    row = db.execute(
        "SELECT 1 FROM declared WHERE box = ? AND sha256 = ? AND stored IS NOT NULL LIMIT 1", (box, sha256)
    ).fetchone()
    return row is not None


def _seen(row: tuple[str, str, str, int, str | None], same: set[str]) -> Seen:
    box, passage, text, shown, grade = row
    return Seen(
        source="pre_check" if grade == "pre_check" else "previous",
        text=text,
        agrees=text in same,
        at_ms=shown,
        link=f"/tablet#{box}/{passage}",
    )


def _labels(db: sqlite3.Connection, box: str, passage: str) -> Iterator[Label]:
    for one in _of_crossing(db, box, passage):
        if one.said is None or one.said.body.text is None or one.crop is None or not one.crop.stored:
            continue
        body, file = one.said.body, one.crop.file
        yield Label(
            sha256=file.sha256,
            suffix=Path(file.name).suffix.lower(),
            text=body.text or "",
            plate_class=body.plate_class,
            colour=body.colour,
            double_row=is_double_row(body.plate_class, corners=one.read.corners, box=one.read.box),
        )


def _crop(read: PlateRead, files: dict[str, NamedFile]) -> str | None:
    named = files.get(read.crop or "")
    return named.file.sha256 if named else None
