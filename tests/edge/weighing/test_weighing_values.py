from __future__ import annotations

import pytest

from edge.weighing.traces import POINTS, Trace
from edge.weighing.values import whole_kg
from kernel.errors import ProtocolError


@pytest.mark.parametrize(
    ("mantissa", "exponent", "unit", "expected"),
    [
        (44_120, 0, "kg", (44_120, ())),
        (-350, 0, "kg", (-350, ())),
        (4_412, 1, "kg", (44_120, ())),
        (8_000, -1, "kg", (800, ())),
        (8_009, -1, "kg", (800, ("fraction_cut",))),
        (-8_009, -1, "kg", (-800, ("fraction_cut",))),
        (44_120, 0, "g", (44, ("fraction_cut",))),
        (100_000, 0, "lb", (45_359, ("converted_from_lb", "fraction_cut"))),
    ],
)
def test_displayed_values_become_whole_kilograms(
    mantissa: int, exponent: int, unit: str, expected: tuple[int, tuple[str, ...]]
) -> None:
    assert whole_kg(mantissa, exponent, unit, allow_lb=True) == expected


def test_pounds_are_refused_in_words_that_help() -> None:
    with pytest.raises(ProtocolError, match="set it to kg"):
        whole_kg(100, 0, "lb")


def test_a_restless_display_fills_a_trace_to_its_limit_and_no_further() -> None:
    trace = Trace(0)
    for n in range(10_000):
        trace.add(100 * n, n % 7)
    points = trace.points()
    assert POINTS // 2 <= len(points) <= POINTS
    assert points[-1][0] > 900_000
