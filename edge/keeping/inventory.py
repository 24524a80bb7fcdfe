"""What lies here and may leave: the register, kept up with the journals, and the only way out of it.

Whatever is chosen is chosen after everything that was said is known: a hold that came a moment before counts.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

from edge.keeping.custody import Custody
from edge.keeping.planning import Ground, Kind, Lying
from edge.keeping.register import Register, Row
from journal.doubted import Bodies
from journal.erasing import FILES, Erasing, readable
from journal.files import FileStore
from journal.reserve import Reserve, with_reserve
from kernel.errors import FullError, ProtocolError
from kernel.events import Outcome

P = ParamSpec("P")
T = TypeVar("T")

SCAN = 256  # entries a step
PAGE = FILES  # as many as one entry names
ROWS = 20  # entries of one record.erased: each may lie in two places


class Inventory:
    """`path` is the register's file.  One thread of its own; takes room of the reserve, for it is what makes room again."""

    def __init__(
        self, path: Path, *, erasing: Erasing, custody: Custody, files: FileStore, reserve: Reserve
    ) -> None:
        self._path = path
        self._reserve = reserve
        self._erasing = erasing
        self._custody = custody
        self._files = files
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="housekeeping")
        self._register: Register | None = None

    @property
    def begun(self) -> bool:
        return self._register is not None

    async def begin(self) -> None:
        """Open the register, and finish what a crash has left half removed."""
        self._register = await self._ask(Register, self._path)
        await self._erasing.finish()

    async def close(self) -> None:
        if self._register is not None:
            await self._ask(self._register.close)
        self._thread.shutdown()

    # --- what the journals say -----------------------------------------------------------------------------------

    async def scan(self) -> bool:
        """The next entries into the register; True when there are more."""
        today = self._custody.today_ms
        for place in self._erasing.places:
            start = await self._ask(self._known.scanned, place.id)
            if start < await asyncio.to_thread(_size, place):
                entries = await readable(place, start, SCAN)
                take = partial(self._known.take, place.id, entries, today_ms=today)
                await self._ask(take if entries else partial(self._known.skip, place.id, start + SCAN))
                return True
        if today is not None:
            await self._ask(self._known.date, today)
        return False

    async def settled(self) -> None:
        """Everything that was said by now is in the register."""
        while await self.scan():
            pass

    # --- what may leave --------------------------------------------------------------------------------------------

    async def files(
        self, what: Kind, outcome: Outcome, since_ms: int, *, may_go: Callable[[Lying], bool], today_ms: int
    ) -> list[Lying]:
        """The oldest of these that may go and are here, at most one entry's worth."""
        return await self._choose(partial(self._files_that, what, outcome, since_ms, may_go, today_ms))

    async def plates(self, outcome: Outcome, since_ms: int, *, today_ms: int) -> list[Row]:
        """The oldest entries with plates that are kept elsewhere and not on hold, at most one entry's worth."""
        return await self._choose(partial(self._plates_that, outcome, since_ms, today_ms))

    async def _choose(self, look: Callable[[], list[T]]) -> list[T]:
        while True:
            await self.settled()
            holds = self._known.holds_taken
            found = await self._ask(look)
            await self.settled()
            if holds == self._known.holds_taken:
                return found

    def _files_that(
        self, what: Kind, outcome: Outcome, since_ms: int, may_go: Callable[[Lying], bool], today_ms: int
    ) -> list[Lying]:
        found: dict[str, Lying] = {}  # once each, however many entries name it
        skip = 0
        while page := self._known.files_before(
            what, outcome, since_ms, today_ms=today_ms, count=PAGE, skip=skip
        ):
            skip += PAGE
            for file in self._custody.lying(page):
                if may_go(file) and self._files.path(file.sha256):
                    found[file.sha256] = file
            if len(found) >= PAGE:
                break
        return list(found.values())[:PAGE]

    def _plates_that(self, outcome: Outcome, since_ms: int, today_ms: int) -> list[Row]:
        found: list[Row] = []
        skip = 0
        while page := self._known.plates_before(outcome, since_ms, today_ms=today_ms, count=PAGE, skip=skip):
            skip += PAGE
            found += [row for row in page if not row.held and self._custody.keeps(row)]
            if len(found) >= ROWS:
                break
        return found[:ROWS]

    # --- the way out -----------------------------------------------------------------------------------------------

    async def erase_plates(self, rows: Sequence[Row], *, rule: str, by: str) -> None:
        refs = [ref for row in rows for ref in row.refs]
        await self._erasing.erase(refs, rule=rule, by=by)
        await self._ask(partial(self._known.forget, entries=refs))

    async def erase_files(self, files: Sequence[Lying], *, rule: str, by: str) -> None:
        names = [file.sha256 for file in files]
        await self._erasing.erase((), files=names, rule=rule, by=by)
        await self._ask(partial(self._known.forget, files=names))

    async def evict(self, files: Sequence[Lying], ground: Ground, *, free_kb: int) -> None:
        await self._erasing.evict(files, rule=ground, free_kb=free_kb)
        await self._ask(partial(self._known.forget, files=[file.sha256 for file in files]))

    # --- for whoever looks whether all is there ----------------------------------------------------------------------

    async def is_known(self, sha256: str) -> bool:
        return bool(await self._ask(partial(self._known.naming, sha256, today_ms=0)))

    async def all_known(self) -> list[str]:
        return await self._ask(lambda: list(self._known.files()))

    async def needs(self, journal: str) -> bool:
        """Something on this box is only explained by this journal: it may not leave yet."""
        today_ms = self._custody.today_ms
        return today_ms is None or await self._ask(partial(self._known.needs, journal, today_ms=today_ms))

    @property
    def _known(self) -> Register:
        assert self._register is not None  # noqa: S101 - begun before anything else
        return self._register

    async def _ask(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        whole = partial(_in_its_room, partial(work, *args, **kwargs))
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, partial(with_reserve, whole, self._reserve))


def _in_its_room(work: Callable[[], T]) -> T:
    try:
        return work()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE):
            raise FullError("no room for the register") from error
        raise


def _size(place: Bodies) -> int:
    try:
        return place.size
    except ProtocolError:
        return 0
