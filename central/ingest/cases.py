"""Cases 案件 of the centre, at the stations whose footage belongs to them: a signed command, until the station's own entry says so.

An open case keeps what is linked to it; a closed one lets it go when its days are over.  Both a station must know.
"""

from __future__ import annotations

import asyncio

from central.ingest.commanding import Commanding, Wish
from central.store.cases import Cases
from kernel.evidence.commands import CASE
from kernel.footage.bodies import CaseNoted


class CasesAtStations:
    """Implements central.acts.closing.Tells."""

    def __init__(self, cases: Cases, *, commanding: Commanding) -> None:
        self._cases = cases
        self._commanding = commanding
        commanding.ask(self._wanted)

    async def tell(self, case: str) -> None:
        """Now, those stations that are there."""
        for box in await asyncio.to_thread(self._cases.stations):
            wanted = await asyncio.to_thread(self._wanted, box, case)
            await self._commanding.command(box, wanted)

    def _wanted(self, box: str, case: str | None = None) -> list[Wish]:
        return [_wish(noted) for noted in self._cases.wanted(box, case=case)]


def _wish(noted: CaseNoted) -> Wish:
    said = {
        "box": noted.box,
        "by": noted.by,
        "case": noted.case,
        "closed_ms": None if noted.closed_ms is None else str(noted.closed_ms),
        "kept_as": noted.kept_as,
        "passage": noted.passage,
    }
    return Wish(CASE, tuple((name, value) for name, value in sorted(said.items()) if value is not None))
