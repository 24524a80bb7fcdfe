"""Looks for true time in a file: the QR clock in key frames of its first and last minutes, sentences of satellites.

`python -m station.footage.qrscan FILE MILLISECONDS` prints what was read as JSON: a process of its own, which a broken file may end.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import av
import cv2
import msgspec
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from kernel.errors import ProtocolError
from kernel.footage.clockcode import Hit
from kernel.footage.satellites import Stamp
from station.footage import tracks
from station.footage.clockseen import Seen
from station.footage.limits import LONGEST_S, Deadline
from station.footage.media import open_media, video_of

BROKEN = (av.FFmpegError, cv2.error, MemoryError, OSError, ValueError)
EDGE_S = 120.0
FOLLOW_S = 3.0
NICE = 10
MEMORY = 2 << 30

Grey = NDArray[np.uint8]


def scan(path: Path, *, deadline: Deadline | None = None) -> Seen:
    """What was read.  A file that is no video, breaks off, or takes too long gives what could be read of it."""
    try:
        with open_media(path) as container:
            return _film(container, video_of(container), deadline)
    except ProtocolError:
        return Seen(lines=tuple(tracks.lines(path)))


def _film(container: InputContainer, video: VideoStream, deadline: Deadline | None) -> Seen:
    search = _Search(container, video, deadline)
    stamps: list[Stamp] = []
    hits: dict[int, Hit] = {}
    with suppress(*BROKEN):
        stamps += tracks.stamps(container, video, _windows(container), is_late=search.is_late)
    with suppress(*BROKEN):
        for hit in search.hits():
            hits[hit.in_file_ms] = hit
    found = tuple(hits[at_ms] for at_ms in sorted(hits))
    return Seen(hits=found, stamps=tuple(stamps), late=search.late)


class _Search:
    """Through one file; `late` once it has stopped for want of time."""

    def __init__(self, container: InputContainer, stream: VideoStream, deadline: Deadline | None) -> None:
        self._container = container
        self._stream = stream
        self._deadline = deadline
        self._reader = cv2.QRCodeDetector()
        self.late = False

    def hits(self) -> Iterator[Hit]:
        followed = -1.0
        for first_s, last_s in _windows(self._container):
            for at_s in self._seen(first_s, last_s):
                if at_s > followed:
                    followed = at_s + FOLLOW_S
                    yield from self._follow(at_s, followed)

    def _seen(self, first_s: float, last_s: float) -> list[float]:
        """Key frames in which a code is, whether or not it can be read."""
        frames = self._frames(first_s, last_s, keys=True)
        return [at_s for at_s, frame in frames if _located(self._reader, _grey(frame))]

    def _follow(self, first_s: float, last_s: float) -> Iterator[Hit]:
        for at_s, frame in self._frames(first_s, last_s, keys=False):
            text = _text(self._reader, _grey(frame))
            if text:
                yield Hit(in_file_ms=round(at_s * 1000), text=text)

    def _frames(self, first_s: float, last_s: float, *, keys: bool) -> Iterator[tuple[float, av.VideoFrame]]:
        """Frames of a part with their time since the first frame, while there is time for it."""
        stream = self._stream
        base, start = stream.time_base, stream.start_time or 0
        if base is None or self.is_late():
            return
        self._container.seek(start + int(first_s / base), stream=stream)
        stream.codec_context.skip_frame = "NONKEY" if keys else "DEFAULT"
        for packet in self._container.demux(stream):
            if self.is_late():
                return
            for frame in packet.decode():
                if not isinstance(frame, av.VideoFrame) or frame.pts is None:
                    continue
                at_s = float((frame.pts - start) * base)
                if at_s > last_s:
                    return
                if at_s >= first_s - 0.001:
                    yield at_s, frame

    def is_late(self) -> bool:
        self.late = self.late or (self._deadline is not None and self._deadline.over)
        return self.late


def _windows(container: InputContainer) -> list[tuple[float, float]]:
    """What stands further into a file than any is long is not looked at."""
    length = min((container.duration or 0) / av.time_base, LONGEST_S)
    if length <= 2 * EDGE_S:
        return [(0.0, max(length, EDGE_S))]
    return [(0.0, EDGE_S), (length - EDGE_S, length)]


def _grey(frame: av.VideoFrame) -> Grey:
    return frame.to_ndarray(format="gray").astype(np.uint8, copy=False)


def _located(reader: cv2.QRCodeDetector, picture: Grey) -> bool:
    return any(reader.detect(look)[0] for look in _looks(picture))


def _text(reader: cv2.QRCodeDetector, picture: Grey) -> str:
    for look in _looks(picture):
        try:
            if text := str(reader.detectAndDecode(look)[0]):
                return text
        except cv2.error:  # of a shape that only looks like a code
            continue
    return ""


def _looks(picture: Grey) -> Iterator[Grey]:
    """The middle, larger and sharpened, reads twice as many small or blurred codes as the whole; then the whole."""
    rows, columns = picture.shape
    middle = picture[rows // 4 : 3 * rows // 4, columns // 4 : 3 * columns // 4]
    if min(middle.shape) > 0:
        large = cv2.resize(middle, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC)
        sharp = cv2.addWeighted(large, 2.5, cv2.GaussianBlur(large, (0, 0), 3), -1.5, 0)
        yield np.asarray(sharp, dtype=np.uint8)
    yield picture


def main() -> None:
    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    cv2.setNumThreads(1)
    deadline = Deadline(mono_ms=mono_ms, at_ms=mono_ms() + int(sys.argv[2]))
    sys.stdout.buffer.write(msgspec.json.encode(scan(Path(sys.argv[1]), deadline=deadline)))


def mono_ms() -> int:
    return time.monotonic_ns() // 1_000_000


if __name__ == "__main__":
    main()
