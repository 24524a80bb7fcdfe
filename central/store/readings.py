"""The readings of the lanes for people: the newest ones, what passed before, crops of which people said the plate.  Blocking."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, or_, select, tuple_

from central.store import schema
from central.store.engines import Database
from central.store.hiding import plate_hash
from central.store.projections import Register
from central.store.queries import passage_row
from central.store.staying import Passage
from central.views import CorrectionView, PassageRow, PlateLine, PlateReading
from kernel.events import PlateCorrected, PlateRead, VehiclePictured
from kernel.evidence import header
from kernel.plates.labels import Label, is_double_row
from kernel.plates.nearness import one_edit_away
from web.plates import Seen

NEWEST = 50
LOOKED_THROUGH = 2_000  # crossings at most, for readings of a rare kind
PORTION = 100
SEEN_MS = 30 * 86_400_000
SEEN_MOST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which readings; None does not narrow."""

    station: str | None = None
    lane: str | None = None
    status: str | None = None


class Readings:
    """Every call is one short read transaction."""

    def __init__(self, database: Database, *, register: Register) -> None:
        self._engine = database.reader
        self._register = register

    def newest(self, wanted: Wanted, *, most: int = NEWEST) -> list[PlateReading]:
        """The newest first, each side of a vehicle on its own, as far as they are not erased."""
        found: list[PlateReading] = []
        with self._engine.connect() as connection:
            for start in range(0, LOOKED_THROUGH, PORTION):
                query = _narrowed(wanted).limit(PORTION).offset(start)
                rows = [passage_row(row) for row in connection.execute(query).mappings()]
                found += [
                    one for one in _of_rows(connection, rows) if wanted.status in (None, one.read.status)
                ]
                if len(rows) < PORTION or len(found) >= most:
                    break
        return found[:most]

    def seen(self, texts: Sequence[str], *, before_ms: int, sure: str | None = None) -> list[Seen]:
        """Crossings before then of these plates, or of plates one edit away; the same plate first, then the newest.

        Of vehicles whose plates are hashed only `sure`, the plate that this one certainly has: who looks at one vehicle,
        which is written down, is not told of others.
        """
        same = set(texts)
        wanted = same.union(*(one_edit_away(text) for text in same)) if same else set()
        if not wanted:
            return []
        known = {text: text for text in wanted}
        if self._register.plate_key is not None and sure is not None:
            known[plate_hash(sure, key=self._register.plate_key)] = sure
        with self._engine.connect() as connection:
            found = [
                seen
                for column in (schema.passage.c.tractor, schema.passage.c.trailer, schema.correction.c.text)
                for seen in _seen(connection, column, known, same, before_ms)
            ]
        found.sort(key=lambda seen: (not seen.agrees, -seen.at_ms))
        once = {(seen.link, seen.text): seen for seen in reversed(found)}
        return sorted(once.values(), key=lambda seen: (not seen.agrees, -seen.at_ms))[:SEEN_MOST]

    def labels(self) -> list[Label]:
        """The crops of which a person has said the plate, newest word of each; without those that are erased."""
        said, passage = schema.correction, schema.passage
        of_passage = (passage.c.box == said.c.box) & (passage.c.passage == said.c.passage)
        query = select(passage).where(select(said.c.seq).where(of_passage).correlate(passage).exists())
        with self._engine.connect() as connection:
            rows = [passage_row(row) for row in connection.execute(query).mappings()]
            return [
                label
                for start in range(0, len(rows), PORTION)
                for one in _of_rows(connection, rows[start : start + PORTION])
                if (label := _label(one)) is not None
            ]


def plate_line(one: PlateReading) -> PlateLine:
    row, read, said = one.row, one.read, one.said.said if one.said else None
    return PlateLine(
        shown_ms=row.shown_ms,
        station=row.station,
        lane=row.lane,
        box=row.box,
        passage=row.passage,
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
        crop=one.crop,
    )


def _seen(
    connection: Connection, column: Any, known: Mapping[str, str], same: set[str], before_ms: int
) -> Iterator[Seen]:
    """By this column and by its hash, if it has one; `known` maps texts and hashes to texts."""
    table = schema.passage
    columns = [column, *_hashes(column)]
    query: Select[Any] = (
        select(table, *(each.label(f"by_{n}") for n, each in enumerate(columns)))
        .where(
            or_(*(each.in_(sorted(known)) for each in columns)),
            table.c.shown_ms >= before_ms - SEEN_MS,
            table.c.shown_ms < before_ms,
        )
        .order_by(table.c.shown_ms.desc())
        .limit(SEEN_MOST * len(known))
    )
    if column.table is schema.correction:
        said = schema.correction
        query = query.select_from(
            table.join(said, (said.c.box == table.c.box) & (said.c.passage == table.c.passage))
        )
    for row in connection.execute(query).mappings():
        by = next(row[f"by_{n}"] for n in range(len(columns)) if row[f"by_{n}"] in known)
        yield Seen(
            source="pre_check" if row["grade"] == "pre_check" else "previous",
            text=known[by],
            agrees=known[by] in same,
            at_ms=row["shown_ms"],
            link=None if row["journal"] is None else f"/events/{row['journal']}/{row['seq']}",
        )


