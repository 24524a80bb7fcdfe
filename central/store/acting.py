"""What the centre's own acts mean: reviews, cases, publications and holds, as rows that wait for what they name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Connection, Table, bindparam, select, update

from central.live import Change
from central.store import schema
from central.store.engines import upsert
from central.store.projections import Read, Row, by_journal
from kernel.events import CaseRecorded, EntryRef, PassageReviewed, RecordHeld, RecordPublished, VehicleWeighed

ANY_BOX = "*"
RELEASED = 0  # `until_ms` of a hold that somebody has ended; the row stays, so that the box can be told
PASSAGE = "passage:"

# Made once: every batch asks, and building such a statement costs more than running it.
_REVIEWED = select(schema.review.c.weighed_seq).where(
    schema.review.c.weighed_journal == bindparam("in_journal"),
    schema.review.c.weighed_seq.between(bindparam("first"), bindparam("last")),
)


def project_acts(connection: Connection, reads: Sequence[Read], *, centre: str) -> list[Change]:
    """Inside the transaction that takes them in; what changed because of them."""
    _cases(connection, reads)
    _publications(connection, reads)
    _holds(connection, reads, centre)
    return _reviews(connection, reads)


# --- reviews ---------------------------------------------------------------------------------------------------


def _reviews(connection: Connection, reads: Sequence[Read]) -> list[Change]:
    """A review finds its weighing by reference, and a weighing finds the reviews that came before it."""
    rows = [_review_row(item, item.body) for item in reads if isinstance(item.body, PassageReviewed)]
    upsert(connection, schema.review, rows, update=())
    about = {(row["weighed_journal"], row["weighed_seq"]) for row in rows}
    about |= _reviewed_before(connection, reads)
    changes: list[Change] = []
    for journal in sorted({journal for journal, _seq in about}):
        seqs = sorted(seq for where, seq in about if where == journal)
        changes += _refresh_reviews(connection, journal, seqs, at_ms=reads[0].entry.received_ms)
    return changes


def _reviewed_before(connection: Connection, reads: Sequence[Read]) -> set[tuple[str, int]]:
    """Of these weighings, those that a review has named already."""
    named: set[tuple[str, int]] = set()
    for journal, weighings in by_journal(item for item in reads if isinstance(item.body, VehicleWeighed)):
        seqs = [item.entry.seq for item in weighings]
        wanted = {"in_journal": journal, "first": min(seqs), "last": max(seqs)}
        named |= {(journal, seq) for seq in connection.execute(_REVIEWED, wanted).scalars()}
    return named


def _review_row(item: Read, body: PassageReviewed) -> Row:
    return {
        "journal": item.entry.header.journal,
        "seq": item.entry.seq,
        "at_ms": item.entry.header.at,
        "weighed_journal": body.weighed.journal,
        "weighed_seq": body.weighed.seq,
        "weighed_leaf": body.weighed.leaf,
        "outcome": body.outcome,
    }


def _refresh_reviews(
    connection: Connection, journal: str, seqs: Sequence[int], *, at_ms: int
) -> list[Change]:
    """The newest review of the very entry that the reviewer saw is what stands."""
    table, entry, passage = schema.review, schema.entry, schema.passage
    same = (entry.c.journal == table.c.weighed_journal) & (entry.c.seq == table.c.weighed_seq)
    crossing = (passage.c.journal == table.c.weighed_journal) & (passage.c.seq == table.c.weighed_seq)
    query = (
        select(table, entry.c.leaf, passage.c.box, passage.c.passage)
        .select_from(table.join(entry, same).join(passage, crossing))
        .where(table.c.weighed_journal == journal, table.c.weighed_seq.in_(seqs))
        .order_by(table.c.at_ms, table.c.journal, table.c.seq)
    )
    newest = {
        (row.box, row.passage): row.outcome
        for row in connection.execute(query)
        if row.weighed_leaf == row.leaf.hex()
    }
    statement = update(passage).where(
        passage.c.box == bindparam("in_box"), passage.c.passage == bindparam("in_passage")
    )
    rows = [
        {"in_box": box, "in_passage": name, "reviewed": outcome} for (box, name), outcome in newest.items()
    ]
    if rows:
        connection.execute(statement, rows)
    return [Change(kind="passage", key=key, at_ms=at_ms) for key in newest]


def is_newest(connection: Connection, table: Table, item: Read, case: str) -> bool:
    """Whether an act on a case comes after the one that stands: by place in one journal, else by time.

    What a journal says of its own comes after all of the one before it, whatever the clocks were.
    """
    entry, head = schema.entry, schema.head
    same = (entry.c.journal == table.c.journal) & (entry.c.seq == table.c.seq)
    query = (
        select(table.c.journal, table.c.seq, entry.c.at_ms)
        .select_from(table.outerjoin(entry, same))
        .where(table.c.case_id == case)
    )
    known, said = connection.execute(query).one_or_none(), item.entry
    if known is None:
        return True
    if known.journal == said.header.journal:
        return bool(known.seq < said.seq)
    before = select(head.c.predecessor).where(head.c.journal == said.header.journal)
    if item.old is None and connection.execute(before).scalar_one_or_none() == known.journal:
        return True
    return known.at_ms is None or bool(known.at_ms <= said.header.at)


# --- cases -----------------------------------------------------------------------------------------------------


def _cases(connection: Connection, reads: Sequence[Read]) -> None:
    rows = [row for item in reads for row in _case_rows(item)]
    # The first act that named an entry stays; the newest decides how long the case is kept.
    upsert(connection, schema.case_entry, rows, update=("at_ms",))


def _case_rows(item: Read) -> list[Row]:
    case, entries = _of_case(item)
    return [
        {
            "case_id": case,
            "journal": ref.journal,
            "seq": ref.seq,
            "leaf": ref.leaf,
            "at_ms": item.entry.received_ms,
            "by_journal": item.entry.header.journal,
            "by_seq": item.entry.seq,
        }
        for ref in dict.fromkeys(entries)
    ]


def _of_case(item: Read) -> tuple[str, Iterable[EntryRef]]:
    """A review that names a case belongs to it, with the weighing that it is about."""
    body, entry = item.body, item.entry
    if isinstance(body, CaseRecorded):
        return body.case, body.entries
    if isinstance(body, PassageReviewed) and body.case is not None:
        own = EntryRef(journal=entry.header.journal, seq=entry.seq, leaf=entry.leaf.hex())
        return body.case, (body.weighed, own)
    return "", ()


# --- publications ----------------------------------------------------------------------------------------------


def _publications(connection: Connection, reads: Sequence[Read]) -> None:
    """The newest act of each case stands; one that is read late never undoes a withdrawal after it."""
    for item in reads:
        if isinstance(item.body, RecordPublished) and is_newest(
            connection, schema.publication, item, item.body.case
        ):
            row = _publication_row(item, item.body)
            update_ = [name for name in row if name != "case_id"]
            upsert(connection, schema.publication, [row], update=update_)


def _publication_row(item: Read, body: RecordPublished) -> Row:
    return {
        "case_id": body.case,
        "journal": item.entry.header.journal,
        "seq": item.entry.seq,
        "at_ms": item.entry.received_ms,
        "act": body.act,
        "about": msgspec.json.encode(body.about).decode(),
        "fields": msgspec.json.encode(body.fields).decode(),
        "until_ms": body.until_ms,
    }


# --- holds -----------------------------------------------------------------------------------------------------


def _holds(connection: Connection, reads: Sequence[Read], centre: str) -> None:
    for item in reads:
        if isinstance(item.body, RecordHeld):
            # A box holds what is its own; the centre holds whatever box's it is.
            box = ANY_BOX if item.entry.box == centre else item.entry.box
            _apply_hold(connection, item, item.body, box)


def _apply_hold(connection: Connection, item: Read, body: RecordHeld, box: str) -> None:
    table, things = schema.hold, held_things(body)
    rows = [
        {
            "thing": thing,
            "box": box,
            "journal": item.entry.header.journal,
            "seq": item.entry.seq,
            "at_ms": item.entry.received_ms,
            "by": body.by,
            "reason": body.reason,
            "until_ms": RELEASED if body.act == "released" else body.until_ms,
        }
        for thing in things
    ]
    names = [column.name for column in table.c if column.name not in ("thing", "box")]
    upsert(connection, table, rows, update=names)


def held_things(body: RecordHeld) -> list[str]:
    """What a hold names, in the words of the table."""
    things = [thing_of_entry(ref.journal, ref.seq) for ref in body.about]
    things += [thing_of_file(sha256) for sha256 in body.files]
    return things + ([thing_of_passage(body.passage)] if body.passage is not None else [])


def thing_of_passage(passage: str) -> str:
    return f"{PASSAGE}{passage}"


def thing_of_entry(journal: str, seq: int) -> str:
    return f"entry:{journal}/{seq}"


def thing_of_file(sha256: str) -> str:
    return f"file:{sha256}"
