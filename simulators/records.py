"""A weigher that sends records, whatever its protocol: each is sent again until the host has acknowledged it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from edge.drivers.readings import Passed
from edge.drivers.rows import Weigher
from kernel.clock import Clock
from simulators.ptys import DevicePort

LISTEN_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A frame in the device's memory and when it goes out again."""

    frame: bytes
    due_mono_ms: int


class RecordSim:
    """Serves one weigher over `port`.

    `acknowledged` makes sequence numbers of what the host sends; None for devices that keep nothing.
    """

    def __init__(
        self,
        port: DevicePort,
        row: Weigher,
        options: Any,
        *,
        clock: Clock,
        acknowledged: Callable[[bytes], Iterable[int]] | None = None,
        again_ms: int = 1_000,
    ) -> None:
        self._port = port
        self._row = row
        self._options = options
        self._clock = clock
        self._acknowledged = acknowledged
        self._again_ms = again_ms
        self.kept: dict[int, Kept] = {}
        self.sent = 0
        self.muted = False

    async def vehicle(self, passed: Passed) -> bytes:
        """Send its record; returns the frame."""
        frame = self._row.write(passed, self._options)
        await self.frame(frame, seq=passed.seq)
        return frame

    async def frame(self, frame: bytes, *, seq: int) -> None:
        """Send it, and keep it until it is acknowledged."""
        if self._acknowledged is not None:
            self.kept[seq] = Kept(frame=frame, due_mono_ms=self._clock.mono_ms() + self._again_ms)
        await self._send(frame)

    async def run(self) -> None:
        """Listen and send again until cancelled."""
        while True:
            if self._acknowledged is not None:
                for seq in self._acknowledged(self._port.receive()):
                    self.kept.pop(seq, None)
            for seq, kept in list(self.kept.items()):
                if kept.due_mono_ms <= self._clock.mono_ms():
                    await self.frame(kept.frame, seq=seq)
            await self._clock.sleep(LISTEN_S)

    async def _send(self, frame: bytes) -> None:
        if not self.muted:
            self.sent += 1
            await self._port.send(frame)
