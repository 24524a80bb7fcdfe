"""Keeps footage as long as the rules say and no longer: marks what is due, deletes it seven days later, makes room.

Every step is an entry before it is done, so the list of what was deleted is part of the journal and shows tampering.
Files that no entry knows are reported and never touched.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from journal.disk import Room
from kernel.clock import Clock
from kernel.errors import FullError, RefusedError, RestartError
from kernel.events import FilesReconciled, Outcome, RecordHeld
from kernel.footage.bodies import CaseNoted, FootageDisposed, FootageLinked, FootageTagged
from kernel.footage.keeping import (
    DAY_MS,
    Decision,
    Hold,
    KeptFile,
    Tie,
    keep_until,
    keeping_links,
    named_cases,
    retention,
    shortest_ms,
    standing_tags,
)
from kernel.law.law import Law
from kernel.law.rows import china_day
from station.footage.cases import case_files, cases_of
from station.footage.folders import DigestFolder
from station.footage.keeping_settings import KeepingSettings
from station.footage.ledger import Ledger
from station.footage.stock import (
    RESTORED,
    Stocked,
    ancestors,
    held_things,
    holds_of,
    of_lane,
    of_passage,
    ripe,
    stock_of,
    was_deleted,
)

log = logging.getLogger(__name__)

TICK_S = 60.0
AT_ONCE = 100  # digests in one entry: a body has at most 28 kB
SETTLE_S = 5.0  # for files whose entry is on its way
NAMED = 100  # in a report of files
LONGEST = 120  # characters of a name that a stranger chose
CHINA_H = 8
MAKE_ROOM = "room.copies"


class SentSpans(Protocol):
    """Files that travel with the journal, and may leave once they are out of danger elsewhere."""

    def spare(self, footage: Path) -> list[Stocked]:
        """The oldest first.  Blocking."""
        ...

    def has(self, sha256: str) -> bool:
        """Blocking."""
        ...

    async def evict(self, spans: Sequence[Stocked], *, free_kb: int) -> None: ...

    async def erase(self, sha256: str, *, by: str) -> None:
        """What is not here is left alone; FullError: nothing was said and nothing is gone."""
        ...


OutcomeOf = Callable[[str | None, str], Outcome | None]  # of a passage, by its box and name; blocking


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelves:
    """Where footage lies, and how full that disk is."""

    originals: DigestFolder
    derived: DigestFolder
    room: Callable[[], Room]  # blocking

    def remove(self, sha256: str) -> int:
        return self.originals.remove(sha256) + self.derived.remove(sha256)

    def here(self) -> Iterator[str]:
        yield from self.originals.digests()
        yield from self.derived.digests()

    def has(self, sha256: str) -> bool:
        return self.originals.path(sha256) is not None or self.derived.path(sha256) is not None

    def strangers(self) -> Iterator[str]:
        for name, folder in (("originals", self.originals), ("derived", self.derived)):
            yield from (f"{name}/{path.relative_to(folder.folder)}" for path in folder.strangers())


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What decides how long: the law in this place, what became of a passage, and whether its lane holds it."""

    law: Law
    jurisdiction: str
    outcome: OutcomeOf
    held: Callable[[], Mapping[str, Hold]] = dict  # passages that their lanes hold; blocking
    knows: Callable[[str], bool] = lambda _passage: True  # whether a lane has told of this passage; blocking


@dataclass(slots=True, kw_only=True)
class Plan:
    """What one night has found: by rule what to mark, what not to delete after all, and what to delete."""

    mark: dict[str, list[str]] = field(default_factory=dict)
    unmark: dict[str, list[str]] = field(default_factory=dict)
    delete: dict[str, list[str]] = field(default_factory=dict)


