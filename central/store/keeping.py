"""What is due for erasure at the centre: marked by a rule, gone some days later unless it must stay.  Blocking."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    bindparam,
    case,
    delete,
    exists,
    or_,
    select,
    tuple_,
    update,
)

from central.live import Change
from central.store import schema
from central.store.acting import ANY_BOX
from central.store.engines import Database, scrub, upsert
from central.store.erasing import Erasure, may_go, save, settle
from central.store.projecting import refresh_passages
from central.store.staying import EVERY_CASE, ClosedSince, Passage, held_passages
from kernel.events import EntryRef

Kind = Literal["compliant", "undetermined", "over_limit"]

MOST = 500  # passages a look; the next look goes on after them
_BOOKS = (schema.erasure, schema.erased_file)
_ERASED = (schema.body, schema.quarantine, schema.passage, schema.stored_file, schema.correction)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A passage that a rule asks for; the fields are its place in the order of receipt."""

    received_ms: int
    box: str
    passage: str

    @property
    def key(self) -> Passage:
        return self.box, self.passage


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """A passage that a rule wants erased; `held` says why it stays all the same, and then `marked_ms` goes along."""

    box: str
    passage: str
    rule: str
    marked_ms: int
    held: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """A passage that names a file of another passage; `erased` once its own pictures went."""

    sha256: str
    box: str
    passage: str
    kind: Kind
    received_ms: int
    erased: bool

    @property
    def key(self) -> Passage:
        return self.box, self.passage


