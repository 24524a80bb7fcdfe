"""The indicator of a static platform: Toledo continuous, ten displays a second, with the motion of a real load."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from edge.drivers import readings
from edge.drivers.scale.toledo_continuous.protocol import ToledoOptions, write
from kernel.clock import Clock
from simulators.ptys import DevicePort


@dataclass(frozen=True, slots=True, kw_only=True)
class Display:
    """What the indicator shows at one moment."""

    kg: int
    motion: bool
    over_range: bool = False

    def to_bytes(self, *, checksum: bool, increment: int) -> bytes:
        last_place = {10: 1, 20: 2, 50: 5}.get(increment, 1)
        shown = readings.Display(
            mantissa=self.kg,
            stable=not self.motion,
            over_range=self.over_range,
            increment=last_place,
        )
        return write(shown, ToledoOptions(checksum=checksum))


@dataclass(frozen=True, slots=True, kw_only=True)
class IndicatorSettings:
    capacity_kg: int = 100_000
    increment_kg: int = 20
    noise_kg: int = 3
    zero_kg: int = 0
    checksum: bool = True
    period_ms: int = 100
    motion_frames: int = 5
    seed: int = 0


class Indicator:
    """From the load on the platform to the display: increments, noise, range and motion flag."""

    def __init__(self, settings: IndicatorSettings) -> None:
        self._settings = settings
        self._dice = random.Random(settings.seed)
        self._shown: deque[int] = deque(maxlen=settings.motion_frames)

    def shows(self, load_kg: float) -> Display:
        settings = self._settings
        noisy = load_kg + settings.zero_kg + self._dice.uniform(-settings.noise_kg, settings.noise_kg)
        kg = round(noisy / settings.increment_kg) * settings.increment_kg
        self._shown.append(kg)
        motion = max(self._shown) - min(self._shown) > settings.increment_kg
        return Display(kg=kg, motion=motion, over_range=kg > settings.capacity_kg)


class IndicatorSim:
    """Sends the display over `port` until it is cancelled.

    `load_kg` gives the weight on the platform at a wall time; `seen` is told every display that was sent, so that the
    world knows what the wire said.
    """

    def __init__(
        self,
        port: DevicePort,
        *,
        load_kg: Callable[[int], float],
        seen: Callable[[int, Display], None],
        clock: Clock,
        settings: IndicatorSettings | None = None,
    ) -> None:
        self._port = port
        self._load_kg = load_kg
        self._seen = seen
        self._clock = clock
        self._settings = settings or IndicatorSettings()
        self._indicator = Indicator(self._settings)
        self.muted = False

    async def run(self) -> None:
        due = self._clock.mono_ms()
        while True:
            if not self.muted:
                await self._show()
            due = max(due + self._settings.period_ms, self._clock.mono_ms())
            await self._clock.sleep((due - self._clock.mono_ms()) / 1000)

    async def _show(self) -> None:
        now = self._clock.now_ms()
        display = self._indicator.shows(self._load_kg(now))
        settings = self._settings
        await self._port.send(display.to_bytes(checksum=settings.checksum, increment=settings.increment_kg))
        self._seen(now, display)
