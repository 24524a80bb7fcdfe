"""Which of several addresses of one destination is used: after a failure the next, and back to the first in time."""

from __future__ import annotations

from collections.abc import Sequence

LONGEST = 32  # times the first patience, when the first address answers but does not work


class Hosts:
    """Addresses in order of preference; `patience` is how many times longer than usual to stay away from the first."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = tuple(addresses)
        self._at = 0
        self._returned = False
        self.patience = 1

    @property
    def now(self) -> str:
        return self._addresses[self._at]

    @property
    def first(self) -> str:
        return self._addresses[0]

    @property
    def is_away(self) -> bool:
        """Another than the first is in use."""
        return self._at > 0

    @property
    def several(self) -> bool:
        return len(self._addresses) > 1

    def failed(self) -> str:
        """The one in use did not answer, or no longer; the next, after the last the first again."""
        if self._returned and not self.is_away:
            self.patience = min(2 * self.patience, LONGEST)
        self._returned = False
        self._at = (self._at + 1) % len(self._addresses)
        return self.now

    def back(self) -> str:
        """Try the first again."""
        self._at, self._returned = 0, True
        return self.now

    def answered(self) -> None:
        """The one in use works."""
        self._returned = False
        if not self.is_away:
            self.patience = 1
