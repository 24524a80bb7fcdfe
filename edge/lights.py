"""Tells the lane controller what the cameras want of the light, until it has understood."""

from __future__ import annotations

from typing import Protocol

from edge.cameras.lighting import Exposure, Hint
from kernel.clock import Clock

LOOK_S = 5.0
AGAIN_S = 300.0  # a controller that does not know of light is asked no more often


class Sees(Protocol):
    @property
    def light(self) -> Hint: ...


class Lights(Protocol):
    async def set_light(self, *, fill: bool, exposure: Exposure) -> bool: ...


async def follow(sees: Sees, controller: Lights, *, clock: Clock) -> None:
    """For ever; a hint is told once, and again only while nobody has confirmed it."""
    told = Hint()
    while True:
        hint = sees.light
        if (hint.fill, hint.exposure) == (told.fill, told.exposure):
            await clock.sleep(LOOK_S)
        elif await controller.set_light(fill=hint.fill, exposure=hint.exposure):
            told = hint
        else:
            await clock.sleep(AGAIN_S)
