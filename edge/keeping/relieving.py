"""Makes room before it is short: copies, footage of the ring, files that are kept elsewhere; and never anything else.

When only what may not go is left, the least important camera is recorded no more; entries and pictures go on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from edge.keeping.custody import Custody
from edge.keeping.inventory import Inventory
from edge.keeping.planning import ORDER, Kind, Lying, enough, may_make_room
from edge.keeping.settings import DAY_MS, KeepingSettings, days_of
from journal.disk import Room
from journal.reserve import Reserve
from kernel.clock import Clock
from kernel.errors import LinkError
from kernel.events import Outcome
from kernel.law.rows import china_day

log = logging.getLogger(__name__)

SHED_EVERY_MS = 60_000  # one camera after the other
FRUITLESS_MS = 60_000  # until everything is looked through again in vain


class Footage(Protocol):
    """The ring recorder, as far as its room goes; `recorded` has the most important camera first."""

    @property
    def recorded(self) -> tuple[str, ...]: ...

    async def make_room(self, wanted: int) -> int: ...

    def shed(self, cameras: frozenset[str]) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """The disk of the journal: how full it is, what is set aside, and what else is written to it."""

    room: Callable[[], Room]
    reserve: Reserve
    footage: Footage | None


class Relieving:
    def __init__(
        self, inventory: Inventory, *, custody: Custody, disk: Disk, settings: KeepingSettings, clock: Clock
    ) -> None:
        self._inventory = inventory
        self._custody = custody
        self._disk = disk
        self._settings = settings
        self._clock = clock
        self._shed_ms: int | None = None
        self._fruitless_ms: int | None = None
        self.shed: tuple[str, ...] = ()  # cameras that are not recorded

    async def relieve(self) -> None:
        """One look; makes room down to the low mark when the high one is passed, or for the reserve."""
        held = self._disk.reserve.held or await asyncio.to_thread(self._disk.reserve.make)
        room = self._disk.room()
        wanted = self._wanted(room, held=held)
        if wanted > 0:
            await self._make_room(wanted)
            if self._disk.room().used_percent >= self._settings.high_percent:
                self._shed_one()
        elif room.used_percent < self._settings.low_percent:
            self._record_one_again()

    def _wanted(self, room: Room, *, held: bool) -> int:
        for_reserve = 0 if held else self._disk.reserve.wanted - room.free
        full = room.used_percent >= self._settings.high_percent
        return max(room.above(self._settings.low_percent) if full else 0, for_reserve)

    async def _make_room(self, wanted: int) -> None:
        """In the order in which things may go, until so many bytes are free."""
        wanted -= await self._of_the_ring(wanted)
        today_ms, now = self._custody.today_ms, self._clock.mono_ms()
        if today_ms is None or not self._inventory.begun or self._is_early(self._fruitless_ms, FRUITLESS_MS):
            return
        before = wanted
        for what, outcomes in ORDER:
            for outcome in outcomes:
                if wanted > 0:
                    wanted -= await self._evict(what, outcome, wanted, today_ms)
        self._fruitless_ms = now if wanted == before else None

    async def _of_the_ring(self, wanted: int) -> int:
        if self._disk.footage is None:
            return 0
        try:
            return await self._disk.footage.make_room(wanted)
        except LinkError as error:
            log.warning("no room out of the ring", extra={"reason": str(error)})
            return 0

    async def _evict(self, what: Kind, outcome: Outcome, wanted: int, today_ms: int) -> int:
        """Of one kind; the bytes that were freed."""
        rules, days = self._settings.in_force(on=china_day(today_ms)), self._settings.evict_after_days
        ground_of = partial(may_make_room, rules=rules, days=days, today_ms=today_ms)
        since_ms = today_ms - min(days, days_of(rules, what, outcome)) * DAY_MS
        found = await self._inventory.files(
            what, outcome, since_ms, may_go=lambda file: ground_of(file) is not None, today_ms=today_ms
        )
        chosen = enough(found, wanted)
        for ground in ("compliant_clip", "kept"):
            files: Sequence[Lying] = [file for file in chosen if ground_of(file) == ground]
            if files:
                await self._inventory.evict(files, ground, free_kb=self._disk.room().free // 1024)
        return sum(file.size for file in chosen)

    # --- cameras -------------------------------------------------------------------------------------------------

    def _shed_one(self) -> None:
        if self._disk.footage is None or self._is_early(self._shed_ms, SHED_EVERY_MS):
            return
        left = [camera for camera in self._disk.footage.recorded if camera not in self.shed]
        if left:
            self._shed_ms = self._clock.mono_ms()
            self._record_all_but((*self.shed, left[-1]))

    def _record_one_again(self) -> None:
        if self.shed:
            self._record_all_but(self.shed[:-1])

    def _record_all_but(self, cameras: tuple[str, ...]) -> None:
        self.shed = cameras
        if self._disk.footage is not None:
            self._disk.footage.shed(frozenset(cameras))

    def _is_early(self, last_ms: int | None, every_ms: int) -> bool:
        return last_ms is not None and self._clock.mono_ms() - last_ms < every_ms
