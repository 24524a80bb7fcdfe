"""A display that stands still while vehicles drive past it 死数: the indicator hangs, whatever it shows is no weight."""

from __future__ import annotations

from dataclasses import dataclass

from edge.weighing.values import WeightReading

FROZEN_MS = 10_000
CROSSINGS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    face: tuple[object, ...]
    since_ms: int
    crossings: int  # counted before


class Freezing:
    """Fed with every reading and every vehicle that the loop has counted; each deck is a display of its own."""

    def __init__(self) -> None:
        self._shown: dict[str, _Shown] = {}
        self._crossings = 0
        self._hanging: tuple[str, ...] = ()

    @property
    def frozen(self) -> bool:
        return bool(self._hanging)

    @property
    def frozen_decks(self) -> tuple[str, ...]:
        """By name; empty for a scale of one display."""
        return tuple(filter(None, self._hanging))

    def feed(self, reading: WeightReading) -> None:
        now_ms = reading.mono_ms
        self._shown = {deck: self._since(deck, face, now_ms) for deck, face in _faces(reading).items()}
        self._hanging = tuple(deck for deck, shown in self._shown.items() if self._hangs(shown, now_ms))

    def crossed(self) -> None:
        self._crossings += 1

    def _since(self, deck: str, face: tuple[object, ...], now_ms: int) -> _Shown:
        before = self._shown.get(deck)
        if before is not None and before.face == face:
            return before
        return _Shown(face=face, since_ms=now_ms, crossings=self._crossings)

    def _hangs(self, shown: _Shown, now_ms: int) -> bool:
        long = now_ms - shown.since_ms >= FROZEN_MS
        return long and self._crossings - shown.crossings >= CROSSINGS


def _faces(reading: WeightReading) -> dict[str, tuple[object, ...]]:
    """Everything that a living display would change when something drives over its scale."""
    if reading.decks:
        return {deck.deck: (deck.kg, deck.raw) for deck in reading.decks}
    return {"": (reading.kg, reading.stable, reading.over_range, reading.raw)}
