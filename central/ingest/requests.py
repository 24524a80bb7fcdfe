"""Files on demand: the request is an entry first, then a signed command, and again until the box has accepted it.

What the box has accepted is an entry of its journal: it will come, also after the box was off for a month.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from central.ingest.commanding import Commanding, Wish
from central.store.queries import Queries
from central.store.requests import Requested
from central.views import FileView
from kernel.events import Body, EntryRef, FileRequested
from kernel.evidence.commands import FETCH_FILE

Append = Callable[[Body], Awaitable[object]]


class FileRequests:
    """Implements central.parts.RequestsFiles."""

    def __init__(
        self, queries: Queries, requested: Requested, *, append: Append, commanding: Commanding
    ) -> None:
        self._queries = queries
        self._requested = requested
        self._append = append
        self._commanding = commanding
        commanding.ask(self._wanted)

    async def request(self, sha256: str, *, by: str) -> bool:
        found = await asyncio.to_thread(self._queries.files, sha256)
        wanted = [file for file in found if file.state not in ("stored", "erased")]
        if not wanted:
            return False
        file = wanted[0]
        if file.state == "on_box":
            about = EntryRef(journal=file.journal, seq=file.seq, leaf=await self._leaf(file))
            await self._append(FileRequested(sha256=sha256, box=file.box, stored=about, by=by))
        await self._commanding.command(file.box, [_wish(sha256)])
        return True

    def _wanted(self, box: str) -> Iterable[Wish]:
        return map(_wish, self._requested.waiting(box, issuer=self._commanding.issuer))

    async def _leaf(self, file: FileView) -> str:
        entry = await asyncio.to_thread(self._queries.entry, file.journal, file.seq)
        return entry.leaf if entry else ""


def _wish(sha256: str) -> Wish:
    return Wish(FETCH_FILE, (("sha256", sha256),))
