"""Says things of footage: written to the station's own journal first, and only then found in the index."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from typing import Protocol, TypeVar

import msgspec

from journal.database import StoredEntry
from journal.own import first_said_of
from journal.volume import Volume
from journal.writer import Journal
from kernel.clock import Clock
from kernel.errors import ProtocolError
from kernel.events import STREAMS, Body, EntryRef
from kernel.evidence.header import FileRef
from station.footage.index import FootageIndex, Said, is_footage

log = logging.getLogger(__name__)

T = TypeVar("T", bound=Body)
AT_ONCE = 256


class Ledger(Protocol):
    """Where footage is spoken of.  `key` makes a repetition harmless.

    Of a repetition the reference is that of the first entry; the body is the one that was given.
    """

    index: FootageIndex

    async def say(self, body: T, *, key: str | None = None) -> Said[T]: ...


class JournalLedger:
    """Entries of the station's journal."""

    def __init__(self, journal: Journal, index: FootageIndex, *, source: str) -> None:
        self._journal = journal
        self._source = source
        self.index = index

    async def say(self, body: T, *, key: str | None = None, files: Sequence[FileRef] = ()) -> Said[T]:
        """FullError, RestartError: nothing was said.  `files` go where the journal goes."""
        appended = await self._journal.append(body, source=self._source, key=key, files=files)
        said = Said(ref=appended.ref, at_ms=appended.at, body=body)
        # Only catching up counts: what others say in between is not held against this index here.
        await asyncio.to_thread(self.index.hold, [said], journal=appended.journal, size=0)
        return said

    async def knows(self, key: str) -> bool:
        """Whether something was said under this key."""
        return await self._journal.find(key) is not None

    async def catch_up(self) -> None:
        """What was said when the process died, or before the index was lost."""
        for volume in self._journal.volumes:
            await self._catch_up_with(volume)

    async def _catch_up_with(self, volume: Volume) -> None:
        start = await asyncio.to_thread(self.index.size, volume.id)
        while start < volume.size:
            entries = await volume.read(start, AT_ONCE)
            start += len(entries)
            said = [one for entry in entries if (one := _said(entry)) is not None]
            await asyncio.to_thread(self.index.hold, said, journal=volume.id, size=start)


class LooseLedger:
    """Without a station: lines in an index that no journal proves; for looking at recorders on any machine."""

    def __init__(self, index: FootageIndex, *, clock: Clock) -> None:
        self._clock = clock
        self.index = index

    async def say(self, body: T, *, key: str | None = None) -> Said[T]:
        data = msgspec.json.encode(body)
        name = key or hashlib.sha256(data).hexdigest()
        return await asyncio.to_thread(self._hold, body, name)

    def _hold(self, body: T, key: str) -> Said[T]:
        seq = int.from_bytes(hashlib.sha256(f"{body.stream} {key}".encode()).digest()[:7], "big")
        ref = EntryRef(journal="0" * 32, seq=seq, leaf="0" * 64)
        said = Said(ref=ref, at_ms=self._clock.now_ms(), body=body)
        self.index.hold([said], journal=ref.journal, size=0)
        return said


def _said(entry: StoredEntry) -> Said[Body] | None:
    try:
        head, body, ref = first_said_of(entry)
        if not is_footage(head.stream) or body is None:
            return None
        return Said(ref=ref, at_ms=head.at, body=msgspec.json.decode(body, type=STREAMS[head.stream].body))
    except (ProtocolError, msgspec.MsgspecError):
        log.exception("own entry unreadable")
        return None
