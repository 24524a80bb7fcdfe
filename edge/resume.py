"""After a restart: what was weighed and never pictured is said, and the clips that were promised are cut."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec

from edge.lane import Cut, Lane, Seen
from journal.database import StoredEntry
from kernel.errors import ProtocolError
from kernel.events import EntryRef, VehiclePictured, VehicleWeighed
from kernel.evidence import header

if TYPE_CHECKING:  # a lane without cameras loads nothing of them
    from edge.recorder.index import Lock

log = logging.getLogger(__name__)

LOOK_BACK = 1_000  # entries; what is older was finished long ago or never will be


class Entries(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def size(self) -> int: ...

    async def read(self, start: int, count: int) -> list[StoredEntry]: ...


class Unfinished(Protocol):
    async def unfinished(self) -> dict[str, list[Lock]]: ...

    async def cut(self, lock: Lock) -> Cut | None: ...

    async def look_back(self, cuts: Sequence[tuple[Lock, Cut]], *, left_ms: int | None) -> Seen: ...

    async def settle(self, lock: Lock) -> None: ...


async def resume(
    journal: Entries,
    lane: Lane,
    eyes: Unfinished | None,
    *,
    until: int,
    before: Sequence[Entries] = (),
) -> None:
    """Called once, beside the lane's own work; `until` is the journal's size before that work began.

    `before` are the journals that it continues, oldest first: a passage may have begun in one of them.
    """
    if eyes is None:
        return
    weighed, pictured = await _told(((journal, until), *((one, one.size) for one in reversed(before))))
    unfinished = await eyes.unfinished()
    for passage, (body, ref) in weighed.items():
        locks = unfinished.pop(passage, [])
        if locks or passage not in pictured:
            await _finish(lane, eyes, locks, body, ref, pictured=passage in pictured)
    for locks in unfinished.values():  # their vehicle was never weighed
        for lock in locks:
            await eyes.settle(lock)


async def _finish(
    lane: Lane, eyes: Unfinished, locks: list[Lock], body: VehicleWeighed, ref: EntryRef, *, pictured: bool
) -> None:
    tried = [(lock, await eyes.cut(lock)) for lock in locks]
    cuts = [(lock, cut) for lock, cut in tried if cut is not None]
    seen = None if pictured else await eyes.look_back(cuts, left_ms=body.left_ms)
    await lane.after_restart(body, ref, seen=seen, cuts=[cut for _, cut in cuts])
    for lock in locks:
        await eyes.settle(lock)
    log.info("passage finished after a restart", extra={"passage": body.passage})


async def _told(
    journals: Sequence[tuple[Entries, int]],
) -> tuple[dict[str, tuple[VehicleWeighed, EntryRef]], set[str]]:
    """What the last entries say, newest journal first."""
    weighed: dict[str, tuple[VehicleWeighed, EntryRef]] = {}
    pictured: set[str] = set()
    left = LOOK_BACK
    for journal, until in journals:
        start = max(0, until - left)
        earlier, seen = _passages(journal.id, await journal.read(start, until - start))
        weighed, pictured, left = earlier | weighed, pictured | seen, left - (until - start)
    return weighed, pictured


def _passages(
    journal: str, entries: list[StoredEntry]
) -> tuple[dict[str, tuple[VehicleWeighed, EntryRef]], set[str]]:
    weighed: dict[str, tuple[VehicleWeighed, EntryRef]] = {}
    pictured: set[str] = set()
    for entry in entries:
        head = header.decode(entry.header)
        if entry.body is None:
            continue
        try:
            if head.stream == VehicleWeighed.stream:
                body = msgspec.json.decode(entry.body, type=VehicleWeighed)
                ref = EntryRef(journal=journal, seq=head.seq, leaf=header.leaf(entry.header).hex())
                weighed[body.passage] = (body, ref)
            elif head.stream == VehiclePictured.stream:
                pictured.add(msgspec.json.decode(entry.body, type=VehiclePictured).passage)
        except (msgspec.DecodeError, ProtocolError) as error:
            log.warning("entry of another version", extra={"seq": head.seq, "reason": str(error)})
    return weighed, pictured
