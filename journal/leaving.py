"""Lets closed journals leave the box, oldest first, once others have all of them; the entry that says so comes first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from journal.cursors import Cursors
from journal.settings import Destination
from journal.volume import Volume
from journal.writer import Journal
from kernel.events import JournalRemoved, Predecessor

Needed = Callable[[str], Awaitable[bool]]


async def _nobody(_journal: str) -> bool:
    return False


async def remove_closed(
    journal: Journal,
    cursors: Cursors,
    *,
    destinations: Sequence[Destination],
    source: str,
    is_needed: Needed = _nobody,
) -> tuple[JournalRemoved, ...]:
    """What has left.  A crash in between is made good by the next call: the entry is there already, and only once.

    A journal leaves when it is `kept` to its end by the destination with custody, receipted to its end by every other,
    when no file of it waits, and when it `is_needed` for nothing on this box.  FullError: no room for the entry, and nothing has left.
    """
    gone: list[JournalRemoved] = []
    for volume in journal.volumes[:-1]:
        said = await asyncio.to_thread(_may_leave, volume, cursors, destinations)
        if said is None or await is_needed(volume.id):
            break
        removed = await _with_root(said, volume)
        await journal.append(removed, source=source, key=f"removed/{volume.id}")
        await journal.let_go(volume)
        gone.append(removed)
    return tuple(gone)


def _may_leave(
    volume: Volume, cursors: Cursors, destinations: Sequence[Destination]
) -> tuple[str, str, int] | None:
    """Who keeps it (destination, store, how much), or None while anybody still needs it here."""
    held = {one.name: cursors.cursor(journal=volume.id, destination=one.name) for one in destinations}
    scanned = [cursors.scanned(journal=volume.id, destination=one.name) for one in destinations if one.files]
    if any(size < volume.size for size in (*(cursor.size for cursor in held.values()), *scanned)):
        return None
    custodian = next((one.name for one in destinations if one.custody), None)
    if custodian is None or held[custodian].kept < volume.size or cursors.waiting_of(journal=volume.id):
        return None
    return custodian, held[custodian].store, held[custodian].kept


async def _with_root(said: tuple[str, str, int], volume: Volume) -> JournalRemoved:
    destination, store, kept = said
    root = await volume.root(volume.size)
    return JournalRemoved(
        journal=Predecessor(id=volume.id, size=volume.size, root=root.hex()),
        destination=destination,
        store=store,
        kept=kept,
    )
