"""Carries journals to one destination: each from where its signed receipt says, in order, one after the other, for ever.

Nothing a broker does is believed: only a receipt of the pinned store, over our own root, moves the cursor.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from journal.course import Course
from journal.cursors import Cursor, Cursors
from journal.greeting import greeting
from journal.keys import Identity
from journal.logs import is_worth_a_line
from journal.settings import Destination
from journal.transport import Transport
from journal.volume import Volume
from journal.writer import Journal
from kernel.clock import Clock
from kernel.errors import ProtocolError, RefusedError, RestartError
from kernel.evidence import frames
from kernel.evidence.commands import Command
from kernel.evidence.frames import NONCE_BYTES
from kernel.evidence.notes import decode_base64
from kernel.evidence.texts import Receipt

log = logging.getLogger(__name__)

UP, DOWN = "weighpost/v1/up", "weighpost/v1/down"
WINDOW = 8  # frames under way
INBOX = 64  # receipts and commands waiting to be read; receipts are cumulative, so the oldest may go
HELLO_EVERY_MS = 60_000
SAVE_EVERY_MS = 1_000
PATIENCE_MS = (1_000, 30_000)  # without progress: first, and at most after doubling
BUSY_MS = 50  # when the broker takes no more for now

Obey = Callable[[Command], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkState:
    """How it stands with one destination."""

    destination: str
    connected: bool  # it has answered in this session
    lag: int  # entries that it has not receipted
    size: int
    kept: int
    refused_receipts: int
    refused_commands: int
    stopped: str | None  # why nothing is sent any more: the process ends, its next start opens a successor


class Sender:
    """One process's journals, one destination, one connection; `obey` is given verified commands."""

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
        obey: Obey = lambda _command: None,
        patience_ms: tuple[int, int] = PATIENCE_MS,
    ) -> None:
        self._journal = journal
        self._cursors = cursors
        self._identity = identity
        self._destination = destination
        self._transport = transport
        self._software = software
        self._clock = clock
        self._obey = obey
        self._store_key = decode_base64(destination.store_public)
        self._courses: dict[str, Course] = {}
        self._at: Course | None = (
            None  # the journal at hand: the first that the destination does not have whole
        )
        self._saved_ms = 0
        self._listeners: list[Callable[[int], None]] = []
        self._inbox: deque[tuple[str, bytes]] = deque(maxlen=INBOX)
        self._wake = asyncio.Event()
        self._nonce = b""
        self._greeted_ms: int | None = None
        self._greeted = 0  # hellos without an answer
        self._established = False  # it has answered in this session
        self._progress_ms = 0
        self._patience = patience_ms
        self._patience_ms = patience_ms[0]
        self._refused_receipts = 0
        self._refused_commands = 0
        self._stopped: str | None = None

    @property
    def accepted(self) -> int:
        """Entries of the current journal that the destination has receipted."""
        return self.accepted_of(self._journal.id)

    def accepted_of(self, journal: str) -> int:
        return self._cursor(journal).size

    @property
    def state(self) -> UplinkState:
        """`size` and `kept` are of the current journal, `lag` is of all of them."""
        cursor = self._cursor(self._journal.id)
        return UplinkState(
            destination=self._destination.name,
            connected=self._established and self._transport.connected,
            lag=sum(one.size - self.accepted_of(one.id) for one in self._journal.volumes),
            size=cursor.size,
            kept=cursor.kept,
            refused_receipts=self._refused_receipts,
            refused_commands=self._refused_commands,
            stopped=self._stopped,
        )

    def on_accepted(self, callback: Callable[[int], None]) -> None:
        """Called with the new size whenever the destination has more."""
        self._listeners.append(callback)

    async def run(self) -> None:
        """Until cancelled; RestartError when the destination tells another story of one of these journals."""
        await self._look_at_line()
        self._saved_ms = self._clock.mono_ms()
        box = self._identity.box
        for topic in (f"{DOWN}/{box}/receipt/+", f"{DOWN}/{box}/command"):
            self._transport.subscribe(topic, self._heard)
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
        self._established = False
        for course in self._courses.values():
            course.forget_session()
        self._introduce_anew()
        self._wake.set()

    def _heard(self, topic: str, payload: bytes) -> None:
        self._inbox.append((topic, payload))
        self._wake.set()

    # --- what comes back ---------------------------------------------------------------------------------------

    async def _read_inbox(self) -> None:
        while self._inbox:
            topic, payload = self._inbox.popleft()
            try:
                if topic.endswith("/command"):
                    await self._command(payload)
                else:
                    await self._receipt(payload)
            except (ProtocolError, RefusedError) as error:
                self._count_refusal(topic, error)
        if self._clock.mono_ms() - self._saved_ms >= SAVE_EVERY_MS:
            await asyncio.to_thread(self._save)

    async def _receipt(self, payload: bytes) -> None:
        receipt = Receipt.open(_text(payload), store=self._destination.store_id, public_key=self._store_key)
        course = self._courses.get(receipt.journal)
        if course is None:
            if any(receipt.journal in one.checkpoint for one in self._journal.doubted_before):
                return
            raise ProtocolError("a receipt of another journal")
        answered = course.answered
        try:
            more = await course.take(receipt)
        except RestartError as error:
            self._stopped = str(error)
            raise
        if not answered:
            self._progress_ms = self._clock.mono_ms()
            log.info("uplink open", extra={"to": self._destination.name, "size": receipt.size})
        self._established = True
        if course is self._at:
            self._greeted = 0
        if more > 0:
            self._progress_ms, self._patience_ms = self._clock.mono_ms(), self._patience[0]
            for listener in self._listeners:
                listener(receipt.size)

    async def _command(self, payload: bytes) -> None:
        issuer, public = self._destination.command_issuer, self._destination.command_public
        if issuer is None or public is None:
            raise RefusedError(f"{self._destination.name} may not command")
        command = Command.open(
            _text(payload),
            box=self._identity.box,
            issuer=issuer,
            public_key=decode_base64(public),
            nonce=self._nonce,
        )
        if command.counter <= await asyncio.to_thread(self._cursors.counter, issuer=issuer):
            raise RefusedError("a command that was obeyed before")
        await asyncio.to_thread(self._cursors.count_command, command.counter, issuer=issuer)
        self._obey(command)

    def _count_refusal(self, topic: str, error: Exception) -> None:
        if topic.endswith("/command"):
            self._refused_commands += 1
        else:
            self._refused_receipts += 1
        count = self._refused_commands + self._refused_receipts
        if is_worth_a_line(count):
            extra = {"from": self._destination.name, "reason": str(error), "count": count}
            log.warning("message refused", extra=extra)

    # --- what goes out -----------------------------------------------------------------------------------------

    async def _advance(self) -> int | None:
        """Do what is due; how long to rest at most, None: until something happens."""
        if not self._transport.connected:
            return None
        course = await self._look_at_line()
        now_ms = self._clock.mono_ms()
        if self._greeting_is_due(course, now_ms):
            await self._greet(course, now_ms)
        until_hello_ms = self._hello_wait_ms(course) - (now_ms - (self._greeted_ms or now_ms))
        if not course.answered:
            return max(until_hello_ms, BUSY_MS)
        self._go_back_if_stuck(course, now_ms)
        busy = await self._fill_window(course, now_ms)
        if busy:
            return BUSY_MS
        if not course.under_way:
            return max(until_hello_ms, BUSY_MS)
        return max(min(until_hello_ms, self._progress_ms + self._patience_ms - now_ms), BUSY_MS)

    async def _look_at_line(self) -> Course:
        """The journal at hand.  The next one is not even mentioned before the destination has all of this one."""
        line = [await self._course(volume) for volume in self._journal.volumes]
        here = next((course for course in line if not course.done), line[-1])
        if here is not self._at:
            self._at = here
            self._introduce_anew()
        return here

    async def _course(self, volume: Volume) -> Course:
        if volume.id not in self._courses:
            cursor = await asyncio.to_thread(
                self._cursors.cursor, journal=volume.id, destination=self._destination.name
            )
            self._courses[volume.id] = Course(volume, cursor)
        return self._courses[volume.id]

    def _introduce_anew(self) -> None:
        self._greeted_ms, self._greeted = None, 0
        self._patience_ms = self._patience[0]

    def _hello_wait_ms(self, course: Course) -> int:
        return HELLO_EVERY_MS if course.answered else self._patience_ms

    def _greeting_is_due(self, course: Course, now_ms: int) -> bool:
        return self._greeted_ms is None or now_ms - self._greeted_ms >= self._hello_wait_ms(course)

    async def _greet(self, course: Course, now_ms: int) -> None:
        hello = await greeting(
            self._journal,
            course.volume,
            doubted_too=self._greeted > 0,
            nonce=self._nonce,
            software=self._software,
            certs=self._identity.certs,
        )
        if self._greeted_ms is not None and not course.answered:
            self._patience_ms = self._longer()
        self._greeted_ms, self._greeted = now_ms, self._greeted + 1
        self._transport.publish(f"{UP}/{self._identity.box}/hello", frames.encode_hello(hello))

    def _go_back_if_stuck(self, course: Course, now_ms: int) -> None:
        if course.under_way and now_ms - self._progress_ms >= self._patience_ms:
            course.go_back()
            self._progress_ms, self._patience_ms = now_ms, self._longer()

    def _longer(self) -> int:
        """Doubled, with a spread so that a thousand boxes do not come back in step."""
        return min(int(self._patience_ms * random.uniform(1.5, 2.5)), self._patience[1])  # noqa: S311

    async def _fill_window(self, course: Course, now_ms: int) -> bool:
        """True when the broker takes no more for now."""
        topic = f"{UP}/{self._identity.box}/frame/{course.volume.id}"
        while course.under_way < WINDOW:
            frame = await course.next_frame()
            if frame is None:
                return False
            if not self._transport.publish(topic, frames.encode(frame)):
                return True
            if not course.under_way:
                self._progress_ms = now_ms
            course.has_sent(frame)
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
        for course in list(self._courses.values()):
            if course.cursor != course.saved:
                course.saved = course.cursor
                self._cursors.save(course.saved, journal=course.volume.id, destination=self._destination.name)
        self._saved_ms = self._clock.mono_ms()

    def _cursor(self, journal: str) -> Cursor:
        course = self._courses.get(journal)
        return course.cursor if course else Cursor()


def _text(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError as error:
        raise ProtocolError("not a text", payload) from error
