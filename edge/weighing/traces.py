"""The weight over time of one passage, small enough to travel with its event."""

from __future__ import annotations

POINTS = 400


class Trace:
    """Collects (ms since arrival, kg); keeps the corners and never more than POINTS."""

    def __init__(self, start_mono_ms: int) -> None:
        self._start = start_mono_ms
        self._points: list[tuple[int, int]] = []
        self._stride = 1
        self._seen = 0

    def add(self, mono_ms: int, kg: int) -> None:
        point = (mono_ms - self._start, kg)
        if len(self._points) >= 2 and self._points[-1][1] == self._points[-2][1] == kg:
            self._points[-1] = point  # a display that stands still is two points, not thousands
            return
        self._seen += 1
        if self._seen % self._stride == 0:
            self._points.append(point)
        if len(self._points) >= POINTS:
            self._points = self._points[::2]
            self._stride *= 2

    def points(self) -> tuple[tuple[int, int], ...]:
        return tuple(self._points)
