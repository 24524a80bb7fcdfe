"""Erases what is due, in three steps that a crash may part: the entry, the rows with it, and then every byte."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from central.acts.desk import Writes
from central.keeping import personal
from central.keeping.personal import Personal
from central.keeping.rules import Retention, Row
from central.live import Change
from central.store.keeping import Keeper, Kind, Line, Sharing
from central.store.queries import Queries
from central.store.staying import ClosedSince, Passage
from central.views import Due
from kernel.clock import Clock
from kernel.errors import FullError, RefusedError
from kernel.events import EntryRef, RecordErased

log = logging.getLogger(__name__)

LOOK_S = 5.0  # whether bytes are to go
SWEEP_MS = 3_600_000
TRIES, PAUSE_S = 5, 0.5  # a reader that is in the way is not there for long
AT_ONCE = 100  # references in one entry


class ErasesFiles(Protocol):
    """Where the bytes of files are.  Blocking; a file that is not here is no error."""

    def erase(self, sha256: str) -> None: ...


def due(keeper: Keeper, *, retention: Retention, now_ms: int) -> list[Due]:
    """Everything that is marked, when it goes, and why it stays if it does; oldest first.  Blocking."""
    return [
        Due(
            box=each.box,
            passage=each.passage,
            rule=each.rule,
            marked_ms=each.marked_ms,
            erased_from_ms=each.marked_ms + retention.wait_ms,
            held=each.held,
        )
        for each in keeper.marked(now_ms=now_ms, closed_since=retention.closed_since(now_ms))
    ]


class Keeping:
    """The only writer of `record.erased` at the centre."""

    def __init__(
        self,
        keeper: Keeper,
        queries: Queries,
        files: ErasesFiles,
        *,
        retention: Retention,
        by: str,
        write: Writes,
        clock: Clock,
        told: Callable[[Sequence[Change]], None] = lambda _changes: None,
    ) -> None:
        self._keeper = keeper
        self._queries = queries
        self._files = files
        self._retention = retention
        self._by = by
        self._write = write
        self._clock = clock
        self._told = told
        self._one = asyncio.Lock()

    async def run(self) -> None:
        """Until cancelled; what fails now is tried again."""
        swept_ms: int | None = None
        while True:
            try:
                await self.clean()
                if swept_ms is None or self._clock.mono_ms() - swept_ms >= SWEEP_MS:
                    await self.sweep()
                    swept_ms = self._clock.mono_ms()
            except (SQLAlchemyError, OSError, FullError, RefusedError) as error:
                log.warning("not erased yet", extra={"reason": str(error)})
            await self._clock.sleep(LOOK_S)

    async def erase(self, box: str, passage: str, *, rule: str, by: str) -> EntryRef | None:
        """At once, without waiting for a rule; None when nothing personal is left.  RefusedError: why it must stay."""
        async with self._one:
            held = await asyncio.to_thread(self._held, box, passage)
            if held is not None:
                raise RefusedError(f"must stay: {held}")
            last = await self._erase(await asyncio.to_thread(self._personal, box, passage), rule=rule, by=by)
            await self._settle_waiting()
        for _ in range(TRIES):
            if await self.clean():
                break
            await self._clock.sleep(PAUSE_S)
        return last

    async def sweep(self) -> None:
        """Mark what the rules want, erase what was marked long enough ago, and what need not stay any more."""
        async with self._one:
            began_ms = self._clock.now_ms()
            rows = self._retention.by_what
            for kind in ("compliant", "undetermined", "over_limit"):
                await self._apply(rows[kind], kind, clips=False)
            await self._apply(rows["compliant_clip"], "compliant", clips=True)
            await self._forget_unreadable(rows["quarantine"])
            await asyncio.to_thread(self._keeper.unmark, unseen_since_ms=began_ms)
            await self._settle_waiting()

    async def clean(self) -> bool:
        """No byte is left of what has been erased; False when it has to be tried again."""
        return await asyncio.to_thread(self._clean)

    def due(self) -> list[Due]:
        """Everything that is marked, oldest first.  Blocking."""
        return due(self._keeper, retention=self._retention, now_ms=self._clock.now_ms())

    # --- inside -----------------------------------------------------------------------------------------------

    async def _settle_waiting(self) -> None:
        changes = await asyncio.to_thread(
            self._keeper.settle_waiting, now_ms=self._clock.now_ms(), closed_since=self._closed_since()
        )
        self._told(changes)

    async def _apply(self, rule: Row, kind: Kind, *, clips: bool) -> None:
        """Page by page, so that what must stay never stands in the way of the rest."""
        after: Line | None = None
        while lines := await asyncio.to_thread(self._page, rule, kind, clips, after):
            after = lines[-1]
            for box, passage in await asyncio.to_thread(self._ripe, rule, lines):
                found = await asyncio.to_thread(self._by_rule, box, passage, clips=clips)
                if found:
                    await self._erase(found, rule=rule.name, by=self._by)
                elif not clips:
                    now_ms = self._clock.now_ms()
                    await asyncio.to_thread(self._keeper.nothing_left, [(box, passage)], now_ms=now_ms)
                await asyncio.to_thread(self._keeper.gone, rule.name, (box, passage))

    def _page(self, rule: Row, kind: Kind, clips: bool, after: Line | None) -> list[Line]:
        now_ms = self._clock.now_ms()
        lines = self._keeper.due(kind, before_ms=rule.before_ms(now_ms), clips=clips, after=after)
        self._keeper.mark(rule.name, lines, now_ms=now_ms)
        return lines

    def _ripe(self, rule: Row, lines: Sequence[Line]) -> list[Passage]:
        """Their wait is over, and began when nothing held them any more: until then there was no day to wait for."""
        now_ms = self._clock.now_ms()
        before_ms = now_ms - self._retention.wait_ms
        held = self._keeper.held(
            [line.key for line in lines], now_ms=now_ms, closed_since=self._closed_since()
        )
        self._keeper.mark_anew(rule.name, held, now_ms=now_ms)
        ripe = self._keeper.ripe(rule.name, marked_before_ms=before_ms, lines=lines)
        # What ended by itself may have ended while the centre was not there to see it.
        lately = self._keeper.held(
            ripe, now_ms=before_ms, closed_since=self._retention.closed_since(before_ms)
        )
        return [passage for passage in ripe if passage not in held and passage not in lately]

    async def _forget_unreadable(self, rule: Row) -> None:
        """What no program could read in all that time; it belongs to no passage, so it is not marked but waited for."""
        before_ms = rule.before_ms(self._clock.now_ms()) - self._retention.wait_ms
        found = await asyncio.to_thread(self._keeper.unreadable, before_ms=before_ms)
        refs = tuple(ref for _box, ref in found)
        await self._erase(Personal(entries=refs, files=()), rule=rule.name, by=self._by)

    async def _erase(self, found: Personal, *, rule: str, by: str) -> EntryRef | None:
        last = None
        entries, files = list(found.entries), list(found.files)
        while entries or files:
            body = RecordErased(
                rule=rule, by=by, entries=tuple(entries[:AT_ONCE]), files=tuple(files[:AT_ONCE])
            )
            last = await self._write(body)
            entries, files = entries[AT_ONCE:], files[AT_ONCE:]
        if last is not None:
            log.info("erased", extra={"rule": rule, "entries": len(found.entries), "files": len(found.files)})
        return last

    def _personal(self, box: str, passage: str, *, clips: bool = False) -> Personal:
        detail = self._queries.passage(box, passage)
        if detail is None:
            raise RefusedError("no such passage")
        if clips:
            return personal.clips_of(detail)
        return personal.of_passage(detail, self._queries.quarantined_naming(box, passage))

    def _by_rule(self, box: str, passage: str, *, clips: bool) -> Personal:
        """A file of two passages stays for as long as one of them is kept."""
        found = self._personal(box, passage, clips=clips)
        wanted = self._wanted_elsewhere(found.files, besides=(box, passage))
        return replace(found, files=tuple(sha256 for sha256 in found.files if sha256 not in wanted))

    def _wanted_elsewhere(self, digests: Sequence[str], *, besides: Passage) -> set[str]:
        now_ms = self._clock.now_ms()
        others = self._keeper.sharing(digests, besides=besides)
        held = self._keeper.held(
            [each.key for each in others], now_ms=now_ms, closed_since=self._closed_since()
        )
        return {
            each.sha256
            for each in others
            if each.key in held or not (each.erased or self._is_over(each, now_ms))
        }

    def _is_over(self, each: Sharing, now_ms: int) -> bool:
        return each.received_ms < self._retention.by_what[each.kind].before_ms(now_ms)

    def _held(self, box: str, passage: str) -> str | None:
        now_ms = self._clock.now_ms()
        held = self._keeper.held([(box, passage)], now_ms=now_ms, closed_since=self._closed_since())
        return held.get((box, passage))

    def _closed_since(self) -> ClosedSince:
        return self._retention.closed_since(self._clock.now_ms())

    def _clean(self) -> bool:
        for sha256 in self._keeper.unclean_files():
            self._files.erase(sha256)
        return self._keeper.clean()
