"""When nobody was in the side camera's picture: some seconds before a vehicle that no other went before."""

from __future__ import annotations

BEFORE_MS = 4_000  # so long before the loop a vehicle is not yet in the picture
CLEAR_MS = 6_000  # so long after it the one before is out of it


class Quiet:
    """Told of every vehicle that opens and passes."""

    def __init__(self) -> None:
        self._inside: set[str] = set()
        self._busy_until_ms = 0

    def opened(self, passage: str, at_ms: int) -> int | None:
        """The moment before it at which the place was empty; None when nobody can say so."""
        before_ms = at_ms - BEFORE_MS
        empty = not self._inside and before_ms >= self._busy_until_ms
        self._inside.add(passage)
        self._busy(at_ms)
        return before_ms if empty else None

    def passed(self, passage: str, at_ms: int) -> None:
        self._inside.discard(passage)
        self._busy(at_ms)

    def done(self, passage: str) -> None:
        """Whether or not anybody saw it leave."""
        self._inside.discard(passage)

    def _busy(self, at_ms: int) -> None:
        self._busy_until_ms = max(self._busy_until_ms, at_ms + CLEAR_MS)
