"""What goes down to the boxes besides receipts, and the glimpses that come up: nothing here is custody."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from central.live import Bus, Change
from journal.intake import DOWN, UP
from journal.live import LARGEST
from journal.transport import Transport
from kernel.clock import Clock

_RETRY_S = 0.2
_WAITING = 2_000


class Downlink:
    """Commands wait here while the broker takes nothing; the oldest go first, and are repeated at the next hello."""

    def __init__(self, transport: Transport, *, clock: Clock) -> None:
        self._transport = transport
        self._clock = clock
        self._outbox: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._waiting = asyncio.Event()

    def send(self, box: str, note: str, *, counter: int) -> None:
        self._outbox[(box, counter)] = note.encode()
        while len(self._outbox) > _WAITING:
            self._outbox.popitem(last=False)
        self._waiting.set()

    async def run(self) -> None:
        while True:
            await self._waiting.wait()
            while self._outbox:
                (box, counter), note = next(iter(self._outbox.items()))
                if self._transport.publish(f"{DOWN}/{box}/command", note):
                    self._outbox.pop((box, counter), None)
                else:
                    await self._clock.sleep(_RETRY_S)
            self._waiting.clear()


def relay_glimpses(transport: Transport, bus: Bus, *, clock: Clock) -> None:
    """Live values of the lanes go to whoever looks now; they are stored nowhere and counted nowhere."""

    def glimpsed(topic: str, payload: bytes) -> None:
        _, _, _, box, _, name = topic.split("/")
        if len(payload) <= LARGEST:
            bus.publish(Change(kind="live", key=(box, name), at_ms=clock.now_ms(), data=payload))

    transport.subscribe(f"{UP}/+/live/+", glimpsed)
