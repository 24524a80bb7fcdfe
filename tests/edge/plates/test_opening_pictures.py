"""Pictures from anybody: read, or refused with a reason, in bounded time and memory."""

from __future__ import annotations

import io
import zlib
from contextlib import suppress

import cv2
import numpy as np
import pytest
from PIL import Image

from edge.plates.opening import FULL_PX, opened
from kernel.errors import ProtocolError

PICTURE = np.full((360, 640, 3), (40, 90, 160), np.uint8)
PICTURE[100:200, 200:400] = 230


def jpeg(picture: np.ndarray = PICTURE) -> bytes:
    return cv2.imencode(".jpg", picture)[1].tobytes()


def test_a_jpeg_and_a_png_are_opened() -> None:
    assert opened(jpeg()).picture.shape == PICTURE.shape
    assert np.array_equal(opened(cv2.imencode(".png", PICTURE)[1].tobytes()).picture, PICTURE)


def test_grey_becomes_colour() -> None:
    assert opened(jpeg(PICTURE[:, :, 0])).picture.shape == PICTURE.shape


def test_a_printer_s_colours_become_a_camera_s() -> None:
    file = io.BytesIO()
    Image.fromarray(PICTURE[:, :, ::-1]).convert("CMYK").save(file, "JPEG", quality=95)
    found = opened(file.getvalue()).picture
    assert found.shape == PICTURE.shape
    assert float(np.abs(found.astype(int) - PICTURE).mean()) < 8


def test_a_picture_on_its_side_is_put_upright() -> None:
    # Orientation 6: the camera was turned by a quarter.
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    marker = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    data = jpeg()
    assert opened(data[:2] + marker + data[2:]).picture.shape == (640, 360, 3)


def test_a_cut_off_jpeg_is_read_as_far_as_it_goes_and_says_so() -> None:
    data = jpeg(np.random.default_rng(1).integers(0, 255, (360, 640, 3), np.uint8))
    assert opened(data[: len(data) // 2]).truncated
    assert not opened(data).truncated
    assert not opened(data + bytes(7)).truncated


@pytest.mark.broad
def test_a_huge_jpeg_is_decoded_small() -> None:
    huge = jpeg(np.zeros((8_000, 12_500), np.uint8))
    found = opened(huge)
    assert found.scale == 4
    assert found.picture.shape == (2_000, 3_125, 3)
    assert found.picture.shape[0] * found.picture.shape[1] <= FULL_PX


def bomb(width: int, height: int) -> bytes:
    """A PNG whose head promises so many pixels."""
    head = b"IHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\0\0\0"
    return b"\x89PNG\r\n\x1a\n" + (13).to_bytes(4, "big") + head + zlib.crc32(head).to_bytes(4, "big")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "neither a JPEG nor a PNG"),
        (b"GIF89a" + bytes(100), "neither a JPEG nor a PNG"),
        (jpeg()[:20], "too small"),
        (jpeg(np.zeros((1, 1, 3), np.uint8)), "1 x 1 pixels: too small"),
        (bomb(60_000, 60_000), "too large"),
        (bomb(10_000, 10_000), "too large for a PNG"),
        (bomb(100, 100), "cannot be decoded"),
        (b"\xff\xd8\xff" + bytes(range(256)) * 50, "too small"),
        (bytes(65 * 1024 * 1024), "a file of 68157440 bytes"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(ProtocolError, match=reason):
        opened(data)


def test_damage_anywhere_never_crashes() -> None:
    dice, data = np.random.default_rng(7), bytearray(jpeg())
    for _ in range(200):
        spoiled = bytearray(data)
        for at in dice.integers(2, len(data), 5):
            spoiled[at] = int(dice.integers(256))
        with suppress(ProtocolError):
            assert opened(bytes(spoiled)).picture.size
