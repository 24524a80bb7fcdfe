"""Which footage a supervisor watches 抽查: by lot that anybody can draw again, file by file, whatever else is there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

WHOLE = 1_000


def is_drawn(sha256: str, *, seed: str, permille: int) -> bool:
    """SHA-256 of seed and digest, as a number below 2^64, is in the first `permille` thousandths.

    Each file by itself, so that one that is docked late changes nothing about the others.
    """
    lot = int.from_bytes(hashlib.sha256(f"{seed}{sha256}".encode()).digest()[:8], "big")
    return lot * WHOLE < permille << 64


def drawn(files: Iterable[str], *, seed: str, permille: int) -> list[str]:
    """In the order in which they were given, each once."""
    return [one for one in dict.fromkeys(files) if is_drawn(one, seed=seed, permille=permille)]
