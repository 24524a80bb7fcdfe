"""Between a broker and a receiver: frames and hellos in, receipts out.  What is lost here is sent again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence

from journal.limits import Gate
from journal.receiver import Receiver
from journal.settings import Limits
from journal.transport import Transport
from journal.vouching import introduction
from kernel.errors import LinkError
from kernel.evidence.frames import MAX_FRAME, MAX_HELLO

log = logging.getLogger(__name__)

UP, DOWN = "weighpost/v1/up", "weighpost/v1/down"
AT_ONCE = 192  # frames under way, 18 MB at most


class Intake:
    """Subscribes when made.  The broker has checked who may speak as which box; signatures are checked here.

    `certificates` of the store are shown at every hello: boxes that knew it under an older name believe it then.
    """

    def __init__(
        self,
        transport: Transport,
        receiver: Receiver,
        *,
        limits: Limits | None = None,
        certificates: Sequence[str] = (),
    ) -> None:
        self.dropped = 0
        self._transport = transport
        self._receiver = receiver
        self._gate = Gate(limits or Limits())
        self._introduction = introduction(certificates) if certificates else b""
        self._under_way: set[asyncio.Task[None]] = set()
        transport.subscribe(f"{UP}/+/frame/+", self._frame)
        transport.subscribe(f"{UP}/+/hello", self._hello)

    async def stop(self) -> None:
        """Let what is under way end."""
        await asyncio.gather(*self._under_way)

    def _frame(self, topic: str, payload: bytes) -> None:
        _, _, _, box, _, journal = topic.split("/")
        if self._may_enter(box, size=len(payload), most=MAX_FRAME, hello=False):
            self._start(box, self._take(box, journal, payload))

    def _hello(self, topic: str, payload: bytes) -> None:
        box = topic.split("/")[3]
        if self._may_enter(box, size=len(payload), most=MAX_HELLO, hello=True):
            self._start(box, self._greet(box, payload))

    def _may_enter(self, box: str, *, size: int, most: int, hello: bool) -> bool:
        """Before a byte of it is looked at; what comes too fast is dropped and comes again."""
        if size > most:
            self._receiver.refuse(box, f"a message of {size} bytes")
            return False
        if len(self._under_way) >= AT_ONCE:
            self.dropped += 1
            return False
        reason = self._gate.enter(box, hello=hello, mono_ms=self._receiver.mono_ms())
        if reason is not None:
            self.dropped += 1
            self._receiver.refuse(box, reason)
        return reason is None

    async def _take(self, box: str, journal: str, payload: bytes) -> None:
        answer = await self._receiver.accept(box, journal, payload)
        if answer.receipt is not None:
            self._answer(box, f"receipt/{journal}", answer.receipt.encode())

    async def _greet(self, box: str, payload: bytes) -> None:
        welcome = await self._receiver.hello(box, payload)
        if self._introduction and welcome.receipts:
            self._answer(box, "store", self._introduction)
        for journal, receipt in welcome.receipts:
            self._answer(box, f"receipt/{journal}", receipt.encode())

    def _answer(self, box: str, name: str, payload: bytes) -> None:
        # A broker that takes nothing now costs the sender its patience, nothing else.
        self._transport.publish(f"{DOWN}/{box}/{name}", payload)

    def _start(self, box: str, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(_quietly(work))
        self._under_way.add(task)

        def left(_task: asyncio.Task[None]) -> None:
            self._under_way.discard(task)
            self._gate.leave(box)

        task.add_done_callback(left)


async def _quietly(work: Coroutine[object, object, None]) -> None:
    try:
        await work
    except LinkError as error:  # the receiver has said so once; the box comes again
        log.debug("not taken", extra={"reason": str(error)})
