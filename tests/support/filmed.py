"""A recorder films the tablet's clock: blur, angle, noise, a hand that shakes, and H.264 on top of it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import segno
from numpy.typing import NDArray

from kernel.footage.clockcode import REDRAWN_MS, clock_text

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How it is filmed; `side_percent` is the height of the code in that of the picture."""

    side_percent: int = 32
    blur: float = 1.2
    noise: float = 6.0
    tilt: float = 0.12
    shake_px: float = 6.0
    kbit: int = 4_000
    size: tuple[int, int] = (1280, 720)
    fps: int = 25
    gop: int = 50
    shown_after_ms: int = 40  # the screen is slower than the page


def code(text: str) -> Picture:
    """One picture of a code with its margin."""
    out = io.BytesIO()
    segno.make_qr(text, error="m", boost_error=False).save(out, kind="png", scale=8, border=4)
    return np.asarray(
        cv2.imdecode(np.frombuffer(out.getvalue(), np.uint8), cv2.IMREAD_GRAYSCALE), dtype=np.uint8
    )


def film(
    path: Path,
    *,
    station: str = "yiyuan/s01",
    true_start_ms: int,
    clock_s: tuple[float, float] | None = (0.5, 3.5),
    seconds: float = 4.0,
    look: Look = Look(),
    says: Callable[[int], str] | None = None,
    seed: int = 1,
    clock_err_ms: int = 12,
) -> Path:
    """`says` is what the code says at a true time: by default the station's clock."""
    told = says or (lambda at_ms: clock_text(station, at_ms, clock_err_ms))
    dice = np.random.default_rng(seed)
    phase = int(dice.integers(0, REDRAWN_MS))
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=look.fps)
        stream.width, stream.height, stream.pix_fmt = *look.size, "yuv420p"
        stream.gop_size, stream.bit_rate = look.gop, look.kbit * 1000
        stream.options = {"preset": "ultrafast", "x264-params": "scenecut=0:threads=2"}
        for number, picture in enumerate(_pictures(look, told, true_start_ms, clock_s, seconds, phase, dice)):
            frame = av.VideoFrame.from_ndarray(picture, format="gray")
            frame.pts, frame.time_base = number, Fraction(1, look.fps)
            file.mux(stream.encode(frame.reformat(format="yuv420p")))
        file.mux(stream.encode(None))
    return path


def _pictures(
    look: Look,
    says: Callable[[int], str],
    true_start_ms: int,
    clock_s: tuple[float, float] | None,
    seconds: float,
    phase: int,
    dice: np.random.Generator,
) -> Iterator[Picture]:
    width, height = look.size
    ground = cv2.GaussianBlur(dice.integers(40, 200, (height // 8, width // 8), dtype=np.uint8), (0, 0), 3)
    yard = np.asarray(cv2.resize(ground, (width, height)), dtype=np.uint8)
    shown: dict[int, Picture] = {}
    for number in range(int(seconds * look.fps)):
        at_s = number / look.fps
        picture = yard
        if clock_s is not None and clock_s[0] <= at_s < clock_s[1]:
            true_ms = true_start_ms + round(at_s * 1000) - look.shown_after_ms
            drawn_ms = (true_ms - phase) // REDRAWN_MS * REDRAWN_MS + phase
            if drawn_ms not in shown:
                shown[drawn_ms] = code(says(drawn_ms))
            picture = _filmed(yard, shown[drawn_ms], look, dice)
        yield _spoiled(picture, look, dice)


def _filmed(yard: Picture, clock: Picture, look: Look, dice: np.random.Generator) -> Picture:
    width, height = look.size
    side = height * look.side_percent / 100
    left, top = (width - side) / 2, (height - side) / 2
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=np.float32) * side + np.array([left, top])
    corners += dice.normal(0, look.shake_px, 2)
    corners[1] += np.array([-look.tilt * side / 2, look.tilt * side])
    corners[2] += np.array([-look.tilt * side / 2, -look.tilt * side])
    edge = clock.shape[0]
    flat = np.array([[0, 0], [edge, 0], [edge, edge], [0, edge]], dtype=np.float32)
    turn = cv2.getPerspectiveTransform(flat, corners.astype(np.float32))
    placed = cv2.warpPerspective(clock, turn, (width, height), flags=cv2.INTER_AREA, borderValue=0)
    mask = cv2.warpPerspective(np.full_like(clock, 255), turn, (width, height))
    return np.asarray(np.where(mask > 127, placed, yard), dtype=np.uint8)


def _spoiled(picture: Picture, look: Look, dice: np.random.Generator) -> Picture:
    soft = np.asarray(cv2.GaussianBlur(picture, (0, 0), look.blur), dtype=np.float32)
    noise = dice.standard_normal(picture.shape, dtype=np.float32) * look.noise + 20
    spoiled: Picture = np.clip(soft * 0.8 + noise, 0, 255).astype(np.uint8)
    return spoiled
