"""Links footage to passages as both come in, and says what people answer to what it could not decide 自动关联."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from kernel.clock import Clock
from kernel.errors import FullError, RefusedError
from kernel.footage.bodies import FootageLinked
from kernel.footage.linking import (
    LOST_MS,
    NEARBY_MS,
    RULE,
    WINDOW_MS,
    Crossing,
    Film,
    decide,
    decided_by,
    link_name,
    newest,
)
from station.footage.films import Films
from station.footage.index import FootageIndex, Said
from station.footage.ledger import Ledger
from station.footage.passages import Crossings

log = logging.getLogger(__name__)

LOOK_S = 5.0
AFTER_FAULT_S = 30.0
SEEN_AGAIN = 500  # crossings whose weighing or act may have come after the crossing itself
SEEN_AGAIN_MS = 15 * 60_000

LinkAct = Literal["proposed", "linked", "declined", "unlinked"]
Pair = tuple[Film, Crossing]


class Links:
    """One task of the station; `answer`, `unlink` and `link` are what people do."""

    def __init__(self, ledger: Ledger, crossings: Crossings, *, clock: Clock) -> None:
        self._ledger = ledger
        self._crossings = crossings
        self._clock = clock
        self._films = Films(ledger.index)
        self._changed: dict[str, Film] = {}  # not held against the crossings yet
        self._seen: dict[tuple[str, str], Crossing] = {}
        self._waiting: dict[str, Pair] = {}  # by link; of which there is something to say
        self._acting = asyncio.Lock()  # the rule and a person may speak of one link at the same time

    async def run(self) -> None:
        """Until the process ends."""
        while True:
            try:
                await self.look()
            except (sqlite3.Error, FullError) as error:  # a full disk: what is not linked yet is found again
                log.warning("footage not linked", extra={"reason": str(error)})
                await self._clock.sleep(AFTER_FAULT_S)
            await self._clock.sleep(LOOK_S)

    async def look(self) -> int:
        """Link and propose what is due; how many entries that took."""
        await asyncio.to_thread(self._find)
        said = 0
        for link, (film, crossing) in list(self._waiting.items()):
            said += await self._decide(film, crossing)
            del self._waiting[link]
        return said

    async def answer(self, link: str, *, yes: bool, by: str, key: str | None = None) -> FootageLinked:
        """A person's one tap on a proposal.  RefusedError: a machine word for why not."""
        return await self._turn(link, "linked" if yes else "declined", of=("proposed",), by=by, key=key)

    async def unlink(self, link: str, *, by: str, reason: str, key: str | None = None) -> FootageLinked:
        if not reason.strip():
            raise RefusedError("reason_missing")
        return await self._turn(link, "unlinked", of=("linked",), by=by, reason=reason.strip(), key=key)

    async def link(self, body: FootageLinked, *, key: str | None = None) -> FootageLinked:
        """A person says that a part of a file belongs to a passage."""
        async with self._acting:
            film = self._films.get(body.sha256)
            known = await self._known(body.link, body.sha256)
            if film is None:
                raise RefusedError("no_such_file")
            if known is not None and known.act == "linked":
                raise RefusedError("already_linked")
            if body.from_ms < 0 or body.to_ms <= body.from_ms or body.to_ms > film.duration_ms:
                raise RefusedError("outside_the_file")
            return (await self._ledger.say(body, key=key)).body

    # --- inside -----------------------------------------------------------------------------------------------

    async def _turn(
        self,
        link: str,
        act: LinkAct,
        *,
        of: Sequence[LinkAct],
        by: str,
        reason: str | None = None,
        key: str | None = None,
    ) -> FootageLinked:
        async with self._acting:
            seen = self._films.links.get(link)
            known = await self._known(link, seen.sha256 if seen else None)
            if known is None:
                raise RefusedError("no_such_link")
            if known.act == act and decided_by(known) == by:
                return known
            if known.act not in of:
                raise RefusedError(f"already_{known.act}")
            body = msgspec.structs.replace(
                known, act=act, by=by, reason=reason or known.reason, confirmed_by=None
            )
            return (await self._ledger.say(body, key=key)).body

    async def _decide(self, film: Film, crossing: Crossing) -> int:
        async with self._acting:
            link = link_name(film.sha256, crossing.box, crossing.passage)
            known = await self._known(link, film.sha256)
            body = decide(film, crossing, known)
            if body is None:
                return 0
            await self._ledger.say(body)
            return 1

    async def _known(self, link: str, sha256: str | None) -> FootageLinked | None:
        return await asyncio.to_thread(known_link, self._ledger.index, link, sha256=sha256)

    def _find(self) -> None:
        """New or changed films against all crossings, new or changed crossings against all films.

        What could not be done or said stays to be done.
        """
        self._changed |= {film.sha256: film for film in self._films.catch_up()}
        pairs = {link: self._as_now(*pair) for link, pair in self._waiting.items()}
        if changed := list(self._changed.values()):
            earliest = min(film.from_ms - film.window_ms for film in changed) - NEARBY_MS
            pairs |= self._worth(Timeline(changed), self._crossings.since(earliest))
            pairs |= self._doubtful(self._changed)
        now = self._recent()
        if crossings := [crossing for name, crossing in now.items() if self._seen.get(name) != crossing]:
            pairs |= self._worth(Timeline(self._films.all()), crossings)
        self._waiting, self._seen, self._changed = pairs, now, {}

    def _as_now(self, film: Film, crossing: Crossing) -> Pair:
        """What was to be said may have waited for hours."""
        known = self._crossings.one(crossing.box, crossing.passage)
        return self._films.get(film.sha256) or film, known or crossing

    def _recent(self) -> dict[tuple[str, str], Crossing]:
        """Met, weighed or acted on lately."""
        recent = self._crossings.after(self._crossings.newest() - SEEN_AGAIN)
        acted = self._crossings.since(self._clock.now_ms() - SEEN_AGAIN_MS)
        return {(crossing.box, crossing.passage): crossing for crossing in (*recent, *acted)}

    def _worth(self, timeline: Timeline, crossings: Iterable[Crossing]) -> dict[str, Pair]:
        """Those pairs of which there is something to say."""
        found: dict[str, Pair] = {}
        for crossing in crossings:
            for film in timeline.near(crossing):
                link = link_name(film.sha256, crossing.box, crossing.passage)
                if decide(film, crossing, self._films.links.get(link)) is not None:
                    found[link] = film, crossing
        return found

    def _doubtful(self, changed: Mapping[str, Film]) -> dict[str, Pair]:
        """Links by rule of films that have moved away from what they were linked to."""
        found: dict[str, Pair] = {}
        for name, link in self._films.links.items():
            film = changed.get(link.sha256)
            if film is None or link.act != "linked" or link.by != RULE or not link.box or not link.passage:
                continue
            crossing = self._crossings.one(link.box, link.passage)
            if crossing is not None and decide(film, crossing, link) is not None:
                found[name] = film, crossing
        return found


