"""What the empty platform shows at rest 零点: followed, said with every weighing, and never subtracted from one.

Rain, snow, ice and mud come slowly and stay: they move the zero and are no vehicle.  Taking the zero off by software
would be an adjustment of the instrument that nobody has verified; it is zeroed at the instrument or not at all.
"""

from __future__ import annotations

from collections import deque

from edge.weighing.levels import Level, Stillness
from edge.weighing.values import WeightReading

LATELY_MS = 1_000  # before a vehicle came


class Zero:
    """Feed it every reading of the empty platform, and tell it when to `forget`."""

    def __init__(self, stillness: Stillness, *, limit_kg: int) -> None:
        self._level = Level(stillness)
        self._limit_kg = limit_kg
        self._kg: int | None = None
        self._fresh = False
        self._lately: deque[tuple[int, int]] = deque()

    @property
    def kg(self) -> int | None:
        """At rest since the last vehicle; None when it was never at rest since then."""
        return self._kg if self._fresh else None

    @property
    def base_kg(self) -> int:
        """From where on a load is told from the empty platform; not below zero, or zeroing it would be a vehicle."""
        return max(self._kg or 0, 0)

    @property
    def is_off(self) -> bool:
        """Nothing may be weighed from here: what is shown would be wrong by what lies there, or was taken away."""
        return abs(self._kg or 0) > self._limit_kg

    def is_above(self, kg: int) -> bool:
        """So much cannot be the empty platform that was seen."""
        return kg > self.base_kg + self._limit_kg

    @property
    def walked_on(self) -> bool:
        """Most of what the empty platform showed in its last second was more than it weighs: somebody is on it."""
        if not self._lately or self._lately[-1][0] - self._lately[0][0] < LATELY_MS // 2:
            return False
        shown = sorted(kg for _, kg in self._lately)
        return self.is_above(shown[(len(shown) - 1) // 2])

    def feed(self, reading: WeightReading) -> None:
        self._note(reading)
        held = self._level.feed(reading)
        if held is not None:
            self.rests_at(held.kg)

    def _note(self, reading: WeightReading) -> None:
        if reading.kg is not None:
            self._lately.append((reading.mono_ms, reading.kg))
        while self._lately and reading.mono_ms - self._lately[0][0] > LATELY_MS:
            self._lately.popleft()

    def interrupted(self) -> None:
        """The display shows nothing usable."""
        self._level.clear()

    def rests_at(self, kg: int) -> None:
        self._kg, self._fresh = kg, True

    def forget(self) -> None:
        """A vehicle came, or the indicator may have started anew: what was seen says nothing of the zero after it."""
        self._level.clear()
        self._lately.clear()
        self._fresh = False

    def words(self) -> tuple[str, ...]:
        """What has to be said with the weighing of a vehicle that comes now."""
        words = []
        if not self._fresh:
            words.append("zero_unseen")
        if self.is_off:
            words.append("zero_off")
        elif self._kg:
            words.append("zero_shifted")
        return tuple(words)
