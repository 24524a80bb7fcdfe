"""After a restart: what was weighed and never pictured is said, and the clips that were promised are cut."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

import msgspec

from edge.lane import Cut, Lane
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

    async def settle(self, lock: Lock) -> None: ...


async def resume(journal: Entries, lane: Lane, eyes: Unfinished | None) -> None:
    """Called once, beside the lane's own work."""
    start = max(0, journal.size - LOOK_BACK)
    weighed, pictured = _passages(journal.id, await journal.read(start, LOOK_BACK))
    for passage, (body, ref) in weighed.items():
        if passage not in pictured and eyes is not None:
            await lane.pictures_lost(body, ref)
    if eyes is None:
        return
    for passage, locks in (await eyes.unfinished()).items():
        for lock in locks:
            await _finish(lane, eyes, lock, weighed.get(passage))


async def _finish(
    lane: Lane, eyes: Unfinished, lock: Lock, known: tuple[VehicleWeighed, EntryRef] | None
) -> None:
    cut = await eyes.cut(lock)
    if cut is not None and known is not None:
        await lane.clip_after_restart(known[0], known[1], cut)
    await eyes.settle(lock)


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
