"""Supervision of footage 视音频督查: the day of each officer, and the files that supervisors watch by lot and score."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from kernel.errors import RefusedError
from kernel.footage.bodies import DutyKept, FootageImported, FootageScored, StepMarked
from kernel.footage.day import LONGEST_SHIFT_MS, Act, Filmed, OfficerDay, Stretch, officer_days
from kernel.footage.keeping import DAY_MS
from kernel.footage.sampling import drawn
from kernel.footage.steps import Span
from station.footage.index import Said
from station.footage.ledger import Ledger
from station.footage.stock import HERE
from station.footage.times import Times
from station.queries import Queries

DOCKED_WITHIN_MS = 30 * DAY_MS  # footage of a day is handed in within 24 h; a recorder may be away longer
SCORES = range(1, 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """One file that the lot fell on, and what supervisors said of it."""

    sha256: str
    name: str
    officer: str | None
    from_ms: int | None
    scores: tuple[FootageScored, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DayReport:
    """One day in China."""

    day: Stretch
    officers: tuple[OfficerDay, ...]
    files: int
    sample: tuple[Sampled, ...]
    seed: str
    permille: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """What the sample is drawn with; whoever knows it draws the same."""

    seed: str
    permille: int


class Supervising:
    """`day` blocks: call it from a thread."""

    def __init__(self, ledger: Ledger, queries: Queries, *, lot: Lot) -> None:
        self._ledger = ledger
        self._queries = queries
        self._lot = lot

    def day(self, from_ms: int, *, now_ms: int) -> DayReport:
        """The 24 hours from there on; what of them is still to come is no shift yet, and lacks no footage."""
        day = Stretch(from_ms=from_ms, to_ms=from_ms + DAY_MS)
        so_far = Stretch(from_ms=from_ms, to_ms=max(from_ms, min(day.to_ms, now_ms)))
        files = {one.body.sha256: (one, span) for one, span in self._filmed(day)}
        films = [_film(one, span) for one, span in files.values()]
        sample = drawn((film.sha256 for film in films), seed=self._lot.seed, permille=self._lot.permille)
        return DayReport(
            day=day,
            officers=tuple(officer_days(so_far, duty=self._duty(day), acts=self._acts(day), films=films)),
            files=len(films),
            sample=tuple(self._sampled(*files[name]) for name in sample),
            seed=self._lot.seed,
            permille=self._lot.permille,
        )

    async def score(self, sha256: str, score: int, *, by: str, note: str, key: str) -> FootageScored:
        """RefusedError: there is no such file, it is one's own, or the mark is none."""
        if score not in SCORES:
            raise RefusedError("a score is 1 to 5")
        found = await asyncio.to_thread(self._ledger.index.of, FootageImported, sha256=sha256)
        if not found:
            raise RefusedError("no such file")
        if any(one.body.officer == by for one in found):
            raise RefusedError("nobody scores their own footage")
        sample = bool(drawn([sha256], seed=self._lot.seed, permille=self._lot.permille))
        body = FootageScored(sha256=sha256, by=by, sample=sample, score=score, note=note.strip())
        return (await self._ledger.say(body, key=f"score/{sha256}/{by}/{key}")).body

    def _filmed(self, day: Stretch) -> Iterator[tuple[Said[FootageImported], Span | None]]:
        """Files that hold some of the day by true time, and those of that day's docking of which none is known."""
        clocks: dict[str, Times] = {}
        until_ms = day.to_ms + DOCKED_WITHIN_MS
        for one in self._ledger.index.of(FootageImported, since_ms=day.from_ms, until_ms=until_ms):
            if one.body.sha256 is None or one.body.state not in HERE:
                continue
            span = self._span(one, clocks)
            if span is None and one.at_ms < day.to_ms:
                yield one, None
            elif span is not None and span.from_ms < day.to_ms and span.to_ms >= day.from_ms:
                yield one, span

    def _span(self, one: Said[FootageImported], clocks: dict[str, Times]) -> Span | None:
        """None: its true time is not known."""
        recorder = one.body.recorder
        if recorder is None:
            return None
        if recorder not in clocks:
            clocks[recorder] = Times.of(self._ledger.index, recorder)
        start = clocks[recorder].start(one)
        if start is None:
            return None
        end_ms = start.true_ms + (one.body.duration_ms or 0)
        return Span(from_ms=start.true_ms, to_ms=end_ms, err_ms=start.err_ms, sha256=one.body.sha256 or "")

    def _duty(self, day: Stretch) -> list[DutyKept]:
        """Typed in afterwards, it counts for when it was."""
        said = self._ledger.index.of(DutyKept, since_ms=day.from_ms - LONGEST_SHIFT_MS)
        return [one.body for one in said if day.from_ms - LONGEST_SHIFT_MS <= one.body.at_ms < day.to_ms]

    def _acts(self, day: Stretch) -> list[Act]:
        decided = self._queries.acted(since_ms=day.from_ms, until_ms=day.to_ms)
        marked = self._ledger.index.of(StepMarked, since_ms=day.from_ms, until_ms=day.to_ms)
        return [Act(officer=by, at_ms=at_ms) for by, at_ms in decided] + [
            Act(officer=one.body.by, at_ms=one.body.at_ms) for one in marked
        ]

    def _sampled(self, one: Said[FootageImported], span: Span | None) -> Sampled:
        sha256 = one.body.sha256 or ""
        return Sampled(
            sha256=sha256,
            name=one.body.name,
            officer=one.body.officer,
            from_ms=span.from_ms if span else None,
            scores=tuple(said.body for said in self._ledger.index.of(FootageScored, sha256=sha256)),
        )


def _film(one: Said[FootageImported], span: Span | None) -> Filmed:
    body = one.body
    return Filmed(officer=body.officer, sha256=body.sha256 or "", span=span, named=body.named_officer)
