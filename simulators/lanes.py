"""The devices of the simulated lanes, each on its own wire, driven by the world."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial

from edge.drivers.rows import Indicator
from kernel.clock import Clock
from simulators.controller import ControllerSim
from simulators.indicator import IndicatorSim, lane_options, told_options
from simulators.platform import RIGID, ScaleSettings
from simulators.ptys import DevicePort
from simulators.records import RecordSim
from simulators.wim import WimSim
from simulators.world import LaneWorld, World, play

Device = IndicatorSim | WimSim | RecordSim | ControllerSim


class LaneDevices:
    """Scale and lane controller of one lane; `scale` and `controller` may be muted while they run."""

    def __init__(
        self,
        lane: LaneWorld,
        *,
        scale: DevicePort,
        controller: DevicePort,
        clock: Clock,
        indicator: ScaleSettings = RIGID,
        row: Indicator | None = None,
        boot: int = 1,
    ) -> None:
        self._lane = lane
        self._clock = clock
        self.ports = {"scale": scale, "controller": controller}
        self.controller = ControllerSim(controller, clock=clock, boot=boot)
        self.scale: IndicatorSim | WimSim = (
            WimSim(scale, clock=clock)
            if lane.kind == "wim"
            else IndicatorSim(
                scale,
                load_kg=lane.platform.load_kg,
                seen=lane.displayed,
                clock=clock,
                settings=indicator,
                row=row,
                options=told_options(row, lane_options(row)) if row else None,
            )
        )

    async def run(self) -> None:
        """Serve the wires until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.scale.run(), name=f"{self._lane.name} scale")
            tasks.create_task(self.controller.run(), name=f"{self._lane.name} controller")
            tasks.create_task(self._loops(), name=f"{self._lane.name} loops")
            if isinstance(self.scale, WimSim):
                tasks.create_task(self._records(self.scale), name=f"{self._lane.name} records")

    async def _loops(self) -> None:
        loop = self.controller.loop
        timeline = [
            (change.at_ms, partial(loop, change.loop, occupied=change.occupied))
            for change in self._lane.loops
        ]
        await play(timeline, clock=self._clock)

    async def _records(self, scale: WimSim) -> None:
        begun = self._clock.now_ms()
        for passing in sorted(self._lane.passings, key=lambda passing: passing.record_ms):
            if passing.record_ms < begun:
                continue
            await self._clock.sleep(max(0, passing.record_ms - self._clock.now_ms()) / 1000)
            record = self._lane.record(passing, serial=scale.next_serial())
            self._lane.recorded(passing, record, await scale.vehicle(record))


def devices_of(
    world: World,
    *,
    ports: Mapping[str, DevicePort],
    clock: Clock,
    indicator: ScaleSettings = RIGID,
    row: Indicator | None = None,
) -> dict[str, LaneDevices]:
    """One LaneDevices a lane over `ports`, which are named "<lane>.scale" and "<lane>.controller".

    Platforms speak the protocol of `row`, with the options of simulators.indicator.lane_options; without one, Toledo's.
    """
    return {
        name: LaneDevices(
            lane,
            scale=ports[f"{name}.scale"],
            controller=ports[f"{name}.controller"],
            clock=clock,
            indicator=indicator,
            row=row,
            boot=number,
        )
        for number, (name, lane) in enumerate(world.lanes.items(), start=1)
    }
