"""What custody needs of a message broker: very little, and nothing that would be believed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

Handler = Callable[[str, bytes], None]  # topic, payload; called on the loop


class Transport(Protocol):
    """One connection to one broker.  Everything is called on the loop and never blocks.

    Delivery may lose, double, reorder, forge: receipts are what counts.  The connection is made again for ever.
    """

    @property
    def connected(self) -> bool: ...

    def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> bool:
        """Hand over; False when there is no connection or too much is under way: try again later."""
        ...

    def subscribe(self, pattern: str, handler: Handler) -> None:
        """From now on and after every reconnect.  Patterns may have + and a final #."""
        ...

    def on_connected(self, callback: Callable[[], None]) -> None:
        """Called after every connect, when the subscriptions are in place."""
        ...

    async def start(self) -> None:
        """Begin to connect; returns at once."""
        ...

    async def stop(self) -> None: ...


def topic_matches(pattern: str, topic: str) -> bool:
    """MQTT's rule for + and #; topics that begin with $ match no wildcard."""
    if topic.startswith("$") and pattern[:1] in ("+", "#"):
        return False
    wanted, given = pattern.split("/"), topic.split("/")
    for at, part in enumerate(wanted):
        if part == "#":
            return True
        if at >= len(given) or part not in ("+", given[at]):
            return False
    return len(wanted) == len(given)