class Timeline:
    """Films by time, to find those near a crossing without looking at all."""

    def __init__(self, films: Iterable[Film]) -> None:
        self._films = sorted(films, key=lambda film: film.from_ms)
        self._from = [film.from_ms for film in self._films]
        self._longest = max((film.duration_ms for film in self._films), default=0)

    def near(self, crossing: Crossing) -> Iterator[Film]:
        """Those of which the rule may have something to say."""
        reach = LOST_MS + WINDOW_MS + NEARBY_MS
        moments = [crossing.at_ms, *(at_ms for _, at_ms in (*crossing.acts, *crossing.steps))]
        first = bisect_left(self._from, min(moments) - reach - self._longest)
        last = bisect_right(self._from, max(moments) + reach)
        return iter(self._films[first:last])


def known_link(index: FootageIndex, link: str, *, sha256: str | None = None) -> FootageLinked | None:
    """How one link stands; with its file it is found without reading all of them.  Blocking."""
    return newest(one.body for one in index.of(FootageLinked, sha256=sha256)).get(link)


def proposals(index: FootageIndex) -> list[Said[FootageLinked]]:
    """What waits for a person, newest first.  Blocking."""
    latest: dict[str, Said[FootageLinked]] = {one.body.link: one for one in index.of(FootageLinked)}
    return sorted((one for one in latest.values() if one.body.act == "proposed"), key=lambda one: -one.at_ms)
