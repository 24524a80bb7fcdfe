"""Closing a case 结案 and reopening it: what has passed review, by whom and why; from then on count the days of its kind."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol

from central.acts.desk import Who, Writes, names_no_plate
from central.acts.grounds import grounds_of, judged_case, weighings_of
from central.store.instruments import Instruments
from central.store.queries import Queries
from central.views import CaseClosing, CaseView, PassageRow
from kernel.clock import Clock
from kernel.errors import RefusedError
from kernel.events import CaseClosed, CaseEnd, CaseKept, EntryRef

ENDS_WITH_A_DECISION: frozenset[CaseEnd] = frozenset({"paid", "court", "unenforceable"})
DROPPED = "rejected"

Place = tuple[str, str]  # box, passage


class Tells(Protocol):
    """Sees to it that stations whose footage belongs to a case know how it stands, now or when they are there again."""

    async def tell(self, case: str) -> None: ...


class Closings:
    """RefusedError says why an act is not done; nothing is written then."""

    def __init__(
        self,
        queries: Queries,
        instruments: Instruments,
        *,
        write: Writes,
        stations: Tells,
        clock: Clock,
        cases: asyncio.Lock,
    ) -> None:
        """`cases`: held by whoever looks how a case stands and then says something of it."""
        self._queries = queries
        self._instruments = instruments
        self._write = write
        self._stations = stations
        self._clock = clock
        self._cases = cases

    async def close(
        self, case: str, *, who: Who, reason: CaseEnd, kept_as: CaseKept | None = None, note: str = ""
    ) -> EntryRef:
        """Once every weighing that it rests on is confirmed or dropped by review; a hold does not stand in the way.

        `kept_as` None: as it was closed before, else as any case.
        """
        async with self._cases:
            found, rows = await self._case(case, note)
            if (known := _same(found.closing, who, "closed", reason, kept_as, note)) is not None:
                return known
            if found.closing is not None and found.closing.closed_ms is not None:
                raise RefusedError("the case is closed already")
            _refuse_unreviewed(found, rows, reason)
            if reason == "other" and not note.strip():
                raise RefusedError("say in a note how it ends")
            body = CaseClosed(
                case=case,
                act="closed",
                by=who.by,
                at_ms=self._now_ms(found),
                reason=reason,
                kept_as=kept_as or (found.closing.kept_as if found.closing is not None else "case"),
                note=note.strip(),
            )
            return await self._say(body, who)

    async def reopen(self, case: str, *, who: Who, note: str) -> EntryRef:
        """It goes on, as after a review or a complaint: what belongs to it stays until it is closed again."""
        if not note.strip():
            raise RefusedError("give the reason")
        async with self._cases:
            found, _rows = await self._case(case, note)
            before = found.closing
            if (known := _same(before, who, "reopened", None, None, note)) is not None:
                return known
            if before is None or before.closed_ms is None:
                raise RefusedError("the case is not closed")
            body = CaseClosed(
                case=case,
                act="reopened",
                by=who.by,
                at_ms=self._clock.now_ms(),
                kept_as=before.kept_as,
                note=note.strip(),
            )
            return await self._say(body, who)

    async def _say(self, body: CaseClosed, who: Who) -> EntryRef:
        ref = await self._write(body, key=f"case-{body.act}/{body.case}/{who.by}/{who.key}")
        await self._stations.tell(body.case)
        return ref

    def _now_ms(self, case: CaseView) -> int:
        """Days are counted from it: an end that is older than what it ends would let everything go at once."""
        now_ms = self._clock.now_ms()
        if now_ms < case.newest_ms:
            raise RefusedError("the clock of the centre is behind what the case holds")
        return now_ms

    async def _case(self, case: str, note: str) -> tuple[CaseView, dict[Place, PassageRow | None]]:
        """With the crossings that it rests on."""
        found = await asyncio.to_thread(judged_case, case, self._queries, self._instruments)
        if found is None:
            raise RefusedError("no such case")
        rows = await asyncio.to_thread(self._rows, found)
        for row in filter(None, rows.values()):
            names_no_plate(note, row)
        grounds = {(entry.box or "", entry.passage or "") for entry in grounds_of(found)}
        return found, {place: row for place, row in rows.items() if place in grounds}

    def _rows(self, case: CaseView) -> dict[Place, PassageRow | None]:
        places = {(entry.box or "", entry.passage or "") for entry in weighings_of(case)}
        return {place: self._queries.row(*place) for place in sorted(places)}


def _refuse_unreviewed(case: CaseView, rows: Mapping[Place, PassageRow | None], reason: CaseEnd) -> None:
    """What is not here cannot have been reviewed, and what is no evidence any more bears no penalty."""
    if any(entry.stream is None for entry in case.entries):
        raise RefusedError("something of the case has not arrived yet")
    if not rows:
        raise RefusedError("the case has no weighing here")
    for row in rows.values():
        if row is None or row.reviewed not in ("confirmed", DROPPED):
            raise RefusedError(f"a passage has not passed review: {row.passage if row is not None else '?'}")
    if reason not in ENDS_WITH_A_DECISION:
        return
    confirmed = {place for place, row in rows.items() if row is not None and row.reviewed != DROPPED}
    if not confirmed:
        raise RefusedError("no review has confirmed any of it: it cannot end with a penalty")
    if confirmed <= {(each.box, each.passage) for each in case.lost}:
        raise RefusedError("nothing that was confirmed is evidence any more: it cannot end with a penalty")


def _same(
    known: CaseClosing | None,
    who: Who,
    act: str,
    reason: CaseEnd | None,
    kept_as: CaseKept | None,
    note: str,
) -> EntryRef | None:
    """The entry that is there, where the same person has said the same before."""
    if known is None or (known.closed_ms is None) != (act == "reopened"):
        return None
    said = (known.by, known.note, known.reason, known.kept_as if kept_as is not None else None)
    if said != (who.by, note.strip(), reason, kept_as):
        return None
    return EntryRef(journal=known.journal, seq=known.seq, leaf=known.leaf)
