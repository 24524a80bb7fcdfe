"""Between a broker and a receiver: frames and hellos in, receipts out.  What is lost here is sent again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine

from journal.receiver import Receiver
from journal.transport import Transport
from kernel.errors import LinkError

log = logging.getLogger(__name__)

UP, DOWN = "weighpost/v1/up", "weighpost/v1/down"
AT_ONCE = 192  # frames under way, 18 MB at most


class Intake:
    """Subscribes when made.  The broker has checked who may speak as which box; signatures are checked here."""

    def __init__(self, transport: Transport, receiver: Receiver) -> None:
        self.dropped = 0
        self._transport = transport
        self._receiver = receiver
        self._under_way: set[asyncio.Task[None]] = set()
        transport.subscribe(f"{UP}/+/frame/+", self._frame)
        transport.subscribe(f"{UP}/+/hello", self._hello)

    async def stop(self) -> None:
        """Let what is under way end."""
        await asyncio.gather(*self._under_way)

    def _frame(self, topic: str, payload: bytes) -> None:
        _, _, _, box, _, journal = topic.split("/")
        self._start(self._take(box, journal, payload))

    def _hello(self, topic: str, payload: bytes) -> None:
        self._start(self._greet(topic.split("/")[3], payload))

    async def _take(self, box: str, journal: str, payload: bytes) -> None:
        answer = await self._receiver.accept(box, journal, payload)
        if answer.receipt is not None:
            self._answer(box, journal, answer.receipt)

    async def _greet(self, box: str, payload: bytes) -> None:
        welcome = await self._receiver.hello(box, payload)
        for journal, receipt in welcome.receipts:
            self._answer(box, journal, receipt)

    def _answer(self, box: str, journal: str, receipt: str) -> None:
        # A broker that takes nothing now costs the sender its patience, nothing else.
        self._transport.publish(f"{DOWN}/{box}/receipt/{journal}", receipt.encode())

    def _start(self, work: Coroutine[object, object, None]) -> None:
        if len(self._under_way) >= AT_ONCE:
            self.dropped += 1
            work.close()
            return
        task = asyncio.create_task(_quietly(work))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)


async def _quietly(work: Coroutine[object, object, None]) -> None:
    try:
        await work
    except LinkError as error:  # the receiver has said so once; the box comes again
        log.debug("not taken", extra={"reason": str(error)})
