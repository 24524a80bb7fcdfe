"""The newest entries as a glimpse while custody lags 未归档: QoS 0, unsigned, never stored, never counted.

Thirty days of backlog take minutes to drain; what crosses the scale now is seen now, and marked as not filed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from journal.store import Accepted
from journal.writer import Journal
from kernel.errors import ProtocolError
from kernel.evidence import header

NAME = "entry"  # the live topic's
LAG_MS = 2_000  # between the oldest entry that is not receipted and the newest
AT_ONCE = 8
LARGEST = 33 * 1024

_encode = msgspec.msgpack.Encoder().encode


class LiveEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry's header and body as they were written; nothing vouches for them until the frame is here."""

    header: bytes
    body: bytes


_decoder = msgspec.msgpack.Decoder(LiveEntry)


class LiveCopy:
    """`publish` takes a payload for the live topic, `accepted` says how many entries are receipted."""

    def __init__(
        self, journal: Journal, *, publish: Callable[[bytes], None], accepted: Callable[[], int]
    ) -> None:
        self._journal = journal
        self._publish = publish
        self._accepted = accepted
        self._due = asyncio.Event()
        self._shown = journal.size

    def connected(self) -> None:
        """A new session: whoever listens now has not seen the newest."""
        self._shown = min(self._shown, self._journal.size - 1)
        self._due.set()

    async def run(self) -> None:
        """Until cancelled."""
        self._journal.on_append(lambda _size: self._due.set())
        while True:
            await self._due.wait()
            self._due.clear()
            size = self._journal.size
            if await self._lags(size):
                await self._show(max(self._shown, size - AT_ONCE), size)
            self._shown = size

    async def _lags(self, size: int) -> bool:
        """By the clock that only goes forward; what was written before a restart is old."""
        accepted = self._accepted()
        if accepted >= size:
            return False
        [oldest], [newest] = [await self._journal.read(seq, 1) for seq in (accepted, size - 1)]
        first, last = header.decode(oldest.header), header.decode(newest.header)
        return first.boot != last.boot or last.mono_ms - first.mono_ms > LAG_MS

    async def _show(self, start: int, end: int) -> None:
        for entry in await self._journal.read(start, end - start):
            if entry.body is not None:
                self._publish(_encode(LiveEntry(header=entry.header, body=entry.body)))


def glimpsed(payload: bytes, *, box: str, received_ms: int) -> Accepted:
    """What a live entry says, in the form of one that was accepted, which it is not; ProtocolError: it is none."""
    if len(payload) > LARGEST:
        raise ProtocolError("a live entry that is too large")
    try:
        said = _decoder.decode(payload)
    except msgspec.MsgspecError as error:
        raise ProtocolError(f"not a live entry ({error})", payload) from error
    decoded = header.decode(said.header)
    return Accepted(
        box=box,
        seq=decoded.seq,
        leaf=header.leaf(said.header),
        header_bytes=said.header,
        header=decoded,
        salt=None,
        body=said.body,
        absent=None,
        received_ms=received_ms,
    )
