"""The lane controller: reports its loops until they are acknowledged, and remembers what its sign showed."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_bridge.protocol import (
    Ack,
    Colour,
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
from kernel.errors import ProtocolError
from simulators.ptys import DevicePort

_LISTEN_S = 0.02
_STATUS_MS = 1_000
_REPEAT_MS = 200
_REPEATS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSign:
    at_ms: int
    lines: tuple[str, ...]
    colour: Colour


class ControllerSim:
    """Serves one lane over `port` until cancelled; its own clock starts at zero, as a controller's does."""

    def __init__(self, port: DevicePort, *, clock: Clock, boot: int = 1, loops: int = 2) -> None:
        self._port = port
        self._clock = clock
        self._started = clock.mono_ms()
        self._parser = Parser()
        self._seq = 0
        self._occupied = 0
        self._dropped = 0
        self._waiting: dict[int, _Waiting] = {}
        self._boot, self._loops = boot, loops
        self._status_due = self._started
        self.shown: list[ShownSign] = []
        self.lights: list[Light] = []
        self.muted = False

    def loop(self, loop: int, *, occupied: bool) -> None:
        """A loop has been entered or left just now."""
        bit = 1 << loop - 1
        self._occupied = self._occupied | bit if occupied else self._occupied & ~bit
        self._until_acknowledged(
            Loop(seq=self._next(), loop=loop, occupied=occupied, mono_ms=self._mono_ms())
        )

    async def run(self) -> None:
        self._until_acknowledged(
            Hello(seq=self._next(), boot=self._boot, loops=self._loops, firmware="sim 1")
        )
        while True:
            for message in self._parser.feed(self._port.receive()):
                if isinstance(message, ProtocolError):
                    self._dropped += 1
                elif not self.muted:
                    await self._said(message)
            if not self.muted:
                await self._speak()
            await self._clock.sleep(_LISTEN_S)

    async def _speak(self) -> None:
        now = self._clock.mono_ms()
        for waiting in list(self._waiting.values()):
            if now >= waiting.due:
                waiting.due = now + _REPEAT_MS
                waiting.left -= 1
                if waiting.left == 0:
                    del self._waiting[waiting.message.seq]
                await self._port.send(encode(waiting.message))
        if now >= self._status_due:
            self._status_due = now + _STATUS_MS
            await self._port.send(encode(self._status()))

    def _status(self) -> Status:
        return Status(
            seq=self._next(),
            mono_ms=self._mono_ms(),
            occupied=self._occupied,
            dropped=min(self._dropped, 0xFFFF),
        )

    async def _said(self, message: Message) -> None:
        if isinstance(message, Ack):
            self._waiting.pop(message.of, None)
        elif isinstance(message, Sign):
            self.shown.append(
                ShownSign(at_ms=self._clock.now_ms(), lines=message.lines, colour=message.colour)
            )
            await self._port.send(encode(SignShown(seq=self._next(), of=message.seq)))
        elif isinstance(message, Light):
            self.lights.append(message)
            await self._port.send(encode(LightSet(seq=self._next(), of=message.seq)))

    def _until_acknowledged(self, message: Hello | Loop) -> None:
        self._waiting[message.seq] = _Waiting(message=message, due=self._clock.mono_ms(), left=_REPEATS)

    def _next(self) -> int:
        self._seq = (self._seq + 1) & 0xFFFF
        return self._seq

    def _mono_ms(self) -> int:
        return self._clock.mono_ms() - self._started


@dataclass(slots=True, kw_only=True)
class _Waiting:
    message: Hello | Loop
    due: int
    left: int
