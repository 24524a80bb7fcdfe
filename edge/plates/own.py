"""Our own models: a recogniser that sees one grey row, and a detector that gives the four corners of a plate's text."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edge.plates.locate import Image
from edge.plates.sessions import Floats, Model

WEIGHTS = Path(__file__).parent / "weights"
ROW = (192, 48)  # width, height of what the recogniser takes
STRIDE = 8
SCORE = 0.35
NEAR = 0.6  # of a text's height: answers nearer than that are of one plate
MOST = 12


def version() -> str:
    """Of both models together: their digest, so that a reading says which weights made it."""
    digest = hashlib.sha256()
    for path in sorted(WEIGHTS.glob("*.onnx")):
        digest.update(path.read_bytes())
    return f"own-{digest.hexdigest()[:8]}"


class Recogniser:
    """Of the characters of kernel.plates, one row of text; two rows come side by side."""

    def __init__(self, path: Path = WEIGHTS / "recogniser.onnx") -> None:
        self._model = Model(path)

    def characters(self) -> list[str]:
        return self._model.characters()

    def run(self, crop: Image) -> Floats:
        """T x (1 + characters), the blank first."""
        grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)
        way = cv2.INTER_AREA if grey.shape[1] > ROW[0] else cv2.INTER_LINEAR
        row = cv2.resize(grey, ROW, interpolation=way).astype(np.float32) / 127.5 - 1.0
        return np.ascontiguousarray(self._model.run(row[None, None])[0].T)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quad:
    """The text of one plate: corners from the upper left, clockwise, in the picture's pixels."""

    corners: Floats  # 4 x 2
    score: float
    two_rows: bool


class Detector:
    """Finds plates, best first."""

    def __init__(self, path: Path = WEIGHTS / "detector.onnx", *, long_side_px: int) -> None:
        self._model, self._long_side = Model(path), long_side_px

    def plates(self, picture: Image) -> list[Quad]:
        height, width = picture.shape[:2]
        ratio = min(1.0, self._long_side / max(height, width))
        wide, tall = (max(STRIDE, round(side * ratio / STRIDE) * STRIDE) for side in (width, height))
        small = cv2.resize(picture, (wide, tall), interpolation=cv2.INTER_AREA)
        batch = (small.astype(np.float32) / 127.5 - 1.0).transpose(2, 0, 1)[None]
        return found(self._model.run(batch)[0], scale=(width / wide, height / tall))


def found(answer: Floats, *, scale: tuple[float, float]) -> list[Quad]:
    """Plates out of the detector's answer (10 x rows x columns): the cells of one plate give one quad together."""
    score = 1 / (1 + np.exp(-answer[0]))
    rows, columns = np.nonzero(score >= SCORE)
    order = np.argsort(-score[rows, columns], kind="stable")[: 40 * MOST]
    rows, columns = rows[order], columns[order]
    middles = np.stack([columns, rows], axis=1)[:, None, :] + 0.5
    corners = (answer[2:, rows, columns].T.reshape(-1, 4, 2) + middles) * STRIDE
    weights, twos = score[rows, columns], answer[1, rows, columns]
    quads: list[Quad] = []
    free = np.ones(len(rows), bool)
    for n in range(len(rows)):
        if free[n] and len(quads) < MOST:
            own = free & _same(corners[n], corners)
            free &= ~own
            quads.append(_one(corners[own], weights[own], twos[own], scale))
    return quads


def _same(one: Floats, others: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    tall = np.linalg.norm(one[3] - one[0]) + np.linalg.norm(one[2] - one[1])
    apart = np.linalg.norm(others.mean(axis=1) - one.mean(axis=0), axis=1)
    return np.asarray(apart < max(NEAR * tall, STRIDE), bool)


def _one(corners: Floats, weights: Floats, twos: Floats, scale: tuple[float, float]) -> Quad:
    best = weights >= weights.max() - 0.15  # cells at the edge see less of it
    mean = np.average(corners[best], axis=0, weights=weights[best])
    return Quad(
        corners=np.asarray(mean * np.array(scale), np.float32),
        score=float(weights.max()),
        two_rows=float(np.average(twos[best], weights=weights[best])) > 0,
    )
