"""Films as a recorder makes them: H.264 in MP4, its number and its own time burnt into the picture, satellites beside it."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.packet import Packet
from av.subtitles.stream import SubtitleStream
from numpy.typing import NDArray

from kernel.footage.nmea import Rmc

WIDTH, HEIGHT, RATE = 640, 360, 5
ZONE = timezone(timedelta(hours=8))
NO_FIX_S = 2
LATE_MS = 200
TEXT_HEAD = b"[Script Info]\r\n[V4+ Styles]\r\nFormat: Name, Fontname\r\nStyle: Default,Arial\r\n"
OPTIONS = {"preset": "ultrafast", "qp": "32"}


def film(
    path: Path, *, own_start_ms: int, duration_ms: int, says: str, true_start_ms: int | None = None
) -> str:
    """Blocking.  The SHA-256 of what was written; the container tells its start as UTC by the recorder's clock.

    `true_start_ms`: it has a satellite receiver, and a track of text for what that says.
    """
    started = datetime.fromtimestamp(own_start_ms / 1000, ZONE)
    with av.open(str(path), "w", format="mp4") as container:
        container.metadata["creation_time"] = started.astimezone(UTC).isoformat()
        stream = container.add_stream("libx264", rate=RATE, options=OPTIONS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        track = None if true_start_ms is None else _text_track(container)
        for number in range(duration_ms * RATE // 1000):
            shown = started + timedelta(seconds=number / RATE)
            picture = av.VideoFrame.from_ndarray(_picture(shown, says, number), format="bgr24")
            container.mux(stream.encode(picture))
            if track is not None and number % RATE == 0:
                container.mux(_sentence(track, (true_start_ms or 0) + number * 1000 // RATE, number // RATE))
        container.mux(stream.encode(None))
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sentences(start_ms: int, count: int) -> bytes:
    """What its receiver says in so many seconds, for a file beside the film."""
    return b"".join(_said(start_ms + number * 1000, number).to_bytes() for number in range(count))


def _said(at_ms: int, second: int) -> Rmc:
    """A receiver has no fix at first, and speaks of the second that is over."""
    return Rmc(utc_ms=None if second < NO_FIX_S else (at_ms - LATE_MS) // 1000 * 1000, step_ms=10)


def _text_track(container: OutputContainer) -> SubtitleStream:
    track = container.add_stream("mov_text")
    assert isinstance(track, SubtitleStream)  # noqa: S101 - by its codec
    track.codec_context.subtitle_header = TEXT_HEAD
    track.time_base = Fraction(1, 1000)
    return track


def _sentence(track: SubtitleStream, at_ms: int, second: int) -> Packet[Any]:
    text = _said(at_ms, second).to_bytes()
    packet = Packet(len(text).to_bytes(2, "big") + text)  # as timed text has it
    packet.pts = packet.dts = second * 1000
    packet.duration, packet.time_base, packet.stream = 1000, Fraction(1, 1000), track
    return packet


def _picture(shown: datetime, says: str, number: int) -> NDArray[np.uint8]:
    """Something that moves, under the overlay."""
    picture = np.full((HEIGHT, WIDTH, 3), (96, 104, 88), np.uint8)
    left = number * 7 % (WIDTH - 120)
    cv2.rectangle(picture, (left, 190), (left + 120, 270), (60, 70, 190), -1)
    text = f"{says} {shown:%Y-%m-%d %H:%M:%S}"
    cv2.putText(picture, text, (16, 36), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (255, 255, 255), 2)
    return picture
