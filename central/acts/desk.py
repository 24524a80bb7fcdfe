"""The acts of people at the centre: checked, written to the centre's own journal, and shown only then.

The same key again is the same act.  What an act names may still be on its way here; what it must rest on may not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from central.acts import publishing
from central.acts.grounds import TAKEN_BACK, grounds_of, judged_case, objections_to, weighings_of
from central.acts.steps import lacking_of
from central.store.instruments import Instruments
from central.store.queries import Queries
from central.views import CaseEntry, CaseView, PassageDetail, PassageRow
from kernel.clock import Clock
from kernel.errors import RefusedError
from kernel.events import (
    Body,
    CaseRecorded,
    EntryRef,
    InstrumentOrdered,
    NoEvidence,
    PassageReviewed,
    RecordHeld,
    RecordPublished,
)
from kernel.footage.bodies import GapExplained, Step
from kernel.law.instrument_acts import AT_THE_BOX, CHANGES, saying_of
from kernel.law.law import Law
from kernel.plates import normalise
from kernel.plates.correcting import Answer, corrected, reading
from kernel.plates.saying import Refused

Outcome = Literal["confirmed", "rejected", "returned"]

AHEAD_MS = 60_000  # clocks of two machines differ; nothing else is said of the future
AT_ONCE = 100  # references in one entry: a body has at most 28 kB


class Writes(Protocol):
    """Appends to the centre's own journal; the same key again gives the entry that is there."""

    async def __call__(self, body: Body, *, key: str | None = None) -> EntryRef: ...


class Orders(Protocol):
    """Sees to it that the box whose passage it is holds it too, now or when it is there again."""

    async def order(self, box: str, body: RecordHeld) -> None: ...


