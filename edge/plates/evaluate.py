"""Reads one picture in this process, for measuring: `read_image(picture)` answers with texts, scores and boxes."""

from __future__ import annotations

from functools import cache

import cv2

from edge.cameras.settings import PlateSettings
from edge.plates.locate import Image
from edge.plates.reading import PictureReader


@cache
def reader() -> PictureReader:
    cv2.setNumThreads(1)
    return PictureReader(PlateSettings())


def read_image(picture: Image) -> list[dict[str, object]]:
    """Sure plates only: what is unread is no answer."""
    return [
        {
            "text": found.reading.text,
            "colour": found.reading.colour,
            "score": found.reading.score_permille / 1000,
            "box": list(found.reading.box),
        }
        for found in reader().read(picture)
        if found.reading.kind == "plate" and found.reading.sure
    ]
