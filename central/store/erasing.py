"""Erasure at the centre: what a record.erased names loses its body, plates and file in the transaction that takes it in.

Headers and leaves stay, so every proof holds.  What is held or needed by a case waits; what has not arrived goes when
it does, so that neither a backup nor a box that sends again brings it back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    delete,
    exists,
    or_,
    select,
    tuple_,
    union_all,
    update,
)

from central.live import Change
from central.store import schema
from central.store.acting import ANY_BOX
from central.store.engines import upsert
from central.store.kin import boxes_of, kin_of
from central.store.projections import Read, Row, by_journal
from central.store.staying import (
    EVERY_CASE,
    ClosedSince,
    Passage,
    Place,
    held_entries,
    held_files,
    held_passages,
    passages_of,
)
from kernel.events import EntryRef, JournalRecovered, RecordErased, VehiclePictured

# Without these nobody could tell whose journal it is, and what was erased when.
_NEVER = ("journal.", "record.", "box.", "backup.", "store.")
# A box may say that its own days are over; while a case may still come of it, the centre's days count.
_NOT_YET = ("over_limit", "undetermined")


def _asked_before() -> Any:
    """Of entries of one journal: those that are to go, and those whose body is to go under another identity."""
    table, copied = schema.erasure, schema.copied
    first = (copied.c.journal == table.c.journal) & (copied.c.seq == table.c.seq)
    again = (copied.c.by_journal == table.c.journal) & (copied.c.by_seq == table.c.seq)
    whole = select(table.c.journal, table.c.seq)
    ways = (
        (whole, table.c.journal, table.c.seq),
        (whole.join_from(table, copied, first), copied.c.by_journal, copied.c.by_seq),
        (whole.join_from(table, copied, again), copied.c.journal, copied.c.seq),
    )
    return union_all(
        *(
            query.where(
                journal == bindparam("in_journal"), seq.between(bindparam("first"), bindparam("last"))
            )
            for query, journal, seq in ways
        )
    )


# Made once: every batch asks, and building such a statement costs more than running it.
_ASKED_BEFORE = _asked_before()
# What a line says of the vehicle.
_OF_VEHICLE = (
    "tractor",
    "tractor_colour",
    "tractor_hash",
    "trailer",
    "trailer_colour",
    "trailer_hash",
    "corrected",
)
_FILES_ASKED_BEFORE = select(schema.erased_file.c.sha256).where(
    schema.erased_file.c.sha256.in_(bindparam("digests", expanding=True))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """One entry, or one file, that is to have no content any more; `by` is the record.erased."""

    box: str  # who asks; * is the centre
    by: tuple[str, int]
    at_ms: int
    rule: str
    entry: EntryRef | None = None
    sha256: str | None = None


def project_erasures(connection: Connection, reads: Sequence[Read], *, centre: str) -> list[Change]:
    """What these entries ask for, and what was asked for before they came."""
    if not reads:
        return []
    asked = [each for item in reads for each in _asked(connection, item, centre)]
    save(connection, asked)
    places, digests = _due(connection, reads)
    places |= {(each.entry.journal, each.entry.seq) for each in asked if each.entry is not None}
    digests |= {each.sha256 for each in asked if each.sha256 is not None}
    return settle(connection, places, digests, now_ms=reads[-1].entry.received_ms)


def save(connection: Connection, erasures: Sequence[Erasure]) -> None:
    """Remember what is asked for; the centre's word takes the place of a box's."""
    entries = [_entry_row(each, each.entry) for each in erasures if each.entry is not None]
    files = [_file_row(each, each.sha256) for each in erasures if each.sha256 is not None]
    _save(connection, schema.erasure, entries, ("leaf", "box", "by_journal", "by_seq", "at_ms", "rule"))
    _save(connection, schema.erased_file, files, ("by_journal", "by_seq", "at_ms", "rule"))


def settle(
    connection: Connection,
    places: Collection[Place],
    digests: Collection[str],
    *,
    now_ms: int,
    closed_since: ClosedSince = EVERY_CASE,
) -> list[Change]:
    """Erase of these what is asked for, is here and need not stay."""
    changed = _settle_entries(connection, places, now_ms, closed_since)
    changed |= _settle_files(connection, digests, now_ms, closed_since)
    return [Change(kind="passage", key=passage, at_ms=now_ms) for passage in sorted(changed)]


def file_erased(named: Any) -> ColumnElement[bool]:
    """Whether the file that this row names was erased."""
    table = schema.erased_file
    whose = or_(table.c.box == named.c.box, table.c.box == ANY_BOX)
    return (
        exists().where(table.c.sha256 == named.c.sha256, whose, table.c.done_ms.is_not(None)).correlate(named)
    )


def may_go(stream: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether an entry of this stream may lose its body at all."""
    return or_(stream == JournalRecovered.stream, and_(*(~stream.startswith(each) for each in _NEVER)))


