"""Crops whose plates people have said, as a reader's training and bench take them: one line a crop, and a manifest.

The line is `{"file", "text", "class", "colour", "double_row"}`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kernel.plates.classes import PlateClass

Point = tuple[int, int]
TWO_ROWS_PERMILLE = 400  # of height to width: GA 36 has 140 / 440 for one row and 220 / 440 for two


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One crop; `sha256` is of its bytes, `suffix` such as .jpg."""

    sha256: str
    suffix: str
    text: str
    plate_class: str | None
    colour: str | None
    double_row: bool

    @property
    def file(self) -> str:
        return f"{self.sha256}{self.suffix}"


def lines(labels: Iterable[Label]) -> str:
    """`labels.jsonl`."""
    told = (
        {
            "file": label.file,
            "text": label.text,
            "class": label.plate_class,
            "colour": label.colour,
            "double_row": label.double_row,
        }
        for label in labels
    )
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in told)


def manifest(labels: Iterable[Label]) -> str:
    """`manifest.json`, as `plate bench --manifest` takes it."""
    items: list[dict[str, object]] = [
        {
            "file": label.file,
            "text": label.text,
            "colour": label.colour,
            "double_row": label.double_row,
            "other": [],
        }
        for label in labels
    ]
    return json.dumps({"items": items}, ensure_ascii=False, indent=1) + "\n"


def is_double_row(
    plate_class: str | None, *, corners: Sequence[Point] = (), box: tuple[int, int, int, int] | None = None
) -> bool:
    """Whether it has two rows 双层, by its shape as it was found; without one, by what trailers always have."""
    if len(corners) == 4:
        top_left, top_right, bottom_right, bottom_left = corners
        wide = _square(top_left, top_right) + _square(bottom_left, bottom_right)
        tall = _square(top_left, bottom_left) + _square(top_right, bottom_right)
        return _is_two_rows(tall, wide, squared=True)
    if box is not None:
        return _is_two_rows(box[3], box[2], squared=False)
    return plate_class == PlateClass.TRAILER


def _is_two_rows(tall: int, wide: int, *, squared: bool) -> bool:
    factor, share = (1000**2, TWO_ROWS_PERMILLE**2) if squared else (1000, TWO_ROWS_PERMILLE)
    return tall * factor > wide * share


def _square(a: Point, b: Point) -> int:
    return (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2
