"""What every scale driver offers to the lane."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal, Protocol

from edge.drivers.pulse import Pulse
from edge.weighing.values import ScaleEvent
from kernel.links import Link


class ScaleDriver(Protocol):
    """Lives as long as the process; the link under it comes and goes."""

    method: Literal["static_platform", "moving_axles"]
    pulse: Pulse

    def readings(self, link: Link) -> AsyncIterator[ScaleEvent]:
        """Yield what the device says until the link fails (LinkError goes to the supervisor)."""
        ...

    async def release(self, key: str) -> None:
        """The record `key` is safe in the journal: the device may forget it."""
        ...
