"""A weigher that sends each record until it is acknowledged: taken once, and acknowledged when it is in the journal."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar

from edge.drivers.listening import listen
from edge.drivers.pulse import Pulse
from edge.drivers.rows import Weigher, WeigherOptions
from edge.weighing.values import ScaleEvent, VehicleReversed
from kernel.clock import Clock
from kernel.errors import LinkError, ProtocolError
from kernel.links import Link

log = logging.getLogger(__name__)

_REMEMBERED = 256  # as many as there are sequence numbers
_REVERSAL_MS = 60_000  # a copy comes within seconds, the next of the same number much later


class Message(Protocol):
    @property
    def seq(self) -> int: ...

    @property
    def raw(self) -> bytes: ...

    @property
    def ack(self) -> bytes:
        """What tells the device that this arrived."""
        ...


class MemoryOptions(Protocol):
    @property
    def memory_ms(self) -> int: ...


M = TypeVar("M", bound=Message)
O = TypeVar("O", bound=WeigherOptions)  # noqa: E741 - the options


class AcknowledgedWeigher(ABC, Generic[M, O]):
    """edge.drivers.contract.ScaleDriver; a subclass knows what the messages mean.

    A record that comes again is not counted again.  It is acknowledged when `release` says that its entry is safe: the
    device keeps it until then, and a copy that comes later is answered at once.
    """

    ROW: ClassVar[Weigher]
    method: Literal["static_platform", "moving_axles"] = "moving_axles"

    def __init__(self, options: O, *, device: str, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._link: Link | None = None
        self._acks: OrderedDict[str, bytes] = OrderedDict()  # of records that were handed on, newest last
        self._released: set[str] = set()
        self._reversals: dict[str, int] = {}  # when each came: their numbers come round again
        self._last_seq: int | None = None  # of a vehicle
        self._from_memory_until = 0
        self.pulse = Pulse(device=device, kind="scale", silent_ms=options.silent_ms, clock=clock)

    async def readings(self, link: Link) -> AsyncIterator[ScaleEvent]:
        self._link = link
        if self.pulse.state in ("starting", "down"):
            self._from_memory_until = self._clock.mono_ms() + self._memory_ms()
        try:
            parser: Any = self.ROW.parser(self._options)
            async for item in listen(link, parser, pulse=self.pulse, reopen_ms=self._options.reopen_ms):
                if isinstance(item, ProtocolError):
                    self.pulse.skip(item.problem)
                elif item is not None:
                    self.pulse.beat()
                    event = await self._said(item)
                    if event is not None:
                        yield event
        finally:
            self._link = None

    async def release(self, key: str) -> None:
        """Acknowledge it; while the device is away, its next copy will be answered with this."""
        ack = self._acks.get(key)
        if ack is None:
            return
        self._released.add(key)
        try:
            await self._answer(ack)
        except LinkError as error:
            log.info("record not acknowledged yet", extra={"device": self.pulse.device, "reason": str(error)})

    @abstractmethod
    def _memory_ms(self) -> int: ...

    @abstractmethod
    def _key(self, message: M) -> str:
        """The same for every copy of a record or reversal; "" for all that need not be kept."""

    @abstractmethod
    def _event(self, message: M, *, key: str, asked: bool, words: tuple[str, ...]) -> ScaleEvent:
        """A VehicleRecord or VehicleReversed of a message that has a key."""

    async def _said(self, message: M) -> ScaleEvent | None:
        self._forget_old()
        key = self._key(message)
        if not key:
            await self._answer(message.ack)
            return None
        if key in self._acks:
            if key in self._released:
                await self._answer(message.ack)
            return None
        return self._new(message, key)

    def _new(self, message: M, key: str) -> ScaleEvent:
        asked = self._clock.mono_ms() < self._from_memory_until
        # The number of the vehicle before, and not its record: another vehicle, and something is wrong.
        words = ("sequence_repeated",) if message.seq == self._last_seq else ()
        event = self._event(message, key=key, asked=asked, words=words)
        self._acks[key] = message.ack
        if isinstance(event, VehicleReversed):
            self._reversals[key] = self._clock.mono_ms()
        else:
            self._last_seq = message.seq
        return event

    def _forget_old(self) -> None:
        before = self._clock.mono_ms() - _REVERSAL_MS
        old = [key for key, at in self._reversals.items() if at < before and key in self._released]
        records = [key for key in self._acks if key not in self._reversals]
        for key in (*old, *records[:-_REMEMBERED]):
            self._reversals.pop(key, None)
            self._acks.pop(key, None)
            self._released.discard(key)

    async def _answer(self, ack: bytes) -> None:
        if self._link is None:
            raise LinkError(f"{self.pulse.device} is not connected")
        await self._link.write(ack)