class Speaks(Protocol):
    """Sees to it that a box is told what was said of its scale, now or when it is there again."""

    async def say(self, body: InstrumentOrdered) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Whose act it is, and the key that makes a repetition harmless."""

    by: str
    key: str


class Desk:
    """RefusedError says why an act is not done; nothing is written then."""

    def __init__(
        self,
        queries: Queries,
        instruments: Instruments,
        *,
        write: Writes,
        holds: Orders,
        scales: Speaks,
        clock: Clock,
        cases: asyncio.Lock,
        must_record: Law | None = None,
    ) -> None:
        """`cases`: as of central.acts.closing; `must_record`: whose steps must be on footage, or explained, before a
        passage is part of a case.
        """
        self._queries = queries
        self._instruments = instruments
        self._write = write
        self._holds = holds
        self._scales = scales
        self._clock = clock
        self._cases = cases
        self._must_record = must_record

    async def review(
        self, box: str, passage: str, outcome: Outcome, *, who: Who, reason: str = "", case: str | None = None
    ) -> EntryRef:
        """审核: it stands, it does not, or more is needed; whatever but a confirmation gives its reason.

        Confirmed into a case it is what the case rests on: then its scale must yield evidence.  What a closed case
        rests on stands as it is until that is reopened.
        """
        async with self._cases:
            detail = await self._passage(box, passage)
            if outcome != "confirmed" and not reason.strip():
                raise RefusedError("give the reason")
            await self._refuse_closed(*detail.cases, *([case] if case is not None else []))
            names_no_plate(reason, detail.row)
            if case is not None and outcome == "confirmed":
                _refuse_without_evidence(passage, await self._objections(detail))
                self._refuse_without_footage(detail)
            body = PassageReviewed(
                passage=passage,
                weighed=_weighing(detail),
                outcome=outcome,
                by=who.by,
                reason=reason.strip(),
                case=case,
            )
            return await self._write(body, key=f"review/{box}/{passage}/{who.by}/{who.key}")

    async def correct(
        self, box: str, passage: str, role: str, answer: Answer, *, who: Who
    ) -> EntryRef | Refused:
        """人工校正: a person's word beside the reading, which stays; Refused: it is no plate."""
        detail = await self._passage(box, passage)
        read = reading(detail.pictured, role)
        if read is None:
            raise RefusedError("no_such_read" if detail.row.erased_ms is None else "erased")
        crops = [file.sha256 for file in detail.files if file.name == read.crop]
        crop = crops[-1] if crops else None
        said = corrected(read, answer, box=box, passage=passage, by=who.by, crop=crop)
        if isinstance(said, Refused):
            return said
        return await self._write(said, key=f"plate/{box}/{passage}/{role}/{who.by}/{who.key}")

    async def add_to_case(
        self,
        case: str,
        passages: Sequence[tuple[str, str]],
        *,
        who: Who,
        note: str = "",
        as_context: bool = False,
    ) -> int:
        """立案: every entry of these passages that is here; how many that are.

        A weighing on a scale that yields no evidence is refused, or with `as_context` taken in and named as such.
        """
        async with self._cases:
            await self._refuse_closed(case)
            return await self._add(case, passages, who=who, note=note, as_context=as_context)

    async def _add(
        self, case: str, passages: Sequence[tuple[str, str]], *, who: Who, note: str, as_context: bool
    ) -> int:
        refs: list[EntryRef] = []
        without: dict[EntryRef, NoEvidence] = {}
        for box, passage in passages:
            detail = await self._passage(box, passage)
            names_no_plate(note, detail.row)
            reasons = await self._objections(detail)
            if not as_context:
                _refuse_without_evidence(passage, reasons)
                self._refuse_without_footage(detail)
            if reasons:
                without[_weighing(detail)] = NoEvidence(weighed=_weighing(detail), reasons=reasons)
            refs += [
                EntryRef(journal=entry.journal, seq=entry.seq, leaf=entry.leaf) for entry in detail.entries
            ]
        for start in range(0, len(refs), AT_ONCE):
            entries = tuple(refs[start : start + AT_ONCE])
            body = CaseRecorded(
                case=case,
                entries=entries,
                by=who.by,
                note=note.strip(),
                no_evidence=tuple(without[ref] for ref in entries if ref in without),
            )
            await self._write(body, key=f"case/{case}/{who.by}/{who.key}/{start}")
        return len(refs)

    async def publish(
        self, case: str, fields: Sequence[str], *, who: Who, until_ms: int | None = None
    ) -> EntryRef:
        """公示 field by field, of what a review has confirmed or a certified weighing has found, and is evidence.

        What the case took in as context is left out.
        """
        if wrong := publishing.unknown(fields):
            raise RefusedError(f"may not be published: {', '.join(wrong)}")
        if until_ms is not None and until_ms <= self._clock.now_ms():
            raise RefusedError("until is over already")
        about = await self._weighings(case)
        body = RecordPublished(
            case=case,
            act="published",
            about=tuple(about),
            fields=tuple(dict.fromkeys(fields)),
            by=who.by,
            until_ms=until_ms,
        )
        return await self._write(body, key=f"publish/{case}/{who.by}/{who.key}")

    async def case(self, case: str) -> CaseView | None:
        """A case, and which of the weighings that it rests on are no evidence any more."""
        return await asyncio.to_thread(judged_case, case, self._queries, self._instruments)

    async def withdraw(self, case: str, *, who: Who) -> EntryRef:
        """撤回: from now on nobody is given it."""
        body = RecordPublished(case=case, act="withdrawn", about=(), fields=(), by=who.by)
        return await self._write(body, key=f"withdraw/{case}/{who.by}/{who.key}")

    async def hold(
        self,
        box: str,
        passage: str,
        act: Literal["held", "released"],
        *,
        who: Who,
        reason: str,
        until_ms: int | None = None,
    ) -> EntryRef:
        """封存, or its end: until then nothing of the passage is erased, here or at its box."""
        if not reason.strip():
            raise RefusedError("give the reason")
        if act == "held" and until_ms is not None and until_ms <= self._clock.now_ms():
            raise RefusedError("until is over already")
        detail = await self._passage(box, passage)
        names_no_plate(reason, detail.row)
        body = RecordHeld(act=act, passage=passage, by=who.by, reason=reason.strip(), until_ms=until_ms)
        ref = await self._write(body, key=f"hold/{act}/{box}/{passage}/{who.by}/{who.key}")
        await self._holds.order(box, body)
        return ref

    async def explain(self, box: str, passage: str, step: Step, *, who: Who, reason: str) -> EntryRef:
        """Why a step of it has no footage; at its station the same is said on the tablet."""
        if not reason.strip():
            raise RefusedError("give the reason")
        detail = await self._passage(box, passage)
        names_no_plate(reason, detail.row)
        body = GapExplained(
            step=step, reason=reason.strip(), by=who.by, box=box, passage=passage, weighed=_weighing(detail)
        )
        return await self._write(body, key=f"gap/{box}/{passage}/{step}/{who.by}/{who.key}")

    async def speak_of_instrument(self, box: str, args: Mapping[str, str], *, who: Who) -> EntryRef:
        """A certificate, a seal, a repair or a shift of the scale of this box; its lane decides whether it may.

        What was done to a scale counts from now, or from the moment named, whenever its lane hears of it.
        """
        said = {**args, "by": who.by, "id": who.key}
        saying = saying_of(said)
        if saying.act in AT_THE_BOX:
            raise RefusedError("a check is said at the box, by who stands at the scale")
        if saying.act in CHANGES:
            said["at_ms"] = str(_come(saying.at_ms, now_ms=self._clock.now_ms()))
        elif saying.at_ms is not None:
            raise RefusedError(f"{saying.act} counts from now on: it takes no at_ms")
        if not await asyncio.to_thread(self._instruments.is_lane, box):
            raise RefusedError("no lane of this name has spoken here")
        before = await asyncio.to_thread(self._instruments.order, box, who.key)
        if before is not None and ("by", who.by) not in before.args:
            raise RefusedError("somebody else has said something under this key")
        body = InstrumentOrdered(box=box, id=who.key, args=tuple(sorted(said.items())), by=who.by)
        ref = await self._write(body, key=f"instrument/{box}/{who.by}/{who.key}")
        await self._scales.say(body)
        return ref

    async def _refuse_closed(self, *cases: str) -> None:
        for case in cases:
            closing = await asyncio.to_thread(self._queries.closing, case)
            if closing is not None and closing.closed_ms is not None:
                raise RefusedError(f"the case is closed and must be reopened first: {case}")

    def _refuse_without_footage(self, detail: PassageDetail) -> None:
        """Steps that must be on footage, where the settings ask for it."""
        steps = lacking_of(detail, self._must_record) if self._must_record is not None else ()
        if steps:
            name = detail.row.passage
            raise RefusedError(f"passage {name} has no footage, and no reason for it, of: {', '.join(steps)}")

    async def _objections(self, detail: PassageDetail) -> tuple[str, ...]:
        """Why its weighing is no evidence, as far as it is weighed at all."""
        return await asyncio.to_thread(objections_to, detail, self._instruments)

    async def _passage(self, box: str, passage: str) -> PassageDetail:
        found = await asyncio.to_thread(self._queries.passage, box, passage)
        if found is None:
            raise RefusedError("no such passage")
        return found

    async def _weighings(self, case: str) -> list[EntryRef]:
        """What of the case may be shown: evidence that nobody merely suspects and that no weigher took back."""
        found = await self.case(case)
        weighed = weighings_of(found) if found else []
        if found is None or not weighed:
            raise RefusedError("the case has no weighing here")
        for each in found.lost:
            if each.reasons != TAKEN_BACK:
                _refuse_without_evidence(each.passage, each.reasons)
        grounds = grounds_of(found)
        if not grounds:
            _refuse_without_evidence(weighed[0].passage or "", weighed[0].context)
        shown: list[CaseEntry] = []
        for entry in grounds:
            row = await asyncio.to_thread(self._queries.row, entry.box or "", entry.passage or "")
            if row is not None and row.taken_back:
                continue
            if row is None or not _stands(row):
                raise RefusedError(
                    f"passage {entry.passage} is not confirmed by a review, nor certified and beyond suspicion"
                )
            shown.append(entry)
        if not shown:
            _refuse_without_evidence(weighed[0].passage or "", TAKEN_BACK)
        return [EntryRef(journal=entry.journal, seq=entry.seq, leaf=entry.leaf) for entry in shown]


