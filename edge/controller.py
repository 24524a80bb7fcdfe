"""The lane controller 车道控制器 seen from the lane: loops as they are crossed, and a sign that is known to be shown."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass

from edge.drivers.listening import FedParser, listen
from edge.drivers.pulse import Pulse
from firmware_bridge.protocol import (
    LINE_LIMIT,
    LINES_LIMIT,
    Ack,
    Colour,
    Exposure,
    Hello,
    Light,
    LightSet,
    Loop,
    Message,
    Parser,
    Sign,
    SignShown,
    Status,
    encode,
)
from kernel.clock import Clock
from kernel.errors import ConfigError, LinkError, ProtocolError
from kernel.links import Link

log = logging.getLogger(__name__)

_REMEMBERED = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerOptions:
    """The controller reports itself every second."""

    silent_ms: int = 3_500
    reopen_ms: int = 10_000
    sign_retry_ms: int = 300
    sign_tries: int = 5

    def __post_init__(self) -> None:
        if not 0 < self.silent_ms <= self.reopen_ms:
            raise ConfigError.one("silent_ms", f"must be from 1 to reopen_ms ({self.reopen_ms})")
        if self.sign_tries < 1:
            raise ConfigError.one("sign_tries", "must be at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopEvent:
    """A loop was entered or left; `mono_ms` and `at_ms` are this machine's clocks at that moment."""

    loop: int
    occupied: bool
    at_ms: int
    mono_ms: int
    device_ms: int
    seq: int


class LaneController:
    """Lives as long as the process; give it to edge.supervise like a scale driver."""

    def __init__(self, options: ControllerOptions, *, device: str, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._link: Link | None = None
        self._seq = 0
        self._boot: int | None = None
        self._seen: deque[tuple[int, int]] = deque(maxlen=_REMEMBERED)
        self._ahead_ms: deque[int] = deque(maxlen=_REMEMBERED)
        self._wanted: Sign | None = None
        self._light: Light | None = None
        self._shown: dict[int, asyncio.Event] = {}
        self.connections = 0
        self.broken = 0  # bit 0 is loop 1, as the controller last reported
        self.pulse = Pulse(device=device, kind="controller", silent_ms=options.silent_ms, clock=clock)

    async def readings(self, link: Link) -> AsyncIterator[LoopEvent]:
        self._link = link
        self.connections += 1
        self._ahead_ms.clear()
        parser: FedParser[Message] = Parser()
        try:
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

    async def show_sign(self, lines: tuple[str, ...], *, colour: Colour = "amber") -> bool:
        """Show `lines`; true once the controller says that they are shown.  A newer sign replaces an older one."""
        self._wanted = sign = Sign(seq=self._next(), lines=fitting(lines), colour=colour)
        if await self._confirmed(sign):
            return True
        if self._wanted is sign:
            log.warning("sign not confirmed", extra={"device": self.pulse.device})
        return False

    async def set_light(self, *, fill: bool, exposure: Exposure) -> bool:
        """Fill light and exposure; true once the controller says that they are set.  One that knows neither is silent."""
        self._light = light = Light(seq=self._next(), fill=fill, exposure=exposure)
        return await self._confirmed(light)

    async def _confirmed(self, message: Sign | Light) -> bool:
        """Send it until the controller names it, or another takes its place."""
        shown = self._shown[message.seq] = asyncio.Event()
        try:
            for _ in range(self._options.sign_tries):
                await self._try_send(message)
                if await self._within(shown, self._options.sign_retry_ms):
                    return True
                if message not in (self._wanted, self._light):
                    return False
        finally:
            del self._shown[message.seq]
        return False

    async def _within(self, event: asyncio.Event, limit_ms: int) -> bool:
        waits = {
            asyncio.ensure_future(event.wait()),
            asyncio.ensure_future(self._clock.sleep(limit_ms / 1000)),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return event.is_set()

    async def _try_send(self, message: Message) -> None:
        try:
            await self._send(message)
        except LinkError as error:
            log.debug("controller not reached", extra={"device": self.pulse.device, "reason": str(error)})

    async def _send(self, message: Message) -> None:
        if self._link is None:
            raise LinkError(f"{self.pulse.device} is not connected")
        await self._link.write(encode(message))

    def _next(self) -> int:
        self._seq = (self._seq + 1) & 0xFFFF
        return self._seq

    async def _said(self, message: Message) -> LoopEvent | None:
        if isinstance(message, Hello):
            await self._hello(message)
        elif isinstance(message, Status):
            self.broken = message.broken
            self._learn_clock(message.mono_ms)
        elif isinstance(message, (SignShown, LightSet)):
            if message.of in self._shown:
                self._shown[message.of].set()
        elif isinstance(message, Loop):
            return await self._loop(message)
        return None

    async def _hello(self, hello: Hello) -> None:
        await self._send(Ack(seq=self._next(), of=hello.seq))
        if hello.boot == self._boot:
            return
        self._boot = hello.boot
        self._seen.clear()
        self._ahead_ms.clear()
        if self._wanted is not None:  # a controller that has restarted has a dark sign
            await self._send(self._wanted)
        if self._light is not None:
            await self._send(self._light)

    async def _loop(self, loop: Loop) -> LoopEvent | None:
        await self._send(Ack(seq=self._next(), of=loop.seq))
        # With its time: numbers come round twice a day, and at a quiet site the last ones are older than that.
        told = (loop.seq, loop.mono_ms)
        if told in self._seen:
            return None
        self._seen.append(told)
        ahead = self._learn_clock(loop.mono_ms)
        mono = loop.mono_ms + ahead
        return LoopEvent(
            loop=loop.loop,
            occupied=loop.occupied,
            at_ms=self._clock.now_ms() - (self._clock.mono_ms() - mono),
            mono_ms=mono,
            device_ms=loop.mono_ms,
            seq=loop.seq,
        )

    def _learn_clock(self, device_ms: int) -> int:
        """How far our monotonic clock is ahead of the controller's: the least seen lately, where the line was fastest.

        Only lately, because the two clocks drift apart by seconds a day.
        """
        self._ahead_ms.append(self._clock.mono_ms() - device_ms)
        return min(self._ahead_ms)


def fitting(lines: tuple[str, ...]) -> tuple[str, ...]:
    """What of `lines` a sign can show: whole characters, cut at its limits."""
    return tuple(line.encode()[:LINE_LIMIT].decode(errors="ignore") for line in lines[:LINES_LIMIT])
