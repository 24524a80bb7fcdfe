"""Carries what changes in the store to the walls: lines at most four times a second, the rest once a second."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

from sqlalchemy.exc import SQLAlchemyError

from central.live import Change, Listener
from central.pages.lines import Line, line
from central.pages.naming import Names
from central.pages.unfiled import Unfiled, unfiled
from central.pages.wall import WallState, wall_state
from central.parts import Parts
from central.store.queries import Filter
from central.views import PassageRow
from web import times
from web.i18n import LANGUAGES, Language, Texts
from web.live import Hub

log = logging.getLogger(__name__)
SHOWN = 20
LINES_S = 0.25
STATE_S = 1.0
LOOK_AGAIN_S = 5.0  # silence is no change that anybody tells
AFTER_FAULT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """What the passages topic carries: lines to show, by id."""

    lines: tuple[Line, ...]


class Feed:
    """Topics `passages.zh`, `passages.en` (lines by id) and `wall.zh`, `wall.en` (everything else, whole)."""

    def __init__(self, parts: Parts, *, hub: Hub, catalogues: Mapping[Language, Texts], names: Names) -> None:
        self._parts = parts
        self._hub = hub
        self._catalogues = catalogues
        self._names = names
        self._register = parts.settings.register
        self._rows: set[tuple[str, str]] = set()
        self._unfiled: dict[tuple[str, str], Unfiled] = {}
        self._changed = asyncio.Event()
        self._state_due = asyncio.Event()
        for language in LANGUAGES:
            hub.topic(f"passages.{language}", snapshot=partial(self.newest, language))
            hub.topic(f"wall.{language}", snapshot=partial(self.state, language))

    async def newest(self, language: Language) -> Lines:
        """The last crossings, newest first."""
        page = await asyncio.to_thread(self._parts.queries.passages, Filter(), limit=SHOWN)
        texts = self._catalogues[language]
        return Lines(lines=tuple(line(row, texts, self._names(language)) for row in page.rows))

    async def state(self, language: Language) -> WallState:
        return await asyncio.to_thread(self._read_state, language)

    async def run(self) -> None:
        """Until the process ends."""
        with self._parts.bus.listen() as listener:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._hub.run(), name="wall heartbeat")
                tasks.create_task(self._listen(listener), name="wall listen")
                tasks.create_task(self._paced(self._tell_lines, self._changed, LINES_S), name="wall lines")
                tasks.create_task(self._paced(self._tell_state, self._state_due, STATE_S), name="wall state")
                tasks.create_task(self._look_again(), name="wall look again")

    async def _listen(self, listener: Listener) -> None:
        async for change in listener:
            self._note(change)

    def _note(self, change: Change) -> None:
        if change.kind == "passage" and len(change.key) == 2:
            self._rows.add((change.key[0], change.key[1]))
            self._changed.set()
        if change.kind != "live":
            self._state_due.set()
        seen = unfiled(change, register=self._register)
        if seen is not None and len(self._unfiled) < SHOWN:
            self._unfiled[seen.key] = seen
            self._changed.set()

    async def _look_again(self) -> None:
        while True:
            await self._parts.clock.sleep(LOOK_AGAIN_S)
            self._state_due.set()

    async def _paced(self, tell: Callable[[], Awaitable[None]], due: asyncio.Event, gap_s: float) -> None:
        """Tell when due, never more often than every `gap_s`; a database that is away is asked again later."""
        while True:
            await due.wait()
            due.clear()
            if not self._hub.clients:  # whoever comes next asks the database itself
                self._rows.clear()
                self._unfiled.clear()
                continue
            try:
                await tell()
            except SQLAlchemyError:
                log.exception("the wall cannot read the database")
                due.set()
                await self._parts.clock.sleep(AFTER_FAULT_S)
            await self._parts.clock.sleep(gap_s)

    async def _tell_lines(self) -> None:
        wanted, self._rows = self._rows, set()
        seen, self._unfiled = self._unfiled, {}
        rows = await asyncio.to_thread(self._read_rows, sorted(wanted | seen.keys()))
        for row in rows:
            seen.pop((row.box, row.passage), None)  # custody was quicker
        for language, texts in self._catalogues.items():
            lines = tuple(line(row, texts, self._names(language)) for row in rows)
            lines += tuple(each.line(texts, self._names(language)) for each in seen.values())
            self._hub.publish(f"passages.{language}", Lines(lines=lines))

    async def _tell_state(self) -> None:
        for language in self._catalogues:
            self._hub.publish(f"wall.{language}", await self.state(language))

    def _read_rows(self, wanted: list[tuple[str, str]]) -> list[PassageRow]:
        found = (self._parts.queries.row(box, passage) for box, passage in wanted)
        return [row for row in found if row is not None]

    def _read_state(self, language: Language) -> WallState:
        queries, now_ms = self._parts.queries, self._parts.clock.now_ms()
        day_ms = times.day_start_ms(now_ms)
        sources = queries.sources(now_ms)
        return wall_state(
            hours=queries.hours(day_ms, day_ms + times.DAY_MS),
            sources=sources,
            alarms=self._parts.alarms(),
            places=self._names.places(sources),
            now_ms=now_ms,
            texts=self._catalogues[language],
            station_name=self._names(language),
        )
