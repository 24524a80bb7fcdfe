"""Pictures and clips for the pages to show: drawn and encoded here, so that no camera and no renderer is needed."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
WIDTH, HEIGHT = 1280, 720
SKY, ROAD, LINE = (214, 205, 190), (98, 96, 94), (200, 204, 206)
PAINTS = ((46, 52, 140), (120, 78, 34), (60, 92, 58), (70, 70, 76))


def truck(plate: str, *, seed: int, shift: int = 0) -> Image:
    """A truck from the front on a grey road, its plate readable."""
    image = np.full((HEIGHT, WIDTH, 3), SKY, np.uint8)
    cv2.fillPoly(image, [np.array([[380, 250], [900, 250], [1400, HEIGHT], [-120, HEIGHT]])], ROAD)
    for side in (-1, 1):
        cv2.line(image, (640 + side * 240, 250), (640 + side * 700, HEIGHT), LINE, 5, cv2.LINE_AA)
    paint = PAINTS[seed % len(PAINTS)]
    left, top, right, bottom = 410 + shift, 90, 870 + shift, 610
    cv2.rectangle(image, (left + 30, top - 40), (right - 30, top + 60), (88, 84, 80), -1)
    cv2.rectangle(image, (left, top), (right, bottom), paint, -1)
    cv2.rectangle(image, (left + 26, top + 40), (right - 26, top + 210), (64, 58, 48), -1)
    cv2.rectangle(image, (left + 60, top + 270), (right - 60, top + 360), (44, 42, 40), -1)
    for x in (left + 20, right - 100):
        cv2.rectangle(image, (x, bottom - 120), (x + 80, bottom - 70), (226, 232, 236), -1)
        cv2.rectangle(image, (x + 4, bottom), (x + 76, bottom + 70), (28, 28, 28), -1)
    cv2.rectangle(image, (540 + shift, 530), (740 + shift, 594), (52, 190, 240), -1)
    cv2.rectangle(image, (544 + shift, 534), (736 + shift, 590), (20, 20, 20), 2)
    cv2.putText(image, plate, (550 + shift, 576), (10, 10, 10), cv2.FontFace("uni"), 37)
    return image


def crop(image: Image) -> Image:
    """The plate of `truck`, without a shift."""
    return image[524:600, 532:748]


def jpeg(image: Image) -> bytes:
    return bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 86])[1])


def clip(path: Path, plate: str, *, seed: int, seconds: int = 4, rate: int = 10) -> None:
    """H.264 in MP4 with the index in front, as the lanes cut them."""
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = WIDTH // 2, HEIGHT // 2, "yuv420p"
        stream.options = {"preset": "ultrafast", "crf": "30"}
        for number in range(seconds * rate):
            drawn = truck(plate, seed=seed, shift=number * 4 - 80)
            image = np.asarray(cv2.resize(drawn, (WIDTH // 2, HEIGHT // 2)), np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
