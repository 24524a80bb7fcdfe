"""What entries have told of one instrument, folded: its history, its shift, its newest checks, what drifts.  Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from msgspec import Struct

from kernel.errors import ProtocolError
from kernel.events import (
    CheckKind,
    DriftKind,
    InstrumentCertified,
    InstrumentChanged,
    ScaleChecked,
    ScaleDrifted,
    ShiftOpened,
)
from kernel.law.instruments import History

Fact = InstrumentCertified | InstrumentChanged | ShiftOpened | ScaleChecked | ScaleDrifted
FACTS: dict[str, type[Fact]] = {
    kind.stream: kind
    for kind in (InstrumentCertified, InstrumentChanged, ShiftOpened, ScaleChecked, ScaleDrifted)
}
_DAY_MS = 86_400_000
_CHINA_MS = 8 * 3_600_000


class Awaited(Struct, frozen=True, kw_only=True):
    """A reference that somebody has sent across the scale: by which order, and until when it is waited for."""

    reference: str
    id: str
    by: str
    until_ms: int


class Book:
    """Facts go in in any order and as often as they are told.  `awaited` is no entry yet."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.history = History()
        self.opened_ms: int | None = None  # the newest shift that somebody opened
        self.checks: dict[CheckKind, ScaleChecked] = {}  # the newest of each kind
        self.drifts: dict[DriftKind, ScaleDrifted] = {}  # the newest of each kind
        self.elsewhere: dict[str, str] = {}  # device by number of a certificate that is another scale's
        self.awaited: Awaited | None = None
        self._facts: list[Fact] = []  # the history, and certificates of other scales

    def add(self, fact: Fact) -> None:
        """Of another scale's only its certificates are kept: what is said of a scale cannot be shed with its name."""
        if fact.device != self.device:
            self._add_of_another(fact)
            return
        match fact:
            case InstrumentCertified() | InstrumentChanged():
                self._keep(fact)
                self.history = History.of(self.device, self._facts)
            case ShiftOpened():
                self.opened_ms = max(fact.at_ms, self.opened_ms or 0)
            case ScaleChecked():
                if fact.at_ms >= (known.at_ms if (known := self.checks.get(fact.kind)) else 0):
                    self.checks[fact.kind] = fact
            case ScaleDrifted():
                if fact.at_ms >= (last.at_ms if (last := self.drifts.get(fact.kind)) else 0):
                    self.drifts[fact.kind] = fact

    def _add_of_another(self, fact: Fact) -> None:
        if isinstance(fact, InstrumentCertified):
            self.elsewhere[fact.certificate.number] = fact.device
            self._keep(fact)

    def _keep(self, fact: InstrumentCertified | InstrumentChanged) -> None:
        if fact not in self._facts:
            self._facts.append(fact)

    def facts(self) -> Iterator[Fact]:
        """Enough to make an equal book of."""
        yield from self._facts
        if self.opened_ms is not None:
            yield ShiftOpened(device=self.device, at_ms=self.opened_ms, by="")
        yield from self.checks.values()
        yield from self.drifts.values()

    def drifting(self) -> list[ScaleDrifted]:
        return [drift for drift in self.drifts.values() if drift.state == "begun"]

    def unchecked(self, kinds: Sequence[CheckKind], shift_ms: int | None) -> tuple[CheckKind, ...]:
        """Of these checks those that the shift has not made yet, or whose newest was not within its limit."""
        return tuple(kind for kind in kinds if not self._made(kind, shift_ms))

    def _made(self, kind: CheckKind, shift_ms: int | None) -> bool:
        newest = self.checks.get(kind)
        return newest is not None and newest.within and shift_ms is not None and newest.at_ms >= shift_ms


def shift_began_ms(now_ms: int, *, starts: Sequence[str], opened_ms: int | None) -> int | None:
    """When the present shift began: the last of the start times (in China), or of the openings; None: none has."""
    today = (now_ms + _CHINA_MS) // _DAY_MS * _DAY_MS - _CHINA_MS
    moments = [day + _of_day_ms(start) for day in (today - _DAY_MS, today) for start in starts]
    if opened_ms is not None:
        moments.append(opened_ms)
    return max((moment for moment in moments if moment <= now_ms), default=None)


def _of_day_ms(clock: str) -> int:
    hours, minutes = clock.split(":")
    return (int(hours) * 60 + int(minutes)) * 60_000


def fact_of(stream: str, body: bytes) -> Fact:
    """ProtocolError: it is none, or of another version."""
    if stream not in FACTS:
        raise ProtocolError(f"{stream} says nothing of an instrument")
    try:
        fact: Fact = msgspec.json.decode(body, type=FACTS[stream])
    except msgspec.MsgspecError as error:
        raise ProtocolError(f"not a {stream}: {error}") from error
    return fact
