"""The view that each camera was set up with 参考视角, kept on disk as a small grey picture."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np

from edge.cameras.looking import VIEW
from edge.cameras.measuring import Grey
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
        _, data = cv2.imencode(".png", view)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                file.write(data.tobytes())
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
        view = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_GRAYSCALE)
    except (OSError, cv2.error):
        return None
    return None if view is None or view.shape != VIEW[::-1] else np.asarray(view, np.uint8)
