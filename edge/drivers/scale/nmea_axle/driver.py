"""Lines of axle loads become one vehicle: what stands between a begin and an end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal

from edge.drivers.listening import FedParser, listen
from edge.drivers.pulse import Pulse
from edge.drivers.scale.nmea_axle.protocol import Axle, Message, NmeaOptions, parser
from edge.weighing.values import ScaleEvent, VehicleRecord, whole_kg
from kernel.clock import Clock
from kernel.errors import ProtocolError
from kernel.links import Link

_MOST_LINES = 64


class NmeaAxle:
    """edge.drivers.contract.ScaleDriver for axle lines.  A set that lost a line is said to have, and has no weight."""

    method: Literal["static_platform", "moving_axles"] = "moving_axles"

    def __init__(self, options: NmeaOptions, *, device: str, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self.pulse = Pulse(device=device, kind="scale", silent_ms=options.silent_ms, clock=clock)

    async def readings(self, link: Link) -> AsyncIterator[ScaleEvent]:
        gathered = _Set()
        lines: FedParser[Message] = parser(self._options)
        async for item in listen(link, lines, pulse=self.pulse, reopen_ms=self._options.reopen_ms):
            if item is None:
                continue
            if isinstance(item, ProtocolError):
                self.pulse.skip(item.problem)
                gathered.damage()
                continue
            self.pulse.beat()
            done = gathered.take(item)
            if done is not None:
                try:
                    yield self._record(done)
                except ProtocolError as error:
                    self.pulse.skip(error.problem)

    async def release(self, key: str) -> None:
        """The device keeps no records."""

    def _record(self, done: _Set) -> VehicleRecord:
        options, weights, words = self._options, [], dict.fromkeys(done.words())
        for axle in done.axles:
            kg, converted = whole_kg(axle.weight, 0, axle.unit, allow_lb=options.allow_lb)
            weights.append(kg)
            words |= dict.fromkeys(converted)
        return VehicleRecord(
            key="",
            serial=0,
            by="axle" if options.sensor == "axle" else "group",
            axle_count=len(weights) if options.sensor == "axle" and done.whole else None,
            weights_kg=tuple(weights),
            flags=0,
            speed_dkmh=None,
            words=tuple(words),
            raw=done.raw,
            at_ms=self._clock.now_ms(),
            mono_ms=self._clock.mono_ms(),
        )


class _Set:
    """The lines of one vehicle."""

    def __init__(self) -> None:
        self.axles: list[Axle] = []
        self.raw = b""
        self.whole = False  # from its begin to its end, and nothing between them was damaged

    def damage(self) -> None:
        self.whole = False

    def words(self) -> tuple[str, ...]:
        return () if self.whole else ("lines_missing",)

    def take(self, message: Message) -> _Set | None:
        """The set that this message ends."""
        if isinstance(message, Axle):
            self._add(message)
            return None
        if message.kind == "begin":
            lost_its_end = self._ended(whole=False)
            self.raw, self.whole = message.raw, True
            return lost_its_end
        self.raw += message.raw
        return self._ended(whole=self.whole)

    def _add(self, axle: Axle) -> None:
        self.raw += axle.raw
        if len(self.axles) < _MOST_LINES:
            self.axles.append(axle)
        else:
            self.whole = False

    def _ended(self, *, whole: bool) -> _Set | None:
        done = _Set()
        done.axles, done.raw, done.whole = self.axles, self.raw, whole
        self.axles, self.raw, self.whole = [], b"", False
        return done if done.axles else None
