"""Opens a recorded file, whatever a recorder or a cable has made of it."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from kernel.errors import ProtocolError
from station.footage.limits import FORMATS, MOST_PIXELS

PATIENCE_S = 20.0
# AVI counts frames only; without it no packet of it has a time to be shown at.
INPUT = {"fflags": "+genpts", "format_whitelist": FORMATS}


def open_media(path: Path, *, most_pixels: int = MOST_PIXELS) -> InputContainer:
    """Its larger pictures are not decoded.  ProtocolError: what is there cannot be read as a recording."""
    try:
        # A path that looks like a network address is still a file.
        file = av.open(f"file:{path}", options=INPUT, timeout=PATIENCE_S)
    except (FFmpegError, OSError, ValueError) as error:
        raise ProtocolError(f"cannot be read as a video: {reason(error)}") from error
    for stream in file.streams.video:
        if stream.codec_context is not None:
            stream.codec_context.options = {"max_pixels": str(most_pixels)}
    return file


def video_of(container: InputContainer) -> VideoStream:
    if not container.streams.video:
        raise ProtocolError("cannot be read as a video: no picture in it")
    return container.streams.video[0]


def first_of(path: Path) -> Fraction:
    """When its first frame is shown, in the container's own seconds; times of a file count from there."""
    with open_media(path) as container:
        video = video_of(container)
        with suppress(FFmpegError):
            for packet in container.demux(video):
                if packet.size:
                    return (packet.pts if packet.pts is not None else packet.dts or 0) * packet.time_base
    return Fraction(0)


def reason(error: Exception) -> str:
    """Without the path, which the reader of a page must not see."""
    text = getattr(error, "strerror", None) or str(error)
    return str(text).split(":", maxsplit=1)[0]
