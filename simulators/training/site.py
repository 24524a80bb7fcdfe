"""Confirmed plates of a site: crops with their texts, as stations and centre keep them, cut into rows to learn from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from kernel.errors import ConfigError
from kernel.plates import ALPHABET, classify, normalise
from simulators.training.crops import Sample, grey, joined
from simulators.training.soiling import filmed, lit

Image = npt.NDArray[Any]
Box = tuple[float, float, float, float]  # left, top, right, bottom, shares of the crop

LABELS = "labels.jsonl"
TWO_WHOLE = 1.75  # a crop of both rows is less elongated than that
# A crop shows the text's quad with 0.3 of its width to the left, 0.1 to the right, 0.9 of its height above, 0.3 below.
_TEXT: Box = (0.3 / 1.4, 0.9 / 2.2, 1.3 / 1.4, 1.9 / 2.2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """One crop, and where its rows are."""

    picture: Image
    rows: tuple[Box, ...]
    text: str

    def sample(self, random: np.random.Generator) -> Sample:
        rows = [
            filmed(lit(_loose(self.picture, row, random), random), random, blur=random.uniform(0, 0.8))
            for row in self.rows
        ]
        return Sample(crop=grey(joined(rows, random)), text=self.text)


def confirmed(folder: Path) -> tuple[Confirmed, ...]:
    """ConfigError: which line cannot be used."""
    try:
        lines = (folder / LABELS).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ConfigError.one(str(folder / LABELS), f"cannot be read: {error.strerror}") from error
    found = [_one(folder, n, line) for n, line in enumerate(lines, 1) if line.strip()]
    return tuple(one for one in found if one is not None)


def _one(folder: Path, number: int, line: str) -> Confirmed | None:
    """None: nobody could read it, there is nothing to learn."""
    path = f"{folder / LABELS} line {number}"
    try:
        told = json.loads(line)
        text, file, two_rows = (
            normalise(str(told["text"] or "")),
            Path(str(told["file"])),
            bool(told["double_row"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError.one(path, f"is no label: {error!r}") from error
    if not text:
        return None
    if classify(text) is None or not set(text) <= set(ALPHABET):
        raise ConfigError.one(path, f"{text} is no plate")
    if file.is_absolute() or ".." in file.parts:
        raise ConfigError.one(path, "names a file outside the folder")
    picture = cv2.imread(str(folder / file), cv2.IMREAD_COLOR)
    if picture is None:
        raise ConfigError.one(path, f"{file} is no picture")
    return Confirmed(
        picture=picture, rows=_rows(picture.shape[1] / picture.shape[0], two_rows=two_rows), text=text
    )


def _rows(aspect: float, *, two_rows: bool) -> tuple[Box, ...]:
    left, top, right, bottom = _TEXT
    if not two_rows:
        return (_TEXT,)
    tall, wide = bottom - top, right - left
    if aspect < TWO_WHOLE:  # the quad held both rows: 60, 15 and 110 of 185 mm
        inset = wide * 82.5 / 385
        above = (left + inset, top, right - inset, top + tall * 60 / 185)
        return above, (left, top + tall * 75 / 185, right, bottom)
    inset = wide * 0.17  # the quad held the lower row
    return (left + inset, top - 0.75 * tall, right - inset, top - 0.05 * tall), _TEXT


def _loose(picture: Image, row: Box, random: np.random.Generator) -> Image:
    height, width = picture.shape[:2]
    left, top, right, bottom = (side * size for side, size in zip(row, (width, height) * 2, strict=True))
    slip = random.uniform(-0.02, 0.12, 4)
    left, right = left - slip[0] * (right - left), right + slip[1] * (right - left)
    top, bottom = top - slip[2] * (bottom - top), bottom + slip[3] * (bottom - top)
    rows = slice(max(0, int(top)), max(int(top) + 4, int(bottom)))
    part = picture[rows, max(0, int(left)) : max(int(left) + 8, int(right))]
    return np.asarray(part, np.float32)
