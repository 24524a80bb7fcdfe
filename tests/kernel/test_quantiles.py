"""The 95th percentile is a value that was measured."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.quantiles import p95


@pytest.mark.parametrize(
    ("values", "wanted"), [([], None), ([7], 7), (range(1, 101), 96), ([3, 1, 2], 3), ([5] * 19 + [900], 900)]
)
def test_of_few_values_it_is_the_largest(values: list[int], wanted: int | None) -> None:
    assert p95(values) == wanted


@given(st.lists(st.integers(0, 10_000), min_size=1))
def test_few_are_above_it(values: list[int]) -> None:
    found = p95(values)
    assert found in values
    assert sum(value > found for value in values if found is not None) <= len(values) * 5 / 100
