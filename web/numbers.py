"""Numbers as people read them; a thin gap between thousands, and never a rounded mass."""

from __future__ import annotations

from collections.abc import Sequence

FEW = 3
GAP = "\N{NO-BREAK SPACE}"


def grouped(value: int | None) -> str:
    """46 000, or a dash when it is not known."""
    return "—" if value is None else f"{value:,}".replace(",", GAP)


def masses(kg: Sequence[int]) -> str:
    """46 000 / 49 000; so many that no line holds them are 18/25/27/31 t.  None is left out."""
    if len(kg) > FEW and not any(each % 1_000 for each in kg):
        return f"{'/'.join(str(each // 1_000) for each in kg)}{GAP}t"
    return " / ".join(map(grouped, kg))


def size(bytes_: int) -> str:
    """512 B, 3.4 kB, 12.0 MB, 61.4 GB, 86.4 TB (powers of a thousand)."""
    if bytes_ < 1_000:
        return f"{bytes_}{GAP}B"
    for unit in ("kB", "MB", "GB"):
        if bytes_ < 1_000_000:
            return f"{bytes_ / 1_000:.1f}{GAP}{unit}"
        bytes_ //= 1_000
    return f"{bytes_ / 1_000:.1f}{GAP}TB"


def short(digest: str) -> str:
    """First and last of a long digest, for places where the whole is one click away."""
    return digest if len(digest) <= 20 else f"{digest[:10]}…{digest[-6:]}"
