"""Who may come in by certificate: at the broker, at the uploads; and who is told when somebody may no more."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

ShutOut = Callable[[str], None]


class Guests(Protocol):
    """Asked at every connection and every request."""

    def admits(self, box: str) -> bool: ...

    def on_shut_out(self, callback: ShutOut) -> None:
        """Called in the event loop with a box that was admitted and is no more."""
        ...


class Listed:
    """The boxes that the settings name, less those that were shut out since."""

    def __init__(self, boxes: Iterable[str]) -> None:
        self._boxes = set(boxes)
        self._callbacks: list[ShutOut] = []

    def admits(self, box: str) -> bool:
        return box in self._boxes

    def on_shut_out(self, callback: ShutOut) -> None:
        self._callbacks.append(callback)

    def add(self, box: str) -> None:
        self._boxes.add(box)

    def shut_out(self, box: str) -> None:
        """For good; a box that was never admitted changes nothing."""
        if box in self._boxes:
            self._boxes.discard(box)
            for callback in self._callbacks:
                callback(box)
