"""The controller of a moving-axle weigher: keeps every record until the host deletes it, and answers the host."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from edge.drivers.scale.wim_wj.protocol import (
    CHECK,
    DELETE,
    RESEND,
    Command,
    CommandParser,
    Notice,
    Status,
    Vehicle,
)
from kernel.clock import Clock
from simulators.ptys import DevicePort
from simulators.traffic import Truck

_CODES = {(1, False): 1, (1, True): 2, (2, False): 3, (2, True): 5, (3, False): 6, (3, True): 9}
_LISTEN_S = 0.02


def measured(truck: Truck, *, serial: int, axle_speeds_dkmh: tuple[int, ...], seed: int) -> Vehicle:
    """The record of `truck` as a class-5 weigher would make it: every axle a little off, in steps of 10 kg."""
    dice = random.Random(seed)
    return Vehicle(
        by="axle",
        serial=serial & 0xFF,
        cached=0,
        time_raw=bytes(7),
        flags=0,
        speed_dkmh=sum(axle_speeds_dkmh) // len(axle_speeds_dkmh),
        accel_raw=max(-128, min(127, (axle_speeds_dkmh[-1] - axle_speeds_dkmh[0]) // 10)),
        weights_kg=tuple(max(10, round(kg * dice.gauss(1, 0.008) / 10) * 10) for kg in truck.axle_kg),
        group_codes=tuple(
            _CODES.get((axles, dual), 0) for axles, dual in zip(truck.groups, truck.dual_tyres, strict=True)
        ),
        spacing_raw=tuple(round(mm * dice.gauss(1, 0.004) / 10) for mm in truck.spacing_mm),
        axle_speed_raw=tuple(min(speed // 10, 255) for speed in axle_speeds_dkmh),
    )


class WimSim:
    """Serves one weigher over `port`; `sent` is told every frame of a record that went out."""

    def __init__(
        self, port: DevicePort, *, clock: Clock, sent: Callable[[bytes], None] | None = None
    ) -> None:
        self._port = port
        self._clock = clock
        self._sent = sent or (lambda _frame: None)
        self._commands = CommandParser()
        self._serial = 0
        self.records: dict[int, Vehicle] = {}  # what the device still holds, by serial number, oldest first
        self.muted = False

    def next_serial(self) -> int:
        self._serial = self._serial % 255 + 1
        return self._serial

    async def vehicle(self, record: Vehicle) -> bytes:
        """Keep `record` and send it; returns the frame as it went out."""
        self.records[record.serial] = record
        return await self._send_record(record)

    async def reverse(self) -> None:
        await self._port.send(Notice(kind="reverse").to_bytes())

    async def run(self) -> None:
        """Answer the host until cancelled."""
        while True:
            for command in self._commands.feed(self._port.receive()):
                if isinstance(command, Command) and not self.muted:
                    await self._answer(command)
            await self._clock.sleep(_LISTEN_S)

    async def _answer(self, command: Command) -> None:
        if command.code == CHECK:
            await self._port.send(Status(status=0).to_bytes())
        elif command.code == RESEND and self.records:
            await self._send_record(next(reversed(self.records.values())))
        elif command.code == DELETE:
            self.records.pop(command.d0, None)
            await self._port.send(Notice(kind="deleted", data=bytes([command.d0])).to_bytes())

    async def _send_record(self, record: Vehicle) -> bytes:
        frame = replace(record, cached=min(len(self.records), 255)).to_bytes()
        if not self.muted:
            await self._port.send(frame)
            self._sent(frame)
        return frame
