"""A picture out of bytes that anybody may have made: bounded in time and memory, or a reason why it is not read."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edge.cameras.multipart import is_jpeg, jpeg_size
from edge.plates.locate import Image
from kernel.errors import ProtocolError

MOST_BYTES = 64 * 1024 * 1024
LEAST_PX = 16  # of a side
FULL_PX = 16_000_000  # decoded as they are; larger JPEGs are decoded at a half, a quarter, an eighth
MOST_PX = 256_000_000
_REDUCED = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
_JPEG_END = b"\xff\xd9"
_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """`scale`: pixels of the file that one of `picture` stands for; `truncated`: its end is missing, the rest is grey."""

    picture: Image
    scale: int = 1
    truncated: bool = False


def opened(data: bytes) -> Opened:
    """Upright (EXIF) and in colour; ProtocolError with the reason."""
    width, height, scale = _measured(data)
    if min(width, height) < LEAST_PX:
        raise ProtocolError(f"{width} x {height} pixels: too small to hold a plate")
    truncated = data.startswith(_JPEG) and not is_jpeg(data)
    try:
        # With an end of its own a cut-off picture is decoded as far as it goes.
        picture = cv2.imdecode(np.frombuffer(data + _JPEG_END * truncated, np.uint8), _REDUCED[scale])
    except cv2.error as error:
        raise ProtocolError(f"cannot be decoded: {error.err}") from error
    if picture is None:
        raise ProtocolError("cannot be decoded")
    return Opened(picture=picture, scale=scale, truncated=truncated)


def _measured(data: bytes) -> tuple[int, int, int]:
    """Width, height and how far to reduce, from the head alone: nothing is decoded before it is known to fit."""
    if len(data) > MOST_BYTES:
        raise ProtocolError(f"a file of {len(data)} bytes")
    if data.startswith(_JPEG):
        width, height = jpeg_size(data)
        reductions = _REDUCED
    elif data.startswith(_PNG) and len(data) > 24:
        width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
        reductions = {1: cv2.IMREAD_COLOR}  # a PNG is decoded whole before it can be reduced
    else:
        raise ProtocolError("neither a JPEG nor a PNG")
    if width * height > MOST_PX:
        raise ProtocolError(f"{width} x {height} pixels: too large")
    for scale in reductions:
        if width * height <= FULL_PX * scale * scale:
            return width, height, scale
    raise ProtocolError(f"{width} x {height} pixels: too large for a PNG")
