"""How well a text fits what a recogniser saw: the best CTC path of that text alone, and the probability of each character."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge.plates.sessions import Floats

LEAST = 1e-7
NEVER = np.float32(-1e9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aligned:
    chars: tuple[float, ...]  # probability of each character where it stands
    steps: tuple[int, ...]  # where each stands best
    log_p: float  # of the best path


def align(probabilities: Floats, codes: Sequence[int]) -> Aligned | None:
    """`probabilities` T x classes, class 0 the blank; `codes` the text's classes.  None: it does not fit into T steps."""
    states = np.zeros(2 * len(codes) + 1, np.int64)  # blank, character, blank, ...
    states[1::2] = codes
    log_p = np.log(np.maximum(probabilities[:, states], LEAST))
    came = _forward(log_p, _may_skip(states))
    if came is None:
        return None
    total, path = came
    steps = tuple(_best(probabilities[:, states[place]], path == place) for place in range(1, len(states), 2))
    chars = tuple(float(probabilities[step, code]) for step, code in zip(steps, codes, strict=True))
    return Aligned(chars=chars, steps=steps, log_p=total)


def _best(seen: Floats, here: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> int:
    return int(np.where(here, seen, -1.0).argmax())


def _may_skip(
    states: np.ndarray[tuple[int], np.dtype[np.int64]],
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """A blank may be left out between two different characters."""
    skip = np.zeros(len(states), bool)
    skip[3::2] = states[3::2] != states[1:-2:2]
    return skip


def _forward(
    log_p: Floats, may_skip: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> tuple[float, np.ndarray[tuple[int], np.dtype[np.int64]]] | None:
    steps, count = log_p.shape
    best = np.full(count, NEVER, np.float32)
    best[:2] = log_p[0, :2]
    back = np.zeros((steps, count), np.int64)
    for step in range(1, steps):
        before = np.full((3, count), NEVER, np.float32)
        before[0] = best
        before[1, 1:] = best[:-1]
        before[2, 2:] = np.where(may_skip[2:], best[:-2], NEVER)
        back[step] = before.argmax(axis=0)
        best = before.max(axis=0) + log_p[step]
    end = count - 1 if best[-1] >= best[-2] else count - 2
    if best[end] <= NEVER / 2:
        return None
    return float(best[end]), _path(back, end)


def _path(
    back: np.ndarray[tuple[int, int], np.dtype[np.int64]], end: int
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    path = np.zeros(len(back), np.int64)
    place = end
    for step in range(len(back) - 1, -1, -1):
        path[step] = place
        place -= int(back[step, place])
    return path
