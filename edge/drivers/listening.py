"""The reading loop that scale drivers share: bytes to the parser, every item to the pulse, silence to the watchdog."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from edge.drivers.pulse import Pulse
from kernel.clock import Clock
from kernel.errors import LinkError, ProtocolError
from kernel.links import Link

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class SilentError(LinkError):
    """The wire is there, but the device says nothing that can be understood."""


class FedParser(Protocol[T_co]):
    def feed(self, data: bytes, /) -> Sequence[T_co | ProtocolError]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a device is asked when it speaks only then: at most every `every_ms`, and not before it has answered.

    `ask` gives the question anew each time, where questions have numbers.
    """

    data: bytes
    ask: Callable[[], bytes] | None = None
    every_ms: int
    clock: Clock


async def listen(
    link: Link, parser: FedParser[T], *, pulse: Pulse, reopen_ms: int, question: Question | None = None
) -> AsyncIterator[T | ProtocolError | None]:
    """Yield what the parser makes of the wire, and None after every read.

    A silent TCP peer gives no error at all, so a wire without a valid frame for `reopen_ms` is opened anew.
    """
    pulse.opened()
    asker = _Asker(link, question) if question else None
    while True:
        if asker is not None:
            await asker.ask_if_due()
        data = await link.read()
        items = parser.feed(data)
        if asker is not None and (items or not data):
            asker.open = False
        for item in items:
            yield item
        pulse.tick(heard=bool(data))
        if pulse.without_frame_ms() >= reopen_ms:
            raise SilentError(f"no valid frame for {reopen_ms // 1000} s")
        yield None


class _Asker:
    def __init__(self, link: Link, question: Question) -> None:
        self._link = link
        self._question = question
        self._due_mono = question.clock.mono_ms()
        self.open = False  # asked, and neither answered nor given up

    async def ask_if_due(self) -> None:
        if self.open:
            return
        clock = self._question.clock
        await clock.sleep(max(self._due_mono - clock.mono_ms(), 0) / 1000)
        self._due_mono = clock.mono_ms() + self._question.every_ms
        self.open = True
        question = self._question
        await self._link.write(question.ask() if question.ask else question.data)