class Keeping:
    """`by` of what it does by rule is the station's own name."""

    def __init__(
        self,
        ledger: Ledger,
        places: Shelves,
        rules: Rules,
        *,
        settings: KeepingSettings,
        by: str,
        clock: Clock,
        enough: Callable[[], bool] = lambda: True,
        spans: SentSpans | None = None,
        lies: Callable[[str], bool] = lambda _sha256: False,
    ) -> None:
        """`enough`: whether the disk holds as many days as the rules ask for; `lies`: whether a file that is not
        footage's own, as a lane's clip, is here.  Both block.
        """
        self._spans = spans
        self._lies = lies
        self._ledger = ledger
        self._places = places
        self._rules = rules
        self._settings = settings
        self._by = by
        self._clock = clock
        self._enough = enough
        self._short = False
        self._one = asyncio.Lock()
        self._undone: set[str] = set()  # deleted by an entry, and the disk would not
        self._swept = ""  # the day
        self._room: Room | None = None
        self._problem = ""
        self.found: FilesReconciled | None = None

    async def run(self) -> None:
        """Until cancelled; what the disk does not allow now is tried again."""
        while True:
            await self.step()
            await self._clock.sleep(TICK_S)

    async def step(self) -> None:
        """One look: room now, rules and reconciling once a night and once after a start."""
        try:
            await self._step()
        except (FullError, RestartError, RefusedError, OSError, sqlite3.Error) as error:
            if str(error) != self._problem:
                log.error("footage is not kept in order", extra={"reason": str(error)})  # noqa: TRY400
            self._problem = str(error) or type(error).__name__
        else:
            self._problem = ""

    async def finish(self) -> None:
        """What was deleted by an entry just before the process died.  Before anything is taken in again."""
        last = await asyncio.to_thread(self._ledger.index.of, FootageDisposed, newest=AT_ONCE)
        named = [name for said in last if said.body.act == "deleted" for name in said.body.files]
        await self._remove([name for name in named if await asyncio.to_thread(self._is_left, name)])

    async def sweep(self) -> None:
        """Apply the rules: mark, unmark what is kept after all, delete what was marked long enough ago."""
        async with self._one:
            plan = await asyncio.to_thread(self._plan)
            for rule, files in plan.unmark.items():
                await self._say("restored", files, rule=rule, reason="kept by rule")
            for rule, files in plan.mark.items():
                due_ms = self._clock.now_ms() + self._settings.wait_days * DAY_MS
                await self._say("marked", files, rule=rule, due_ms=due_ms)
            for rule, files in plan.delete.items():
                await self._delete(files, rule=rule)

    async def relieve(self) -> None:
        """Room when it is short: copies that can be made again, spans that are kept elsewhere, what waits no longer.

        Nothing else ever.
        """
        self._room = await asyncio.to_thread(self._places.room)
        if self._room.used_percent < self._settings.high_percent:
            return
        async with self._one:
            for let_go in (self._let_copies_go, self._let_spans_go, self._let_ripe_go):
                if (wanted := self._room.above(self._settings.low_percent)) > 0:
                    await let_go(wanted)
                    self._room = await asyncio.to_thread(self._places.room)

    async def reconcile(self) -> FilesReconciled:
        """The disk against the entries, both ways.  Removes nothing."""
        found = await asyncio.to_thread(self._reconcile, ())
        if found.unknown_count or found.missing_count:
            await self._clock.sleep(SETTLE_S)
            found = await asyncio.to_thread(self._reconcile, (*found.unknown, *found.missing))
        await self._ledger.say(found)
        if found.unknown_count or found.missing_count:
            extra = {"unknown": found.unknown[:3], "missing": found.missing[:3]}
            log.error("footage on the disk and its entries differ", extra=extra)
        self.found = found
        return found

    # --- what a person does -----------------------------------------------------------------------------------

    async def restore(self, files: Sequence[str], *, by: str, reason: str, key: str | None = None) -> int:
        """They are not deleted after all, and their days begin anew.  RefusedError: one of them is not marked.

        `key`, here and of a hold, makes a repetition harmless; it is this act's alone.
        """
        _reason(reason)
        async with self._one:
            stock = await asyncio.to_thread(stock_of, self._ledger.index, spans=True)
            for name in files:
                if name not in stock or stock[name].mark is None:
                    raise RefusedError("not marked for deletion")
            await self._say("restored", files, rule=RESTORED, reason=reason.strip(), by=by, key=key)
        return len(files)

    async def hold(self, body: RecordHeld, *, key: str | None = None) -> None:
        """封存, or its end.  RefusedError says what is wrong with it."""
        _reason(body.reason)
        if not body.files and body.passage is None:
            raise RefusedError("name files or a passage")
        if body.act == "held" and body.until_ms is not None and body.until_ms <= self._clock.now_ms():
            raise RefusedError("until is over already")
        async with self._one:
            await asyncio.to_thread(self._check_hold, body)
            await self._ledger.say(body, key=key)

    async def note(self, body: CaseNoted) -> None:
        """The centre's word on a case: what it keeps is not deleted once this was said."""
        async with self._one:
            await self._ledger.say(body)

    # --- what is said of it -----------------------------------------------------------------------------------

    def worries(self) -> tuple[str, ...]:
        """Machine words (docs/footage.md), the most urgent first."""
        percent = self._room.used_percent if self._room else 0
        found = self.found
        checks = {
            "room_full": percent >= self._settings.high_percent,
            "room_low": self._settings.low_percent <= percent < self._settings.high_percent,
            "rule_cannot_be_met": self._short,
            "footage_missing": found is not None and found.missing_count > 0,
            "footage_unknown": found is not None and found.unknown_count > 0,
            "keeping_stopped": bool(self._problem or self._undone),
        }
        return tuple(word for word, holds in checks.items() if holds)

    @property
    def room(self) -> Room | None:
        """As it was at the last look."""
        return self._room

    def decision(self, one: Stocked, stock: Mapping[str, Stocked], holds: Mapping[str, Hold]) -> Decision:
        """How long one file stays; what was made of others, or lies beside a film, stays as long as they do.  Blocking."""
        if not one.sources:
            films = [stock[name] for name in one.films if name in stock]
            return max((self._decide(each, holds) for each in (one, *films)), key=_length)
        names = ancestors(self._ledger.index, one.sources)
        found = [decision for name in names if (decision := self._by_source(name, stock, holds)) is not None]
        if (own := self._decide(one, holds)).why != "unlinked":
            found.append(own)
        gone = Decision(until_ms=self._clock.now_ms(), rule="sources.gone", why="sources_gone")
        return max(found, key=_length, default=gone)

    def holds(self) -> dict[str, Hold]:
        """Digests, `passage:NAME`, and `lane:NAME` of passages that their lanes hold.  Blocking."""
        return self._holds()

    def is_held(self, sha256: str) -> bool:
        """By the station or a lane: itself, what it was made of, or a passage that one of these belongs to.  Blocking."""
        return self._is_held(sha256, self._holds())

    # --- inside -----------------------------------------------------------------------------------------------

    def _check_hold(self, body: RecordHeld) -> None:
        """A name mistyped would hold nothing, or end nothing, and nobody would see it."""
        index = self._ledger.index
        if body.act == "released":
            if not set(held_things(body)) <= holds_of(index).keys():
                raise RefusedError("not on hold")
            return
        stock = stock_of(index, spans=True)
        if any(name not in stock for name in body.files):
            raise RefusedError("no such file")
        name = body.passage
        if name and not self._rules.knows(name) and not index.of(FootageLinked, passage=name, newest=1):
            raise RefusedError("no such passage")

    async def _step(self) -> None:
        await self._remove(sorted(self._undone))
        await self.relieve()
        now_ms = self._clock.now_ms()
        at_night = (now_ms // 3_600_000 + CHINA_H) % 24 == self._settings.night_hour
        if self.found is not None and (not at_night or self._swept == china_day(now_ms)):
            return
        await self.sweep()
        await self.reconcile()
        self._short = not await asyncio.to_thread(self._enough)
        self._swept = china_day(now_ms)

    def _plan(self) -> Plan:
        now_ms, plan = self._clock.now_ms(), Plan()
        stock, holds = stock_of(self._ledger.index, spans=True), self._holds()
        rows = retention(self._rules.law, jurisdiction=self._rules.jurisdiction, now_ms=now_ms)
        youngest_ms = now_ms - shortest_ms(rows)
        for one in stock.values():
            # Most files are younger than any rule: nothing has to be asked of them.
            if one.mark is None and (_is_young(one, stock, youngest_ms) or not self._is_here(one)):
                continue
            self._plan_one(plan, one, self.decision(one, stock, holds), now_ms)
        return plan

    def _is_here(self, one: Stocked) -> bool:
        """Spans leave for want of room too; that entry is none of footage."""
        return not one.span or self._has_span(one.sha256)

    def _has_span(self, sha256: str) -> bool:
        return self._spans is not None and self._spans.has(sha256)

    def _plan_one(self, plan: Plan, one: Stocked, decision: Decision, now_ms: int) -> None:
        due = decision.until_ms is not None and decision.until_ms <= now_ms
        if due and one.mark is None:
            plan.mark.setdefault(decision.rule, []).append(one.sha256)
        elif not due and one.mark is not None:
            plan.unmark.setdefault(decision.rule, []).append(one.sha256)
        elif one.mark is not None and one.mark.due_ms <= now_ms:
            plan.delete.setdefault(one.mark.rule, []).append(one.sha256)

    def _decide(self, one: Stocked, holds: Mapping[str, Hold]) -> Decision:
        index = self._ledger.index
        links = self._links(one.sha256)
        tags = standing_tags(said.body for said in index.of(FootageTagged, sha256=one.sha256))
        ties = [*map(self._tie, links), *(Tie(case=name) for name in cases_of(index, links))]
        return keep_until(
            KeptFile(since_ms=one.since_ms, important=one.important),
            tags=tags,
            links=ties,
            cases=case_files(index, named_cases(tags, ties)),
            holds=[holds[thing] for thing in _things(one.sha256, links) if thing in holds],
            law=self._rules.law,
            jurisdiction=self._rules.jurisdiction,
            now_ms=self._clock.now_ms(),
        )

    def _by_source(
        self, name: str, stock: Mapping[str, Stocked], holds: Mapping[str, Hold]
    ) -> Decision | None:
        """None: it gives what was made of it no days."""
        if (one := stock.get(name)) is not None:
            found = self._decide(one, holds)
            return None if one.sources and found.why == "unlinked" else found
        # A clip of a lane goes by that lane's rules; what was made of it goes after it.
        elsewhere = Decision(until_ms=None, rule="sources.here", why="sources_here")
        return elsewhere if self._lies(name) else None

    def _links(self, sha256: str) -> list[FootageLinked]:
        return keeping_links(said.body for said in self._ledger.index.of(FootageLinked, sha256=sha256))

    def _holds(self) -> dict[str, Hold]:
        """The station's own, and those of its lanes.  Blocking."""
        lanes = {of_lane(name): hold for name, hold in self._rules.held().items()}
        return lanes | holds_of(self._ledger.index)

    def _is_held(self, sha256: str, holds: Mapping[str, Hold]) -> bool:
        now_ms = self._clock.now_ms()
        named = (
            holds.get(thing)
            for name in ancestors(self._ledger.index, [sha256])
            for thing in _things(name, self._links(name))
        )
        return any(hold is not None and (hold.until_ms is None or hold.until_ms > now_ms) for hold in named)

    def _tie(self, link: FootageLinked) -> Tie:
        outcome = self._rules.outcome(link.box, link.passage) if link.passage is not None else None
        return Tie(passage=link.passage, case=link.case, outcome=outcome)

    async def _let_copies_go(self, wanted: int) -> None:
        copies = await asyncio.to_thread(self._copies)
        await self._delete(_enough(copies, wanted), rule=MAKE_ROOM)

    async def _let_spans_go(self, wanted: int) -> None:
        free = await asyncio.to_thread(self._free)
        chosen = set(_enough(free, wanted))
        if chosen and self._spans is not None:
            free_kb = self._room.free // 1024 if self._room else 0
            await self._spans.evict([one for one in free if one.sha256 in chosen], free_kb=free_kb)

    async def _let_ripe_go(self, wanted: int) -> None:
        for rule, files in (await asyncio.to_thread(self._ripe, wanted)).items():
            await self._delete(files, rule=rule)

    def _copies(self) -> list[Stocked]:
        """That can be made again, the oldest first."""
        stock, holds = stock_of(self._ledger.index), self._holds()
        return [one for one in stock.values() if one.copy and not self._is_held(one.sha256, holds)]

    def _free(self) -> list[Stocked]:
        """Spans that are kept elsewhere and that nobody holds, the oldest first."""
        spare = self._spans.spare(self._places.originals.folder) if self._spans is not None else []
        holds = self._holds()
        return [one for one in spare if not self._is_held(one.sha256, holds)]

    def _ripe(self, wanted: int) -> dict[str, list[str]]:
        """What was marked long enough ago and is due still, by the rule that marked it."""
        stock, holds, now_ms = stock_of(self._ledger.index), self._holds(), self._clock.now_ms()
        due = [
            one
            for one in ripe(stock.values(), now_ms=now_ms)
            if (until := self.decision(one, stock, holds).until_ms) is not None and until <= now_ms
        ]
        chosen = set(_enough(due, wanted))
        found: dict[str, list[str]] = {}
        for one in due:
            if one.mark is not None and one.sha256 in chosen:
                found.setdefault(one.mark.rule, []).append(one.sha256)
        return found

    async def _delete(self, files: Sequence[str], *, rule: str) -> None:
        """The entry first, then the bytes."""
        for some in _portions(files):
            await self._say("deleted", some, rule=rule)
            await self._remove(some)

    async def _remove(self, files: Sequence[str]) -> None:
        for name in files:
            self._undone.add(name)
            await asyncio.to_thread(self._places.remove, name)
            if self._spans is not None:
                await self._spans.erase(name, by=self._by)
            self._undone.discard(name)

    async def _say(
        self,
        act: str,
        files: Sequence[str],
        *,
        rule: str,
        due_ms: int | None = None,
        reason: str = "",
        by: str | None = None,
        key: str | None = None,
    ) -> None:
        for number, some in enumerate(_portions(files)):
            body = FootageDisposed(
                act=act,  # type: ignore[arg-type]
                files=tuple(some),
                rule=rule,
                by=by or self._by,
                due_ms=due_ms,
                reason=reason,
            )
            await self._ledger.say(body, key=f"{key}/{number}" if key and number else key)
        log.info("footage disposed", extra={"act": act, "rule": rule, "files": len(files)})

    def _is_left(self, sha256: str) -> bool:
        is_here = self._places.has(sha256) or self._has_span(sha256)
        return is_here and was_deleted(self._ledger.index, sha256)

    def _reconcile(self, before: Sequence[str]) -> FilesReconciled:
        """`before`: what a first look has found; a file whose entry was on its way then is no stranger now."""
        here = set(self._places.here())
        known = stock_of(self._ledger.index)
        unknown = [*sorted(here - known.keys()), *self._places.strangers()]
        missing = [name for name in sorted(known.keys() - here) if not self._places.has(name)]
        if before:
            unknown = [name for name in unknown if _short(name) in before or len(before) >= NAMED]
        return FilesReconciled(
            files=len(here & known.keys()),
            unknown_count=len(unknown),
            missing_count=len(missing),
            unknown=_named(unknown),
            missing=_named(missing),
        )


def _things(sha256: str, links: Sequence[FootageLinked]) -> Iterator[str]:
    """What of a file may be on hold."""
    yield sha256
    for link in links:
        if link.passage is not None:
            yield of_passage(link.passage)
            yield of_lane(link.passage)


def _is_young(one: Stocked, stock: Mapping[str, Stocked], youngest_ms: int) -> bool:
    """Whether it, or an original that it was made of, is younger than any rule."""
    names = (one.sha256, *one.sources)
    known = (stock[name] for name in names if name in stock)
    return any(not each.sources and each.since_ms > youngest_ms for each in known)


def _enough(files: Iterable[Stocked], wanted: int) -> list[str]:
    """The first of them that free so many bytes; all of them when they do not."""
    chosen: list[str] = []
    for one in files:
        if wanted <= 0:
            break
        chosen.append(one.sha256)
        wanted -= one.size
    return chosen


def _portions(files: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(files), AT_ONCE):
        yield files[start : start + AT_ONCE]


def _named(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(_short, list(names)[:NAMED]))


def _short(name: str) -> str:
    """As a report names it."""
    return name.encode(errors="replace").decode()[:LONGEST]


def _length(decision: Decision) -> tuple[bool, int]:
    return decision.until_ms is None, decision.until_ms or 0


def _reason(text: str) -> None:
    if not text.strip():
        raise RefusedError("give the reason")
