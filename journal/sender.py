"""Carries a journal to one destination: from where the receiver's signed receipt says, in order, for ever.

Nothing a broker does is believed: only a receipt of the pinned store, over our own root, moves the cursor.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from journal.agreeing import agree
from journal.cursors import Cursor, Cursors
from journal.keys import Identity
from journal.logs import is_worth_a_line
from journal.settings import Destination
from journal.transport import Transport
from journal.writer import Journal
from kernel.clock import Clock
from kernel.errors import ProtocolError, RefusedError, RestartError
from kernel.evidence import frames
from kernel.evidence.frames import NONCE_BYTES, Hello, HelloJournal
from kernel.evidence.notes import Note, decode_base64
from kernel.evidence.texts import Checkpoint, Receipt

log = logging.getLogger(__name__)

UP, DOWN = "weighpost/v1/up", "weighpost/v1/down"
WINDOW = 8  # frames under way
INBOX = 64  # receipts waiting to be read; they are cumulative, so the oldest may go
HELLO_EVERY_MS = 60_000
SAVE_EVERY_MS = 1_000
PATIENCE_MS = (1_000, 30_000)  # without progress: first, and at most after doubling
BUSY_MS = 50  # when the broker takes no more for now

Heard = Callable[[bytes, bytes], None]  # a message of the command topic, and the nonce of the session


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkState:
    """How it stands with one destination."""

    destination: str
    connected: bool  # it has answered in this session
    lag: int  # entries that it has not receipted
    size: int
    kept: int
    refused_receipts: int
    stopped: str | None  # why nothing is sent any more: the process ends, its next start opens a successor


class Sender:
    """One journal, one destination, one connection; `command` is given what arrives on the command topic."""

    def __init__(
        self,
        journal: Journal,
        cursors: Cursors,
        *,
        identity: Identity,
        destination: Destination,
        transport: Transport,
        software: str,
        clock: Clock,
        command: Heard = lambda _payload, _nonce: None,
        patience_ms: tuple[int, int] = PATIENCE_MS,
    ) -> None:
        self._journal = journal
        self._cursors = cursors
        self._identity = identity
        self._destination = destination
        self._transport = transport
        self._software = software
        self._clock = clock
        self._command = command
        self._store_key = decode_base64(destination.store_public)
        self._cursor = Cursor()
        self._saved = (Cursor(), 0)
        self._listeners: list[Callable[[int], None]] = []
        self._inbox: deque[bytes] = deque(maxlen=INBOX)
        self._wake = asyncio.Event()
        self._nonce = b""
        self._greeted_ms: int | None = None
        self._established = False
        self._sent = 0
        self._roots: dict[int, bytes] = {}  # at the ends of the frames under way
        self._progress_ms = 0
        self._patience = patience_ms
        self._patience_ms = patience_ms[0]
        self._refused_receipts = 0
        self._stopped: str | None = None

    @property
    def accepted(self) -> int:
        """Entries that the destination has receipted."""
        return self._cursor.size

    @property
    def store(self) -> str:
        """Who said so; another name after the destination came back from a backup."""
        return self._cursor.store

    @property
    def state(self) -> UplinkState:
        return UplinkState(
            destination=self._destination.name,
            connected=self._established and self._transport.connected,
            lag=self._journal.size - self._cursor.size,
            size=self._cursor.size,
            kept=self._cursor.kept,
            refused_receipts=self._refused_receipts,
            stopped=self._stopped,
        )

    def on_accepted(self, callback: Callable[[int], None]) -> None:
        """Called with the new size whenever the destination has more."""
        self._listeners.append(callback)

    async def run(self) -> None:
        """Until cancelled; RestartError when the destination tells another story of this journal."""
        self._cursor = await asyncio.to_thread(
            self._cursors.cursor, journal=self._journal.id, destination=self._destination.name
        )
        self._saved = (self._cursor, self._clock.mono_ms())
        box = self._identity.box
        self._transport.subscribe(f"{DOWN}/{box}/receipt/{self._journal.id}", self._heard)
        self._transport.subscribe(f"{DOWN}/{box}/command", self._commanded)
        self._transport.on_connected(self._connected)
        self._journal.on_append(lambda _size: self._wake.set())
        try:
            while True:
                self._wake.clear()
                await self._read_inbox()
                pause_ms = await self._advance()
                await self._rest(pause_ms)
        finally:
            self._save()

    # --- called by the transport -------------------------------------------------------------------------------

    def _connected(self) -> None:
        """A new session: nothing of the last one counts."""
        self._nonce = os.urandom(NONCE_BYTES)
        self._greeted_ms = None
        self._established = False
        self._patience_ms = self._patience[0]
        self._wake.set()

    def _heard(self, _topic: str, payload: bytes) -> None:
        self._inbox.append(payload)
        self._wake.set()

    def _commanded(self, _topic: str, payload: bytes) -> None:
        self._command(payload, self._nonce)

    # --- what comes back ---------------------------------------------------------------------------------------

    async def _read_inbox(self) -> None:
        while self._inbox:
            try:
                await self._receipt(self._inbox.popleft())
            except (ProtocolError, RefusedError) as error:
                self._count_refusal(error)
        cursor, saved_ms = self._saved
        if cursor != self._cursor and self._clock.mono_ms() - saved_ms >= SAVE_EVERY_MS:
            await asyncio.to_thread(self._save)

    async def _receipt(self, payload: bytes) -> None:
        receipt = Receipt.open(_text(payload), store=self._destination.store_id, public_key=self._store_key)
        if receipt.journal != self._journal.id:
            raise ProtocolError("a receipt of another journal")
        try:
            await agree(self._journal, receipt, root=self._roots.get(receipt.size))
        except RestartError as error:
            self._stopped = str(error)
            raise
        if receipt.size < self._cursor.size and receipt.store == self._cursor.store:
            raise ProtocolError("a receipt older than one we had")
        self._accept(receipt)

    def _accept(self, receipt: Receipt) -> None:
        now_ms, before = self._clock.mono_ms(), self._cursor
        if receipt.store != before.store:
            before = replace(before, size=0, kept=0)
        if not self._established:
            self._sent, self._progress_ms = receipt.size, now_ms
            self._established = True
            log.info("uplink open", extra={"to": self._destination.name, "size": receipt.size})
        self._cursor = Cursor(
            store=receipt.store, sent=self._sent, size=receipt.size, kept=max(before.kept, receipt.kept)
        )
        if receipt.size > before.size:
            self._progress_ms, self._patience_ms = now_ms, self._patience[0]
            self._sent = max(self._sent, receipt.size)
            for listener in self._listeners:
                listener(receipt.size)
        self._roots = {end: root for end, root in self._roots.items() if end > receipt.size}

    def _count_refusal(self, error: Exception) -> None:
        self._refused_receipts += 1
        if is_worth_a_line(self._refused_receipts):
            count = self._refused_receipts
            extra = {"from": self._destination.name, "reason": str(error), "count": count}
            log.warning("receipt refused", extra=extra)

    # --- what goes out -----------------------------------------------------------------------------------------

    async def _advance(self) -> int | None:
        """Do what is due; how long to rest at most, None: until something happens."""
        if not self._transport.connected:
            return None
        now_ms = self._clock.mono_ms()
        if self._greeting_is_due(now_ms):
            await self._greet(now_ms)
        until_hello_ms = self._hello_wait_ms() - (now_ms - (self._greeted_ms or now_ms))
        if not self._established:
            return max(until_hello_ms, BUSY_MS)
        self._go_back_if_stuck(now_ms)
        busy = await self._fill_window(now_ms)
        if busy:
            return BUSY_MS
        if not self._roots:
            return max(until_hello_ms, BUSY_MS)
        return max(min(until_hello_ms, self._progress_ms + self._patience_ms - now_ms), BUSY_MS)

    def _hello_wait_ms(self) -> int:
        return HELLO_EVERY_MS if self._established else self._patience_ms

    def _greeting_is_due(self, now_ms: int) -> bool:
        return self._greeted_ms is None or now_ms - self._greeted_ms >= self._hello_wait_ms()

    async def _greet(self, now_ms: int) -> None:
        [genesis] = await self._journal.read(0, 1)
        hello = Hello(
            nonce=self._nonce,
            software=self._software,
            journals=(
                HelloJournal(
                    checkpoint=await self._journal.checkpoint(),
                    genesis=(genesis.header, genesis.salt, genesis.body),
                ),
            ),
            certs=self._identity.certs,
        )
        if self._greeted_ms is not None and not self._established:
            self._patience_ms = self._longer()
        self._greeted_ms = now_ms
        self._transport.publish(f"{UP}/{self._identity.box}/hello", frames.encode_hello(hello))

    def _go_back_if_stuck(self, now_ms: int) -> None:
        if self._roots and now_ms - self._progress_ms >= self._patience_ms:
            self._sent = self._cursor.size
            self._roots.clear()
            self._progress_ms, self._patience_ms = now_ms, self._longer()

    def _longer(self) -> int:
        """Doubled, with a spread so that a thousand boxes do not come back in step."""
        return min(int(self._patience_ms * random.uniform(1.5, 2.5)), self._patience[1])  # noqa: S311

    async def _fill_window(self, now_ms: int) -> bool:
        """True when the broker takes no more for now."""
        topic = f"{UP}/{self._identity.box}/frame/{self._journal.id}"
        while len(self._roots) < WINDOW:
            frame = await self._journal.frame(self._sent)
            if frame is None:
                return False
            if not self._transport.publish(topic, frames.encode(frame)):
                return True
            if not self._roots:
                self._progress_ms = now_ms
            self._sent = frame.end
            self._roots[frame.end] = Checkpoint.parse(Note.parse(frame.checkpoint).text).root
        return False

    async def _rest(self, pause_ms: int | None) -> None:
        if self._wake.is_set():
            return
        if pause_ms is None:
            await self._wake.wait()
            return
        waits = [
            asyncio.ensure_future(self._clock.sleep(pause_ms / 1000)),
            asyncio.ensure_future(self._wake.wait()),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _save(self) -> None:
        self._cursors.save(self._cursor, journal=self._journal.id, destination=self._destination.name)
        self._saved = (self._cursor, self._clock.mono_ms())


def _text(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError as error:
        raise ProtocolError("not a text", payload) from error
