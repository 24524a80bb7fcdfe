"""The loop before the platform 进秤线圈: whether the vehicle on the platform is whole on it, alone, and going forwards."""

from __future__ import annotations

GAP_MS = 1_500  # a drawbar lets the loop go for less: the same vehicle


class EntryLoop:
    """Counts what has passed over it since a vehicle came; knows nothing until it has changed once."""

    def __init__(self) -> None:
        self._occupied: bool | None = None
        self._released_ms: int | None = None
        self.passed = 0  # vehicles that have come over it whole

    @property
    def under(self) -> bool:
        """The vehicle on the platform still stands on the loop as well."""
        return bool(self._occupied) and self.passed == 0

    def change(self, *, occupied: bool, mono_ms: int) -> None:
        if occupied == self._occupied:
            return
        if occupied and self._released_ms is not None and mono_ms - self._released_ms <= GAP_MS:
            self.passed = max(0, self.passed - 1)
        if not occupied and self._occupied:
            self.passed += 1
            self._released_ms = mono_ms
        self._occupied = occupied

    def vehicle(self) -> None:
        """One has come onto the platform: it is on the loop still, or has passed over it."""
        self.passed = 0 if self._occupied else 1
