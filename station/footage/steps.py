"""Steps that must be on footage: marked by an officer at the moment, shown by footage afterwards, or explained."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from itertools import chain

from kernel.clock import Clock
from kernel.errors import RefusedError
from kernel.footage.bodies import FootageImported, FootageLinked, GapExplained, Step, StepMarked
from kernel.footage.keeping import standing_links
from kernel.footage.steps import (
    Span,
    StepState,
    clip_span,
    link_spans,
    must_record,
    step_states,
    undone,
)
from kernel.law.law import Law
from kernel.law.rows import MustRecordRow
from kernel.plates import normalise
from station.footage.ledger import Ledger
from station.queries import Queries
from station.views import Detail, Passage


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Whose act it is, and the key that makes a repetition harmless."""

    by: str
    key: str


class Steps:
    """RefusedError says why nothing was written."""

    def __init__(
        self,
        ledger: Ledger,
        queries: Queries,
        *,
        law: Law,
        jurisdiction: str,
        clock: Clock,
        required: bool = False,
    ) -> None:
        """`required`: a finding over the limit is not released before its steps are marked or explained."""
        self._ledger = ledger
        self._queries = queries
        self._law = law
        self._jurisdiction = jurisdiction
        self._clock = clock
        self._required = required

    def states(self, box: str, passage: str) -> tuple[StepState, ...] | None:
        """Blocking.  None: there is no such crossing, or it was not weighed."""
        detail = self._queries.detail(box, passage)
        return None if detail is None or detail.weighed is None else self._states(detail)

    def others(self, box: str, passage: str) -> tuple[Step, ...]:
        """Blocking.  Steps that nobody must come to, and that must be shown if somebody does."""
        detail = self._queries.detail(box, passage)
        wanted = self._wanted(detail) if detail else None
        return wanted.when_done if wanted else ()

    def keep_it(self, detail: Detail) -> bool:
        """Blocking.  Whether steps that come before its release are neither marked nor explained."""
        if not self._required or detail.weighed is None or not detail.row.found_over:
            return False
        return bool(undone(self._states(detail)))

    async def mark(self, box: str, passage: str, step: Step, *, who: Who) -> StepMarked:
        """The officer has come to it now."""
        await self._row(box, passage)
        body = StepMarked(step=step, at_ms=self._clock.now_ms(), by=who.by, box=box, passage=passage)
        said = await self._ledger.say(body, key=f"step/{box}/{passage}/{step}/{who.by}/{who.key}")
        return said.body

    async def explain(self, box: str, passage: str, step: Step, reason: str, *, who: Who) -> GapExplained:
        """Why it has no footage; a later reason takes the place of an earlier one."""
        row = await self._row(box, passage)
        if not reason.strip():
            raise RefusedError("give the reason")
        if any(plate and normalise(plate) in normalise(reason) for plate in (row.tractor, row.trailer)):
            raise RefusedError("leave the plate out of the text: the passage is named already")
        body = GapExplained(
            step=step, reason=reason.strip(), by=who.by, box=box, passage=passage, weighed=row.weighed
        )
        said = await self._ledger.say(body, key=f"gap/{box}/{passage}/{step}/{who.by}/{who.key}")
        return said.body

    async def _row(self, box: str, passage: str) -> Passage:
        row = await asyncio.to_thread(self._queries.passage, box, passage)
        if row is None or row.weighed is None:
            raise RefusedError("no such passage")
        return row

    def _states(self, detail: Detail) -> tuple[StepState, ...]:
        wanted, row = self._wanted(detail), detail.row
        if wanted is None:
            return ()
        index = self._ledger.index
        marks = [one.body for one in index.of(StepMarked, passage=row.passage)]
        gaps = [one.body for one in index.of(GapExplained, passage=row.passage)]
        return step_states(
            wanted,
            marks=[one for one in marks if one.box in (None, row.box)],
            gaps=[one for one in gaps if one.box in (None, row.box)],
            spans=self._spans(row.box, row.passage),
        )

    def _wanted(self, detail: Detail) -> MustRecordRow | None:
        if detail.weighed is None:
            return None
        mode, at_ms = detail.weighed.joint_mode, detail.row.shown_ms
        return must_record(self._law, mode=mode, at_ms=at_ms, jurisdiction=self._jurisdiction)

    def _spans(self, box: str, passage: str) -> list[Span]:
        clips = [clip_span(body, sha256) for sha256, body in self._queries.clips(box, passage)]
        said = (one.body for one in self._ledger.index.of(FootageLinked, passage=passage))
        links = [link for link in standing_links(said) if link.box in (None, box)]
        films = [link_spans(link, duration_ms=self._duration(link.sha256)) for link in links]
        return [span for span in (*clips, *chain(*films)) if span is not None]

    def _duration(self, sha256: str) -> int | None:
        found = self._ledger.index.of(FootageImported, sha256=sha256, newest=1)
        return found[0].body.duration_ms if found else None
