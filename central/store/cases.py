"""How cases stand: which are closed, since when, and which stations have still to hear of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Connection, Engine, RowMapping, Select, Text, exists, func, literal, select

from central.store import schema
from central.store.acting import is_newest
from central.store.engines import Database, upsert
from central.store.projections import LONGEST_NAME, Read, Register, Row, place
from central.views import CaseClosing, CaseLine
from kernel.events import CaseClosed
from kernel.footage.bodies import CaseNoted, FootageDerived, FootageLinked, FootageTagged

MOST = 500


def project_cases(connection: Connection, reads: Sequence[Read]) -> None:
    """Inside the transaction that takes them in."""
    for item in reads:
        if isinstance(item.body, CaseClosed):
            _close(connection, item, item.body)
        elif isinstance(item.body, CaseNoted):
            _note(connection, item, item.body)
        elif (named := _named(item)) is not None:
            row = {"box": item.entry.box, "case_id": named}
            upsert(connection, schema.case_named, [row], update=())


def closing_of(connection: Connection, case: str) -> CaseClosing | None:
    """The newest act about its end; None: nobody has closed it."""
    table = schema.case_state
    row = connection.execute(select(table).where(table.c.case_id == case)).mappings().one_or_none()
    if row is None:
        return None
    wanted = ("journal", "seq", "leaf", "closed_ms", "by", "reason", "kept_as", "note")
    return CaseClosing(**{name: row[name] for name in wanted})


def listed(connection: Connection, *, open_only: bool) -> list[CaseLine]:
    """Every case, or every one that is open; what was added to last comes first."""
    case, state = schema.case_entry, schema.case_state
    stands = (state.c.closed_ms, state.c.reason, state.c.kept_as, state.c.by)
    newest = func.max(case.c.at_ms)
    query = (
        select(
            case.c.case_id.label("case"), func.count().label("entries"), newest.label("newest_ms"), *stands
        )
        .select_from(case.outerjoin(state, state.c.case_id == case.c.case_id))
        .group_by(case.c.case_id, *stands)
        .order_by(newest.desc(), case.c.case_id)
    )
    if open_only:
        query = query.where(state.c.closed_ms.is_(None))
    return [CaseLine(**row) for row in connection.execute(query).mappings()]


class Cases:
    """What stations have still to be told.  Blocking."""

    def __init__(self, database: Database, *, register: Register) -> None:
        self._reader: Engine = database.reader
        self._register = register

    def stations(self) -> list[str]:
        """Boxes of stations that have spoken."""
        head = schema.head
        query = select(head.c.box).where(head.c.process == "station").distinct().order_by(head.c.box)
        with self._reader.connect() as connection:
            return list(connection.execute(query).scalars())

    def wanted(self, box: str, *, case: str | None = None) -> list[CaseNoted]:
        """Cases of this station's footage of which it has not said yet how they stand, as it shall say it.

        Open ones come first, since the station may let go what they need, then those that were closed last; `case`:
        of this one alone.  What it has said counts in a journal that goes on: one that came to an end may have taken
        it along.
        """
        source = self._register.sources.get(box)
        if source is None or not self._is_station(box):
            return []
        with self._reader.connect() as connection:
            station = place(source)[0]
            queries = (_of_passages(box, station, case), _of_names(box, station, case))
            rows = [row for query in queries for row in connection.execute(query).mappings()]
        unsaid = sorted((row for row in rows if not _is_said(row)), key=_urgency)
        return [_noted(row, self._register.centre) for row in unsaid[:MOST]]

    def _is_station(self, box: str) -> bool:
        head = schema.head
        query = select(head.c.box).where(head.c.box == box, head.c.process == "station").limit(1)
        with self._reader.connect() as connection:
            return connection.execute(query).first() is not None


# --- rows ------------------------------------------------------------------------------------------------------


def _close(connection: Connection, item: Read, body: CaseClosed) -> None:
    """The newest act stands; one that is read late never undoes one after it."""
    table = schema.case_state
    if not is_newest(connection, table, item, body.case):
        return
    row = {
        "case_id": body.case,
        "journal": item.entry.header.journal,
        "seq": item.entry.seq,
        "leaf": item.entry.leaf.hex(),
        "closed_ms": body.at_ms if body.act == "closed" else None,
        "by": body.by,
        "reason": body.reason,
        "kept_as": body.kept_as,
        "note": body.note,
    }
    upsert(connection, table, [row], update=[name for name in row if name != "case_id"])


def _note(connection: Connection, item: Read, body: CaseNoted) -> None:
    row: Row = {
        "box": item.entry.box,
        "case_id": body.case,
        "lane": body.box or "",
        "passage": body.passage or "",
        "journal": item.entry.header.journal,
        "seq": item.entry.seq,
        "closed_ms": body.closed_ms,
        "kept_as": body.kept_as,
    }
    if all(len(row[name]) <= LONGEST_NAME for name in ("case_id", "lane", "passage")):
        update = ("journal", "seq", "closed_ms", "kept_as")
        upsert(connection, schema.case_noted, [row], update=update)


def _named(item: Read) -> str | None:
    """The case that a mark or a link names; what is longer is no name of ours."""
    match item.body:
        case FootageTagged(kind="case", act="tagged", value=name):
            named: str | None = name
        case FootageLinked(case=name) | FootageDerived(case=name):
            named = name
        case _:
            named = None
    return named if named and len(named) <= LONGEST_NAME else None


# --- what is wanted of a station -------------------------------------------------------------------------------


def _of_passages(box: str, station: str, only: str | None) -> Select[Any]:
    """Cases with a passage of its lanes that its footage was linked to: open ones too, they keep what is linked."""
    case, said, passage, footage = (
        schema.case_entry,
        schema.passage_entry,
        schema.passage,
        schema.footage,
    )
    filmed = exists().where(
        footage.c.box == passage.c.box,
        footage.c.passage == passage.c.passage,
        footage.c.station == station,
        footage.c.stream == FootageLinked.stream,
    )
    of_case = (said.c.journal == case.c.journal) & (said.c.seq == case.c.seq)
    same = (passage.c.box == said.c.box) & (passage.c.passage == said.c.passage)
    named = (
        select(
            case.c.case_id,
            passage.c.box.label("lane"),
            passage.c.passage,
            func.max(case.c.at_ms).label("newest_ms"),
        )
        .select_from(case.join(said, of_case).join(passage, same))
        .where(passage.c.station == station, filmed, *_only(case, only))
        .group_by(case.c.case_id, passage.c.box, passage.c.passage)
        .subquery("named")
    )
    return _with_word(box, named)


def _of_names(box: str, station: str, only: str | None) -> Select[Any]:
    """Cases that marks and links of the station name themselves: nothing is to be said before one is closed.

    A box that was put in the place of another has what that one took in.
    """
    named, state, footage, head = schema.case_named, schema.case_state, schema.footage, schema.head
    nothing = literal("", type_=Text)
    of_station = exists(
        select(head.c.journal)
        .select_from(head.join(footage, footage.c.journal == head.c.journal))
        .where(head.c.box == named.c.box, footage.c.station == station)
        .correlate(named)
    )
    query = (
        select(
            named.c.case_id,
            nothing.label("lane"),
            nothing.label("passage"),
            literal(0, type_=BigInteger).label("newest_ms"),
        )
        .select_from(named.join(state, state.c.case_id == named.c.case_id))
        .where(of_station, *_only(named, only))
        .distinct()
        .subquery("named")
    )
    return _with_word(box, query)


def _only(table: Any, case: str | None) -> list[Any]:
    return [] if case is None else [table.c.case_id == case]


def _with_word(box: str, named: Any) -> Select[Any]:
    """Each with how it stands, and what the station has said of that."""
    state, own, head = schema.case_state, schema.case_noted, schema.head
    mine = (
        (own.c.box == box)
        & (own.c.case_id == named.c.case_id)
        & (own.c.lane == named.c.lane)
        & (own.c.passage == named.c.passage)
    )
    return select(
        named,
        state.c.by,
        state.c.closed_ms,
        func.coalesce(state.c.kept_as, "case").label("kept_as"),
        own.c.kept_as.label("own_kept_as"),
        own.c.closed_ms.label("own_closed_ms"),
        head.c.state.label("own_state"),
    ).select_from(
        named.outerjoin(state, state.c.case_id == named.c.case_id)
        .outerjoin(own, mine)
        .outerjoin(head, head.c.journal == own.c.journal)
    )


def _urgency(row: RowMapping) -> tuple[Any, ...]:
    closed_ms = row["closed_ms"]
    newest_ms = row["newest_ms"] if closed_ms is None else closed_ms
    return closed_ms is not None, -newest_ms, row["case_id"], row["lane"], row["passage"]


def _is_said(row: RowMapping) -> bool:
    same = (row["closed_ms"], row["kept_as"]) == (row["own_closed_ms"], row["own_kept_as"])
    return same and row["own_state"] == "open"


def _noted(row: RowMapping, centre: str) -> CaseNoted:
    return CaseNoted(
        case=row["case_id"],
        by=row["by"] or centre,
        closed_ms=row["closed_ms"],
        kept_as=row["kept_as"],
        box=row["lane"] or None,
        passage=row["passage"] or None,
    )
