"""Wall time of a stream's own time stamps: arrival can only be late, so the smallest lateness is the truth."""

from __future__ import annotations

from collections import deque
from statistics import median_low

from kernel.clock import Clock

WINDOW_MS = 45_000
BUCKET_MS = 1_000
DRIFT_PPM = 500  # what is slower than this is the camera's crystal, not a stream that has fallen behind
STEP_MS = 250  # by so much our clock is set, and not slewed
HELD_UP_MS = 50  # a thread that lost the processor between two readings knows nothing of the clock
REMEMBERED = 50  # of the camera's own stamps


class WallTime:
    """Sliding minimum of (arrival - stamp) for one connection.

    Probing at connect makes the first packets look about a second late; drift of the camera is followed because
    old minima leave the window.
    """

    def __init__(self, window_ms: int = WINDOW_MS) -> None:
        self._window_ms = window_ms
        self._buckets: deque[tuple[int, int]] = deque()  # (arrival second, smallest offset in it)
        self._offset = 0
        self._compared = 0
        self._least_us: int | None = (
            None  # the smallest offset of this connection, forgotten as slowly as clocks drift
        )

    def seen(self, stamp_ms: int, arrived_ms: int) -> None:
        offset, bucket = arrived_ms - stamp_ms, arrived_ms // BUCKET_MS
        if self._buckets and bucket < self._buckets[-1][0]:
            self.begin_again()  # our clock was set back
        if self._buckets and self._buckets[-1][0] == bucket:
            if offset < self._buckets[-1][1]:
                self._buckets[-1] = (bucket, offset)
        else:
            self._buckets.append((bucket, offset))
        while self._buckets[0][0] * BUCKET_MS < arrived_ms - self._window_ms:
            self._buckets.popleft()
        self._offset = min(smallest for _, smallest in self._buckets)
        self._compare(bucket)

    def begin_again(self) -> None:
        """Our clock was set: what it said before is of another time."""
        self._buckets.clear()
        self._least_us = None

    @property
    def behind_ms(self) -> int:
        """How much later everything comes than it once did on this connection: by so much wall time may be wrong."""
        return 0 if self._least_us is None else max(0, self._offset - self._least_us // 1000)

    def at_ms(self, stamp_ms: int) -> int:
        return stamp_ms + self._offset

    def _compare(self, bucket: int) -> None:
        if self._least_us is None:
            self._least_us, self._compared = 1000 * self._offset, bucket
        drifted_us = (bucket - self._compared) * DRIFT_PPM * BUCKET_MS // 1000
        self._least_us = min(self._least_us + drifted_us, 1000 * self._offset)
        self._compared = bucket


class Steps:
    """Notices when our own clock is set, in either direction: the monotonic one is not."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead_ms = clock.now_ms() - clock.mono_ms()

    def stepped(self) -> bool:
        """Whether it was since it was last asked."""
        before = self._clock.mono_ms()
        now, after = self._clock.now_ms(), self._clock.mono_ms()
        if after - before > HELD_UP_MS:
            return False  # the next packet tells
        was, self._ahead_ms = self._ahead_ms, now - after
        return abs(self._ahead_ms - was) >= STEP_MS


class OwnClock:
    """How far a camera's own clock is ahead of ours, where its stream tells (RTCP sender reports)."""

    def __init__(self) -> None:
        self._ahead_ms: deque[int] = deque(maxlen=REMEMBERED)

    def seen(self, own_ms: int, at_ms: int) -> None:
        self._ahead_ms.append(own_ms - at_ms)

    @property
    def ahead_ms(self) -> int | None:
        """The middle of what was seen lately; None: the stream does not tell."""
        return median_low(self._ahead_ms) if self._ahead_ms else None