def came_too_late(connection: Connection, box: str, sha256: str) -> bool:
    """Whether a file that is just whole was erased meanwhile; its bytes go with the next cleaning."""
    table = schema.erased_file
    mine = (
        (table.c.sha256 == sha256)
        & or_(table.c.box == box, table.c.box == ANY_BOX)
        & table.c.done_ms.is_not(None)
    )
    return connection.execute(update(table).where(mine).values(cleaned=False)).rowcount > 0


# --- what is asked for -----------------------------------------------------------------------------------------


def _asked(connection: Connection, item: Read, centre: str) -> list[Erasure]:
    body, entry = item.body, item.entry
    if not isinstance(body, RecordErased):
        return []
    box = ANY_BOX if entry.box == centre else entry.box
    entries = body.entries if box == ANY_BOX else _own(connection, entry.box, body.entries)
    shared: dict[str, Any] = {
        "box": box,
        "by": (entry.header.journal, entry.seq),
        "at_ms": entry.received_ms,
        "rule": body.rule,
    }
    return [Erasure(entry=ref, **shared) for ref in entries] + [
        Erasure(sha256=sha256, **shared) for sha256 in body.files
    ]


def _own(connection: Connection, box: str, refs: Sequence[EntryRef]) -> list[EntryRef]:
    """Those of the box's own journals: nobody erases what another has said."""
    journals = sorted({ref.journal for ref in refs})
    heads, entry = schema.head, schema.entry
    known = set(
        connection.execute(
            select(heads.c.journal).where(heads.c.box == box, heads.c.journal.in_(journals))
        ).scalars()
    )
    stored = select(entry.c.journal).where(
        entry.c.journal.in_(journals), entry.c.seq == 0, entry.c.box == box
    )
    known |= set(connection.execute(stored).scalars())
    return [ref for ref in refs if ref.journal in known]


def _due(connection: Connection, reads: Sequence[Read]) -> tuple[set[Place], set[str]]:
    """Of what has just come: entries and files that were to be erased before they were here."""
    places: set[Place] = set()
    for journal, of_journal in by_journal(reads):
        seqs = [item.entry.seq for item in of_journal]
        here = {"in_journal": journal, "first": min(seqs), "last": max(seqs)}
        places |= {(row.journal, row.seq) for row in connection.execute(_ASKED_BEFORE, here)}
    digests = sorted({file.sha256 for item in reads for file in item.entry.header.files})
    found = connection.execute(_FILES_ASKED_BEFORE, {"digests": digests}).scalars() if digests else ()
    return places, set(found)


def _save(connection: Connection, table: Any, rows: list[Row], update_: tuple[str, ...]) -> None:
    upsert(connection, table, [row for row in rows if row["box"] != ANY_BOX], update=())
    upsert(connection, table, [row for row in rows if row["box"] == ANY_BOX], update=update_)


def _entry_row(each: Erasure, ref: EntryRef) -> Row:
    return _shared_row(each) | {"journal": ref.journal, "seq": ref.seq, "leaf": ref.leaf}


def _file_row(each: Erasure, sha256: str) -> Row:
    return _shared_row(each) | {"sha256": sha256}


def _shared_row(each: Erasure) -> Row:
    return {
        "box": each.box,
        "by_journal": each.by[0],
        "by_seq": each.by[1],
        "at_ms": each.at_ms,
        "rule": each.rule,
    }


# --- entries ---------------------------------------------------------------------------------------------------