class Keeper:
    """The book of what is marked, and of what was erased and has not been cleaned up after."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._writer: Engine = database.writer
        self._reader: Engine = database.reader

    def due(
        self,
        kind: Kind,
        *,
        before_ms: int,
        clips: bool = False,
        after: Line | None = None,
        only: Passage | None = None,
    ) -> list[Line]:
        """Passages of this kind, received before, that still have plates or pictures (or, `clips`, a clip here)."""
        table = schema.passage
        order = (table.c.received_ms, table.c.box, table.c.passage)
        query = (
            select(*order)
            .where(table.c.erased_ms.is_(None), table.c.received_ms < before_ms, _kind() == kind)
            .order_by(*order)
            .limit(MOST)
        )
        if clips:
            query = query.where(_has_clip())
        if after is not None:
            query = query.where(tuple_(*order) > tuple_(after.received_ms, after.box, after.passage))
        if only is not None:
            query = query.where(table.c.box == only[0], table.c.passage == only[1])
        with self._reader.connect() as connection:
            return [Line(**row) for row in connection.execute(query).mappings()]

    def mark(self, rule: str, lines: Sequence[Line], *, now_ms: int) -> None:
        """The rule wants them; since when stays as it was."""
        rows = [
            {"box": line.box, "passage": line.passage, "rule": rule, "marked_ms": now_ms, "seen_ms": now_ms}
            for line in lines
        ]
        with self._writer.begin() as connection:
            upsert(connection, schema.marked, rows, update=("seen_ms",))

    def mark_anew(self, rule: str, passages: Collection[Passage], *, now_ms: int) -> None:
        """The wait of these begins again."""
        table = schema.marked
        if passages:
            mine = (table.c.rule == rule) & tuple_(table.c.box, table.c.passage).in_(list(passages))
            with self._writer.begin() as connection:
                connection.execute(update(table).where(mine).values(marked_ms=now_ms))

    def gone(self, rule: str, passage: Passage) -> None:
        """What the rule wanted of it is done."""
        table = schema.marked
        mine = (table.c.rule == rule) & (table.c.box == passage[0]) & (table.c.passage == passage[1])
        with self._writer.begin() as connection:
            connection.execute(delete(table).where(mine))

    def unmark(self, *, unseen_since_ms: int) -> None:
        """What no rule has wanted since then: a hold of the facts, a changed setting, or it is gone."""
        with self._writer.begin() as connection:
            connection.execute(delete(schema.marked).where(schema.marked.c.seen_ms < unseen_since_ms))

    def ripe(self, rule: str, *, marked_before_ms: int, lines: Sequence[Line]) -> list[Passage]:
        """Which of these have been marked for long enough."""
        table = schema.marked
        query = select(table.c.box, table.c.passage).where(
            table.c.rule == rule,
            table.c.marked_ms <= marked_before_ms,
            tuple_(table.c.box, table.c.passage).in_([line.key for line in lines]),
        )
        with self._reader.connect() as connection:
            return [(row.box, row.passage) for row in connection.execute(query)] if lines else []

    def marked(self, *, now_ms: int, closed_since: ClosedSince) -> list[Marked]:
        """Everything that is marked, oldest first, and what is held of it."""
        table = schema.marked
        query = select(table.c.box, table.c.passage, table.c.rule, table.c.marked_ms).order_by(
            table.c.marked_ms, table.c.box, table.c.passage
        )
        with self._reader.connect() as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
            held: dict[Passage, str] = {}
            for start in range(0, len(rows), MOST):
                keys = [(row["box"], row["passage"]) for row in rows[start : start + MOST]]
                held |= held_passages(connection, keys, now_ms=now_ms, closed_since=closed_since)
        return [Marked(held=held.get((row["box"], row["passage"])), **row) for row in rows]

    def held(
        self, passages: Sequence[Passage], *, now_ms: int, closed_since: ClosedSince = EVERY_CASE
    ) -> dict[Passage, str]:
        """Which of these must stay, and why."""
        with self._reader.connect() as connection:
            return held_passages(connection, passages, now_ms=now_ms, closed_since=closed_since)

    def sharing(self, digests: Collection[str], *, besides: Passage) -> list[Sharing]:
        """Which other passages, of whatever box, name these files too."""
        named, passage = schema.named_file, schema.passage
        same = (passage.c.box == named.c.box) & (passage.c.passage == named.c.passage)
        query = (
            select(
                named.c.sha256,
                passage.c.box,
                passage.c.passage,
                _kind().label("kind"),
                passage.c.received_ms,
                passage.c.erased_ms.is_not(None).label("erased"),
            )
            .select_from(named.join(passage, same))
            .where(
                named.c.sha256.in_(sorted(digests)),
                or_(passage.c.box != besides[0], passage.c.passage != besides[1]),
            )
            .distinct()
        )
        with self._reader.connect() as connection:
            rows = connection.execute(query).mappings().all() if digests else ()
        return [Sharing(**row) for row in rows]

    def settle_waiting(self, *, now_ms: int, closed_since: ClosedSince) -> list[Change]:
        """Erase what had to stay when it was asked for and need not any more."""
        entry, file = schema.erasure, schema.erased_file
        with self._writer.begin() as connection:
            waiting = select(entry.c.journal, entry.c.seq).where(entry.c.done_ms.is_(None))
            places = {(row.journal, row.seq) for row in connection.execute(waiting)}
            undone = select(file.c.sha256).where(file.c.done_ms.is_(None))
            digests = set(connection.execute(undone).scalars())
            changes = settle(connection, places, digests, now_ms=now_ms, closed_since=closed_since)
            refresh_passages(connection, changes)
        return changes

    def nothing_left(self, passages: Sequence[Passage], *, now_ms: int) -> None:
        """Nothing personal is held of these; rules need not ask for them again."""
        table = schema.passage
        with self._writer.begin() as connection:
            for box, passage in passages:
                mine = (table.c.box == box) & (table.c.passage == passage) & table.c.erased_ms.is_(None)
                connection.execute(update(table).where(mine).values(erased_ms=now_ms))

    def unreadable(self, *, before_ms: int) -> list[tuple[str, EntryRef]]:
        """(box, entry) of what has been in quarantine since before then, may go and was not asked for yet."""
        table, entry, body, asked = schema.quarantine, schema.entry, schema.body, schema.erasure
        same = (entry.c.journal == table.c.journal) & (entry.c.seq == table.c.seq)
        with_body = (body.c.journal == table.c.journal) & (body.c.seq == table.c.seq)
        by_centre = exists().where(
            asked.c.journal == table.c.journal, asked.c.seq == table.c.seq, asked.c.box == ANY_BOX
        )
        query = (
            select(table.c.box, table.c.journal, table.c.seq, entry.c.leaf)
            .select_from(table.join(entry, same).join(body, with_body))
            .where(table.c.received_ms < before_ms, may_go(entry.c.stream), ~by_centre)
            .order_by(table.c.received_ms, table.c.journal, table.c.seq)
            .limit(MOST)
        )
        with self._reader.connect() as connection:
            return [
                (row.box, EntryRef(journal=row.journal, seq=row.seq, leaf=row.leaf.hex()))
                for row in connection.execute(query)
            ]

    def unclean_files(self) -> list[str]:
        """Files whose bytes are to go: erased for every box that named them."""
        table, stored = schema.erased_file, schema.stored_file
        query = (
            select(table.c.sha256)
            .where(
                table.c.done_ms.is_not(None),
                table.c.cleaned.is_(False),
                ~exists().where(stored.c.sha256 == table.c.sha256),
            )
            .distinct()
        )
        with self._reader.connect() as connection:
            return list(connection.execute(query).scalars())

    def clean(self) -> bool:
        """Leave no byte of erased rows: False when it has to be tried again.  Their files must be gone before."""
        unclean = [self._unclean(table) for table in _BOOKS]
        if not any(unclean):
            return True
        if not scrub(self._database, _ERASED):
            return False
        with self._writer.begin() as connection:
            for table, rows in zip(_BOOKS, unclean, strict=True):
                _mark_clean(connection, table, rows)
        return True

    def _unclean(self, table: Any) -> list[dict[str, Any]]:
        query = select(*table.primary_key).where(table.c.done_ms.is_not(None), table.c.cleaned.is_(False))
        with self._reader.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]


def erased_since(database: Database, since_ms: int) -> tuple[Erasure, ...]:
    """Everything that was asked for since then, in custody's time: what a restored backup must lose again."""
    found = [select(table).where(table.c.at_ms >= since_ms) for table in _BOOKS]
    with database.reader.connect() as connection:
        return tuple(_erasure(dict(row)) for query in found for row in connection.execute(query).mappings())


