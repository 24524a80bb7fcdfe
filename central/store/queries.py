"""What people and programs ask of the centre, in the fields of central.views and no others.  Blocking, read only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, RowMapping, Select, case, func, or_, select, tuple_

from central.store import schema
from central.store.cases import closing_of
from central.store.custody import custody_view
from central.store.engines import Database
from central.store.erasing import file_erased
from central.store.footage import marks_on, said_of
from central.store.hiding import plate_hash
from central.store.projections import Register, place
from central.store.staying import entries_of, held_passages
from central.views import (
    AccessRow,
    CaseClosing,
    CaseEntry,
    CaseView,
    CorrectionView,
    Custody,
    DecisionView,
    DeviceState,
    EntryView,
    FileState,
    FileView,
    HourRow,
    MarkView,
    Page,
    PassageDetail,
    PassageRow,
    Publication,
    QuarantineRow,
    ReviewView,
    SourceState,
    SpanView,
)
from kernel.errors import ConfigError
from kernel.events import (
    STREAMS,
    Body,
    CaseRecorded,
    DeviceHealth,
    EntryRef,
    FileStored,
    JournalRecovered,
    LaneHealth,
    PassageDecided,
    PassageReviewed,
    PlateCorrected,
    VehiclePictured,
    VehicleWeighed,
)
from kernel.evidence.recovery import unwrap
from kernel.footage.bodies import FootageDerived, FootageLinked, FootageTagged
from kernel.plates import normalise

MOST_ROWS = 500
_ROW_FIELDS = tuple(field.name for field in fields(PassageRow) if field.name != "hashed")
_CURSOR = re.compile(r"(-?\d{1,16})~([a-z0-9-]{3,40})~([A-Za-z0-9._:-]{1,80})")
_SILENT_MS = (STREAMS[LaneHealth.stream].silent_s or 0) * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which passages; None does not narrow.  `plate` matches tractor or trailer from its beginning."""

    station: str | None = None
    lane: str | None = None
    outcome: str | None = None
    plate: str | None = None
    from_ms: int | None = None
    to_ms: int | None = None


