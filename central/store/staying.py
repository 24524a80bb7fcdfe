"""What must stay although a rule would have it erased: what is held, and what a case needs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    String,
    Text,
    cast,
    literal,
    or_,
    select,
    tuple_,
    union_all,
)

from central.store import schema
from central.store.acting import ANY_BOX, PASSAGE, thing_of_entry

Passage = tuple[str, str]  # box, id
Place = tuple[str, int]  # journal, seq
ClosedSince = Mapping[str, int]  # by how a case is kept: what was closed before then is over
EVERY_CASE: ClosedSince = MappingProxyType({})  # as if none were over


def entries_of() -> Any:
    """(box, passage, journal, seq) of every entry of a crossing: its lane's, officers' and reviewers' acts."""
    own, passage = schema.passage_entry, schema.passage
    parts = [select(own.c.box, own.c.passage, own.c.journal, own.c.seq)]
    for act in (schema.decision, schema.review):
        about = (act.c.weighed_journal == passage.c.journal) & (act.c.weighed_seq == passage.c.seq)
        parts.append(
            select(passage.c.box, passage.c.passage, act.c.journal, act.c.seq).select_from(
                act.join(passage, about)
            )
        )
    return union_all(*parts).subquery("said")


def passages_of(connection: Connection, places: Collection[Place]) -> dict[Place, Passage]:
    """The crossing that each of these entries belongs to."""
    if not places:
        return {}
    said = entries_of()
    query = select(said).where(tuple_(said.c.journal, said.c.seq).in_(list(places)))
    return {(row.journal, row.seq): (row.box, row.passage) for row in connection.execute(query)}


def held_passages(
    connection: Connection,
    passages: Collection[Passage],
    *,
    now_ms: int,
    closed_since: ClosedSince = EVERY_CASE,
) -> dict[Passage, str]:
    """Which of them must stay, and why.  An open case counts for ever, a closed one unless `closed_since` says it is over."""
    if not passages:
        return {}
    said, named = entries_of(), schema.named_file
    wanted = list(passages)
    of_said = tuple_(said.c.box, said.c.passage).in_(wanted)
    of_file = tuple_(named.c.box, named.c.passage).in_(wanted)
    passage = schema.passage
    of_passage = tuple_(passage.c.box, passage.c.passage).in_(wanted)
    thing = literal(PASSAGE, type_=Text) + passage.c.passage
    queries = (
        _in_case(select(said.c.box, said.c.passage), said, closed_since).where(of_said),
        _on_hold(select(said.c.box, said.c.passage), said, _entry_thing(said), now_ms).where(of_said),
        _on_hold(select(named.c.box, named.c.passage), named, _file_thing(named), now_ms).where(of_file),
        _on_hold(select(passage.c.box, passage.c.passage), passage, thing, now_ms).where(of_passage),
    )
    return {(row.box, row.passage): row.why for query in queries for row in connection.execute(query)}


def held_entries(
    connection: Connection,
    places: Mapping[Place, str],
    *,
    now_ms: int,
    closed_since: ClosedSince = EVERY_CASE,
) -> set[Place]:
    """Which of these entries, each with its box, are in a case or held by name; they need not be here."""
    if not places:
        return set()
    case, hold = schema.case_entry, schema.hold
    in_case = (
        select(case.c.journal, case.c.seq)
        .select_from(case.outerjoin(schema.case_state, schema.case_state.c.case_id == case.c.case_id))
        .where(tuple_(case.c.journal, case.c.seq).in_(list(places)), _is_kept(closed_since))
    )
    things = {thing_of_entry(*place): place for place in places}
    on_hold = select(hold.c.thing, hold.c.box).where(hold.c.thing.in_(list(things)), _in_force(now_ms))
    held = {(row.journal, row.seq) for row in connection.execute(in_case)}
    for row in connection.execute(on_hold):
        if row.box in (ANY_BOX, places[things[row.thing]]):
            held.add(things[row.thing])
    return held


def held_files(connection: Connection, digests: Sequence[str], *, now_ms: int) -> set[str]:
    """Which of these files are held by their digest."""
    table = schema.hold
    things = [f"file:{sha256}" for sha256 in digests]
    query = select(table.c.thing).where(table.c.thing.in_(things), _in_force(now_ms))
    return {thing.removeprefix("file:") for thing in connection.execute(query).scalars()}


def _in_case(query: Select[Any], what: Any, closed_since: ClosedSince) -> Select[Any]:
    case, state = schema.case_entry, schema.case_state
    same = (case.c.journal == what.c.journal) & (case.c.seq == what.c.seq)
    why = (literal("case ", type_=Text) + case.c.case_id).label("why")
    joined = query.add_columns(why).join_from(what, case, same)
    return joined.outerjoin(state, state.c.case_id == case.c.case_id).where(_is_kept(closed_since))


def _is_kept(closed_since: ClosedSince) -> ColumnElement[bool]:
    """A case that nobody has closed, one closed lately, and one that is kept as nothing that ends."""
    state = schema.case_state.c
    lately = [(state.kept_as == kind) & (state.closed_ms >= since) for kind, since in closed_since.items()]
    return or_(state.closed_ms.is_(None), state.kept_as.not_in(list(closed_since)), *lately)


def _on_hold(query: Select[Any], what: Any, thing: ColumnElement[str], now_ms: int) -> Select[Any]:
    hold = schema.hold
    same = (hold.c.thing == thing) & or_(hold.c.box == what.c.box, hold.c.box == ANY_BOX)
    why = (literal("held by ", type_=Text) + hold.c.by + ": " + hold.c.reason).label("why")
    return query.add_columns(why).join_from(what, hold, same).where(_in_force(now_ms))


def _in_force(now_ms: int) -> ColumnElement[bool]:
    return or_(schema.hold.c.until_ms.is_(None), schema.hold.c.until_ms > now_ms)


def _entry_thing(what: Any) -> ColumnElement[str]:
    thing: ColumnElement[str] = (
        literal("entry:", type_=Text) + what.c.journal + "/" + cast(what.c.seq, String)
    )
    return thing


def _file_thing(what: Any) -> ColumnElement[str]:
    thing: ColumnElement[str] = literal("file:", type_=Text) + what.c.sha256
    return thing
