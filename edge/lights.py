"""Tells the lane controller what the cameras want of the light, until it has understood."""

from __future__ import annotations

from typing import Protocol

from edge.cameras.lighting import Exposure, Hint
from kernel.clock import Clock

LOOK_S = 5.0
AGAIN_S = 300.0  # a controller that does not know of light is asked no more often


class Sees(Protocol):
    @property
    def light(self) -> Hint | None: ...


class Lights(Protocol):
    @property
    def connections(self) -> int: ...

    async def set_light(self, *, fill: bool, exposure: Exposure) -> bool: ...


async def follow(sees: Sees, controller: Lights, *, clock: Clock) -> None:
    """For ever; a hint is told once, and again only while nobody has confirmed it.

    The first one is told whatever it is: the light may be on from before a restart.
    """
    told: tuple[bool, Exposure] | None = None
    while True:
        hint, connections = sees.light, controller.connections
        if hint is None or (hint.fill, hint.exposure) == told:
            await clock.sleep(LOOK_S)
        elif await controller.set_light(fill=hint.fill, exposure=hint.exposure):
            told = (hint.fill, hint.exposure)
        else:
            await _again(controller, connections, clock)


async def _again(controller: Lights, connections: int, clock: Clock) -> None:
    """After a while, or as soon as it is connected anew."""
    for _ in range(int(AGAIN_S / LOOK_S)):
        await clock.sleep(LOOK_S)
        if controller.connections != connections:
            return
