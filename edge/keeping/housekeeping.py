"""Keeps the lane's disk in order: room is made before it is short, what is due leaves, and disk and journal agree.

Everything it does is an entry first.  One small step after the other, so that a lane never waits for it.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Protocol

from edge.keeping.custody import Custody
from edge.keeping.inventory import Inventory
from edge.keeping.reconciling import Shelves, reconcile
from edge.keeping.relieving import Disk, Relieving
from edge.keeping.retiring import Retiring
from edge.keeping.settings import KeepingSettings
from journal.erasing import Erasing
from journal.files import FileStore
from journal.leaving import Needed
from kernel.clock import Clock
from kernel.errors import FullError, LinkError, ProtocolError, RefusedError
from kernel.events import Body, DeviceHealth, FilesReconciled
from kernel.law.rows import china_day

log = logging.getLogger(__name__)

TICK_S = 5.0
BREATH_S = 0.05  # between two steps of something long
SETTLE_S = 5.0  # for files whose entry is on its way
CHINA_H = 8


class Ring(Protocol):
    async def reconcile(self) -> tuple[list[str], list[str]]: ...


class Housekeeping:
    """`append` writes an entry of this box, `by` is its name; `register` is a file beside the journal.

    `leave` lets closed journals go that nobody needs any more, here or elsewhere.
    """

    def __init__(
        self,
        *,
        append: Callable[[Body], Awaitable[object]],
        by: str,
        erasing: Erasing,
        custody: Custody,
        files: FileStore,
        disk: Disk,
        ring: Ring | None,
        leave: Callable[[Needed], Awaitable[object]],
        settings: KeepingSettings,
        register: Path,
        clock: Clock,
    ) -> None:
        self._append = append
        self._erasing = erasing
        self._custody = custody
        self._files = files
        self._ring = ring
        self._leave = leave
        self._settings = settings
        self._clock = clock
        self._inventory = Inventory(
            register, erasing=erasing, custody=custody, files=files, reserve=disk.reserve
        )
        self._retiring = Retiring(self._inventory, settings=settings, by=by, room=disk.room)
        self._relieving = Relieving(
            self._inventory, custody=custody, disk=disk, settings=settings, clock=clock
        )
        self._due_ms: int | None = None
        self._reconciled = ""  # the day
        self._found: FilesReconciled | None = None
        self._problem = ""
        self._said = ""
        self._since_ms = clock.now_ms()

    async def run(self) -> None:
        """Until cancelled; what the disk does not allow now is tried again."""
        try:
            while True:
                await self._clock.sleep(BREATH_S if await self.step() else TICK_S)
        finally:
            await self._inventory.close()

    async def step(self) -> bool:
        """One look and one portion of work; True when there is more to do at once."""
        try:
            more = await self._step()
        except (FullError, LinkError, ProtocolError, RefusedError, sqlite3.Error, OSError) as error:
            if str(error) != self._problem:
                log.error("housekeeping cannot go on", extra={"reason": str(error)})  # noqa: TRY400
            self._problem = str(error) or type(error).__name__
            return False
        self._problem = ""
        return more

    async def _step(self) -> bool:
        await self._relieving.relieve()
        if not self._inventory.begun:
            await self._inventory.begin()
        if await self._inventory.scan() or await self._retire():
            return True
        await self._reconcile()
        return False

    async def _retire(self) -> bool:
        now, today_ms = self._clock.mono_ms(), self._custody.today_ms
        if today_ms is None or (self._due_ms is not None and now < self._due_ms):
            return False
        if await self._retiring.retire(today_ms):
            return True
        await self._erasing.finish()
        await self._leave(self._inventory.needs)
        self._due_ms = now + self._settings.every_s * 1000
        return False

    async def _reconcile(self) -> None:
        """Once after a start, which may follow a crash, and once a night."""
        now = self._clock.now_ms()
        at_night = (now // 3_600_000 + CHINA_H) % 24 == self._settings.reconcile_hour
        if self._found is not None and (not at_night or self._reconciled == china_day(now)):
            return
        inventory = self._inventory
        shelves = Shelves(
            is_known=inventory.is_known, all_known=inventory.all_known, settle=self._until_written
        )
        found = await reconcile(self._files, self._ring, shelves)
        await self._append(found)
        self._found, self._reconciled = found, china_day(now)

    async def _until_written(self) -> None:
        await self._clock.sleep(SETTLE_S)
        await self._inventory.settled()

    # --- what is said of it ----------------------------------------------------------------------------------------

    def health(self) -> Iterable[DeviceHealth]:
        """Whether everything lies as it should."""
        worries = ", ".join(self._worries())
        if worries != self._said:
            self._said, self._since_ms = worries, self._clock.now_ms()
        yield DeviceHealth(
            name="keeping",
            kind="disk",
            state="low" if worries else "up",
            since_ms=self._since_ms,
            detail=worries[:200],
        )

    def _worries(self) -> Iterable[str]:
        if self._problem:
            yield self._problem
        yield from (f"{camera} not recorded for want of room" for camera in self._relieving.shed)
        if self._found is not None and self._found.missing_count:
            yield f"{self._found.missing_count} files missing"
        if self._found is not None and self._found.unknown_count:
            yield f"{self._found.unknown_count} files unknown"
        for journal, why in self._erasing.unclean.items():
            yield f"journal {journal[:8]} not erased from: {why}"
