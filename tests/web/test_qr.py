"""The picture of a code holds what was put into it, for any camera."""

from __future__ import annotations

import re

import cv2
import numpy
import numpy.typing
import pytest

from kernel.evidence.slips import Slip
from web import qr

PAYLOAD = Slip(journal="ab" * 16, seq=123_456, leaf="cd" * 16, cosigned_size=123_460).payload()


def modules(picture: str) -> numpy.typing.NDArray[numpy.uint8]:
    """The image, a pixel a module, drawn from the picture's own path."""
    image = numpy.full((_side(picture), _side(picture)), 255, numpy.uint8)
    [path] = re.findall(r'class="qrline"[^>]* d="([^"]+)"', picture)
    x = y = 0.0
    for command, across, down in re.findall(r"([Mmh])(-?[\d.]+)(?: (-?[\d.]+))?", path):
        if command == "h":
            image[int(y), int(x) : int(x + float(across))] = 0
            x += float(across)
        else:
            origin = (0.0, 0.0) if command == "M" else (x, y)
            x, y = origin[0] + float(across), origin[1] + float(down or 0)
    return image


def _side(picture: str) -> int:
    [width] = re.findall(r'width="(\d+)"', picture)
    return int(width) // qr.MODULE_PX


def test_a_camera_reads_what_was_printed() -> None:
    large = cv2.resize(modules(qr.svg(PAYLOAD)), None, fx=8, fy=8, interpolation=cv2.INTER_NEAREST)
    text, _corners, _straight = cv2.QRCodeDetector().detectAndDecode(large)
    assert text == PAYLOAD


def test_it_is_small_enough_for_a_slip() -> None:
    modules_a_side = _side(qr.svg(PAYLOAD)) - 2 * qr.QUIET_MODULES
    assert modules_a_side <= 45  # 2.3 cm at half a millimetre each


@pytest.mark.parametrize("text", ["lower case", "中文", "", "A" * 5_000])
def test_what_does_not_fit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        qr.svg(text)
