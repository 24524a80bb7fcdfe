"""How long a hostile file may be worked on and how large its pictures may be 限时限量."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

MOST_PIXELS = 8192 * 4352  # of one picture: 8K, the largest that any camera takes
LONGEST_S = 24 * 3600  # no recorder makes one file of more
LOOK_S = 60  # what a file is, by its head and index
SCAN_S = 900  # two minutes at either end of a film in 4K on a slow station, and as much again
GRACE_S = 20.0  # one picture that was begun is ended; who goes on then is killed
MAKING_TIMES = 10  # the length of a film: redacting 4K takes three on a slow station
MAKING_S = 600  # and so much for any
MOST_MAKING_S = 12 * 3600  # of any: a header states a day, and whoever waits behind it waits as long
UNKNOWN_S = 4 * 3600  # of a film that does not say its length
# A text can name other files to be played in its place: nothing is opened as what no camera writes.
FORMATS = (
    "mov,avi,mpegts,mpeg,matroska,asf,flv,dhav,dv,ivf,h264,hevc,m4v,mpegvideo,mjpeg,cavsvideo,"
    "ogg,wav,aiff,au,mp3,aac,amr,flac"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """When to stop, by a monotonic clock in milliseconds; asked between packets and pictures."""

    mono_ms: Callable[[], int]
    at_ms: int

    @property
    def over(self) -> bool:
        return self.mono_ms() >= self.at_ms


def making_s(duration_ms: int | None, *, times: int = MAKING_TIMES) -> int:
    """The most that making a file may take, of a source or a part of that length."""
    return min(MAKING_S + times * (UNKNOWN_S if duration_ms is None else duration_ms // 1000), MOST_MAKING_S)
