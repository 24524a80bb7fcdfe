"""Pictures without a camera: whoever knows the passage knows every byte of them."""

from __future__ import annotations

import hashlib


def picture(passage: str, number: int, size: int) -> bytes:
    """What camera `number` saw of this passage."""
    seed = hashlib.sha256(f"{passage}/{number}".encode()).digest()
    return (seed * (size // len(seed) + 1))[:size]
