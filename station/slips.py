"""Slips 凭条: what a printed QR code says of a weighing or a decision, noted in the station's own journal first.

The station holds its lanes' entries and no cosignatures, so its slips name no cosigned size: they bind the entry alone.
"""

from __future__ import annotations

import asyncio
from typing import Literal

from msgspec import Struct

from journal.writer import Journal
from kernel.events import EntryRef, SlipIssued
from kernel.evidence.slips import Slip
from station.queries import Queries
from station.views import Detail
from web import qr

Kind = Literal["weighing", "decision"]


class IssuedSlip(Struct, frozen=True, kw_only=True):
    """What is printed: `payload` as it stands in the QR code, and the code as an image."""

    kind: Kind
    about: EntryRef
    cosigned_size: int
    payload: str
    qr_svg: str


class Slips:
    """Writes `slip.issued`; the same key again is the same slip."""

    def __init__(self, journal: Journal, queries: Queries, *, source: str) -> None:
        self._journal = journal
        self._queries = queries
        self._source = source

    async def issue(self, box: str, passage: str, kind: Kind, *, by: str, key: str) -> IssuedSlip | None:
        """Durable once it returns; None when the crossing has no such entry (yet)."""
        detail = await asyncio.to_thread(self._queries.detail, box, passage)
        about = _about(detail, kind) if detail is not None else None
        if about is None:
            return None
        payload = Slip.of(journal=about.journal, seq=about.seq, leaf=about.leaf, cosigned_size=0).payload()
        body = SlipIssued(kind=kind, about=about, cosigned_size=0, payload=payload, by=by)
        await self._journal.append(body, source=self._source, key=f"slip/{box}/{passage}/{kind}/{by}/{key}")
        return IssuedSlip(kind=kind, about=about, cosigned_size=0, payload=payload, qr_svg=qr.svg(payload))


def _about(detail: Detail, kind: Kind) -> EntryRef | None:
    if kind == "weighing":
        return detail.row.weighed
    return detail.acts[-1].ref if detail.acts else None
