"""Slips 凭条: what a printed QR code says of an entry, noted in the centre's own journal before anybody prints it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from central.store.custody import CustodyStore
from central.store.queries import Queries
from central.views import IssuedSlip
from kernel.errors import RefusedError
from kernel.events import Body, EntryRef, PassageDecided, PassageReviewed, SlipIssued, VehicleWeighed
from kernel.evidence.slips import Slip
from web import qr

Write = Callable[[Body], Awaitable[EntryRef]]

KINDS = {
    VehicleWeighed.stream: "weighing",
    PassageDecided.stream: "decision",
    PassageReviewed.stream: "review",
}


class Slips:
    """Implements central.parts.IssuesSlips."""

    def __init__(self, queries: Queries, custody: CustodyStore, *, write: Write) -> None:
        self._queries = queries
        self._custody = custody
        self._write = write

    async def issue(self, journal: str, seq: int, *, by: str) -> IssuedSlip:
        """Durable once it returns.  RefusedError: there is no such entry, or nothing of it is printed."""
        entry = await asyncio.to_thread(self._queries.entry, journal, seq)
        if entry is None:
            raise RefusedError("no such entry")
        kind = KINDS.get(entry.stream)
        if kind is None:
            raise RefusedError(f"no slip is printed of {entry.stream}")
        vouched = await asyncio.to_thread(self._custody.vouched, journal)
        size = vouched.size if vouched else 0
        payload = Slip.of(journal=journal, seq=seq, leaf=entry.leaf, cosigned_size=size).payload()
        about = EntryRef(journal=journal, seq=seq, leaf=entry.leaf)
        await self._write(SlipIssued(kind=kind, about=about, cosigned_size=size, payload=payload, by=by))
        return IssuedSlip(kind=kind, about=about, cosigned_size=size, payload=payload, qr_svg=qr.svg(payload))