def erase_again(database: Database, erasures: Sequence[Erasure], *, now_ms: int) -> None:
    """Put them into a database that a backup was restored to; what it holds of them goes, the rest when it comes.

    The bytes go with the next cleaning of the centre that runs on it.
    """
    places = {(each.entry.journal, each.entry.seq) for each in erasures if each.entry is not None}
    digests = {each.sha256 for each in erasures if each.sha256 is not None}
    with database.writer.begin() as connection:
        save(connection, erasures)
        refresh_passages(connection, settle(connection, places, digests, now_ms=now_ms))


def _kind() -> ColumnElement[str]:
    """The worst that lane and officer have said of it; what an officer has settled is settled."""
    table = schema.passage
    over = or_(table.c.outcome == "over_limit", table.c.decided_outcome == "over_limit")
    open_ = (table.c.outcome == "undetermined") & table.c.decided_outcome.is_(None)
    unsettled = or_(open_, table.c.decided_outcome == "undetermined")
    return case((over, "over_limit"), (unsettled, "undetermined"), else_="compliant")


def _has_clip() -> ColumnElement[bool]:
    named, stored = schema.named_file, schema.stored_file
    whose = (stored.c.sha256 == named.c.sha256) & (stored.c.box == named.c.box)
    of_passage = (named.c.box == schema.passage.c.box) & (named.c.passage == schema.passage.c.passage)
    return exists(
        select(named.c.sha256)
        .select_from(named.join(stored, whose))
        .where(of_passage, named.c.kind == "clip")
        .correlate(schema.passage)
    )


def _mark_clean(connection: Connection, table: Any, rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        return
    names = [column.name for column in table.primary_key]
    same = [table.c[name] == bindparam(f"in_{name}") for name in names]
    clean = [{f"in_{name}": row[name] for name in names} for row in rows]
    connection.execute(update(table).where(*same).values(cleaned=True), clean)


def _erasure(row: Mapping[str, Any]) -> Erasure:
    ref = EntryRef(journal=row["journal"], seq=row["seq"], leaf=row["leaf"]) if "leaf" in row else None
    return Erasure(
        box=row["box"],
        by=(row["by_journal"], row["by_seq"]),
        at_ms=row["at_ms"],
        rule=row["rule"],
        entry=ref,
        sha256=row.get("sha256"),
    )
