"""What the demo's report counts, over truths and answers made by hand: right is right, and every wrong one shows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from kernel.law.verdict import Allowance
from simulators.demo.audit import (
    CLIP_MS,
    LaneRules,
    complete,
    count_plates,
    expected,
    latencies,
    traits,
    verdict_is,
)
from simulators.traffic import Truck
from simulators.world import Truth

LEFT_MS = 1_795_400_000_000
SIX = Truck(
    name="six axles",
    axle_kg=(7_000, 9_000, 9_000, 9_000, 9_000, 9_000),
    spacing_mm=(3_300, 1_350, 6_000, 1_310, 1_310),
    groups=(1, 2, 3),
    dual_tyres=(False, True, True),
    combination=True,
    drive_axles=2,
    length_mm=16_000,
    plate_front="鲁C12345",
    plate_rear="鲁C1234挂",
    traits=("over_limit",),
)
TRUTH = Truth(
    number=1,
    lane="lane1",
    truck=SIX,
    behaviour="steady",
    arrived_ms=LEFT_MS - 2_000,
    left_ms=LEFT_MS,
    wire_gross_kg=52_000,
    axles_kg=SIX.axle_kg,
    record_hex="ff01",
)
MOVING = LaneRules(jurisdiction="370323", allowance=Allowance(), suspected=True, moving=True)
PLATFORM = replace(MOVING, suspected=False, moving=False)
DAY = "2026-11-22"


def answered(truth: Truth, rules: LaneRules) -> dict[str, Any]:
    """The weighing of a centre that is right."""
    verdict: dict[str, Any] = msgspec.to_builtins(expected(truth, rules, DAY))
    return {"verdict": verdict, "left_ms": truth.left_ms}


def test_a_record_tells_the_axles_and_a_platform_only_its_mass() -> None:
    moving, platform = expected(TRUTH, MOVING, DAY), expected(TRUTH, PLATFORM, DAY)
    assert (moving.outcome, moving.suspected, moving.over_kg) == ("over_limit", True, 3_000)
    assert [candidate.limit_kg for candidate in moving.candidates] == [46_000, 49_000]
    assert (platform.outcome, platform.suspected) == ("over_limit", False)
    assert len(platform.candidates) > 2
    assert expected(replace(TRUTH, wire_gross_kg=47_000), MOVING, DAY).outcome == "undetermined"
    assert expected(replace(TRUTH, wire_gross_kg=None), PLATFORM, DAY).outcome == "not_weighed"


@pytest.mark.parametrize("rules", [MOVING, PLATFORM])
def test_a_right_verdict_counts_and_no_other(rules: LaneRules) -> None:
    weighed = answered(TRUTH, rules)
    assert verdict_is(TRUTH, weighed, rules)
    for name, wrong in (
        ("outcome", "within"),
        ("over_kg", 2_999),
        ("decision_kg", 51_000),
        ("suspected", not rules.suspected),
        ("missing", ["something"]),
        ("candidates", weighed["verdict"]["candidates"][:1]),
    ):
        assert not verdict_is(TRUTH, {"verdict": weighed["verdict"] | {name: wrong}}, rules), name


def pictured(front: str | None, rear: str | None) -> dict[str, Any]:
    plates = [{"role": "front", "text": front}, {"role": "rear", "text": rear}]
    return {"pictured": [{"plates": plates, "missing": [], "pictures": []}]}


def test_a_plate_counts_when_every_character_is_right() -> None:
    count = count_plates(
        [
            (TRUTH, pictured("鲁C12345", "鲁C1234挂")),
            (TRUTH, pictured("鲁C12346", None)),
            (TRUTH, {"pictured": []}),
        ]
    )
    assert (count.total, count.exact, count.false) == (6, 2, 1)
    assert count.wrong[0] == "1 front: 鲁C12345 read as 鲁C12346"


def test_no_plate_and_a_foreign_one_are_right_when_nothing_is_made_up() -> None:
    bare = replace(TRUTH, truck=replace(SIX, plate_front=None, plate_rear="123 ABC 02"))
    silent = count_plates([(bare, pictured(None, None))])
    assert (silent.total, silent.silent_right, silent.false) == (0, 2, 0)
    dreamt = count_plates([(bare, pictured("鲁C12345", None))])
    assert (dreamt.silent_right, dreamt.false) == (1, 1)


def test_the_front_behind_another_truck_is_counted_apart() -> None:
    close = replace(TRUTH, behaviour="close_behind")
    count = count_plates([(close, pictured(None, "鲁C1234挂")), (close, pictured("鲁C12345", "鲁C1234挂"))])
    assert (count.hidden, count.hidden_exact, count.total, count.exact) == (2, 1, 2, 2)


def whole(*, clip_ms: int = LEFT_MS + 12_000, outcome: str = "over_limit") -> dict[str, Any]:
    """A crossing that is complete at the centre, with the moments at which its parts came."""
    pictures = [{"camera": "front"}, {"camera": "rear"}]
    return {
        "row": {"passage": "p1"},
        "weighed": {"verdict": {"outcome": outcome}},
        "pictured": [{"weighed_durable_ms": LEFT_MS + 300, "missing": [], "pictures": pictures}],
        "clips": [
            {"kind": "clip", "requested_start_ms": LEFT_MS - 5_000},
            {"kind": "clip", "requested_start_ms": LEFT_MS - 4_900},
            {"kind": "capture", "requested_start_ms": None},
        ],
        "files": [
            {"kind": "picture", "state": "stored", "stored_ms": LEFT_MS + 2_000},
            {"kind": "picture", "state": "stored", "stored_ms": LEFT_MS + 2_500},
            {"kind": "clip", "state": "stored", "stored_ms": clip_ms},
        ],
    }


def test_complete_is_only_what_has_everything() -> None:
    assert complete(whole(), 2)
    assert not complete(whole(), 3)
    assert not complete(whole(), 2, filmed=1)
    assert not complete(whole() | {"weighed": None}, 2)
    assert not complete(whole() | {"clips": []}, 2)
    assert not complete(whole() | {"files": []}, 2)
    expected_ = [file | {"state": "expected"} for file in whole()["files"]]
    assert not complete(whole() | {"files": expected_}, 2)
    lacking = [whole()["pictured"][0] | {"missing": ["camera rear: down"]}]
    assert not complete(whole() | {"pictured": lacking}, 2)


def test_latencies_count_from_the_last_wheel_and_clips_from_their_post_roll() -> None:
    found = latencies([(TRUTH, whole())], {"p1": LEFT_MS + 900}, {"p1": LEFT_MS + 1_100})
    assert found == {
        "journal_p95": 300,
        "tablet_p95": 900,
        "wall_p95": 1_100,
        "photos_p95": 2_500,
        "clip_p95": 12_000 - (CLIP_MS - 4_900),
    }


def test_what_was_not_seen_or_need_not_come_has_no_latency() -> None:
    found = latencies([(TRUTH, whole(outcome="within"))], {}, {"other": 1})
    assert (found["tablet_p95"], found["wall_p95"], found["clip_p95"]) == (None, None, None)


def test_special_cases_are_counted() -> None:
    assert traits([TRUTH, replace(TRUTH, behaviour="stop_and_go")]) == {
        "over_limit": 2,
        "steady": 1,
        "stop_and_go": 1,
    }
