"""When a picture of a vehicle is not fit for evidence 抓拍图像检查, in the manner of GA/T 832; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from edge.cameras.settings import CheckSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """Of one picture: sharpness 0 to 1000, mean brightness 0 to 255, permille of its pixels that are clipped."""

    sharpness: int
    luma: int
    clipped_permille: int


def flags_of(measures: Measures, settings: CheckSettings) -> tuple[str, ...]:
    """Machine words (docs/cameras.md); the picture is kept whatever they are."""
    said = {
        "blurred": measures.sharpness < settings.sharpness_min,
        "too_dark": measures.luma < settings.luma_min,
        "too_bright": measures.luma > settings.luma_max,
        "clipped": measures.clipped_permille > settings.clipped_permille_max,
    }
    return tuple(word for word, true in said.items() if true)


def is_same_place(moves: Sequence[tuple[int, int]], settings: CheckSettings) -> bool:
    """Whether a row of shots fails to show that time has passed at the vehicle.

    `moves`: of each shot its time in ms and how much of it (permille) looks otherwise than in the one before.
    A moving vehicle must be seen elsewhere; of a standing one the shots must lie `apart_s` apart.
    """
    if settings.displacement == "off" or len(moves) < 2:
        return False
    if any(moved >= settings.moved_permille for _, (_, moved) in pairwise(moves)):
        return False
    return settings.displacement == "moving" or moves[-1][0] - moves[0][0] < settings.apart_s * 1000
