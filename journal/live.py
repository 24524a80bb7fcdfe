"""The newest entries as a glimpse while custody lags 未归档: QoS 0, unsigned, never stored, never counted.

Thirty days of backlog take minutes to drain; what crosses the scale now is seen now, and marked as not filed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import msgspec

from journal.store import Accepted
from journal.volume import Volume
from journal.writer import Journal
from kernel.errors import ProtocolError, RefusedError
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
    """`publish` takes a payload for the live topic, `accepted` says how many entries of a journal are receipted."""

    def __init__(
        self, journal: Journal, *, publish: Callable[[bytes], None], accepted: Callable[[str], int]
    ) -> None:
        self._journal = journal
        self._publish = publish
        self._accepted = accepted
        self._due = asyncio.Event()
        self._of = journal.id  # whose entries `_shown` counts: a succession begins anew
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
            with contextlib.suppress(RefusedError):  # it has been continued and has left meanwhile
                await self._look(self._journal.current)

    async def _look(self, volume: Volume) -> None:
        """At one journal from beginning to end: another may become the current one at every wait."""
        size = volume.size
        if volume.id != self._of:
            self._of, self._shown = volume.id, 0
        if await self._lags(volume, size):
            await self._show(volume, max(self._shown, size - AT_ONCE), size)
        self._shown = size

    async def _lags(self, volume: Volume, size: int) -> bool:
        """By the clock that only goes forward; what was written before a restart is old."""
        accepted = self._accepted(volume.id)
        if accepted >= size:
            return False
        oldest, newest = await volume.read(accepted, 1), await volume.read(size - 1, 1)
        if not oldest or not newest:
            return False
        first, last = header.decode(oldest[0].header), header.decode(newest[0].header)
        return first.boot != last.boot or last.mono_ms - first.mono_ms > LAG_MS

    async def _show(self, volume: Volume, start: int, end: int) -> None:
        for entry in await volume.read(start, end - start):
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