def _settle_entries(
    connection: Connection, places: Collection[Place], now_ms: int, closed_since: ClosedSince
) -> set[Passage]:
    """A body goes from every place where it lies, or from none of them."""
    kin = kin_of(connection, places)
    boxes = boxes_of(connection, kin)
    _ask_for_kin(connection, kin, boxes)
    asked = _here(connection, kin)
    if not asked:
        return set()
    passages = passages_of(connection, kin)
    held = held_passages(connection, set(passages.values()), now_ms=now_ms, closed_since=closed_since)
    not_yet = _not_yet(connection, set(passages.values()))
    stay = held_entries(connection, _whose(kin, boxes), now_ms=now_ms, closed_since=closed_since)
    stay |= {place for place, passage in passages.items() if passage in held}
    late = stay | {place for place, passage in passages.items() if passage in not_yet}
    going = [
        place
        for place, asker in asked.items()
        if not _of_one_box(kin[place], boxes, boxes[place]) & (stay if asker == ANY_BOX else late)
    ]
    _forget_entries(connection, going, now_ms)
    _strip(connection, going, now_ms)
    return {passages[place] for place in going if place in passages}


def _of_one_box(group: Collection[Place], boxes: Mapping[Place, str], box: str) -> set[Place]:
    """What another box says that it says again keeps nothing of this one's."""
    return {place for place in group if boxes.get(place, box) == box}


def _whose(kin: Mapping[Place, Collection[Place]], boxes: Mapping[Place, str]) -> dict[Place, str]:
    """Also of those that are not here: they are of the box that has told them again."""
    others = {place: boxes[near] for near in boxes for place in kin[near] if place not in boxes}
    return others | dict(boxes)


def _ask_for_kin(
    connection: Connection, kin: Mapping[Place, Collection[Place]], boxes: Mapping[Place, str]
) -> None:
    """Whoever wants an entry gone wants its body gone, in each place that is here and his to erase."""
    near = {place: group for place, group in kin.items() if len(group) > 1}
    if not near:
        return
    leaves = _leaves(connection, near)
    erasures = [
        replace(each, entry=EntryRef(journal=place[0], seq=place[1], leaf=leaf))
        for each, named in _asked_of(connection, near, leaves)
        for place, leaf in leaves.items()
        if place in near[named] and place != named and each.box in (ANY_BOX, boxes[place])
    ]
    save(connection, erasures)


def _asked_of(
    connection: Connection, places: Collection[Place], leaves: Mapping[Place, str]
) -> list[tuple[Erasure, Place]]:
    """What is asked for of these: in the end the centre's word stands.  Another leaf than ours is another entry."""
    table = schema.erasure
    query = (
        select(table)
        .where(tuple_(table.c.journal, table.c.seq).in_(list(places)))
        .order_by(table.c.journal, table.c.seq)
    )
    return [
        (
            Erasure(box=row.box, by=(row.by_journal, row.by_seq), at_ms=row.at_ms, rule=row.rule),
            (row.journal, row.seq),
        )
        for row in connection.execute(query)
        if leaves.get((row.journal, row.seq), row.leaf) == row.leaf
    ]


def _leaves(connection: Connection, places: Collection[Place]) -> dict[Place, str]:
    entry = schema.entry
    query = select(entry.c.journal, entry.c.seq, entry.c.leaf).where(
        tuple_(entry.c.journal, entry.c.seq).in_(list(places))
    )
    return {(row.journal, row.seq): row.leaf.hex() for row in connection.execute(query)}


def _here(connection: Connection, places: Collection[Place]) -> dict[Place, str]:
    """Who asks, for those that are here, are what was named and may go at all."""
    table, entry = schema.erasure, schema.entry
    same = (entry.c.journal == table.c.journal) & (entry.c.seq == table.c.seq)
    query = (
        select(table.c.journal, table.c.seq, table.c.box, table.c.leaf.label("named"), entry.c.leaf)
        .select_from(table.join(entry, same))
        .where(tuple_(table.c.journal, table.c.seq).in_(list(places)), may_go(entry.c.stream))
    )
    found = connection.execute(query).all() if places else []
    return {(row.journal, row.seq): row.box for row in found if row.leaf.hex() == row.named}


def _not_yet(connection: Connection, passages: Collection[Passage]) -> set[Passage]:
    table = schema.passage
    query = select(table.c.box, table.c.passage).where(
        tuple_(table.c.box, table.c.passage).in_(list(passages)),
        or_(table.c.outcome.in_(_NOT_YET), table.c.decided_outcome.in_(_NOT_YET)),
    )
    return {(row.box, row.passage) for row in connection.execute(query)} if passages else set()


