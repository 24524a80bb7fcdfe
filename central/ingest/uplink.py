"""Between the broker and the receiver: frames in, receipts out.  Whatever is lost here is sent again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from central.live import Bus, Change
from journal.receiver import Receiver
from journal.transport import Transport
from kernel.clock import Clock
from kernel.errors import LinkError

log = logging.getLogger(__name__)

UP, DOWN = "weighpost/v1/up", "weighpost/v1/down"
AT_ONCE = 192  # frames under way, 18 MB at most; the receiver takes 64 in one transaction
_RETRY_S = 0.05
_LONGEST_LIVE = 16 * 1024


class Uplink:
    """Subscribes when made; `run` sends what could not be handed over at once."""

    def __init__(self, transport: Transport, receiver: Receiver, *, bus: Bus, clock: Clock) -> None:
        self.dropped = 0
        self._transport = transport
        self._receiver = receiver
        self._bus = bus
        self._clock = clock
        self._under_way: set[asyncio.Task[None]] = set()
        self._outbox: dict[tuple[str, int], bytes] = {}
        self._waiting = asyncio.Event()
        transport.subscribe(f"{UP}/+/frame/+", self._frame)
        transport.subscribe(f"{UP}/+/hello", self._hello)
        transport.subscribe(f"{UP}/+/live/+", self._live)

    async def run(self) -> None:
        """For ever.  Receipts are cumulative: the newest of a journal replaces the one that still waits."""
        while True:
            await self._waiting.wait()
            for key, payload in list(self._outbox.items()):
                if self._transport.publish(key[0], payload) and self._outbox[key] is payload:
                    del self._outbox[key]
            if self._outbox:
                await self._clock.sleep(_RETRY_S)
            else:
                self._waiting.clear()

    def send(self, topic: str, payload: bytes, *, place: int = 0) -> None:
        """As soon as the broker takes it; a later one for the same topic and place goes instead of it."""
        self._outbox[(topic, place)] = payload
        self._waiting.set()

    def _frame(self, topic: str, payload: bytes) -> None:
        _, _, _, box, _, journal = topic.split("/")
        self._start(self._take(box, journal, payload))

    def _hello(self, topic: str, payload: bytes) -> None:
        self._start(self._greet(topic.split("/")[3], payload))

    def _live(self, topic: str, payload: bytes) -> None:
        _, _, _, box, _, name = topic.split("/")
        if len(payload) <= _LONGEST_LIVE:
            self._bus.publish(Change(kind="live", key=(box, name), at_ms=self._clock.now_ms(), data=payload))

    async def _take(self, box: str, journal: str, payload: bytes) -> None:
        answer = await self._receiver.accept(box, journal, payload)
        if answer.receipt is not None:
            self.send(f"{DOWN}/{box}/receipt/{journal}", answer.receipt.encode())

    async def _greet(self, box: str, payload: bytes) -> None:
        welcome = await self._receiver.hello(box, payload)
        for journal, receipt in welcome.receipts:
            self.send(f"{DOWN}/{box}/receipt/{journal}", receipt.encode())

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        if len(self._under_way) >= AT_ONCE:
            self.dropped += 1
            work.close()
            return
        task = asyncio.create_task(_quietly(work))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)


async def _quietly(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except LinkError as error:  # the receiver has said so once; the box comes again
        log.debug("not taken", extra={"reason": str(error)})
