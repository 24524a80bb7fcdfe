"""The simulated outside world of the demo: lanes with their wires, cameras, and the traffic over them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from edge.drivers.rows import Indicator
from kernel.clock import Clock
from simulators.cameras.camera import Camera
from simulators.cameras.server import CameraServer
from simulators.demo.layout import CAMERAS, HOST, LANES, Layout
from simulators.faults import Fault, inflict
from simulators.lanes import devices_of
from simulators.ptys import DevicePort, PtyPort
from simulators.traffic import Crossing, Light
from simulators.world import World

KINDS = {"lane1": "wim", "lane2": "static"}
SITE = "YIYUAN S01"
BAUDS = {"scale": 9600, "controller": 115200}


@dataclass(slots=True)
class Stage:
    """Wires and cameras are there from the start; `play` drives the trucks."""

    ports: dict[str, DevicePort]
    cameras: CameraServer
    clock: Clock
    indicator: Indicator | None = None  # what the platform speaks; None: Toledo's
    world: World | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)  # the last truck has left

    async def play(
        self, crossings: tuple[Crossing, ...], *, started_ms: int, faults: tuple[Fault, ...]
    ) -> None:
        """Until cancelled; `over` is set when the last truck has left, and the world stays, with its truth."""
        self.world = world = World(
            crossings, lanes={"lane1": "wim", "lane2": "static"}, started_ms=started_ms
        )
        for name, lane in world.lanes.items():
            for role in CAMERAS[name]:
                camera = self.cameras.cameras[f"{name}-{role}"]
                camera.schedule((passing.seen for passing in lane.passings), now_ms=self.clock.now_ms())
        devices = devices_of(world, ports=self.ports, clock=self.clock, row=self.indicator)
        tasks = [asyncio.create_task(one.run(), name=name) for name, one in devices.items()]
        try:
            await inflict(faults, devices, started_ms=started_ms, clock=self.clock)
            while self.clock.now_ms() < world.ends_ms + 1_500:
                await self.clock.sleep(0.2)
            self.over.set()
            # The devices stay: a scale that shows zero and a controller that reports itself.
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def stage(layout: Layout, *, clock: Clock, light: Light) -> AsyncIterator[Stage]:
    """Serial wires at their paths and the cameras on their port."""
    ports: dict[str, DevicePort] = {}
    for lane in LANES:
        for device, baud in BAUDS.items():
            name = f"{lane}.{device}"
            ports[name] = PtyPort(layout.wire(name), baud=baud, clock=clock)
            ports[name].plug()
    cameras = tuple(
        Camera(f"{lane}-{role}", lane=lane, role=role, site=SITE, static=KINDS[lane] == "static", light=light)
        for lane, roles in CAMERAS.items()
        for role in roles
    )
    try:
        async with CameraServer(cameras, clock=clock, host=HOST, port=layout.ports.cameras) as server:
            yield Stage(ports=ports, cameras=server, clock=clock, indicator=layout.indicator)
    finally:
        for port in ports.values():
            port.unplug()
