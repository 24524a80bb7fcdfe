"""Makes files of footage one after the other, in a process of its own, and says so in the journal before they are shown."""

from __future__ import annotations

import asyncio
import logging
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from journal.files import FileStore
from kernel.clock import Clock
from kernel.errors import FullError, ProtocolError
from kernel.footage.bodies import DerivedKind, FootageDerived, FootageDisposed
from station.footage.folders import digest_of
from station.footage.ledger import JournalLedger
from station.footage.library import Library
from station.footage.limits import making_s
from station.footage.linking import known_link
from station.footage.making import Report, Work, work
from station.footage.orders import SHORTEST_MS, Box, Order, Orders

log = logging.getLogger(__name__)

AGAIN_S = 60.0  # until a full disk is tried again
PREFIX = "made-"
FOLLOW_S = 60.0
KEY_FRAME_MS = 60_000  # a span begins at the key frame before it
State = Literal["waiting", "working", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far an order is."""

    order: Order
    state: State
    done_permille: int = 0


class Workshop:
    """`most_bytes` is the room for working copies: the oldest go first, they can be made again."""

    def __init__(
        self,
        ledger: JournalLedger,
        library: Library,
        spans: FileStore,
        *,
        folder: Path,
        most_bytes: int,
        clock: Clock,
        reserve_bytes: int = 2 << 30,
        is_held: Callable[[str], bool] = lambda _sha256: False,
        span_reserve_bytes: int = 512 << 20,
        most_span_bytes: int = 384 << 20,
        limit_s: Callable[[int | None], float] = making_s,
    ) -> None:
        """`is_held`: whether somebody wants a file kept; blocking.

        `span_reserve_bytes`: spans are evidence and small, so they may go further than what can be made again.
        `limit_s`: how long making a file may take, by the length of its source, or of its part, in milliseconds.
        """
        self._is_held = is_held
        self._ledger = ledger
        self._library = library
        self._spans = spans
        self._orders = Orders(folder)
        self._most_bytes = most_bytes
        self._reserve_bytes = reserve_bytes
        self._span_reserve_bytes = span_reserve_bytes
        self._most_span_bytes = most_span_bytes
        self._limit_of = limit_s
        self._clock = clock
        self._wake = asyncio.Event()
        self._following = asyncio.Lock()
        self._working: tuple[str, int] | None = None
        self._numbers = 0
        finished = {self._part(order) for order in self._orders.all() if order.made is not None}
        # A part whose process died is of nobody: the order is still there and begins anew.
        for part in set(library.derived.incoming.glob(f"{PREFIX}*")) - finished:
            part.unlink()

    async def order(
        self, kind: DerivedKind, sha256: str, *, by: str, again: bool = True, **more: object
    ) -> Order:
        """Durable when it returns; FullError: no room for it.  `again=False`: an order of this kind and source that is there is the answer."""
        if not again and (found := await asyncio.to_thread(self._same, kind, sha256)) is not None:
            return found
        self._numbers += 1
        name = f"{self._clock.now_ms():013d}-{self._numbers:04d}-{kind}"
        order = msgspec.convert(
            {"id": name, "kind": kind, "sha256": sha256, "by": by, **more}, type=Order, from_attributes=True
        )
        await asyncio.to_thread(self._orders.put, order)
        self._wake.set()
        return order

    async def drop(self, name: str) -> bool:
        """Forget an order that has failed; False: there is none."""
        for order in await asyncio.to_thread(self._orders.all):
            if order.id == name and order.problem:
                await asyncio.to_thread(self._orders.drop, order)
                return True
        return False

    def standing(self) -> list[Standing]:
        """Blocking.  Every order that is not done."""
        return [self._stands(order) for order in self._orders.all()]

    async def follow(self, sha256: str, box: Box, *, until_ms: int) -> tuple[Box, ...]:
        """A proposal of boxes.  ProtocolError: the file is not here or cannot be read."""
        source = await asyncio.to_thread(self._library.path, sha256)
        if source is None:
            raise ProtocolError("the file is not here")
        try:
            async with self._following, asyncio.timeout(FOLLOW_S):
                report = await work(Work(source=str(source), follow=box, until_ms=until_ms))
        except TimeoutError as error:
            raise ProtocolError("it took too long") from error
        return report.boxes or (box,)

    async def run(self) -> None:
        """For the life of the station.  What finds no room lets others go before it, and is tried again."""
        without_room: set[str] = set()
        while True:
            self._wake.clear()
            waiting = await asyncio.to_thread(self._waiting)
            order = next((order for order in waiting if order.id not in without_room), None)
            if order is not None:
                if not await self._tried(order):
                    without_room.add(order.id)
            elif without_room:
                await self._clock.sleep(AGAIN_S)
                without_room.clear()
            else:
                await self._wake.wait()

    # --- inside -----------------------------------------------------------------------------------------------

    def _waiting(self) -> list[Order]:
        """Spans first: they are short, and the centre waits for them."""
        waiting = [order for order in self._orders.all() if not order.problem]
        return sorted(waiting, key=lambda order: order.kind != "span")

    async def _tried(self, order: Order) -> bool:
        """False: no room, and the order stays."""
        try:
            await self.make(order)
        except (FullError, OSError, sqlite3.Error) as error:
            log.warning("no room to make a file of footage", extra={"order": order.id, "reason": str(error)})
            return False
        except ProtocolError as error:
            log.warning("file of footage not made", extra={"order": order.id, "reason": str(error)})
            return await self._failed(msgspec.structs.replace(order, problem=str(error)))
        finally:
            self._working = None
        return True

    async def _failed(self, order: Order) -> bool:
        try:
            await asyncio.to_thread(self._orders.put, order)
        except (FullError, OSError) as error:
            log.warning("order not written", extra={"order": order.id, "reason": str(error)})
            return False
        return True

    async def make(self, order: Order) -> None:
        """FullError: no room; ProtocolError: it cannot be made."""
        # The process died between saying it and forgetting the order: encoding again would give other bytes.
        if not await self._ledger.knows(_key(order)):
            await self._make(order)
        await asyncio.to_thread(self._orders.drop, order)
        if order.kind == "working_copy":
            await self._make_room()

    async def _make(self, order: Order) -> None:
        if order.made is not None and await asyncio.to_thread(self._is_left, order.made.sha256, order):
            await self._put_away(order.made, order)
            return
        if not await asyncio.to_thread(self._is_wanted, order):
            log.info("unlinked before its span was cut", extra={"link": order.link})
            return
        source = await asyncio.to_thread(self._library.path, order.sha256)
        if source is None:
            raise ProtocolError("the file is not here")
        await asyncio.to_thread(self._need_room, source, order)
        part = self._part(order)
        self._working = (order.id, 0)
        try:
            given = Work(source=str(source), to=str(part), order=order)
            limit_s = await asyncio.to_thread(self._limit_s, order)
            report = await work(given, self._hear(order.id), limit_s=limit_s)
            if await asyncio.to_thread(self._is_wanted, order):
                await self._store(order, part, report)
        finally:
            await asyncio.to_thread(part.unlink, missing_ok=True)

    async def _store(self, order: Order, part: Path, report: Report) -> None:
        size = (await asyncio.to_thread(part.stat)).st_size
        if order.kind == "span":
            if size > self._most_span_bytes and (halves := _halves(order)):
                for half in halves:
                    await asyncio.to_thread(self._orders.put, half)
                return
            name = f"{order.sha256[:12]}-{report.from_ms}{'-h264' * order.encode}.mp4"
            if not order.encode and dict(report.how or ()).get("video") != "h264":
                await asyncio.to_thread(self._orders.put, _for_browsers(order))
            refs = await self._spans.put([(name, part)])
            body = _derived(order, report, sha256=refs[0].sha256, size=refs[0].size)
            await self._ledger.say(body, key=_key(order), files=refs)
            return
        body = _derived(order, report, sha256=await asyncio.to_thread(digest_of, part), size=size)
        # Encoded again it would be another file, and this one a stranger on the disk.
        await asyncio.to_thread(self._orders.put, msgspec.structs.replace(order, made=body))
        await self._put_away(body, order)

    async def _put_away(self, body: FootageDerived, order: Order) -> None:
        part = self._part(order)
        if await asyncio.to_thread(part.exists):
            await asyncio.to_thread(self._library.derived.take, part, body.sha256)
        await self._ledger.say(body, key=_key(order))

    def _is_left(self, sha256: str, order: Order) -> bool:
        if self._library.derived.path(sha256) is not None:
            return True
        part = self._part(order)
        return part.exists() and digest_of(part) == sha256

    def _part(self, order: Order) -> Path:
        return self._library.derived.incoming / f"{PREFIX}{order.id}.mp4"

    def _hear(self, name: str) -> Callable[[int], None]:
        def hear(done_permille: int) -> None:
            self._working = (name, done_permille)

        return hear

    def _is_wanted(self, order: Order) -> bool:
        """A person may have taken the link back while its span waited or was cut."""
        if order.kind != "span" or order.link is None:
            return True
        link = known_link(self._library.index, order.link, sha256=order.sha256)
        return link is not None and link.act == "linked"

    def _limit_s(self, order: Order) -> float:
        if order.kind == "span":
            return self._limit_of(_read_ms(order))
        known = self._library.known(order.sha256)
        return self._limit_of(known.duration_ms if known else None)

    def _need_room(self, source: Path, order: Order) -> None:
        """What is made is hardly ever larger than its source, or than its share of it."""
        size, reserve = source.stat().st_size, self._reserve_bytes
        if order.kind == "span":
            known, reserve = self._library.known(order.sha256), self._span_reserve_bytes
            if known is not None and known.duration_ms:
                size = min(size, size * _read_ms(order) // known.duration_ms)
        if shutil.disk_usage(self._library.derived.folder).free < reserve + size:
            raise FullError("the disk is nearly full")

    async def _make_room(self) -> None:
        while (oldest := await asyncio.to_thread(self._too_much)) is not None:
            body = FootageDisposed(act="deleted", files=(oldest,), rule="copies.room", by="rule")
            await self._ledger.say(body)
            await asyncio.to_thread(self._library.derived.remove, oldest)

    def _too_much(self) -> str | None:
        """The oldest working copy but the newest that nobody holds, while all of them take more than their room."""
        said = [one.body for one in self._library.index.of(FootageDerived) if one.body.kind == "working_copy"]
        here = {one.sha256: one.size for one in said if self._library.derived.path(one.sha256) is not None}
        if sum(here.values()) <= self._most_bytes:
            return None
        return next((name for name in list(here)[:-1] if not self._is_held(name)), None)

    def _same(self, kind: DerivedKind, sha256: str) -> Order | None:
        same = (o for o in self._orders.all() if o.kind == kind and o.sha256 == sha256 and not o.problem)
        return next(same, None)

    def _stands(self, order: Order) -> Standing:
        if order.problem:
            return Standing(order=order, state="failed")
        if self._working is not None and self._working[0] == order.id:
            return Standing(order=order, state="working", done_permille=self._working[1])
        return Standing(order=order, state="waiting")


def _read_ms(order: Order) -> int:
    """How much of its source a span is made of."""
    return (order.to_ms or 0) - (order.from_ms or 0) + KEY_FRAME_MS


def _derived(order: Order, report: Report, *, sha256: str, size: int) -> FootageDerived:
    return FootageDerived(
        kind=order.kind,
        sha256=sha256,
        size=size,
        sources=(order.sha256,),
        by=order.by,
        reason=order.reason,
        from_ms=report.from_ms,
        to_ms=report.to_ms,
        how=report.how or (),
        passage=order.passage,
        case=order.case,
        box=order.box,
        link=order.link,
    )


def _for_browsers(order: Order) -> Order:
    """What is proven is the span itself; who looks at it at the centre has a browser that does not play it."""
    return msgspec.structs.replace(order, id=f"{order.id}-h264", encode=True)


def _halves(order: Order) -> tuple[Order, ...]:
    """A span that came out larger than its source led to think; none where it is as short as may be."""
    from_ms, to_ms = order.from_ms or 0, order.to_ms or 0
    middle = (from_ms + to_ms) // 2
    if middle - from_ms < SHORTEST_MS:
        return ()
    ends = ((from_ms, middle), (middle, to_ms))
    return tuple(
        msgspec.structs.replace(order, id=f"{order.id}-{number}", from_ms=first, to_ms=last)
        for number, (first, last) in enumerate(ends, start=1)
    )


def _key(order: Order) -> str:
    return f"made/{order.id}"
