"""A scale of several decks 多秤台: one indicator each, one weight together, and only of one moment."""

from __future__ import annotations

from collections.abc import Sequence

from edge.weighing.values import DeckReading, WeightReading


class Decks:
    """Joins what the decks show.  Readings more than `skew_ms` apart are no sum: a deck that is late is missing."""

    def __init__(self, names: Sequence[str], *, skew_ms: int) -> None:
        self._names = tuple(names)
        self._skew_ms = skew_ms
        self._latest: dict[str, WeightReading] = {}
        self._anew: set[str] = set()

    def feed(self, deck: str, reading: WeightReading) -> WeightReading | None:
        """The sum once every deck has spoken anew; without a weight and with `deck_missing` while one does not."""
        self._latest[deck] = reading
        self._anew.add(deck)
        oldest = reading.mono_ms - self._skew_ms
        shown = [self._latest[name] for name in self._names if name in self._latest]
        if len(shown) < len(self._names) or any(one.mono_ms < oldest for one in shown):
            return WeightReading(
                kg=None, stable=None, words=("deck_missing",), at_ms=reading.at_ms, mono_ms=reading.mono_ms
            )
        if len(self._anew) < len(self._names):
            return None
        self._anew.clear()
        return self._sum(shown, reading)

    def _sum(self, shown: Sequence[WeightReading], last: WeightReading) -> WeightReading:
        decks = tuple(
            DeckReading(deck=name, kg=one.kg, raw=one.raw)
            for name, one in zip(self._names, shown, strict=True)
            if one.kg is not None
        )
        whole = len(decks) == len(self._names)
        return WeightReading(
            kg=sum(deck.kg for deck in decks) if whole else None,
            stable=_all_still([one.stable for one in shown]),
            confirmed=all(one.confirmed for one in shown),
            over_range=any(one.over_range for one in shown),
            net=any(one.net for one in shown),
            words=tuple(dict.fromkeys(word for one in shown for word in one.words)),
            decks=decks if whole else (),
            at_ms=last.at_ms,
            mono_ms=last.mono_ms,
        )


def _all_still(flags: Sequence[bool | None]) -> bool | None:
    """One that moves moves the sum; one that does not say leaves it to the readings."""
    if False in flags:
        return False
    return None if None in flags else True
