"""Pictures of one wall second become one group of pictures 关键帧组 of a transport stream that never breaks.

Every second begins with an IDR frame, parameter sets and tables, so a viewer may join at any second.  Of a second in
which nothing moves only the IDR frame is encoded; the frames after it are the same few bytes each time, "as before".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import av
import cv2
import numpy as np
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame

from simulators.scene.optics import HEIGHT, WIDTH
from simulators.scene.sheet import Image

FRAME_MS = 80
TICKS_A_FRAME = 7_200  # of 1/90000 s
TIME_BASE = Fraction(1, 90_000)
MOST_FRAMES_A_SECOND = 13
# A constant quantiser costs x264 a third less than its rate control and gives some 1.5 Mbit/s with a truck in sight.
OPTIONS = {
    "preset": "ultrafast",
    "tune": "zerolatency",
    "qp": "25",
    "forced-idr": "1",
    "x264-params": "scenecut=0:keyint=250:threads=1:sliced-threads=0:repeat-headers=1:colormatrix=smpte170m",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """The bytes of one frame in the transport stream."""

    frame: int
    data: bytes


def frames_of(second: int) -> range:
    """The frames that begin within a second: 13 and 12 in turn."""
    return range(-(-second * 1000 // FRAME_MS), -(-(second + 1) * 1000 // FRAME_MS))


class Encoder:
    """One camera's endless stream.  For one thread only."""

    def __init__(self) -> None:
        self._sink = _Sink()
        self._container = av.open(self._sink, "w", format="mpegts", options={"flush_packets": "1"})
        self._stream = self._container.add_stream("libx264", rate=Fraction(1000, FRAME_MS))
        _settle(self._stream.codec_context)
        _skips()

    def moving(self, frames: range, pictures: Iterator[Image]) -> list[Piece]:
        """Encode each picture; the first becomes an IDR frame."""
        return [
            self._piece(frame, self._stream.encode(_video_frame(picture, frame, key=frame == frames[0])))
            for frame, picture in zip(frames, pictures, strict=True)
        ]

    def still(self, frames: range, picture: Image) -> list[Piece]:
        """Encode one picture and let it stand for all frames."""
        head = self.moving(frames[:1], iter([picture]))
        return head + [self._piece(frame, [_as_before(n + 1)]) for n, frame in enumerate(frames[1:])]

    def close(self) -> None:
        self._container.close()

    def _piece(self, frame: int, packets: Sequence[Packet[Any]]) -> Piece:
        for packet in packets:
            packet.stream = self._stream
            packet.time_base = TIME_BASE
            packet.pts = packet.dts = frame * TICKS_A_FRAME
            self._container.mux_one(packet)
        return Piece(frame=frame, data=self._sink.take())


class _Sink:
    """Collects what the multiplexer writes."""

    def __init__(self) -> None:
        self._held = bytearray()

    def write(self, data: bytes) -> int:
        self._held += data
        return len(data)

    def take(self) -> bytes:
        taken = bytes(self._held)
        self._held.clear()
        return taken


def _settle(context: VideoCodecContext) -> None:
    context.width, context.height, context.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    context.time_base = TIME_BASE
    context.max_b_frames = 0
    context.gop_size = 250
    context.thread_count = 1
    context.options = dict(OPTIONS)


def _video_frame(picture: Image, frame: int, *, key: bool) -> VideoFrame:
    planes = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGRA2YUV_I420), np.uint8)
    made = VideoFrame.from_ndarray(planes, format="yuv420p")
    made.pts, made.time_base = frame * TICKS_A_FRAME, TIME_BASE
    made.pict_type = PictureType.I if key else PictureType.NONE
    return made


def _as_before(place: int) -> Packet[Any]:
    return Packet(_skips()[place - 1])


@lru_cache(maxsize=1)
def _skips() -> tuple[bytes, ...]:
    """What the encoder says of frames that change nothing, by their place after the IDR frame.

    A plain grey picture is coded without rest, so its successors consist of skipped macroblocks only and fit any
    picture encoded with the same settings.
    """
    context = av.CodecContext.create("libx264", "w")
    if not isinstance(context, VideoCodecContext):
        raise TypeError("libx264 is no video encoder here")
    _settle(context)
    context.framerate = Fraction(1000, FRAME_MS)
    grey = np.full((HEIGHT, WIDTH, 4), 128, np.uint8)
    packets = [
        packet
        for frame in range(MOST_FRAMES_A_SECOND)
        for packet in context.encode(_video_frame(grey, frame, key=frame == 0))
    ]
    return tuple(bytes(packet) for packet in packets[1:])
