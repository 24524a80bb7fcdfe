"""Which event tells of which crossing: by the record first, and a late record makes no double of what the loop saw."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from simulators.demo.audit import match
from simulators.traffic import Truck
from simulators.world import Truth

TRUCK = Truck(
    name="two axles",
    axle_kg=(5_000, 9_000),
    spacing_mm=(4_000,),
    groups=(1, 1),
    dual_tyres=(False, True),
    combination=False,
    drive_axles=1,
    length_mm=6_000,
)
TRUTH = Truth(
    number=1,
    lane="lane1",
    truck=TRUCK,
    behaviour="steady",
    arrived_ms=100_000,
    left_ms=102_000,
    wire_gross_kg=14_000,
    record_hex="ff01",
)


def event(*, record: str = "", left_ms: int | None = None, quality: tuple[str, ...] = ()) -> dict[str, Any]:
    weighed = {"lane": "lane1", "record_hex": record, "left_ms": left_ms, "quality": list(quality)}
    return {"weighed": weighed}


def test_the_record_counts_before_the_time() -> None:
    near = event(left_ms=102_100, quality=("no_weight",))
    own = event(record="ff01", quality=("late_record", "loop_missing"))
    found = match([TRUTH], [near, own])
    assert found.pairs == [(TRUTH, own)]
    assert (found.lost, found.doubled) == ([], []), "the loop saw it, the weigher told it later"


def test_a_second_weight_is_a_double_and_so_is_an_event_of_another_time() -> None:
    own = event(record="ff01", left_ms=102_100)
    again = event(record="ff01", left_ms=103_000)
    far = event(left_ms=150_000, quality=("no_weight",))
    found = match([TRUTH], [own, again, far])
    assert found.pairs == [(TRUTH, own)]
    assert found.doubled == [again, far]


def test_a_crossing_of_which_nothing_tells_is_lost() -> None:
    other = replace(TRUTH, number=2, left_ms=500_000, record_hex="ff02")
    found = match([TRUTH, other], [event(record="ff01", left_ms=102_000)])
    assert found.lost == [other]
