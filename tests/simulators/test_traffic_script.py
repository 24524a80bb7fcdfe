from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.errors import ConfigError
from simulators.traffic import Crossing, default_text, in_light, read_script, read_traffic
from simulators.world import LaneKind, Passing, World

KINDS: dict[str, LaneKind] = {"lane1": "wim", "lane2": "static"}
SMALL = """
[[lane]]
name = "a"
kind = "wim"
every_ms = 1000
speed_dkmh = [100, 200]
[[crossing]]
lane = "a"
truck = "t"
[[truck]]
name = "t"
axle_kg = [5000, 9000]
spacing_mm = [5000]
groups = [1, 1]
dual_tyres = [false, true]
combination = false
drive_axles = 1
length_mm = 9000
"""


def of_lane(crossings: tuple[Crossing, ...], lane: str) -> list[Crossing]:
    return [crossing for crossing in crossings if crossing.lane == lane]


def test_every_special_case_is_among_the_first_24_crossings() -> None:
    crossings = read_traffic(default_text(), vehicles=24)
    traits = {trait for crossing in crossings for trait in crossing.truck.traits}
    assert traits >= {
        "over_limit",
        "permit",
        "dangerous_goods",
        "cloned_plate",
        "no_plate",
        "foreign_plate",
        "ambiguous",
    }
    for lane in KINDS:
        assert {crossing.behaviour for crossing in of_lane(crossings, lane)} == {
            "steady",
            "stop_and_go",
            "close_behind",
        }
    assert any(
        "over_limit" in c.truck.traits and c.truck.combination and c.truck.plate_rear for c in crossings
    )


def test_the_shipped_traffic_has_weather_and_a_bent_plate_and_keeps_them_in_another_light() -> None:
    crossings = read_traffic(default_text(), vehicles=24)
    own = {c.number: c.light for c in crossings if c.light != "day"}
    assert set(own.values()) == {"low_sun", "wet", "headlights", "night", "rain"}
    assert any("bent_plate" in c.truck.traits for c in crossings)
    assert {c.lane for c in crossings if c.billboards} == {"lane2"}
    snowy = in_light(crossings, "snow")
    assert {c.number: c.light for c in snowy if c.light != "snow"} == own


def test_the_cloned_plate_is_on_two_different_trucks_on_two_lanes() -> None:
    cloned = [c for c in read_traffic(default_text(), vehicles=24) if "cloned_plate" in c.truck.traits]
    assert {c.lane for c in cloned} == {"lane1", "lane2"}
    assert len({c.truck.plate_front for c in cloned}) == 1
    assert len({c.truck.axle_kg for c in cloned}) == 2


def test_six_axles_with_unknown_drive_axles_weigh_between_the_two_limits() -> None:
    trucks = [c.truck for c in read_traffic(default_text(), vehicles=24) if "ambiguous" in c.truck.traits]
    six = [truck for truck in trucks if len(truck.axle_kg) == 6]
    assert len(six) == 2
    assert all(46_400 < truck.gross_kg < 48_600 for truck in six)
    assert {len(truck.axle_kg) for truck in trucks} == {3, 4, 6}


def test_crossings_are_numbered_in_order_of_time() -> None:
    crossings = read_traffic(default_text(), vehicles=60)
    assert [crossing.number for crossing in crossings] == list(range(1, 61))
    assert [crossing.start_ms for crossing in crossings] == sorted(
        crossing.start_ms for crossing in crossings
    )


def test_the_same_seed_gives_the_same_traffic_and_another_seed_another() -> None:
    assert read_traffic(default_text(), vehicles=60) == read_traffic(default_text(), vehicles=60)
    assert read_traffic(default_text(), vehicles=60, seed=5) != read_traffic(
        default_text(), vehicles=60, seed=6
    )


def test_later_turns_have_other_plates_of_the_same_kind() -> None:
    crossings = read_traffic(default_text(), vehicles=120)
    heavy = [c.truck.plate_front for c in crossings if c.truck.plate_colour == "yellow_green"]
    assert len(set(heavy)) == len(heavy) > 2
    assert all(plate and len(plate) == 8 and plate.endswith("D") for plate in heavy)
    later = [
        c.truck.plate_front for c in crossings if "cloned_plate" in c.truck.traits and "#2" in c.truck.name
    ]
    assert len(later) >= 2
    assert len(set(later)) == 1


@pytest.mark.parametrize("vehicles", [0, 1, 24, 200])
def test_as_many_vehicles_as_wanted(vehicles: int) -> None:
    assert len(read_traffic(default_text(), vehicles=vehicles)) == vehicles


def test_without_a_number_every_crossing_is_driven_once() -> None:
    assert len(read_traffic(default_text())) == len(read_script(default_text()).crossing)


def scale_is_free(passings: tuple[Passing, ...]) -> None:
    for before, after in pairwise(passings):
        released = max(change.at_ms for change in before.loops if change.loop == 1)
        assert released < after.seen.trigger_ms
        if after.crossing.behaviour != "close_behind":
            assert before.left_ms < after.seen.trigger_ms


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000))
def test_no_two_trucks_are_in_the_same_place(seed: int) -> None:
    world = World(read_traffic(default_text(), vehicles=60, seed=seed), lanes=KINDS, started_ms=0)
    for lane in world.lanes.values():
        scale_is_free(lane.passings)


def test_on_the_platform_the_one_that_keeps_no_distance_is_there_before_the_other_has_left() -> None:
    world = World(read_traffic(default_text(), vehicles=24), lanes=KINDS, started_ms=0)
    passings = world.lanes["lane2"].passings
    n = next(n for n, passing in enumerate(passings) if passing.crossing.behaviour == "close_behind")
    assert passings[n - 1].left_ms > passings[n].axle_at(0, 500)


def test_lanes_keep_their_pace() -> None:
    crossings = read_traffic(default_text(), vehicles=100)
    for lane, every_ms in (("lane1", 6_000), ("lane2", 20_000)):
        gaps = [
            b.start_ms - a.start_ms
            for a, b in zip(of_lane(crossings, lane), of_lane(crossings, lane)[1:], strict=False)
        ]
        assert sorted(gaps)[len(gaps) // 2] <= every_ms * 1.05


def test_every_fault_of_a_script_is_named_with_its_path() -> None:
    text = SMALL.replace('truck = "t"', 'truck = "u"').replace('lane = "a"', 'lane = "b"')
    with pytest.raises(ConfigError) as caught:
        read_traffic(text)
    assert caught.value.faults == (("crossing[0].lane", "no lane 'b'"), ("crossing[0].truck", "no truck 'u'"))


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (("groups = [1, 1]", "groups = [1, 2]"), "truck[0].groups"),
        (("spacing_mm = [5000]", "spacing_mm = [5000, 1]"), "truck[0].spacing_mm"),
        (("axle_kg = [5000, 9000]", 'axle_kg = [5000, "x"]'), "truck[0].axle_kg[1]"),
        (("length_mm = 9000", "length_mm = 900"), "truck[0].length_mm"),
        (("speed_dkmh = [100, 200]", "speed_dkmh = [200, 100]"), "lane[0].speed_dkmh"),
        (("every_ms = 1000", "every_ms = 0"), "lane[0].every_ms"),
        (('kind = "wim"', 'kind = "belt"'), "lane[0].kind"),
        (("drive_axles = 1", "drive_axles = 1\nwings = 2"), "truck[0].wings"),
        (("[[truck]]", "[[truck]]]"), "traffic"),
    ],
)
def test_wrong_scripts_are_refused(change: tuple[str, str], path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_traffic(SMALL.replace(*change))
    assert path in [at for at, _ in caught.value.faults]
