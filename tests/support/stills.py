"""A camera on 127.0.0.1 that answers each request with a still; it can hang up, and its picture can stand still."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
from numpy.typing import NDArray

from simulators.scene.plates import draw_plate

Image = NDArray[np.uint8]


def noise() -> Image:
    """A picture that no encoder can make smaller: some 300 kB."""
    picture = np.random.default_rng(1).integers(0, 255, (720, 1280, 3), np.uint8)
    return np.asarray(cv2.GaussianBlur(picture, (5, 5), 0), np.uint8)


def truck_with_plate(text: str, *, muddy: bool) -> Image:
    """A front with its plate; mud leaves a yellow field with nothing on it that could be read."""
    picture = np.full((720, 1280, 3), (112, 110, 108), np.uint8)
    cv2.rectangle(picture, (400, 120), (900, 660), (140, 60, 40), -1)
    plate = cv2.resize(
        draw_plate(text, colour="yellow"), None, fx=0.34, fy=0.34, interpolation=cv2.INTER_AREA
    )
    if muddy:
        plate = cv2.GaussianBlur(plate, (41, 41), 0)
    picture[540 : 540 + plate.shape[0], 570 : 570 + plate.shape[1]] = plate
    return picture


@dataclass
class Stills:
    """Changed while it runs."""

    picture: Image
    url: str = ""
    down: threading.Event = field(default_factory=threading.Event)
    frozen: threading.Event = field(default_factory=threading.Event)
    _count: int = 0

    def next(self) -> bytes:
        """The picture with a running mark, as a clock in the corner would be."""
        if not self.frozen.is_set():
            self._count += 1
        shown = self.picture.copy()
        shown[:16, : 16 + self._count % 1000] = 255
        _, data = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, 85])
        return bytes(data)


@contextmanager
def still_camera(picture: Image | None = None) -> Iterator[Stills]:
    stills = Stills(noise() if picture is None else picture)

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if stills.down.is_set():
                self.send_error(503)
                return
            data = stills.next()
            self.send_response(200)
            self.send_header("Content-Type", "image/jpeg")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    stills.url = f"http://127.0.0.1:{server.server_address[1]}/still"
    try:
        yield stills
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
