"""Whether the display stands still just now, and at what: for checks, which take no reading that a person typed."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

from edge.weighing.values import WeightReading

STILL_MS = 1_500
OLDEST_MS = 1_500  # a reading older than this says nothing about now
SLOT_MS = 20  # readings of a fast line are kept by their least and largest of so long


@dataclass(frozen=True, slots=True, kw_only=True)
class _Slot:
    began_ms: int
    low_kg: int
    high_kg: int


class Steady:
    """Feed it every reading; `occupied` tells whether something is on the platform."""

    def __init__(self) -> None:
        self._slots: deque[_Slot] = deque()  # the newest ones that together are at least STILL_MS
        self._newest: tuple[int, int] = (0, 0)  # mono_ms and kg
        self.occupied = False

    def feed(self, reading: WeightReading, *, empty: bool) -> None:
        if empty == self.occupied or reading.kg is None or not reading.confirmed or reading.net:
            self._slots.clear()
        self.occupied = not empty
        if reading.kg is not None and reading.confirmed and not reading.net:
            self._take(reading.kg, reading.mono_ms)

    def _take(self, kg: int, mono_ms: int) -> None:
        self._newest = (mono_ms, kg)
        slot = self._slots[-1] if self._slots else None
        if slot is None or mono_ms - slot.began_ms >= SLOT_MS:
            self._slots.append(_Slot(began_ms=mono_ms, low_kg=kg, high_kg=kg))
        elif not slot.low_kg <= kg <= slot.high_kg:
            self._slots[-1] = replace(slot, low_kg=min(kg, slot.low_kg), high_kg=max(kg, slot.high_kg))
        while len(self._slots) > 1 and mono_ms - self._slots[1].began_ms >= STILL_MS:
            self._slots.popleft()

    def kg(self, *, mono_ms: int, division_kg: int) -> int | None:
        """The newest reading, when it and those of a while before it differ by a division at most."""
        newest_ms, newest_kg = self._newest
        if not self._slots or mono_ms - newest_ms > OLDEST_MS:
            return None
        if newest_ms - self._slots[0].began_ms < STILL_MS:
            return None
        low, high = min(slot.low_kg for slot in self._slots), max(slot.high_kg for slot in self._slots)
        return newest_kg if high - low <= division_kg else None
