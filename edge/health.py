"""What works and what does not, said on every change and once a minute, so that silence means something."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal

from edge.keeping.settings import KeepingSettings
from edge.settings import Health
from journal.disk import Room, room_of
from kernel.clock import Clock
from kernel.events import DeviceHealth, LaneHealth

log = logging.getLogger(__name__)

Probe = Callable[[], Iterable[DeviceHealth]]
Append = Callable[[LaneHealth], Awaitable[object]]
States = tuple[tuple[str, str], ...]
State = Literal["up", "low", "full"]

FULL = 1 << 20  # bytes that are left and are as good as none
SETTLE_MS = 2_000  # a device that flaps is told once, not at every flap


class HealthBoard:
    """Asks every probe once a second and appends `lane.health` when a state changed or the minute is over."""

    def __init__(
        self,
        probes: Sequence[Probe],
        *,
        settings: Health,
        clock: Clock,
        append: Append,
        frame: Callable[[tuple[DeviceHealth, ...]], LaneHealth],
    ) -> None:
        self._probes = list(probes)
        self._settings = settings
        self._clock = clock
        self._append = append
        self._frame = frame
        self._said: States | None = None
        self._said_ms = 0
        self.devices: tuple[DeviceHealth, ...] = ()

    def ask(self, probe: Probe) -> None:
        """One more."""
        self._probes.append(probe)

    @property
    def missing(self) -> tuple[str, ...]:
        """Devices that should speak and do not, as an event says it: `camera front: down`."""
        return tuple(
            f"{device.kind} {device.name}: {device.state}"
            for device in self.devices
            if device.state in ("silent", "down", "frozen", "noisy")
        )

    async def run(self) -> None:
        while True:
            await self.look()
            await self._clock.sleep(1.0)

    async def look(self) -> None:
        """One look at everything; says what is worth saying."""
        self.devices = tuple(device for probe in self._probes for device in probe())
        states = tuple((device.name, device.state) for device in self.devices)
        now = self._clock.mono_ms()
        if not self._due(states, now):
            return
        self._said, self._said_ms = states, now
        await self._append(self._frame(self.devices))

    def _due(self, states: States, now_ms: int) -> bool:
        if self._said is None:
            return True
        since = now_ms - self._said_ms
        return (states != self._said and since >= SETTLE_MS) or since >= self._settings.every_s * 1000


class DiskProbe:
    """Free room where the journal lies; `reserved`: the journal would find some even on a full disk."""

    def __init__(
        self,
        folder: Path,
        *,
        low_mb: int,
        clock: Clock,
        keeping: KeepingSettings | None = None,
        reserved: Callable[[], bool] = lambda: True,
    ) -> None:
        self._folder = folder
        self._low_kb = low_mb * 1024
        self._clock = clock
        self._marks = keeping or KeepingSettings()
        self._reserved = reserved
        self._state: State = "up"
        self._since_ms = clock.now_ms()

    @property
    def free_kb(self) -> int:
        return room_of(self._folder).free // 1024

    def __call__(self) -> Iterable[DeviceHealth]:
        room, reserved = room_of(self._folder), self._reserved()
        state = self._judged(room, reserved=reserved)
        if state != self._state:
            self._state, self._since_ms = state, self._clock.now_ms()
            log.warning("disk changed", extra={"state": state, "free_kb": room.free // 1024})
        given_up = "" if reserved else ", reserve given up"
        yield DeviceHealth(
            name="disk",
            kind="disk",
            state=state,
            since_ms=self._since_ms,
            detail=f"{room.free >> 20} MB free, {room.used_percent} % used{given_up}",
        )

    def _judged(self, room: Room, *, reserved: bool) -> State:
        if room.free <= FULL or room.used_percent >= self._marks.high_percent or not reserved:
            return "full"
        if room.free // 1024 < self._low_kb or room.used_percent >= self._marks.low_percent:
            return "low"
        return "up"
