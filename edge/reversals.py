"""Which weighing a vehicle takes with it that rolls back off the weigher: the one named, or the last, and each only once."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace

from edge.weighing.values import VehicleReversed
from kernel.events import EntryRef

_REMEMBERED = 256  # weighings, as many as a device has sequence numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighing:
    """A weighing that is in the journal.  `passage` is None where its entry is older than this process."""

    record: str
    passage: str | None
    ref: EntryRef
    mono_ms: int
    cancelled: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class Reversals:
    """Told of every weighing by a record, in order."""

    within_ms: int
    _weighings: OrderedDict[str, Weighing] = field(default_factory=OrderedDict)

    def weighed(self, weighing: Weighing) -> None:
        name = weighing.record or str(weighing.passage)
        self._weighings[name] = weighing
        self._weighings.move_to_end(name)
        while len(self._weighings) > _REMEMBERED:
            self._weighings.popitem(last=False)

    def cancel(self, event: VehicleReversed) -> tuple[Weighing | None, tuple[str, ...]]:
        """The weighing that counts no more; or None, and the machine word for why there is none."""
        name = event.record or next(reversed(self._weighings), "")
        found = self._weighings.get(name)
        if found is None:
            return None, ("unknown_record" if event.record else "no_weighing",)
        if found.cancelled:
            return None, ("cancelled_already",)
        if event.mono_ms - found.mono_ms > self.within_ms:
            return None, ("too_late",)
        self._weighings[name] = replace(found, cancelled=True)
        return found, ()
