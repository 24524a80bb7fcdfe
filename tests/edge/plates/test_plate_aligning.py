"""A text is held against what was seen: the sum over no paths but its own best, checked against trying all of them."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.plates.aligning import align
from edge.plates.sessions import Floats


def seen(rows: list[list[int]]) -> Floats:
    table = np.array(rows, np.float32) + 0.01
    return np.asarray(table / table.sum(axis=1, keepdims=True), np.float32)


def collapsed(path: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(code for n, code in enumerate(path) if code and (n == 0 or path[n - 1] != code))


@given(
    st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3), min_size=1, max_size=6),
    st.lists(st.integers(1, 2), min_size=1, max_size=3),
)
def test_the_best_path_of_a_text_is_found(rows: list[list[int]], codes: list[int]) -> None:
    probabilities = seen(rows)
    paths = [path for path in product(range(3), repeat=len(rows)) if collapsed(path) == tuple(codes)]
    found = align(probabilities, codes)
    if not paths:
        assert found is None
        return
    best = max(float(np.log(probabilities[np.arange(len(rows)), list(path)]).sum()) for path in paths)
    assert found is not None
    assert found.log_p == pytest.approx(best, abs=1e-3)
    assert len(found.chars) == len(codes)


def test_a_character_counts_by_its_best_moment() -> None:
    found = align(seen([[9, 1, 0], [1, 9, 0], [9, 0, 0], [0, 0, 9]]), [1, 2])
    assert found is not None
    assert found.chars == pytest.approx((0.9, 1.0), abs=0.02)
