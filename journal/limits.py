"""How much one box may say: a bucket of tokens each, so that a flood costs nobody but its source."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

BURST_S = 4  # of a rate may come at once, as after a lost link
BOXES = 1024  # remembered; names come from a broker and may be made up


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
