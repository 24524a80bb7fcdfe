"""Files on demand: the request is an entry first, then a signed command, and again until the box has accepted it.

What the box has accepted is an entry of its journal: it will come, also after the box was off for a month.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from central.store.queries import Queries
from central.store.requests import Requested
from central.views import FileView
from journal.keys import SigningKey
from kernel.clock import Clock
from kernel.events import Body, EntryRef, FileRequested
from kernel.evidence.commands import FETCH_FILE, Command

log = logging.getLogger(__name__)

AGAIN_MS = 600_000  # in one session; a new session is asked at once

Append = Callable[[Body], Awaitable[object]]


class Sends(Protocol):
    def __call__(self, box: str, note: str, *, counter: int) -> None: ...


class FileRequests:
    """Implements central.parts.RequestsFiles."""

    def __init__(
        self,
        queries: Queries,
        requested: Requested,
        *,
        append: Append,
        send: Sends,
        key: SigningKey,
        clock: Clock,
    ) -> None:
        self._queries = queries
        self._requested = requested
        self._append = append
        self._send = send
        self._key = key
        self._clock = clock
        self._sessions: dict[str, bytes] = {}
        self._asked_ms: dict[tuple[str, str], int] = {}  # in the present session of the box
        self._greetings: set[asyncio.Task[None]] = set()

    async def request(self, sha256: str, *, by: str) -> bool:
        found = await asyncio.to_thread(self._queries.files, sha256)
        wanted = [file for file in found if file.state not in ("stored", "erased")]
        if not wanted:
            return False
        file = wanted[0]
        if file.state == "on_box":
            about = EntryRef(journal=file.journal, seq=file.seq, leaf=await self._leaf(file))
            await self._append(FileRequested(sha256=sha256, box=file.box, stored=about, by=by))
        await self._command(file.box, [sha256])
        return True

    def greeted(self, box: str, nonce: bytes) -> None:
        """The box begins a session, or goes on with it: what it has not accepted is asked for again."""
        if self._sessions.get(box) != nonce:
            self._asked_ms = {key: asked_ms for key, asked_ms in self._asked_ms.items() if key[0] != box}
        self._sessions[box] = nonce
        task = asyncio.create_task(self._remind(box))
        self._greetings.add(task)
        task.add_done_callback(self._greetings.discard)

    async def _remind(self, box: str) -> None:
        waiting = await asyncio.to_thread(self._requested.waiting, box, issuer=self._key.name)
        now_ms = self._clock.mono_ms()
        await self._command(box, [sha256 for sha256 in waiting if self._is_due(box, sha256, now_ms)])

    def _is_due(self, box: str, sha256: str, now_ms: int) -> bool:
        asked_ms = self._asked_ms.get((box, sha256))
        return asked_ms is None or now_ms - asked_ms >= AGAIN_MS

    async def _command(self, box: str, digests: Sequence[str]) -> None:
        nonce = self._sessions.get(box)
        if nonce is None or not digests:
            return  # asked for when it says hello
        self._asked_ms |= {(box, sha256): self._clock.mono_ms() for sha256 in digests}
        counters = await asyncio.to_thread(
            self._requested.next_counters, box, len(digests), now_ms=self._clock.now_ms()
        )
        for counter, sha256 in zip(counters, digests, strict=True):
            command = Command(
                box=box,
                issuer=self._key.name,
                counter=counter,
                nonce=nonce,
                kind=FETCH_FILE,
                args={"sha256": sha256},
            )
            note = command.signed(public_key=self._key.public, sign=self._key.sign)
            self._send(box, note.format(), counter=counter)

    async def _leaf(self, file: FileView) -> str:
        entry = await asyncio.to_thread(self._queries.entry, file.journal, file.seq)
        return entry.leaf if entry else ""
