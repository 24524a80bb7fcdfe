"""How long most of it takes."""

from __future__ import annotations

from collections.abc import Iterable


def p95(values: Iterable[int]) -> int | None:
    """The value that 95 of 100 do not exceed; None of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * 95 // 100)] if ordered else None
