"""Keeps a lane's memory small 内存归还: what a decoded picture took goes back to the system with it."""

from __future__ import annotations

import ctypes

# glibc, malloc.h.  By itself it keeps every block as large as the largest that was ever freed, in every thread's heap.
M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8
LARGE_BYTES = 256 * 1024
HEAPS = 2  # threads of cameras wait for the network, not for each other's memory


def keep_small() -> bool:
    """Of this process, before its threads begin; False under another C library, which has its own ways."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)) and bool(mallopt(M_ARENA_MAX, HEAPS))