class Queries:
    """Reads the projections; every call is one short read transaction."""

    def __init__(self, database: Database, *, register: Register) -> None:
        self._engine = database.reader
        self._register = register

    def passages(self, wanted: Filter, *, limit: int = 50, cursor: str | None = None) -> Page:
        """Newest first.  ConfigError for a cursor that this did not give."""
        table = schema.passage
        query = _narrowed(select(table), wanted)
        place_ = tuple_(table.c.shown_ms, table.c.box, table.c.passage)
        if cursor is not None:
            query = query.where(place_ < tuple_(*_cursor(cursor)))
        newest_first = (table.c.shown_ms.desc(), table.c.box.desc(), table.c.passage.desc())
        limit = max(1, min(limit, MOST_ROWS))
        with self._engine.connect() as connection:
            query = _of_plate(connection, query, wanted.plate, self._register)
            found = connection.execute(query.order_by(*newest_first).limit(limit + 1)).mappings().all()
        rows = tuple(passage_row(row) for row in found[:limit])
        last = rows[-1] if len(found) > limit else None
        return Page(rows=rows, cursor=f"{last.shown_ms}~{last.box}~{last.passage}" if last else None)

    def row(self, box: str, passage: str) -> PassageRow | None:
        """One line, as after a change of it."""
        table = schema.passage
        query = select(table).where(table.c.box == box, table.c.passage == passage)
        with self._engine.connect() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return passage_row(row) if row else None

    def boxes_of(self, passage: str) -> tuple[str, ...]:
        """Whose passage it is: more than one only if two boxes chose the same id."""
        table = schema.passage
        query = select(table.c.box).where(table.c.passage == passage).order_by(table.c.box)
        with self._engine.connect() as connection:
            return tuple(connection.execute(query).scalars())

    def passage(self, box: str, passage: str) -> PassageDetail | None:
        """Everything about one crossing."""
        row = self.row(box, passage)
        if row is None:
            return None
        with self._engine.connect() as connection:
            entries = _entries_of(connection, row)
            files = _files(connection, schema.named_file.c.passage == passage, schema.named_file.c.box == box)
            journals = sorted({entry.journal for entry in entries})
            custody = tuple(custody_view(connection, journal) for journal in journals)
            reviews = _reviews(connection, row, entries)
            cases = _cases_of(connection, entries)
            told = _entries(connection, said_of(connection, row))
            spans = _spans(connection, told)
            clips = {file.sha256 for file in files if file.kind == "clip"}
            tags = _tags(connection, row, told, clips)
        detail = _detail(row, entries, files, tuple(view for view in custody if view is not None))
        return replace(
            detail,
            reviews=reviews,
            cases=cases,
            spans=spans,
            marks=_marks(tags, clips.union(*(span.said.sources for span in spans))),
            corrections=_corrections(entries),
            footage=(*told, *_within(tags, told, clips)),
        )

    def held(self, box: str, passage: str, *, now_ms: int) -> str | None:
        """Why nothing of it may be erased now, if anything forbids it."""
        with self._engine.connect() as connection:
            return held_passages(connection, [(box, passage)], now_ms=now_ms).get((box, passage))

    def quarantined_naming(self, box: str, passage: str) -> tuple[EntryView, ...]:
        """Entries of this box that cannot be read and seem to speak of this passage."""
        table = schema.quarantine
        query = select(table.c.journal, table.c.seq).where(table.c.box == box)
        with self._engine.connect() as connection:
            held = _entries(connection, [(row.journal, row.seq) for row in connection.execute(query)])
        return tuple(entry for entry in held if _seems_to_name(entry, passage))

    def entry(self, journal: str, seq: int) -> EntryView | None:
        with self._engine.connect() as connection:
            found = _entries(connection, [(journal, seq)])
        return found[0] if found else None

    def files(self, sha256: str) -> tuple[FileView, ...]:
        """Every place where this file is named."""
        with self._engine.connect() as connection:
            return _files(connection, schema.named_file.c.sha256 == sha256)

    def hours(
        self, from_ms: int, to_ms: int, *, station: str | None = None, lane: str | None = None
    ) -> tuple[HourRow, ...]:
        """Counts of each lane and hour in [from, to), oldest first."""
        table = schema.rollup_hour
        keys = (table.c.station, table.c.lane, table.c.hour_ms)
        outcomes = ("within", "over_limit", "undetermined", "not_weighed")
        sums = [
            func.sum(case((table.c.outcome == name, table.c.passages), else_=0)).label(name)
            for name in outcomes
        ]
        query = (
            select(
                *keys,
                func.sum(table.c.passages).label("passages"),
                func.sum(table.c.suspected).label("suspected"),
                *sums,
            )
            .where(table.c.hour_ms >= from_ms, table.c.hour_ms < to_ms)
            .group_by(*keys)
            .order_by(table.c.hour_ms, table.c.station, table.c.lane)
        )
        if station is not None:
            query = query.where(table.c.station == station)
        if lane is not None:
            query = query.where(table.c.lane == lane)
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return tuple(_hour_row(row) for row in rows)

    def sources(self, now_ms: int) -> tuple[SourceState, ...]:
        """Every source that the register or a heartbeat names, silent ones included."""
        with self._engine.connect() as connection:
            heard = connection.execute(select(schema.source_state)).mappings().all()
            spoken = _edges(connection)
        states = [_heard(dict(row), now_ms) for row in heard]
        known = {state.box for state in states}
        states += [_unheard(box, self._register.sources.get(box, box)) for box in sorted(spoken - known)]
        return tuple(sorted(states, key=lambda state: (state.source, state.box)))

    def quarantine(self, limit: int = 100) -> tuple[QuarantineRow, ...]:
        table = schema.quarantine
        query = select(table).order_by(table.c.received_ms.desc(), table.c.journal, table.c.seq).limit(limit)
        with self._engine.connect() as connection:
            return tuple(QuarantineRow(**row) for row in connection.execute(query).mappings())

    def quarantined(self) -> int:
        with self._engine.connect() as connection:
            return connection.execute(select(func.count()).select_from(schema.quarantine)).scalar_one()

    def journals(self) -> tuple[Custody, ...]:
        """Every journal the centre holds."""
        with self._engine.connect() as connection:
            ids = (
                connection.execute(select(schema.head.c.journal).order_by(schema.head.c.box)).scalars().all()
            )
            views = [custody_view(connection, journal) for journal in ids]
        return tuple(view for view in views if view is not None)

    def case_entries(self, case: str) -> tuple[EntryRef, ...]:
        """What belongs to a case, in the order it was recorded; some of it may not have arrived yet."""
        table = schema.case_entry
        query = (
            select(table.c.journal, table.c.seq, table.c.leaf)
            .where(table.c.case_id == case)
            .order_by(table.c.by_journal, table.c.by_seq, table.c.journal, table.c.seq)
        )
        with self._engine.connect() as connection:
            return tuple(EntryRef(**row) for row in connection.execute(query).mappings())

    def case(self, case: str) -> CaseView | None:
        """A case with what has arrived of it."""
        table, entry, said = schema.case_entry, schema.entry, entries_of()
        same = (entry.c.journal == table.c.journal) & (entry.c.seq == table.c.seq)
        of_passage = (said.c.journal == table.c.journal) & (said.c.seq == table.c.seq)
        query = (
            select(table, entry.c.stream, entry.c.leaf.label("held"), entry.c.box, said.c.passage)
            .select_from(table.outerjoin(entry, same).outerjoin(said, of_passage))
            .where(table.c.case_id == case)
            .order_by(table.c.by_journal, table.c.by_seq, table.c.journal, table.c.seq)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
            context = _context(connection, case, rows)
            closing = closing_of(connection, case)
        if not rows:
            return None
        newest_ms = max(row["at_ms"] for row in rows)
        entries = tuple(_case_entry(row, context.get((row["journal"], row["seq"]), ())) for row in rows)
        return CaseView(case=case, newest_ms=newest_ms, entries=entries, closing=closing)

    def closing(self, case: str) -> CaseClosing | None:
        """The newest act about the end of a case; None: nobody has closed it."""
        with self._engine.connect() as connection:
            return closing_of(connection, case)

    def published(
        self, *, now_ms: int, limit: int, before: tuple[int, str] | None = None
    ) -> list[Publication]:
        """What is public now, newest first; `before` is the time and case after which the next page begins."""
        table = schema.publication
        query = (
            select(table)
            .where(table.c.act == "published", or_(table.c.until_ms.is_(None), table.c.until_ms > now_ms))
            .order_by(table.c.at_ms.desc(), table.c.case_id.desc())
            .limit(limit)
        )
        if before is not None:
            query = query.where(tuple_(table.c.at_ms, table.c.case_id) < tuple_(*before))
        with self._engine.connect() as connection:
            return [_publication(connection, row) for row in connection.execute(query).mappings().all()]

    def accesses(
        self,
        *,
        passage: str | None = None,
        by: str | None = None,
        from_ms: int | None = None,
        to_ms: int | None = None,
        limit: int = 100,
    ) -> tuple[AccessRow, ...]:
        """Who looked at what, newest first."""
        table = schema.access
        query = select(table).order_by(table.c.at_ms.desc(), table.c.seq.desc()).limit(limit)
        for column, value in ((table.c.passage, passage), (table.c.by, by)):
            if value is not None:
                query = query.where(column == value)
        if from_ms is not None:
            query = query.where(table.c.at_ms >= from_ms)
        if to_ms is not None:
            query = query.where(table.c.at_ms < to_ms)
        with self._engine.connect() as connection:
            return tuple(AccessRow(**row) for row in connection.execute(query).mappings())


def _narrowed(query: Select[Any], wanted: Filter) -> Select[Any]:
    table = schema.passage.c
    exact = {"station": wanted.station, "lane": wanted.lane, "outcome": wanted.outcome}
    for name, value in exact.items():
        if value is not None:
            query = query.where(table[name] == value)
    if wanted.outcome is not None:
        query = query.where(~table.taken_back)  # it has none any more
    if wanted.from_ms is not None:
        query = query.where(table.shown_ms >= wanted.from_ms)
    if wanted.to_ms is not None:
        query = query.where(table.shown_ms < wanted.to_ms)
    return query


def _of_plate(
    connection: Connection, query: Select[Any], asked: str | None, register: Register
) -> Select[Any]:
    """A plate from its beginning as it was read, or as people say; where plates are hashed, a whole one."""
    plate = normalise(asked) if asked else ""
    if not plate:
        return query
    table, said = schema.passage.c, schema.correction.c
    after = plate + "\U0010ffff"  # a range uses the index in both engines; LIKE does not
    ways: list[ColumnElement[bool]] = [
        column.between(plate, after) for column in (table.tractor, table.trailer)
    ]
    says: ColumnElement[bool] = said.text.between(plate, after)
    if register.plate_key is not None:
        hashed = plate_hash(plate, key=register.plate_key)
        ways += [column == hashed for column in (table.tractor_hash, table.trailer_hash)]
        says = or_(says, said.text == hashed)
    # Looked up first: inside of the other question no engine would use the index of both.
    corrected = connection.execute(select(said.box, said.passage).where(says).distinct().limit(MOST_ROWS))
    places = [(row.box, row.passage) for row in corrected]
    if places:
        ways.append(tuple_(table.box, table.passage).in_(places))
    return query.where(or_(*ways))


def _cursor(cursor: str) -> tuple[int, str, str]:
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise ConfigError.one("cursor", "is not one that a page before this gave")
    return int(match[1]), match[2], match[3]


def passage_row(row: RowMapping) -> PassageRow:
    """A line out of the row of a crossing."""
    values = {name: row[name] for name in _ROW_FIELDS}
    for name in ("missing", "quality"):
        values[name] = msgspec.json.decode(values[name], type=tuple[str, ...])
    values["hashed"] = row["tractor_hash"] is not None or row["trailer_hash"] is not None
    values["limits_kg"] = msgspec.json.decode(values["limits_kg"], type=tuple[int, ...])
    # A person has looked: it is over limit, or it is not upheld, but no mere suspicion any more.
    values["suspected"] = values["suspected"] and values["reviewed"] not in ("confirmed", "rejected")
    return PassageRow(**values)


def _hour_row(row: RowMapping) -> HourRow:
    # PostgreSQL sums whole numbers to Decimal.
    values: dict[str, Any] = {
        name: row[name] if isinstance(row[name], str) else int(row[name]) for name in row
    }
    return HourRow(**values)


def _entries_of(connection: Connection, row: PassageRow) -> tuple[EntryView, ...]:
    named = schema.passage_entry
    query = select(named.c.journal, named.c.seq).where(named.c.box == row.box, named.c.passage == row.passage)
    places = [(found.journal, found.seq) for found in connection.execute(query)]
    for act in (schema.decision, schema.review):
        acts = select(act.c.journal, act.c.seq).where(
            act.c.weighed_journal == row.journal, act.c.weighed_seq == row.seq
        )
        places += [(found.journal, found.seq) for found in connection.execute(acts)]
    return _entries(connection, places)


def _reviews(connection: Connection, row: PassageRow, entries: Sequence[EntryView]) -> tuple[ReviewView, ...]:
    table = schema.review
    query = (
        select(table)
        .where(table.c.weighed_journal == row.journal, table.c.weighed_seq == row.seq)
        .order_by(table.c.at_ms, table.c.journal, table.c.seq)
    )
    said = {(entry.journal, entry.seq): _body(entry) for entry in entries}
    leaf = _leaf(row, entries)
    return tuple(
        ReviewView(
            journal=found.journal,
            seq=found.seq,
            at_ms=found.at_ms,
            matches=found.weighed_leaf == leaf,
            outcome=found.outcome,
            act=body if isinstance(body := said.get((found.journal, found.seq)), PassageReviewed) else None,
        )
        for found in connection.execute(query)
    )


def _spans(connection: Connection, told: Sequence[EntryView]) -> tuple[SpanView, ...]:
    """The last word on a link is what holds of its span."""
    said = [(entry, _body(entry)) for entry in told]
    in_order = sorted(said, key=lambda pair: (pair[0].at_ms, pair[0].journal, pair[0].seq))
    links = {body.link: body for _entry, body in in_order if isinstance(body, FootageLinked)}
    return tuple(
        _span(file, body, links.get(body.link or ""))
        for entry, body in in_order
        if isinstance(body, FootageDerived) and body.kind == "span"
        for file in _files(
            connection,
            schema.named_file.c.journal == entry.journal,
            schema.named_file.c.seq == entry.seq,
            schema.named_file.c.sha256 == body.sha256,
        )
    )


def _span(file: FileView, said: FootageDerived, link: FootageLinked | None) -> SpanView:
    starts_ms = None
    if link is not None and link.true_from_ms is not None:
        starts_ms = link.true_from_ms + (said.from_ms or 0) - link.from_ms
    return SpanView(
        file=file,
        said=said,
        linked=link is not None and link.act == "linked",
        starts_ms=starts_ms,
        err_ms=link.err_ms if link else None,
    )


def _tags(
    connection: Connection, row: PassageRow, told: Sequence[EntryView], clips: set[str]
) -> list[tuple[EntryView, FootageTagged]]:
    """What its station says of marks on its clips, and anywhere on the films that belong to it."""
    digests = sorted(clips.union(sha256 for sha256, _from_ms, _to_ms in _parts_of(told)))
    said = _entries(connection, marks_on(connection, digests, station=row.station)) if digests else ()
    return [(entry, body) for entry in said if isinstance(body := _body(entry), FootageTagged)]


def _marks(tags: Sequence[tuple[EntryView, FootageTagged]], digests: set[str]) -> tuple[MarkView, ...]:
    """Those on these files that nobody has taken back, in the order of footage."""
    gone = {(body.sha256, body.tag) for _entry, body in tags if body.act == "untagged"}
    standing = {
        (body.sha256, body.tag): MarkView(at_ms=entry.at_ms, said=body)
        for entry, body in tags
        if body.act == "tagged" and body.sha256 in digests and (body.sha256, body.tag) not in gone
    }
    return tuple(sorted(standing.values(), key=lambda mark: (mark.said.sha256, mark.said.from_ms)))


def _within(
    tags: Sequence[tuple[EntryView, FootageTagged]], told: Sequence[EntryView], clips: set[str]
) -> list[EntryView]:
    """Those on its clips, and on the parts of films that belong to it: a film may show other crossings too."""
    parts = list(_parts_of(told))
    return [
        entry
        for entry, body in tags
        if body.sha256 in clips
        or any(
            sha256 == body.sha256 and from_ms <= body.to_ms and body.from_ms <= to_ms
            for sha256, from_ms, to_ms in parts
        )
    ]


def _parts_of(told: Sequence[EntryView]) -> Iterator[tuple[str, int, int]]:
    """Each film that was said to belong to it, from and to."""
    for body in map(_body, told):
        if isinstance(body, FootageLinked):
            yield body.sha256, body.from_ms, body.to_ms
        elif isinstance(body, FootageDerived) and body.from_ms is not None and body.to_ms is not None:
            yield from ((sha256, body.from_ms, body.to_ms) for sha256 in body.sources)


def _corrections(entries: Sequence[EntryView]) -> tuple[CorrectionView, ...]:
    said = [(entry, _body(entry)) for entry in entries]
    found = [
        CorrectionView(journal=entry.journal, seq=entry.seq, at_ms=entry.at_ms, said=body)
        for entry, body in said
        if isinstance(body, PlateCorrected)
    ]
    return tuple(sorted(found, key=lambda one: (one.at_ms, one.journal, one.seq)))


def _leaf(row: PassageRow, entries: Sequence[EntryView]) -> str | None:
    """Of the weighing."""
    return next((e.leaf for e in entries if (e.journal, e.seq) == (row.journal, row.seq)), None)


def _cases_of(connection: Connection, entries: Sequence[EntryView]) -> tuple[str, ...]:
    table = schema.case_entry
    places = [(entry.journal, entry.seq) for entry in entries]
    query = select(table.c.case_id).where(tuple_(table.c.journal, table.c.seq).in_(places)).distinct()
    return tuple(sorted(connection.execute(query).scalars())) if places else ()


def _context(
    connection: Connection, case: str, rows: Sequence[RowMapping]
) -> dict[tuple[str, int], tuple[str, ...]]:
    """Why weighings were taken into the case as context only: the newest act that names an entry decides."""
    entry, body, head = schema.entry, schema.body, schema.head
    same_body = (body.c.journal == entry.c.journal) & (body.c.seq == entry.c.seq)
    own = connection.execute(select(head.c.journal).where(head.c.process == "central")).scalars()
    query = (
        select(body.c.body)
        .select_from(entry.join(body, same_body))
        .where(
            entry.c.stream == CaseRecorded.stream,
            entry.c.journal.in_({row["by_journal"] for row in rows} | set(own)),
            entry.c.received_ms.in_({row["at_ms"] for row in rows}),
        )
        .order_by(entry.c.received_ms, entry.c.seq)
    )
    found: dict[tuple[str, int], tuple[str, ...]] = {}
    for (said,) in connection.execute(query) if rows else ():
        act = msgspec.json.decode(said, type=CaseRecorded)
        without = {each.weighed: each.reasons for each in act.no_evidence}
        if act.case == case:
            found |= {(ref.journal, ref.seq): without.get(ref, ()) for ref in act.entries}
    return found


def _case_entry(row: RowMapping, context: tuple[str, ...]) -> CaseEntry:
    return CaseEntry(
        journal=row["journal"],
        seq=row["seq"],
        leaf=row["leaf"],
        stream=row["stream"],
        box=row["box"],
        passage=row["passage"],
        matches=row["held"] is None or row["held"].hex() == row["leaf"],
        context=context,
    )


def _publication(connection: Connection, row: RowMapping) -> Publication:
    about = msgspec.json.decode(row["about"], type=tuple[EntryRef, ...])
    return Publication(
        case=row["case_id"],
        at_ms=row["at_ms"],
        until_ms=row["until_ms"],
        fields=msgspec.json.decode(row["fields"], type=tuple[str, ...]),
        rows=_weighings(connection, about),
    )


def _weighings(connection: Connection, about: Sequence[EntryRef]) -> tuple[PassageRow, ...]:
    """The lines of those that have arrived, are what was named and were not taken back by their weigher."""
    table, entry = schema.passage, schema.entry
    same = (entry.c.journal == table.c.journal) & (entry.c.seq == table.c.seq)
    leaves = {(ref.journal, ref.seq): ref.leaf for ref in about}
    query = (
        select(table, entry.c.leaf)
        .select_from(table.join(entry, same))
        .where(tuple_(table.c.journal, table.c.seq).in_(list(leaves)), ~table.c.taken_back)
        .order_by(table.c.shown_ms, table.c.box, table.c.passage)
    )
    found = connection.execute(query).mappings().all() if leaves else []
    return tuple(passage_row(row) for row in found if leaves[row["journal"], row["seq"]] == row["leaf"].hex())


class _SpeaksOfPassage(msgspec.Struct, frozen=True):
    passage: str | None = None


def _seems_to_name(entry: EntryView, passage: str) -> bool:
    try:
        return msgspec.json.decode(entry.body or "{}", type=_SpeaksOfPassage).passage == passage
    except msgspec.DecodeError:
        return passage in (entry.body or "")


def _entries(connection: Connection, places: Sequence[tuple[str, int]]) -> tuple[EntryView, ...]:
    if not places:
        return ()
    entry, body, quarantine = schema.entry, schema.body, schema.quarantine
    same_body = (body.c.journal == entry.c.journal) & (body.c.seq == entry.c.seq)
    same_fault = (quarantine.c.journal == entry.c.journal) & (quarantine.c.seq == entry.c.seq)
    query = (
        select(entry, body.c.salt, body.c.body, quarantine.c.reason)
        .select_from(entry.outerjoin(body, same_body).outerjoin(quarantine, same_fault))
        .where(tuple_(entry.c.journal, entry.c.seq).in_(places))
        .order_by(entry.c.received_ms, entry.c.journal, entry.c.seq)
    )
    erasers = _erasers(connection, places)
    return tuple(
        _entry_view(row, erasers.get((row["journal"], row["seq"])))
        for row in connection.execute(query).mappings()
    )


def _erasers(connection: Connection, places: Sequence[tuple[str, int]]) -> dict[tuple[str, int], EntryRef]:
    """By which record.erased the bodies of these went."""
    table, entry = schema.erasure, schema.entry
    by = (entry.c.journal == table.c.by_journal) & (entry.c.seq == table.c.by_seq)
    query = (
        select(table.c.journal, table.c.seq, table.c.by_journal, table.c.by_seq, entry.c.leaf)
        .select_from(table.join(entry, by))
        .where(tuple_(table.c.journal, table.c.seq).in_(places), table.c.done_ms.is_not(None))
    )
    return {
        (row.journal, row.seq): EntryRef(journal=row.by_journal, seq=row.by_seq, leaf=row.leaf.hex())
        for row in connection.execute(query)
    }


def _entry_view(row: RowMapping, erased: EntryRef | None) -> EntryView:
    return EntryView(
        journal=row["journal"],
        seq=row["seq"],
        box=row["box"],
        stream=row["stream"],
        source=row["source"],
        at_ms=row["at_ms"],
        received_ms=row["received_ms"],
        leaf=row["leaf"].hex(),
        header=row["header"].decode(),
        salt=row["salt"].hex() if row["salt"] is not None else None,
        # A quarantined body may be any bytes; it is shown, never trusted.
        body=row["body"].decode(errors="replace") if row["body"] is not None else None,
        absent=row["absent"],
        quarantined=row["reason"],
        erased=erased,
    )


def _files(connection: Connection, *where: Any) -> tuple[FileView, ...]:
    named, stored, requested = schema.named_file, schema.stored_file, schema.requested_file
    same_stored = (stored.c.sha256 == named.c.sha256) & (stored.c.box == named.c.box)
    same_requested = (requested.c.sha256 == named.c.sha256) & (requested.c.box == named.c.box)
    query = (
        select(named, stored.c.stored_ms, requested.c.requested_ms, file_erased(named).label("erased"))
        .select_from(named.outerjoin(stored, same_stored).outerjoin(requested, same_requested))
        .where(*where)
        .order_by(named.c.journal, named.c.seq, named.c.name)
    )
    return tuple(_file_view(row) for row in connection.execute(query).mappings())


def _file_view(row: RowMapping) -> FileView:
    state: FileState = "expected"
    if row["erased"]:
        state = "erased"
    elif row["stored_ms"] is not None:
        state = "stored"
    elif row["on_demand"]:
        state = "on_box" if row["requested_ms"] is None else "requested"
    shared = ("name", "sha256", "size", "box", "journal", "seq", "passage", "kind", "media_type", "stored_ms")
    return FileView(state=state, **{name: row[name] for name in shared})


def _detail(
    row: PassageRow, entries: Sequence[EntryView], files: tuple[FileView, ...], custody: tuple[Custody, ...]
) -> PassageDetail:
    said = [(entry, _body(entry)) for entry in entries]
    weighed = [
        body
        for entry, body in said
        if isinstance(body, VehicleWeighed) and (entry.journal, entry.seq) == (row.journal, row.seq)
    ]
    leaf = _leaf(row, entries)
    return PassageDetail(
        row=row,
        weighed=weighed[0] if weighed else None,
        pictured=tuple(body for _entry, body in said if isinstance(body, VehiclePictured)),
        clips=tuple(body for _entry, body in said if isinstance(body, FileStored)),
        decisions=tuple(
            DecisionView(
                journal=entry.journal,
                seq=entry.seq,
                at_ms=entry.at_ms,
                matches=body.weighed.leaf == leaf,
                act=body,
            )
            for entry, body in said
            if isinstance(body, PassageDecided)
        ),
        files=files,
        entries=tuple(entries),
        custody=custody,
    )


def _body(entry: EntryView) -> Body | None:
    if entry.body is None or entry.quarantined is not None:
        return None
    stream, body = entry.stream, entry.body.encode()
    if stream == JournalRecovered.stream:
        first = unwrap(body)
        stream, body = first.header.stream, first.body or b""
    if stream not in STREAMS or not body:
        return None
    return msgspec.json.decode(body, type=STREAMS[stream].body)


def _edges(connection: Connection) -> set[str]:
    query = select(schema.head.c.box).where(schema.head.c.process == "edge").distinct()
    return set(connection.execute(query).scalars())


def _heard(row: Mapping[str, Any], now_ms: int) -> SourceState:
    station, lane = place(row["source"])
    devices = msgspec.json.decode(row["devices"], type=tuple[DeviceHealth, ...])
    return SourceState(
        box=row["box"],
        source=row["source"],
        station=station,
        lane=lane,
        state="silent" if now_ms - row["heard_ms"] > _SILENT_MS else "up",
        heard_ms=row["heard_ms"],
        said_ms=row["said_ms"],
        behind_ms=max(0, row["heard_ms"] - row["said_ms"]),
        waiting=row["waiting"],
        disk_free_kb=row["disk_free_kb"],
        software=row["software"],
        devices=tuple(
            DeviceState(
                name=device.name,
                kind=device.kind,
                state=device.state,
                since_ms=device.since_ms,
                detail=device.detail,
                good=device.good,
                dropped=device.dropped,
            )
            for device in devices
        ),
    )


def _unheard(box: str, source: str) -> SourceState:
    station, lane = place(source)
    return SourceState(
        box=box,
        source=source,
        station=station,
        lane=lane,
        state="unheard",
        heard_ms=None,
        said_ms=None,
        behind_ms=None,
        waiting=0,
        disk_free_kb=None,
        software="",
        devices=(),
    )
