"""Only what is linked travels: of each link the span it names is cut and sent to the centre, nothing else of an original."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Iterable

from kernel.clock import Clock
from kernel.errors import WeighpostError
from kernel.footage.bodies import FootageDerived, FootageLinked
from station.footage.index import FootageIndex, Said
from station.footage.library import Library
from station.footage.workshop import Workshop

log = logging.getLogger(__name__)

LOOK_S = 5.0
OVERLAP_MS = 3_600_000  # a clock that was set back meanwhile


class Spans:
    """Looks for links that have no span yet; what was linked while the process was dead is found at the next look."""

    def __init__(self, index: FootageIndex, library: Library, workshop: Workshop, *, clock: Clock) -> None:
        self._index = index
        self._library = library
        self._workshop = workshop
        self._clock = clock
        self._since_ms: int | None = None
        self._ordered: set[str] = set()

    async def run(self) -> None:
        while True:
            try:
                await self.look()
            except (WeighpostError, OSError, sqlite3.Error) as error:  # as on a full disk: found again
                log.warning("spans not ordered", extra={"reason": str(error)})
            await self._clock.sleep(LOOK_S)

    async def look(self) -> int:
        """How many spans were ordered."""
        links = await asyncio.to_thread(self._without_span)
        for link in links:
            await self._workshop.order(
                "span",
                link.sha256,
                by=link.by,
                reason=link.reason,
                from_ms=link.from_ms,
                to_ms=link.to_ms,
                box=link.box,
                passage=link.passage,
                case=link.case,
                link=link.link,
            )
            self._ordered.add(link.link)
        return len(links)

    def _without_span(self) -> list[FootageLinked]:
        said = self._index.of(FootageLinked, since_ms=self._since_ms)
        if said:
            self._since_ms = max(one.at_ms for one in said) - OVERLAP_MS
        links = linked(said)
        if not links:
            return []
        done = {one.body.link for one in self._index.of(FootageDerived) if one.body.kind == "span"}
        done |= {standing.order.link for standing in self._workshop.standing()} | self._ordered
        return [link for link in links if link.link not in done and self._library.path(link.sha256)]


def linked(said: Iterable[Said[FootageLinked]]) -> list[FootageLinked]:
    """The links that stand: the last word on each is that it is one."""
    last = {one.body.link: one.body for one in said}
    return [body for body in last.values() if body.act == "linked"]
