"""A display that stands still while vehicles drive past it 死数: the indicator hangs, whatever it shows is no weight."""

from __future__ import annotations

from edge.weighing.values import WeightReading

FROZEN_MS = 10_000
CROSSINGS = 2


class Freezing:
    """Fed with every reading and every vehicle that the loop has counted."""

    def __init__(self) -> None:
        self._shown: WeightReading | None = None
        self._crossings = 0
        self.frozen = False

    def feed(self, reading: WeightReading) -> None:
        first = self._shown
        if first is None or _face(first) != _face(reading):
            self._shown, self._crossings, self.frozen = reading, 0, False
            return
        long = reading.mono_ms - first.mono_ms >= FROZEN_MS
        self.frozen = long and self._crossings >= CROSSINGS

    def crossed(self) -> None:
        self._crossings += 1


def _face(reading: WeightReading) -> tuple[object, ...]:
    """Everything that a living display would change when something drives over its scale."""
    return (reading.kg, reading.stable, reading.over_range, reading.decks, reading.raw)
