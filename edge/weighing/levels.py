"""When a display stands still 稳定, by its own motion flag or by its readings, at what, and which frames said so."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import Literal

from edge.weighing.values import DeckReading, WeightReading
from kernel.events import DeckMass

FRAMES = 8  # that vouch for one weight
PEAK_MS = 150  # a bridge that rings is above its load for less


@dataclass(frozen=True, slots=True, kw_only=True)
class Stillness:
    """`stable` "auto" takes the device's flag where it is sent and looks at the readings where it is not."""

    stable: Literal["auto", "flag", "derived"]
    readings: int  # that a derived stillness needs
    band_kg: int  # between the lightest and the heaviest of them
    for_ms: int
    max_kg: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A level that has held: what was shown, and everything that vouches for it."""

    kg: int
    net: bool
    words: tuple[str, ...]
    frames: tuple[str, ...]
    decks: tuple[DeckMass, ...]


class Peak:
    """The highest load that lasted for PEAK_MS, and over two readings in a row where they come more slowly."""

    def __init__(self) -> None:
        self._lately: deque[tuple[int, int]] = (
            deque()
        )  # of the last PEAK_MS what may become the least of them
        self._before_kg = 0
        self.kg = 0

    def feed(self, kg: int, *, mono_ms: int) -> None:
        while self._lately and self._lately[-1][1] >= kg:
            self._lately.pop()
        self._lately.append((mono_ms, kg))
        while mono_ms - self._lately[0][0] > PEAK_MS:
            self._lately.popleft()
        self.kg = max(self.kg, min(self._lately[0][1], self._before_kg))
        self._before_kg = kg


class Level:
    """Feed it every reading; it answers once the display has stood still for long enough."""

    def __init__(self, stillness: Stillness) -> None:
        self._stillness = stillness
        self._since: WeightReading | None = None
        self._recent: deque[int] = deque(maxlen=stillness.readings)
        self._said: deque[WeightReading] = deque(maxlen=FRAMES)
        self._derived = False

    @property
    def holds(self) -> bool:
        return self._since is not None

    def clear(self) -> None:
        self._since = None
        self._recent.clear()
        self._said.clear()

    def feed(self, reading: WeightReading) -> Held | None:
        """None until then; afterwards a value that is displayed, never an average."""
        kg = reading.kg
        if kg is None or not reading.confirmed or kg > self._stillness.max_kg:
            self.clear()
            return None
        if not self._still(reading, kg):
            self._since = None
            self._said.clear()
            return None
        if self._since is None or abs(kg - (self._since.kg or 0)) > self._stillness.band_kg:
            self._since = reading
            self._said.clear()
        self._said.append(reading)
        if reading.mono_ms - self._since.mono_ms < self._stillness.for_ms:
            return None
        return self._held(reading)

    def _still(self, reading: WeightReading, kg: int) -> bool:
        self._recent.append(kg)
        self._derived = self._stillness.stable == "derived" or (
            self._stillness.stable == "auto" and reading.stable is None
        )
        if not self._derived:
            return reading.stable is True
        full = len(self._recent) == self._stillness.readings
        return full and max(self._recent) - min(self._recent) <= self._stillness.band_kg

    def _held(self, reading: WeightReading) -> Held:
        shown = self._shown(reading)
        alike = [said for said in self._said if said.kg == shown.kg]
        return Held(
            kg=shown.kg or 0,
            net=any(said.net for said in self._said),
            words=reading.words + (("derived_readings",) if self._derived else ()),
            frames=tuple(said.raw.hex() for said in alike if said.raw),
            decks=tuple(_mass(deck, alike) for deck in shown.decks),
        )

    def _shown(self, reading: WeightReading) -> WeightReading:
        """The newest, or, where there is no flag, the newest of those that most readings agree on, the lighter of two:
        a vehicle that begins to pull away still shows values within the band."""
        if not self._derived:
            return reading
        times = Counter(said.kg or 0 for said in self._said)
        most = min(times, key=lambda kg: (-times[kg], kg))
        return next(said for said in reversed(self._said) if said.kg == most)


def _mass(deck: DeckReading, said: list[WeightReading]) -> DeckMass:
    """The frames are those in which this deck showed what it shows now."""
    shown = (one for reading in said for one in reading.decks if (one.deck, one.kg) == (deck.deck, deck.kg))
    return DeckMass(deck=deck.deck, deck_kg=deck.kg, frames=tuple(one.raw.hex() for one in shown if one.raw))
