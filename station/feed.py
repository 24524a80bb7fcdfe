"""Carries what changes to the tablets: cards of the queue ten times a second at most, states once a second."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec

from journal.live import NAME, glimpsed
from journal.store import Accepted
from kernel.clock import Clock
from kernel.errors import ProtocolError
from kernel.events import PassageCancelled, VehicleWeighed
from station.pages.lines import Line, line
from station.pages.state import Centre, StateView, state_view
from station.projecting import passage_of
from station.queries import Queries
from station.settings import Settings
from station.views import Passage
from web import times
from web.i18n import LANGUAGES, Language, Texts
from web.live import Hub

log = logging.getLogger(__name__)

CARDS_S = 0.1
STATE_S = 1.0
AFTER_FAULT_S = 2.0
QUEUE_MS = 24 * 3_600_000  # older crossings are looked up at the centre
WEIGHT_STALE_MS = 1_000


class LiveWeight(msgspec.Struct, frozen=True, kw_only=True):
    """What a platform's display shows now."""

    kg: int | None
    stable: bool | None
    at_ms: int
    state: str
    says: tuple[str, ...] = ()  # quality words that hold now


class Glimpse(msgspec.Struct, frozen=True, kw_only=True):
    """What a lane sees before its entry is here."""

    passage: str
    state: str
    gross_kg: int | None
    at_ms: int
    unfiled: bool = False  # weighed, and the entry is on its way


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """What the queue topic carries: cards by id."""

    lines: tuple[Line, ...]


class Feed:
    """Topics `queue.zh|en` (cards by id), `state.zh|en` (whole), `weight.{box}` and `glimpse.{box}` (newest value)."""

    def __init__(
        self,
        settings: Settings,
        queries: Queries,
        *,
        hub: Hub,
        catalogues: Mapping[Language, Texts],
        centres: Callable[[], Sequence[Centre]],
        clock: Clock,
        footage: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        """`footage`: what is wrong with its keeping, as machine words."""
        self._settings = settings
        self._queries = queries
        self._hub = hub
        self._catalogues = catalogues
        self._centres = centres
        self._footage = footage
        self._clock = clock
        self._rows: set[tuple[str, str]] = set()
        self._entries: set[tuple[str, str, int]] = set()  # they may speak of a crossing without its name
        self._changed = asyncio.Event()
        self._state_due = asyncio.Event()
        for language in LANGUAGES:
            hub.topic(f"queue.{language}", snapshot=partial(self.newest, language))
            hub.topic(f"state.{language}", snapshot=partial(self.state, language))
        for box in settings.boxes:
            hub.topic(f"glimpse.{box.name}")
            if box.platform:
                hub.topic(f"weight.{box.name}", stale_ms=WEIGHT_STALE_MS)

    def lane_name(self, language: Language, box: str) -> str:
        lane = self._settings.lane(box)
        return lane.shown(language) if lane else box

    # --- what changed -----------------------------------------------------------------------------------------

    def committed(self, entries: Sequence[Accepted]) -> None:
        """The receiver has stored these."""
        for entry in entries:
            passage = passage_of(entry)
            if passage is not None:
                self.changed(entry.box, passage)
            elif entry.header.stream == PassageCancelled.stream:
                self._entries.add((entry.box, entry.header.journal, entry.seq))
                self._changed.set()
        self._state_due.set()

    def changed(self, box: str, passage: str) -> None:
        self._rows.add((box, passage))
        self._changed.set()

    def live(self, box: str, name: str, payload: bytes) -> None:
        """A live value from a lane; rubbish is nobody's weight."""
        lane = self._settings.lane(box)
        try:
            if name == "weight" and lane is not None and lane.platform:
                self._hub.publish(f"weight.{box}", msgspec.json.decode(payload, type=LiveWeight))
            elif name == "passage" and lane is not None:
                self._hub.publish(f"glimpse.{box}", msgspec.json.decode(payload, type=Glimpse))
            elif name == NAME and lane is not None:
                self._glimpsed(box, lane.source, payload)
        except (ProtocolError, msgspec.MsgspecError) as error:
            log.debug("live value unreadable", extra={"box": box, "reason": str(error)})

    def _glimpsed(self, box: str, source: str, payload: bytes) -> None:
        entry = glimpsed(payload, box=box, received_ms=self._clock.now_ms())
        if entry.header.stream != VehicleWeighed.stream or entry.header.source != source:
            return
        body = msgspec.json.decode(entry.body or b"", type=VehicleWeighed)
        told = Glimpse(
            passage=body.passage, state="weighed", gross_kg=body.gross_kg, at_ms=entry.header.at, unfiled=True
        )
        self._hub.publish(f"glimpse.{box}", told)

    # --- what is shown ----------------------------------------------------------------------------------------

    async def newest(self, language: Language) -> Lines:
        since_ms = self._clock.now_ms() - QUEUE_MS
        rows = await asyncio.to_thread(self._queries.queue, since_ms=since_ms)
        return Lines(lines=tuple(self._line(row, language) for row in rows))

    async def state(self, language: Language) -> StateView:
        now_ms = self._clock.now_ms()
        lanes = await asyncio.to_thread(self._queries.lanes)
        today = await asyncio.to_thread(self._queries.today, times.day_start_ms(now_ms))
        return state_view(
            boxes=self._settings.boxes,
            lanes=lanes,
            centres=self._centres(),
            today=today,
            now_ms=now_ms,
            texts=self._catalogues[language],
            lane_name=partial(self.lane_name, language),
            footage=self._footage(),
        )

    async def run(self) -> None:
        """Until the process ends."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._hub.run(), name="tablet heartbeat")
            tasks.create_task(self._paced(self._tell_lines, self._changed, CARDS_S), name="tablet cards")
            tasks.create_task(self._paced(self._tell_state, self._state_due, STATE_S), name="tablet states")
            tasks.create_task(self._look_again(), name="tablet look again")

    async def _look_again(self) -> None:
        """Silence, and a link that is cut, are no change that anybody tells."""
        while True:
            await self._clock.sleep(STATE_S)
            self._state_due.set()

    async def _paced(self, tell: Callable[[], Awaitable[None]], due: asyncio.Event, gap_s: float) -> None:
        while True:
            await due.wait()
            due.clear()
            if not self._hub.clients:  # whoever comes next asks the store itself
                self._rows.clear()
                self._entries.clear()
            else:
                await self._tell(tell, due)
            await self._clock.sleep(gap_s)

    async def _tell(self, tell: Callable[[], Awaitable[None]], due: asyncio.Event) -> None:
        try:
            await tell()
        except sqlite3.OperationalError:
            log.exception("the tablets cannot read the store")
            due.set()
            await self._clock.sleep(AFTER_FAULT_S)

    async def _tell_lines(self) -> None:
        wanted, self._rows = self._rows, set()
        named, self._entries = self._entries, set()
        for box, journal, seq in named:
            passage = await asyncio.to_thread(self._queries.passage_of_entry, box, journal, seq)
            wanted |= {(box, passage)} if passage is not None else set()
        found = [await asyncio.to_thread(self._queries.passage, *key) for key in sorted(wanted)]
        rows = sorted((row for row in found if row is not None), key=lambda row: row.order)
        for language in LANGUAGES if rows else ():
            self._hub.publish(
                f"queue.{language}", Lines(lines=tuple(self._line(row, language) for row in rows))
            )

    async def _tell_state(self) -> None:
        for language in LANGUAGES:
            self._hub.publish(f"state.{language}", await self.state(language))

    def _line(self, row: Passage, language: Language) -> Line:
        return line(row, self._catalogues[language], partial(self.lane_name, language))
