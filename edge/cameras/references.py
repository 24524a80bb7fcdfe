"""The view that each camera was set up with 参考视角, kept on disk as a small grey picture."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import numpy as np
from av.codec.context import CodecContext
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from edge.cameras.filters import Grey
from edge.cameras.looking import VIEW
from kernel.errors import ConfigError

FOLDER = "cameras"  # beside the journal


class References:
    """Of all cameras of a lane; a view that somebody sets meanwhile counts from the next look on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, tuple[int, Grey | None]] = {}

    def of(self, camera: str) -> Grey | None:
        """None where there is none, or no picture of that size."""
        path = self.path(camera)
        try:
            stamp = path.stat().st_mtime_ns
        except OSError:
            return None
        if self._held.get(camera, (0, None))[0] != stamp:
            self._held[camera] = (stamp, _read(path))
        return self._held[camera][1]

    def put(self, camera: str, view: Grey) -> Path:
        """Durable when it returns; ConfigError where it cannot be written."""
        path, part = self.path(camera), self.path(camera).with_suffix(".part")
        data = _png(view)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError as error:
            raise ConfigError.one("data", f"{path}: {error.strerror}") from error
        return path

    def path(self, camera: str) -> Path:
        return self._folder / f"{camera}.png"


def _read(path: Path) -> Grey | None:
    try:
        frames = _coder("r").decode(av.Packet(path.read_bytes()))
        view = frames[0].reformat(format="gray").to_ndarray()
    except (OSError, FFmpegError, ValueError, IndexError):
        return None
    return np.asarray(view, np.uint8) if view.shape == VIEW[::-1] else None


def _png(view: Grey) -> bytes:
    frame, coder = VideoFrame.from_ndarray(view, format="gray"), _coder("w")
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    coder.width, coder.height, coder.pix_fmt, coder.time_base = (
        frame.width,
        frame.height,
        "gray",
        Fraction(1, 25),
    )
    return b"".join(bytes(packet) for packet in (*coder.encode(frame), *coder.encode(None)))


def _coder(mode: Literal["r", "w"]) -> VideoCodecContext:
    coder = CodecContext.create("png", mode)
    if not isinstance(coder, VideoCodecContext):
        raise TypeError("png is no video codec here")
    coder.thread_count = 1
    return coder
