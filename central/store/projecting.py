"""Puts what entries mean beside them, in the transaction that takes them into custody; a bad body harms only itself."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, func, select, tuple_, update
from sqlalchemy.exc import DataError, IntegrityError

from central.live import Change
from central.store import schema
from central.store.acting import project_acts
from central.store.cancelling import take_back
from central.store.cases import project_cases
from central.store.correcting import project_corrections
from central.store.dating import date_earlier, settle, summed, with_dates
from central.store.engines import Database, upsert
from central.store.erasing import file_erased, project_erasures
from central.store.filming import project_filming
from central.store.footage import project_footage
from central.store.hiding import hide_plates
from central.store.instruments import project_instruments
from central.store.projections import (
    NamedFile,
    Read,
    Register,
    Row,
    access_row,
    check_of,
    copied_row,
    decision_row,
    file_rows,
    files_state,
    health_row,
    passage_entry_row,
    passage_of,
    passage_row,
    pictured_row,
    quarantine_row,
    read,
    retold_row,
    rollup_rows,
    station_of,
    weighed_row,
)
from central.store.rollups import add, as_accepted
from journal.store import Accepted
from kernel.events import (
    FileRequested,
    FileStored,
    JournalDoubted,
    JournalOpened,
    JournalRegistered,
    LaneHealth,
    PassageCancelled,
    PassageDecided,
    RecordAccessed,
    VehiclePictured,
    VehicleWeighed,
)

_PICTURED = ("pictured", "tractor", "tractor_colour", "trailer", "trailer_colour", "erased_ms")
_UNREADABLE = "the database refused what it says"


def project(
    connection: Connection,
    entries: Sequence[Accepted],
    *,
    register: Register,
    closed: Collection[str] = (),
) -> list[Change]:
    """Rows of every kind for new entries, each journal's in order; what cannot be read goes to quarantine.

    `closed` are those of their journals that have a successor, which may have said the same again.
    """
    reads = [read(entry, register=register) for entry in entries]
    reads = [item for item in reads if _means_something(item)]
    reads = _without_what_is_held(connection, reads)
    reads = _without_what_was_said_again(connection, reads, closed)
    reads = _without_second_weighings(connection, reads)
    if not reads:
        return []
    try:
        with connection.begin_nested():
            return _project(connection, reads, register)
    except (DataError, IntegrityError):
        return [change for item in reads for change in _alone(connection, item, register)]


def refresh_file(connection: Connection, *, box: str, sha256: str) -> list[str]:
    """Bring the passages up to date that name this file; their ids."""
    named = schema.named_file
    query = (
        select(named.c.passage)
        .where(named.c.sha256 == sha256, named.c.box == box, named.c.passage.is_not(None))
        .distinct()
    )
    passages = sorted(connection.execute(query).scalars())
    _refresh_files(connection, [(box, passage) for passage in passages])
    return passages


def refresh_passages(connection: Connection, changes: Sequence[Change]) -> None:
    """Count the files of these passages again."""
    _refresh_files(connection, [(change.key[0], change.key[1]) for change in changes])


def _alone(connection: Connection, item: Read, register: Register) -> list[Change]:
    try:
        with connection.begin_nested():
            return _project(connection, [item], register)
    except (DataError, IntegrityError):
        fault = item.fault or _UNREADABLE
        return _project(connection, [Read(entry=item.entry, fault=fault)], register)


def _project(connection: Connection, reads: Sequence[Read], register: Register) -> list[Change]:
    reads = with_dates(connection, reads)
    upsert(
        connection, schema.quarantine, [quarantine_row(r) for r in reads if r.fault is not None], update=()
    )
    _passages(connection, reads)
    _files(connection, reads)
    _decisions(connection, reads)
    _sources(connection, reads)
    accesses = [access_row(r.entry, r.body) for r in reads if isinstance(r.body, RecordAccessed)]
    upsert(connection, schema.access, accesses, update=())
    moves, changes = take_back(connection, reads)
    dated, redated = _date_earlier(connection, reads)
    changes += redated
    changes += project_footage(connection, reads)
    changes += project_corrections(connection, reads)
    changes += project_acts(connection, reads, centre=register.centre)
    changes += project_filming(connection, reads, register)
    project_cases(connection, reads)
    project_instruments(connection, reads)
    if register.plate_key is not None:
        hide_plates(connection, reads, key=register.plate_key)
    erased = project_erasures(connection, reads, centre=register.centre)
    refresh_passages(connection, erased)
    add(connection, summed([*rollup_rows(reads), *moves, *dated]))
    return [*_changes(reads), *changes, *erased]


def _means_something(item: Read) -> bool:
    """Most streams put nothing beside their entries; files are named by whatever stream."""
    silent = isinstance(item.body, JournalOpened | JournalRegistered | JournalDoubted)
    return bool(item.entry.header.files) or item.fault is not None or not (item.body is None or silent)


def _date_earlier(connection: Connection, reads: Sequence[Read]) -> tuple[list[Row], list[Change]]:
    moves: list[Row] = []
    changes: list[Change] = []
    for check in (check for item in reads if (check := check_of(item)) is not None):
        moved, changed = date_earlier(connection, check)
        moves += moved
        changes += changed
    return moves, changes


def _without_what_is_held(connection: Connection, reads: Sequence[Read]) -> list[Read]:
    """A recovered entry counts once: not when its first identity is here, nor when another successor has told it."""
    first = {(r.entry.box, r.old.journal, r.old.seq) for r in reads if r.old is not None}
    if not first:
        return list(reads)
    entry = schema.entry
    places = sorted({(journal, seq) for _box, journal, seq in first})
    query = select(entry.c.journal, entry.c.seq).where(tuple_(entry.c.journal, entry.c.seq).in_(places))
    held = {(row.journal, row.seq) for row in connection.execute(query)}
    tellers = _tellers(connection, first)
    checked, told = [], []
    for item in reads:
        if item.old is None:
            checked.append(item)
            continue
        box, here = item.entry.box, (item.entry.header.journal, item.entry.seq)
        old = (item.old.journal, item.old.seq)
        known = tellers.get((box, *old))
        # Read once more, as out of quarantine, the teller that counts still is the one, whatever has come since.
        if known != here and (known is not None or old in held):
            checked.append(Read(entry=item.entry))
            continue
        tellers[(box, *old)] = here
        checked.append(item)
        told.append(retold_row(box, item.old, here))
    upsert(connection, schema.retold, told, update=())
    copies = [copied_row(item.old, item.entry) for item in reads if item.old is not None]
    upsert(connection, schema.copied, copies, update=())
    return checked


def _without_what_was_said_again(
    connection: Connection, reads: Sequence[Read], closed: Collection[str]
) -> list[Read]:
    """Where a successor was quicker than what its predecessor still had to say, the predecessor is held only."""
    places = {
        (item.entry.box, item.entry.header.journal, item.entry.seq)
        for item in reads
        if item.entry.header.journal in closed and item.old is None
    }
    if not places:
        return list(reads)
    told = _tellers(connection, places)
    return [
        Read(entry=item.entry)
        if item.old is None and (item.entry.box, item.entry.header.journal, item.entry.seq) in told
        else item
        for item in reads
    ]


def _tellers(
    connection: Connection, first: Collection[tuple[str, str, int]]
) -> dict[tuple[str, str, int], tuple[str, int]]:
    """Which entry of the same box tells each of these again; by box, journal and number."""
    table = schema.retold
    query = select(table).where(tuple_(table.c.box, table.c.journal, table.c.seq).in_(sorted(first)))
    return {
        (row.box, row.journal, row.seq): (row.by_journal, row.by_seq) for row in connection.execute(query)
    }


def _without_second_weighings(connection: Connection, reads: Sequence[Read]) -> list[Read]:
    """A crossing is weighed once: a second entry that says otherwise is held, shown to people and not counted."""
    named = {(r.entry.box, r.body.passage) for r in reads if isinstance(r.body, VehicleWeighed)}
    if not named:
        return list(reads)
    known = {(row[0], row[1]) for row in connection.execute(_KNOWN, {"named": sorted(named)})}
    checked = []
    for item in reads:
        if isinstance(item.body, VehicleWeighed):
            place = (item.entry.box, item.body.passage)
            if place in known:
                checked.append(Read(entry=item.entry, fault="second weighing of this passage"))
                continue
            known.add(place)
        checked.append(item)
    return checked


def _passages(connection: Connection, reads: Sequence[Read]) -> None:
    """Weighings, pictures and clips of a crossing meet in its row, in whatever order they come."""
    # One order of locks for all writers.
    ordered = sorted(reads, key=lambda item: (item.entry.box, passage_of(item.body) or ""))
    weighings = [weighed_row(r, r.body) for r in ordered if isinstance(r.body, VehicleWeighed)]
    pictures = [pictured_row(r.entry, r.body) for r in ordered if isinstance(r.body, VehiclePictured)]
    stubs = [
        passage_row(r.entry, r.body.passage)
        for r in ordered
        if isinstance(r.body, FileStored | PassageCancelled) and r.body.passage is not None
    ]
    upsert(connection, schema.passage, weighings, update=_columns(weighings))
    upsert(connection, schema.passage, pictures, update=_PICTURED)
    upsert(connection, schema.passage, stubs, update=("erased_ms",))
    speaking = [passage_entry_row(r.entry, r.body) for r in reads if passage_of(r.body) is not None]
    upsert(connection, schema.passage_entry, speaking, update=())


def _columns(rows: Sequence[Row]) -> tuple[str, ...]:
    return tuple(name for name in rows[0] if name not in ("box", "passage", "erased_ms")) if rows else ()


def _files(connection: Connection, reads: Sequence[Read]) -> None:
    rows = [row for item in reads for row in file_rows(item.entry, item.body)]
    update_ = ("passage", "kind", "media_type", "role", "on_demand")
    upsert(connection, schema.named_file, rows, update=update_)
    requested: list[Row] = [
        {"sha256": r.body.sha256, "box": r.body.box, "requested_ms": r.entry.header.at, "by": r.body.by}
        for r in reads
        if isinstance(r.body, FileRequested)
    ]
    upsert(connection, schema.requested_file, requested, update=())
    _refresh_files(connection, {(row["box"], row["passage"]) for row in rows if row["passage"] is not None})
    for row in requested:
        refresh_file(connection, box=row["box"], sha256=row["sha256"])


def _refresh_files(connection: Connection, passages: Collection[tuple[str, str]]) -> None:
    """Of these passages, by box and id."""
    if not passages:
        return
    files: dict[tuple[str, str], list[NamedFile]] = {}
    for row in connection.execute(_FILES, {"passages": sorted(passages)}).mappings():
        values = dict(row)
        files.setdefault((values.pop("box"), values.pop("passage")), []).append(NamedFile(**values))
    rows = [
        {"in_box": box, "in_passage": passage} | files_state(named)
        for (box, passage), named in sorted(files.items())
    ]
    if rows:
        connection.execute(_UPDATE_FILES, rows)


def _files_of() -> Select[Any]:
    named, stored, requested = schema.named_file, schema.stored_file, schema.requested_file
    same_stored = (stored.c.sha256 == named.c.sha256) & (stored.c.box == named.c.box)
    same_requested = (requested.c.sha256 == named.c.sha256) & (requested.c.box == named.c.box)
    return (
        select(
            named.c.box,
            named.c.passage,
            named.c.sha256,
            named.c.kind,
            named.c.role,
            named.c.on_demand,
            stored.c.sha256.is_not(None).label("stored"),
            requested.c.sha256.is_not(None).label("requested"),
            file_erased(named).label("erased"),
        )
        .select_from(named.outerjoin(stored, same_stored).outerjoin(requested, same_requested))
        .where(tuple_(named.c.box, named.c.passage).in_(bindparam("passages", expanding=True)))
        .order_by(named.c.journal, named.c.seq, named.c.name)
    )


def _decisions(connection: Connection, reads: Sequence[Read]) -> None:
    """Acts find their weighing by reference, and a weighing finds the acts that came before it."""
    acts = [decision_row(r.entry, r.body) for r in reads if isinstance(r.body, PassageDecided)]
    upsert(connection, schema.decision, acts, update=())
    about = [(row["weighed_journal"], row["weighed_seq"]) for row in acts]
    about += [(r.entry.header.journal, r.entry.seq) for r in reads if isinstance(r.body, VehicleWeighed)]
    if about:
        _refresh_decisions(connection, about)


def _refresh_decisions(connection: Connection, about: Sequence[tuple[str, int]]) -> None:
    """Only what a station says of its own lanes, and of the very entry that it saw."""
    newest = {
        (row.weighed_journal, row.weighed_seq): row
        for row in connection.execute(_DECISIONS, {"about": sorted(set(about))})
        if row.weighed_leaf == row.leaf.hex() and row.lane.startswith(f"{station_of(row.by)}/")
    }
    rows = [
        {"in_journal": journal, "about": seq, "decided": row.act, "decided_outcome": row.outcome}
        for (journal, seq), row in sorted(newest.items())
    ]
    if rows:
        connection.execute(_DECIDE, rows)


def _decisions_about() -> Select[Any]:
    decision, act, weighing = schema.decision, schema.entry.alias("act"), schema.entry.alias("weighing")
    same_act = (act.c.journal == decision.c.journal) & (act.c.seq == decision.c.seq)
    same_weighing = (weighing.c.journal == decision.c.weighed_journal) & (
        weighing.c.seq == decision.c.weighed_seq
    )
    named = tuple_(decision.c.weighed_journal, decision.c.weighed_seq)
    return (
        select(decision, act.c.source.label("by"), weighing.c.source.label("lane"), weighing.c.leaf)
        .select_from(decision.join(act, same_act).join(weighing, same_weighing))
        .where(named.in_(bindparam("about", expanding=True)))
        .order_by(decision.c.at_ms, decision.c.journal, decision.c.seq)
    )


# Made once: building such a statement costs more than running it.
_DECISIONS = _decisions_about()
_FILES = _files_of()
_DECIDE = update(schema.passage).where(
    schema.passage.c.journal == bindparam("in_journal"), schema.passage.c.seq == bindparam("about")
)
_KNOWN = select(schema.passage.c.box, schema.passage.c.passage).where(
    tuple_(schema.passage.c.box, schema.passage.c.passage).in_(bindparam("named", expanding=True)),
    schema.passage.c.seq.is_not(None),
)
_UPDATE_FILES = update(schema.passage).where(
    schema.passage.c.box == bindparam("in_box"), schema.passage.c.passage == bindparam("in_passage")
)


def _sources(connection: Connection, reads: Sequence[Read]) -> None:
    """The last heartbeat in order of custody is how things are: clocks may be wrong, places are not."""
    last = {
        (r.entry.box, r.entry.header.source): health_row(r.entry, r.body)
        for r in reads
        if isinstance(r.body, LaneHealth)
    }
    rows = [last[place] for place in sorted(last)]
    if rows:
        names = [name for name in rows[0] if name not in ("box", "source")]
        upsert(connection, schema.source_state, rows, update=names)


def _changes(reads: Sequence[Read]) -> list[Change]:
    changes: dict[tuple[str, ...], Change] = {}
    for item in reads:
        passage, at_ms = passage_of(item.body), item.entry.received_ms
        if passage is not None:
            key = (item.entry.box, passage)
            changes[("passage", *key)] = Change(kind="passage", key=key, at_ms=at_ms)
        elif isinstance(item.body, LaneHealth):
            key = (item.entry.box, item.entry.header.source)
            changes[("source", *key)] = Change(kind="source", key=key, at_ms=at_ms)
    return list(changes.values())


def reread(database: Database, *, register: Register) -> int:
    """Read what is in quarantine once more, as after an upgrade; how many entries left it."""
    with database.writer.begin() as connection:
        held = [as_accepted(dict(row)) for row in connection.execute(_held()).mappings()]
        before = len(held)
        connection.execute(delete(schema.quarantine))
        for entry in held:
            project(connection, [entry], register=register)
        after = connection.execute(select(func.count()).select_from(schema.quarantine)).scalar_one()
    settle(database)
    return before - after


def _held() -> Select[Any]:
    entry, body, quarantine = schema.entry, schema.body, schema.quarantine
    same_body = (body.c.journal == entry.c.journal) & (body.c.seq == entry.c.seq)
    same_fault = (quarantine.c.journal == entry.c.journal) & (quarantine.c.seq == entry.c.seq)
    return (
        select(entry, body.c.salt, body.c.body)
        .select_from(entry.join(quarantine, same_fault).outerjoin(body, same_body))
        .order_by(entry.c.journal, entry.c.seq)
    )