def _forget_entries(connection: Connection, places: Sequence[Place], now_ms: int) -> None:
    """Bodies, and what quarantine says of them."""
    if not places:
        return
    # One order of locks for all writers.
    rows = [{"in_journal": journal, "in_seq": seq} for journal, seq in sorted(places)]
    for table in (schema.body, schema.quarantine, schema.correction):
        connection.execute(
            delete(table).where(
                table.c.journal == bindparam("in_journal"), table.c.seq == bindparam("in_seq")
            ),
            rows,
        )
    table = schema.erasure
    done = update(table).where(table.c.journal == bindparam("in_journal"), table.c.seq == bindparam("in_seq"))
    connection.execute(done.values(done_ms=now_ms, cleaned=False), rows)


def _strip(connection: Connection, places: Sequence[Place], now_ms: int) -> None:
    """With the pictures goes what a line says of the vehicle; time, place, masses and outcome are nobody's."""
    said, table = schema.passage_entry, schema.passage
    query = (
        select(said.c.box, said.c.passage)
        .where(tuple_(said.c.journal, said.c.seq).in_(places), said.c.stream == VehiclePictured.stream)
        .distinct()
        .order_by(said.c.box, said.c.passage)
    )
    rows = (
        [{"in_box": row.box, "in_passage": row.passage} for row in connection.execute(query)]
        if places
        else []
    )
    nothing: dict[str, Any] = dict.fromkeys(_OF_VEHICLE)
    statement = update(table).where(
        table.c.box == bindparam("in_box"), table.c.passage == bindparam("in_passage")
    )
    if rows:
        connection.execute(statement.values(erased_ms=now_ms, **nothing), rows)


# --- files -----------------------------------------------------------------------------------------------------


def _settle_files(
    connection: Connection, digests: Collection[str], now_ms: int, closed_since: ClosedSince
) -> set[Passage]:
    named = _named(connection, digests)
    if not named:
        return set()
    passages = {row["place"] for row in named if row["place"] is not None}
    held = held_passages(connection, passages, now_ms=now_ms, closed_since=closed_since)
    not_yet = _not_yet(connection, passages)
    stay = held_files(connection, sorted({row["sha256"] for row in named}), now_ms=now_ms)
    stay |= {
        row["sha256"]
        for row in named
        if row["place"] in held or (row["asker"] != ANY_BOX and row["place"] in not_yet)
    }
    going = [row for row in named if row["sha256"] not in stay]
    _forget_files(connection, going, now_ms)
    return {row["place"] for row in going if row["place"] is not None}


def _named(connection: Connection, digests: Collection[str]) -> list[Row]:
    """Where the files that are to go are named: sha256, box, place (the crossing) and who asks."""
    table, named = schema.erased_file, schema.named_file
    whose = (named.c.sha256 == table.c.sha256) & or_(table.c.box == named.c.box, table.c.box == ANY_BOX)
    query = (
        select(named.c.sha256, named.c.box, named.c.passage, table.c.box.label("asker"))
        .select_from(table.join(named, whose))
        .where(table.c.sha256.in_(sorted(digests)), table.c.done_ms.is_(None))
    )
    found = connection.execute(query).all() if digests else []
    return [
        {
            "sha256": row.sha256,
            "box": row.box,
            "asker": row.asker,
            "place": None if row.passage is None else (row.box, row.passage),
        }
        for row in found
    ]


def _forget_files(connection: Connection, going: Sequence[Row], now_ms: int) -> None:
    if not going:
        return
    stored, table = schema.stored_file, schema.erased_file
    rows = [{"in_sha256": row["sha256"], "in_box": row["box"], "in_asker": row["asker"]} for row in going]
    connection.execute(
        delete(stored).where(stored.c.sha256 == bindparam("in_sha256"), stored.c.box == bindparam("in_box")),
        rows,
    )
    done = update(table).where(table.c.sha256 == bindparam("in_sha256"), table.c.box == bindparam("in_asker"))
    connection.execute(done.values(done_ms=now_ms, cleaned=False), rows)
