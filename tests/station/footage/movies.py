"""Small recordings as recorders make them: other codecs and containers, a start that is not zero, sound."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from numpy.typing import NDArray

RATE = 8_000
OPTIONS: dict[str, dict[str, object]] = {
    "libx264": {"x264-params": "scenecut=0:threads=1", "preset": "ultrafast"},
    "libx264-b": {"x264-params": "scenecut=0:threads=1:bframes=3:b-adapt=0", "preset": "veryfast"},
    "libx265": {"x265-params": "log-level=none:keyint=10"},
    "mpeg4": {},
}
Codec = Literal["libx264", "libx264-b", "libx265", "mpeg4"]  # -b: pictures made of later ones


def movie(
    path: Path,
    *,
    codec: Codec = "libx264",
    seconds: int = 2,
    fps: int = 10,
    size: tuple[int, int] = (192, 96),
    sound: bool = False,
    still: bool = False,
    container: str | None = None,
    tags: dict[str, str] | None = None,
) -> Path:
    """Noise that is different in every pixel and frame, with a white square at the left that moves to the right.

    `still`: every frame is the first, so that a long film is made fast.
    """
    width, height = size
    with av.open(str(path), "w", format=container, options={"movflags": "use_metadata_tags"}) as file:
        file.metadata.update(tags or {})
        stream = file.add_stream("libx264" if codec == "libx264-b" else codec, rate=fps)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = width, height, "yuv420p", fps
        stream.options = OPTIONS[codec]
        audio = file.add_stream("aac", rate=RATE, layout="mono") if sound else None
        for number in range(seconds * fps):
            frame = VideoFrame.from_ndarray(drawn(0 if still else number, size), format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
        if audio is not None:
            tone = np.zeros((1, RATE * seconds), np.float32)
            frame_ = AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
            frame_.sample_rate, frame_.pts, frame_.time_base = RATE, 0, Fraction(1, RATE)
            file.mux(audio.encode(frame_))
            file.mux(audio.encode(None))
    return path


def turn(path: Path, a: int, b: int, c: int, d: int) -> Path:
    """Write how players are to turn it into the header of its track."""
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 44
    content[at : at + 20] = struct.pack(">5i", a << 16, b << 16, 0, c << 16, d << 16)
    path.write_bytes(content)
    return path


def drawn(number: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    width, height = size
    picture = np.random.default_rng(number).integers(0, 255, (height, width, 3), np.uint8)
    left = min(number * 4, width - 48)
    picture[24:72, left : left + 48] = 255
    return picture


def frames(path: Path) -> list[tuple[int, NDArray[np.uint8]]]:
    """Every picture with its time in milliseconds."""
    with av.open(str(path)) as file:
        return [
            (round((frame.time or 0) * 1000), np.asarray(frame.to_ndarray(format="bgr24"), np.uint8))
            for frame in file.decode(video=0)
        ]


def packets(path: Path) -> list[tuple[int, bytes]]:
    """Of the picture, as they lie in the file."""
    with av.open(str(path)) as file:
        video = file.streams.video[0]
        base = video.time_base or Fraction(1)
        return [
            (round((packet.pts or 0) * base * 1000), bytes(packet))
            for packet in file.demux(video)
            if packet.size
        ]
