"""Which protocols the evidence allows to be claimed: one, or a set that bytes cannot tell apart, or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge.detecting.evidence import Evidence, Row, best_evidence
from edge.detecting.reading import Heard
from edge.drivers.rows import Indicator

_SAME_PERCENT = 2  # two rows that explain the same bytes within this explain them equally well


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What may be on the line: each of the candidates would explain what was heard."""

    candidates: tuple[Evidence, ...]

    @property
    def protocols(self) -> frozenset[str]:
        return frozenset(one.row.name for one in self.candidates)


def claim(heard: Heard, rows: Sequence[Row]) -> Claim | None:
    """None where no row convinces: that is no claim that the device is none of them."""
    found = {row.name: best for row in rows if (best := best_evidence(row, heard)) is not None}
    convincing = [one for one in found.values() if one.convinces]
    if not convincing:
        return None
    best = max(convincing, key=lambda one: (one.checked, one.explained))
    equal = [one for one in convincing if _explains_as_well(one, best)]
    names = {one.row.name for one in equal}
    kin = sorted(_common_kin(equal) - names)
    known = {row.name: row for row in rows}
    equal += [_told_by_kin(known[name], found.get(name), best) for name in kin if name in known]
    return Claim(candidates=tuple(sorted(equal, key=lambda one: (-one.explained, one.row.name))))


def kin_of(row: Row) -> frozenset[str]:
    return row.kin if isinstance(row, Indicator) else frozenset()


def _common_kin(equal: Sequence[Evidence]) -> frozenset[str]:
    """A row with two modes is kin of two that are none of each other: only whom all of them name remains possible."""
    first, *others = (kin_of(one.row) for one in equal)
    return first.intersection(*others)


def _explains_as_well(one: Evidence, best: Evidence) -> bool:
    """Checksums that are right again and again are no accident: a row without any does not rival one with them."""
    if best.checked and not one.checked:
        return False
    return 100 * one.explained >= (100 - _SAME_PERCENT) * best.explained


def _told_by_kin(row: Row, found: Evidence | None, best: Evidence) -> Evidence:
    """A relative stays possible even where its own parser read less of these frames."""
    if found is not None:
        return found
    return replace(
        best,
        row=row,
        form={},
        frames=0,
        readings=0,
        vouched=0,
        spoiled=0,
        explained=0,
        joined=0,
        agreeing=0,
    )
