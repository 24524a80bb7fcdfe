"""How much one box may say: a bucket of tokens each, so that a flood costs nobody but its source."""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass

from journal.settings import Limits

BURST_S = 4  # of a rate may come at once, as after a lost link
BOXES = 1024  # remembered; names come from a broker and may be made up
WINDOW = 16  # frames of one box under way; a sender has at most 8


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_ms: int


class Buckets:
    """One rate for every box."""

    def __init__(self, per_s: int) -> None:
        self._per_s = per_s
        self._most = per_s * BURST_S
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, box: str, *, mono_ms: int) -> bool:
        """Whether there was a token."""
        bucket = self._buckets.pop(box, None) or _Bucket(self._most, mono_ms)
        self._buckets[box] = bucket
        if len(self._buckets) > BOXES:
            self._buckets.popitem(last=False)
        gained = max(mono_ms - bucket.filled_ms, 0) * self._per_s / 1000
        bucket.tokens, bucket.filled_ms = min(self._most, bucket.tokens + gained), mono_ms
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True


class Gate:
    """What one box may send and have under way."""

    def __init__(self, limits: Limits) -> None:
        self._frames = Buckets(limits.frames_per_s)
        self._hellos = Buckets(limits.hellos_per_s)
        self._under_way: Counter[str] = Counter()

    def enter(self, box: str, *, hello: bool, mono_ms: int) -> str | None:
        """None: go on, and `leave` at the end; else why not."""
        if self._under_way[box] >= WINDOW:
            return f"more than {WINDOW} messages under way"
        if not (self._hellos if hello else self._frames).take(box, mono_ms=mono_ms):
            return "more hellos than a box may send" if hello else "more frames than a box may send"
        self._under_way[box] += 1
        return None

    def leave(self, box: str) -> None:
        self._under_way[box] -= 1
        if self._under_way[box] <= 0:
            del self._under_way[box]
