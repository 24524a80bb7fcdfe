"""Only what is linked travels: of each link the parts it names are cut and sent to the centre, nothing else of an original.

A part that would be larger than one span may be is cut in several; of a link that has moved what was not cut yet.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

from kernel.clock import Clock
from kernel.errors import WeighpostError
from kernel.footage.bodies import FootageDerived, FootageLinked
from kernel.footage.keeping import standing_links
from station.footage.index import FootageIndex
from station.footage.library import Library
from station.footage.orders import SHORTEST_MS, Order
from station.footage.workshop import Workshop

log = logging.getLogger(__name__)

LOOK_S = 5.0
OVERLAP_MS = 3_600_000  # a clock that was set back meanwhile

Part = tuple[int, int]


class Spans:
    """Looks for links that have no span yet; what was linked while the process was dead is found at the next look."""

    def __init__(
        self, index: FootageIndex, library: Library, workshop: Workshop, *, clock: Clock, most_bytes: int
    ) -> None:
        """`most_bytes`: of one span, so that the centre takes it."""
        self._index = index
        self._library = library
        self._workshop = workshop
        self._clock = clock
        self._since_ms: int | None = None
        self._most_bytes = most_bytes
        self._ordered: dict[str, list[Part]] = {}

    async def run(self) -> None:
        while True:
            try:
                await self.look()
            except (WeighpostError, OSError, sqlite3.Error) as error:  # as on a full disk: found again
                log.warning("spans not ordered", extra={"reason": str(error)})
            await self._clock.sleep(LOOK_S)

    async def look(self) -> int:
        """How many spans were ordered."""
        missing, since_ms = await asyncio.to_thread(self._missing)
        for link, (from_ms, to_ms) in missing:
            await self._workshop.order(
                "span",
                link.sha256,
                by=link.by,
                reason=link.reason,
                from_ms=from_ms,
                to_ms=to_ms,
                box=link.box,
                passage=link.passage,
                case=link.case,
                link=link.link,
            )
            self._ordered.setdefault(link.link, []).append((from_ms, to_ms))
        self._since_ms = since_ms  # only now: what could not be ordered is looked at again
        return len(missing)

    def _missing(self) -> tuple[list[tuple[FootageLinked, Part]], int | None]:
        """What of links is still to be cut, and from when on the next look begins."""
        said = self._index.of(FootageLinked, since_ms=self._since_ms)
        if not said:
            return [], self._since_ms
        links = standing_links(one.body for one in said)
        standing = {link.link for link in links}
        for name in {one.body.link for one in said} - standing:
            self._ordered.pop(name, None)  # linked once more it is cut once more
        orders = [one.order for one in self._workshop.standing() if one.order.kind == "span"]
        missing = [(link, piece) for link in links for piece in self._pieces(link, orders)]
        return missing, max(one.at_ms for one in said) - OVERLAP_MS

    def _pieces(self, link: FootageLinked, orders: Sequence[Order]) -> list[Part]:
        source = self._library.path(link.sha256)
        if source is None:
            return []
        said = (one.body for one in self._index.naming(FootageDerived, link.sha256))
        cut = [asked(one) for one in said if one.kind == "span" and one.link == link.link]
        cut += [(one.from_ms or 0, one.to_ms or 0) for one in orders if one.link == link.link]
        cut += self._ordered.get(link.link, ())
        missing = [rest for part in link.travels for rest in without(part, cut)]
        if not missing:
            return []
        most_ms = self._most_ms(link.sha256, source)
        return [piece for part in missing for piece in in_pieces(part, most_ms)]

    def _most_ms(self, sha256: str, source: Path) -> int | None:
        """How long a span may be, by the mean of its source."""
        known, size = self._library.known(sha256), source.stat().st_size
        if known is None or not known.duration_ms or not size:
            return None
        return max(self._most_bytes * known.duration_ms // size, SHORTEST_MS)


def asked(span: FootageDerived) -> Part:
    """What it was cut for; it begins at the key frame before, and may end where its source does."""
    how = dict(span.how)
    from_ms, to_ms = how.get("asked_from_ms"), how.get("asked_to_ms")
    if from_ms is not None and to_ms is not None:
        return int(from_ms), int(to_ms)
    return span.from_ms or 0, span.to_ms or 0


def without(part: Part, cut: Iterable[Part]) -> list[Part]:
    """What of a part none of these holds."""
    rest = [part] if part[0] < part[1] else []
    for first, last in cut:
        both = [piece for a, b in rest for piece in ((a, min(b, first)), (max(a, last), b))]
        rest = [(a, b) for a, b in both if a < b]
    return rest


def in_pieces(part: Part, most_ms: int | None) -> list[Part]:
    """Of equal length, none longer than that."""
    first, last = part
    count = 1 if most_ms is None else -(-(last - first) // most_ms)
    ends = [first + (last - first) * number // count for number in range(count + 1)]
    return list(pairwise(ends))
