"""The sum of the largest axle loads, which caps the limit; known only when every axle is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kernel.law.law import Law
from kernel.law.rows import AxleLoadRow, Tyres


@dataclass(frozen=True, slots=True, kw_only=True)
class AxleSet:
    """Axles that stand together, as an officer or the licence describes them; `spacing_mm` is the smallest."""

    axles: int
    tyres: Tyres
    drive: bool
    trailer: bool
    air: bool = False
    spacing_mm: int | None = None  # None for a single axle


@dataclass(frozen=True, slots=True, kw_only=True)
class AxleSum:
    kg: int
    rules: tuple[str, ...]


def axle_sum(sets: Sequence[AxleSet], *, law: Law, on: str, jurisdiction: str) -> AxleSum | None:
    """The sum over all sets, or None when one of them has no row or nothing is known."""
    in_force = law.in_force(lambda layer: layer.axle_load, on=on, jurisdiction=jurisdiction)
    rows = [_row(item, set(in_force.values())) for item in sets]
    known = [row for row in rows if row is not None]
    if not known or len(known) < len(rows):
        return None
    return AxleSum(kg=sum(row.limit_kg for row in known), rules=tuple(dict.fromkeys(row.id for row in known)))


def _row(item: AxleSet, rows: set[AxleLoadRow]) -> AxleLoadRow | None:
    fitting = [row for row in rows if _fits(row, item)]
    return fitting[0] if len(fitting) == 1 else None


def _fits(row: AxleLoadRow, item: AxleSet) -> bool:
    if row.axles != item.axles or item.tyres not in row.tyres:
        return False
    if item.drive not in row.drive or item.trailer not in row.trailer or item.air not in row.air:
        return False
    if item.axles == 1:
        return True
    return item.spacing_mm is not None and row.spacing_from_mm <= item.spacing_mm < row.spacing_below_mm
