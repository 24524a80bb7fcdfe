"""The centre's own journal: its acts are entries like any other, received by itself and witnessed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Sequence

from journal.agreeing import agree
from journal.greeting import greeting
from journal.keys import Identity
from journal.receiver import Receiver
from journal.store import Head
from journal.volume import Volume
from journal.writer import Appended, Journal
from kernel.clock import Clock
from kernel.errors import LinkError, RefusedError
from kernel.events import Body, EntryRef, JournalRegistered
from kernel.evidence import frames
from kernel.evidence.frames import NONCE_BYTES
from kernel.evidence.notes import Note, encode_base64
from kernel.evidence.texts import Receipt

log = logging.getLogger(__name__)

_RETRY_S = 2.0
_SEEN_S = 5.0


class OwnJournal:
    """Appends the centre's acts and carries them to its receiver."""

    def __init__(
        self,
        journal: Journal,
        receiver: Receiver,
        *,
        identity: Identity,
        source: str,
        software: str,
        clock: Clock,
    ) -> None:
        self.journal = journal
        self._receiver = receiver
        self._identity = identity
        self._source = source
        self._software = software
        self._clock = clock
        self._taken: dict[str, int] = {}  # of each journal, by the store
        self._grown = asyncio.Event()
        self._acts: set[asyncio.Task[Appended]] = set()
        self._carried = asyncio.Condition()
        journal.on_append(lambda _size: self._grown.set())
        receiver.on_registered(self._registered)

    async def append(self, body: Body, *, key: str | None = None) -> Appended:
        """Durable once it returns."""
        return await self.journal.append(body, source=self._source, key=key)

    async def act(self, body: Body, *, key: str | None = None) -> EntryRef:
        """Durable once it returns, and shown, unless the store cannot take it now: then it is shown later."""
        appended = await self.append(body, key=key)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SEEN_S), self._carried:
                await self._carried.wait_for(lambda: self._taken.get(appended.journal, 0) > appended.seq)
        return appended.ref

    async def declare(self, heads: Sequence[Head]) -> None:
        """Every journal the store knows is an entry here, also if the process died right after it met one."""
        for head in heads:
            if not self._is_own(head):
                await self.append(_registration(head), key=_key(head))

    async def run(self) -> None:
        """Until cancelled; RestartError when the store tells another story, as after a backup was put back."""
        while True:
            self._grown.clear()
            for volume in self.journal.volumes:
                # The next one closes it there, so it goes to its end first.
                await self._told(volume, await self._carry(volume))
            if self.journal.current.id in self._taken:
                await self._grown.wait()

    async def _carry(self, volume: Volume) -> int:
        """To its end as it is now; how much of it the store has then."""
        taken = self._taken.get(volume.id)
        if taken is None:
            taken = await self._patiently_greet(volume)
        while (frame := await volume.frame(taken)) is not None:
            try:
                answer = await self._receiver.accept(self._identity.box, volume.id, frames.encode(frame))
            except LinkError:
                await self._clock.sleep(_RETRY_S)
                continue
            size = await _agreed(volume, answer.receipt) if answer.receipt else 0
            if size <= taken:
                log.error("own journal refused", extra={"reason": answer.refused or "no progress"})
                await self._clock.sleep(_RETRY_S)
            taken = size
            await self._told(volume, taken)
        return taken

    async def _told(self, volume: Volume, taken: int) -> None:
        async with self._carried:
            self._taken[volume.id] = taken
            self._carried.notify_all()

    async def _patiently_greet(self, volume: Volume) -> int:
        while True:
            try:
                return await self._greet(volume)
            except LinkError:
                await self._clock.sleep(_RETRY_S)

    async def _greet(self, volume: Volume) -> int:
        """How much of it the store has; RefusedError when it will not have it."""
        for doubted_too in (False, True):
            hello = await greeting(
                self.journal,
                volume,
                doubted_too=doubted_too,
                nonce=os.urandom(NONCE_BYTES),
                software=self._software,
                certs=self._identity.certs,
            )
            welcome = await self._receiver.hello(self._identity.box, frames.encode_hello(hello))
            note = dict(welcome.receipts).get(volume.id)
            if note is not None:
                return await _agreed(volume, note)
        raise RefusedError(f"the centre's own journal: {'; '.join(welcome.refused)}")

    def _is_own(self, head: Head) -> bool:
        return head.box == self._identity.box and head.process == self.journal.process

    def _registered(self, head: Head) -> None:
        if self._is_own(head):
            return
        task = asyncio.create_task(self.append(_registration(head), key=_key(head)))
        self._acts.add(task)
        task.add_done_callback(self._acts.discard)


async def _agreed(volume: Volume, note: str) -> int:
    """How much the store has; RestartError when it has something else."""
    receipt = Receipt.parse(Note.parse(note).text)
    await agree(volume, receipt)
    return receipt.size


def _key(head: Head) -> str:
    """Until its first entry a journal may turn out to be another box's, which is a registration of its own."""
    return f"registered/{head.journal}/{head.box}"


def _registration(head: Head) -> JournalRegistered:
    return JournalRegistered(
        journal=head.journal,
        box=head.box,
        process=head.process,
        public_key=encode_base64(head.public_key),
        predecessor=head.predecessor,
    )
