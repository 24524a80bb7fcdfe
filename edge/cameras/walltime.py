"""Wall time of a stream's own time stamps: arrival can only be late, so the smallest lateness is the truth."""

from __future__ import annotations

from collections import deque

WINDOW_MS = 45_000
BUCKET_MS = 1_000


class WallTime:
    """Sliding minimum of (arrival - stamp) for one connection.

    Probing at connect makes the first packets look about a second late; drift of the camera is followed because
    old minima leave the window.
    """

    def __init__(self, window_ms: int = WINDOW_MS) -> None:
        self._window_ms = window_ms
        self._buckets: deque[tuple[int, int]] = deque()  # (arrival second, smallest offset in it)
        self._offset = 0

    def seen(self, stamp_ms: int, arrived_ms: int) -> None:
        offset, bucket = arrived_ms - stamp_ms, arrived_ms // BUCKET_MS
        if self._buckets and bucket < self._buckets[-1][0]:
            self._buckets.clear()  # our clock was set back: what it said before is of another time
        if self._buckets and self._buckets[-1][0] == bucket:
            if offset < self._buckets[-1][1]:
                self._buckets[-1] = (bucket, offset)
        else:
            self._buckets.append((bucket, offset))
        while self._buckets[0][0] * BUCKET_MS < arrived_ms - self._window_ms:
            self._buckets.popleft()
        self._offset = min(smallest for _, smallest in self._buckets)

    def at_ms(self, stamp_ms: int) -> int:
        return stamp_ms + self._offset
