"""The devices of one lane, there for as long as a case runs; a truck comes when the case says so."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

from edge.drivers.readings import Display
from kernel.clock import Clock
from simulators.controller import ControllerSim
from simulators.demo.stage import BAUDS
from simulators.indicator import IndicatorSim
from simulators.ptys import PtyPort
from simulators.scene.view import Appearance
from simulators.traffic import Crossing, Truck
from simulators.wim import WimSim
from simulators.world import LaneKind, LaneWorld, Passing, Truth, play

TRUCK = Truck(
    name="two axles",
    axle_kg=(5_200, 9_300),
    spacing_mm=(4_200,),
    groups=(1, 1),
    dual_tyres=(False, True),
    combination=False,
    drive_axles=1,
    length_mm=6_500,
    plate_front="鲁C72A51",
    plate_rear="鲁C72A51",
)
SPEED_DKMH = {"wim": 300, "static": 200}


class Rig:
    """`ports` may be unplugged and bent, `scale` and `controller` muted, at any time."""

    def __init__(self, name: str, kind: LaneKind, *, wires: Path, clock: Clock) -> None:
        self.name, self.kind = name, kind
        self._clock = clock
        self.ports = {
            device: PtyPort(wires / f"{name}.{device}", baud=baud, clock=clock)
            for device, baud in BAUDS.items()
        }
        for port in self.ports.values():
            port.plug()
        self.controller = ControllerSim(self.ports["controller"], clock=clock)
        self.scale: WimSim | IndicatorSim = (
            WimSim(self.ports["scale"], clock=clock)
            if kind == "wim"
            else IndicatorSim(self.ports["scale"], load_kg=self._load_kg, seen=self._seen, clock=clock)
        )
        self._now: LaneWorld | None = None
        self._number = 0
        self.truths: list[Truth] = []

    async def run(self) -> None:
        """Serve the wires until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.scale.run())
            tasks.create_task(self.controller.run())

    def unplug(self) -> None:
        for port in self.ports.values():
            port.unplug()

    async def drive(self, truck: Truck = TRUCK, *, stands_ms: int = 2_500) -> Truth:
        """One truck over the lane, from its first loop to its record or its leaving; what happened to it."""
        self._number += 1
        crossing = Crossing(
            number=self._number,
            lane=self.name,
            truck=truck,
            start_ms=0,
            speed_dkmh=SPEED_DKMH[self.kind],
            stands_ms=stands_ms if self.kind == "static" else 0,
        )
        seen = Appearance.of(crossing, started_ms=self._clock.now_ms() + 100)
        passing = Passing(crossing=crossing, seen=seen, kind=self.kind)
        self._now = lane = LaneWorld(self.name, self.kind, [passing], seed=self._number)
        loop = self.controller.loop
        timeline = [(one.at_ms, partial(loop, one.loop, occupied=one.occupied)) for one in lane.loops]
        await play(timeline, clock=self._clock)
        await self._clock.sleep(max(0, passing.record_ms - self._clock.now_ms()) / 1000)
        if isinstance(self.scale, WimSim):
            record = lane.record(passing, serial=self.scale.next_serial())
            lane.recorded(passing, record, await self.scale.vehicle(record))
        truth = lane.truths[self._number]
        self.truths.append(truth)
        return truth

    def _load_kg(self, at_ms: int) -> float:
        return self._now.platform.load_kg(at_ms) if self._now else 0.0

    def _seen(self, at_ms: int, display: Display) -> None:
        if self._now:
            self._now.displayed(at_ms, display)
