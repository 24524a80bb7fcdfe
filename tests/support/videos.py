"""Small real H.264 files for the tests of cameras and recorder, and a clock that stands until it is pushed."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream

from edge.cameras.stream import Coded, Session


class StillClock:
    """Stands still; sleeping moves it on at once."""

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self.now = now_ms

    def now_ms(self) -> int:
        return self.now

    def mono_ms(self) -> int:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += int(seconds * 1000)
        await asyncio.sleep(0)


def make_video(
    path: Path,
    *,
    seconds: int = 4,
    fps: int = 10,
    gop: int = 10,
    size: tuple[int, int] = (160, 96),
    b_frames: int = 0,
    still: bool = False,
    container: str | None = None,
) -> Path:
    """A bar walks over a dark ground, one place a frame; `still`: it does not walk."""
    width, height = size
    with av.open(str(path), "w", format=container) as file:
        stream = file.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = width, height, "yuv420p", gop
        stream.options = {"preset": "ultrafast", "bf": str(b_frames), "x264-params": "scenecut=0:threads=1"}
        for number in range(seconds * fps):
            frame = av.VideoFrame.from_ndarray(_bar(width, height, 0 if still else number), format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def _bar(width: int, height: int, number: int) -> np.ndarray:
    picture = np.full((height, width, 3), 40, np.uint8)
    at = number * 4 % width
    picture[:, at : at + 8] = (30, 200, 230)
    return picture


def bar_at(picture: np.ndarray) -> int:
    """The number of the frame, modulo width / 4, read back from a decoded picture."""
    columns = picture[:, :, 1].mean(axis=0)
    return int(np.argmax(np.convolve(columns, np.ones(8), "valid"))) // 4


@contextmanager
def replayed(
    path: Path, *, name: str = "front-1", start_ms: int = 1_000_000
) -> Iterator[tuple[Session, list[Coded]]]:
    """A session whose packets arrive exactly on time."""
    with av.open(str(path)) as file:
        video = file.streams.video[0]
        context = video.codec_context
        session = Session(
            name=name,
            codec=context.name,
            head=bytes(context.extradata or b""),
            width=context.width,
            height=context.height,
            time_base=video.time_base or Fraction(1, 1000),
            template=video,
        )
        packets = [p for p in file.demux(video) if p.pts is not None and p.dts is not None and p.size]
        zero = session.stamp_ms(packets[0].dts or 0)
        yield session, [_coded(packet, session, start_ms - zero) for packet in packets]


def _coded(packet: av.Packet[VideoStream], session: Session, shift_ms: int) -> Coded:
    return Coded(
        data=bytes(packet),
        pts=packet.pts or 0,
        dts=packet.dts or 0,
        key=packet.is_keyframe,
        duration=packet.duration or 0,
        arrived_ms=session.stamp_ms(packet.dts or 0) + shift_ms,
    )


def huge_pictures(path: Path, side: int = 12_000) -> Path:
    """A film whose container says 64 x 64, and whose JPEGs say something else."""
    with av.open(str(path), "w", format="avi") as file:
        stream = file.add_stream("mjpeg", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuvj420p"
        for _ in range(10):
            picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="bgr24")
            file.mux(stream.encode(picture))
        file.mux(stream.encode(None))
    small, large = struct.pack(">HH", 64, 64), struct.pack(">HH", side, side)
    data = path.read_bytes()
    head = b"\xff\xc0\x00\x11\x08"
    assert head + small in data
    path.write_bytes(data.replace(head + small, head + large))
    return path
