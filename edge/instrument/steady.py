"""Whether the display stands still just now, and at what: for checks, which take no reading that a person typed."""

from __future__ import annotations

from collections import deque

from edge.weighing.values import WeightReading

STILL_MS = 1_500
OLDEST_MS = 1_500  # a reading older than this says nothing about now
_MOST = 200


class Steady:
    """Feed it every reading; `occupied` tells whether something is on the platform."""

    def __init__(self) -> None:
        self._recent: deque[tuple[int, int]] = deque(maxlen=_MOST)
        self.occupied = False

    def feed(self, reading: WeightReading, *, empty: bool) -> None:
        if empty == self.occupied or reading.kg is None or not reading.confirmed or reading.net:
            self._recent.clear()
        self.occupied = not empty
        if reading.kg is not None and reading.confirmed and not reading.net:
            self._recent.append((reading.mono_ms, reading.kg))

    def kg(self, *, mono_ms: int, division_kg: int) -> int | None:
        """The newest reading, when it and those of a while before it differ by a division at most."""
        if not self._recent or mono_ms - self._recent[-1][0] > OLDEST_MS:
            return None
        newest_ms, newest_kg = self._recent[-1]
        still = [kg for at, kg in self._recent if newest_ms - at <= STILL_MS]
        if newest_ms - self._recent[0][0] < STILL_MS or max(still) - min(still) > division_kg:
            return None
        return newest_kg
