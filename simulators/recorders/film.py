"""Films as a recorder makes them: H.264 in MP4, its number and its own time burnt into the picture."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT, RATE = 640, 360, 5
ZONE = timezone(timedelta(hours=8))
OPTIONS = {"preset": "ultrafast", "qp": "32"}


def film(path: Path, *, own_start_ms: int, duration_ms: int, says: str) -> str:
    """Blocking.  The SHA-256 of what was written; the container tells its start as UTC by the recorder's clock."""
    started = datetime.fromtimestamp(own_start_ms / 1000, ZONE)
    with av.open(str(path), "w", format="mp4") as container:
        container.metadata["creation_time"] = started.astimezone(UTC).isoformat()
        stream = container.add_stream("libx264", rate=RATE, options=OPTIONS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(duration_ms * RATE // 1000):
            shown = started + timedelta(seconds=number / RATE)
            picture = av.VideoFrame.from_ndarray(_picture(shown, says, number), format="bgr24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _picture(shown: datetime, says: str, number: int) -> NDArray[np.uint8]:
    """Something that moves, under the overlay."""
    picture = np.full((HEIGHT, WIDTH, 3), (96, 104, 88), np.uint8)
    left = number * 7 % (WIDTH - 120)
    cv2.rectangle(picture, (left, 190), (left + 120, 270), (60, 70, 190), -1)
    text = f"{says} {shown:%Y-%m-%d %H:%M:%S}"
    cv2.putText(picture, text, (16, 36), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (255, 255, 255), 2)
    return picture
