"""Who may speak now: the boxes of the settings and those that were enrolled, less what was revoked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from central.store.projections import Register
from central.store.speakers import Enrolled, Revocation, Speakers
from journal.guests import ShutOut
from kernel.evidence.revoked import Revoked


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the store says at one moment."""

    enrolled: tuple[Enrolled, ...]
    revocations: tuple[Revocation, ...]

    @classmethod
    def read(cls, speakers: Speakers) -> Standing:
        """Blocking."""
        return cls(enrolled=speakers.enrolled(), revocations=speakers.revocations())


class Admission:
    """Implements journal.guests.Guests; `bound` is what custody asks.  Both may be asked in any thread."""

    def __init__(
        self, *, centre: str, source: str, boxes: Mapping[str, str], plate_key: bytes | None = None
    ) -> None:
        self._sources = {**boxes, centre: source}
        self.known = Revoked()
        self._shut: frozenset[str] = frozenset()
        self._bounds: dict[str, int] = {}
        self._callbacks: list[ShutOut] = []
        self.register = Register(centre=centre, sources=self._sources, plate_key=plate_key)

    def admits(self, box: str) -> bool:
        return box in self._sources and box not in self._shut

    def revoked(self, box: str) -> bool:
        return box in self._shut

    def bound(self, box: str, journal: str) -> int | None:
        """How many entries of this journal may be taken at most; None: there is no bound."""
        return 0 if box in self._shut else self._bounds.get(journal)

    def on_shut_out(self, callback: ShutOut) -> None:
        self._callbacks.append(callback)

    def learn(self, standing: Standing) -> None:
        """In the event loop."""
        for one in standing.enrolled:
            self._sources[one.box] = one.source
        before = self._shut
        self._shut = frozenset(one.box for one in standing.revocations if one.journal is None)
        self._bounds = lowest_bounds(standing.revocations)
        self.known = Revoked(boxes=tuple(self._shut), journals=tuple(self._bounds.items()))
        for box in sorted(self._shut - before):
            for callback in self._callbacks:
                callback(box)


def lowest_bounds(revocations: Iterable[Revocation]) -> dict[str, int]:
    """By journal; of several bounds the lowest counts."""
    bounds: dict[str, int] = {}
    for one in revocations:
        if one.journal is not None and one.size is not None:
            bounds[one.journal] = min(one.size, bounds.get(one.journal, one.size))
    return bounds