def _come(at_ms: int | None, *, now_ms: int) -> int:
    """When it was done: now, or earlier."""
    if at_ms is not None and at_ms > now_ms + AHEAD_MS:
        raise RefusedError("at_ms is in the future")
    return now_ms if at_ms is None else at_ms


def _stands(row: PassageRow) -> bool:
    """The newest review has the last word; without one a pre-check weighing is a suspicion, whatever it found."""
    if row.reviewed is not None:
        return row.reviewed == "confirmed"
    return row.grade in ("certified", "reweigh") and not row.suspected


def _refuse_without_evidence(passage: str, reasons: Sequence[str]) -> None:
    if reasons:
        raise RefusedError(f"passage {passage} is no evidence: {', '.join(reasons)}")


def _weighing(detail: PassageDetail) -> EntryRef:
    row = detail.row
    for entry in detail.entries:
        if (entry.journal, entry.seq) == (row.journal, row.seq):
            return EntryRef(journal=entry.journal, seq=entry.seq, leaf=entry.leaf)
    raise RefusedError("not weighed yet")


def names_no_plate(text: str, row: PassageRow) -> None:
    """Free text outlives the pictures: what it says of the vehicle could not be erased with them."""
    said = normalise(text)
    for plate in (row.tractor, row.trailer):
        if plate and normalise(plate) in said:
            raise RefusedError("leave the plate out of the text: the passage is named already")