def _hashes(column: Any) -> list[Any]:
    name = f"{column.name}_hash"
    return [schema.passage.c[name]] if name in schema.passage.c else []


def _narrowed(wanted: Wanted) -> Select[Any]:
    table = schema.passage
    query = select(table).where(table.c.pictured, table.c.erased_ms.is_(None))
    for column, value in ((table.c.station, wanted.station), (table.c.lane, wanted.lane)):
        if value is not None:
            query = query.where(column == value)
    return query.order_by(table.c.shown_ms.desc(), table.c.box.desc(), table.c.passage.desc())


def _of_rows(connection: Connection, rows: Sequence[PassageRow]) -> list[PlateReading]:
    """The readings of these crossings, in their order, each side once: the newest entry of it counts."""
    by_place = {(row.box, row.passage): row for row in rows}
    if not by_place:
        return []
    said = _words(connection, by_place)
    found: dict[Passage, dict[str, tuple[PlateRead, str | None]]] = {}
    for box, passage, head, body in _bodies(connection, by_place, VehiclePictured.stream):
        files = {file.name: file.sha256 for file in header.decode(head).files}
        for read in msgspec.json.decode(body, type=VehiclePictured).plates:
            found.setdefault((box, passage), {})[read.role] = (read, files.get(read.crop or ""))
    here = _stored(connection, [crop for sides in found.values() for _read, crop in sides.values() if crop])
    return [
        PlateReading(
            row=row,
            read=read,
            crop=crop,
            crop_stored=(row.box, crop) in here,
            said=said.get((row.box, row.passage, role)),
        )
        for place, row in by_place.items()
        for role, (read, crop) in found.get(place, {}).items()
    ]


def _words(
    connection: Connection, places: dict[Passage, PassageRow]
) -> dict[tuple[str, str, str], CorrectionView]:
    """The newest word on each side."""
    found: dict[tuple[str, str, str], CorrectionView] = {}
    views: list[tuple[str, str, CorrectionView]] = []
    for box, passage, head, body in _bodies(connection, places, PlateCorrected.stream):
        told, said = header.decode(head), msgspec.json.decode(body, type=PlateCorrected)
        view = CorrectionView(journal=told.journal, seq=told.seq, at_ms=told.at, said=said)
        views.append((box, passage, view))
    for box, passage, view in sorted(views, key=lambda one: (one[2].at_ms, one[2].journal, one[2].seq)):
        found[box, passage, view.said.role] = view
    return found


def _bodies(
    connection: Connection, places: dict[Passage, PassageRow], stream: str
) -> Iterator[tuple[str, str, bytes, bytes]]:
    said, entry, body = schema.passage_entry, schema.entry, schema.body
    same_entry = (entry.c.journal == said.c.journal) & (entry.c.seq == said.c.seq)
    same_body = (body.c.journal == said.c.journal) & (body.c.seq == said.c.seq)
    query = (
        select(said.c.box, said.c.passage, entry.c.header, body.c.body)
        .select_from(said.join(entry, same_entry).join(body, same_body))
        .where(tuple_(said.c.box, said.c.passage).in_(list(places)), said.c.stream == stream)
        .order_by(entry.c.received_ms, said.c.journal, said.c.seq)
    )
    for row in connection.execute(query):
        yield row.box, row.passage, row.header, row.body


def _stored(connection: Connection, digests: Sequence[str]) -> set[tuple[str, str]]:
    table = schema.stored_file
    query = select(table.c.box, table.c.sha256).where(table.c.sha256.in_(sorted(set(digests))))
    return {(row.box, row.sha256) for row in connection.execute(query)} if digests else set()


def _label(one: PlateReading) -> Label | None:
    said = one.said.said if one.said else None
    if said is None or said.text is None or one.crop is None or not one.crop_stored:
        return None
    return Label(
        sha256=one.crop,
        suffix=PurePath(one.read.crop or "").suffix.lower(),
        text=said.text,
        plate_class=said.plate_class,
        colour=said.colour,
        double_row=is_double_row(said.plate_class, corners=one.read.corners, box=one.read.box),
    )
