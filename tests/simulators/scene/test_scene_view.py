from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simulators.scene.view import Appearance
from simulators.traffic import Crossing, Truck

TRUCK = Truck(
    name="six axles",
    axle_kg=(7000, 9000, 9000, 8000, 8000, 8000),
    spacing_mm=(3200, 1350, 6500, 1310, 1310),
    groups=(1, 2, 3),
    dual_tyres=(False, True, True),
    combination=True,
    drive_axles=2,
    length_mm=16_800,
    plate_front="鲁C12345",
    plate_rear="鲁C1234挂",
    plate_colour="yellow",
)


def test_a_steady_truck_is_on_the_loop_at_its_trigger_and_goes_on_evenly() -> None:
    seen = Appearance(truck=TRUCK, trigger_ms=100_000, speed_dkmh=360)  # 10 m/s
    assert seen.position(100_000) == 0
    assert seen.position(99_000) == -10_000
    assert seen.position(101_500) == 15_000


def test_on_the_platform_it_stands_for_as_long_as_the_script_says() -> None:
    seen = Appearance(truck=TRUCK, trigger_ms=50_000, speed_dkmh=80, stands_ms=6_000)
    ((start, end),) = seen.standing_ms()
    assert end - start == 6_000
    assert seen.position(start) == seen.position(end) == seen.wheelbase_mm + 1_000
    assert seen.position(start - 500) < seen.position(start) < seen.position(end + 500)


def test_stop_and_go_stands_half_way_over_the_loop() -> None:
    seen = Appearance(truck=TRUCK, trigger_ms=0, speed_dkmh=150, behaviour="stop_and_go")
    ((start, end),) = seen.standing_ms()
    assert end - start == 2_000
    assert seen.position(start + 1_000) == seen.wheelbase_mm // 2


def test_stop_and_go_before_the_platform_makes_two_stops() -> None:
    seen = Appearance(truck=TRUCK, trigger_ms=0, speed_dkmh=100, behaviour="stop_and_go", stands_ms=4_000)
    first, second = seen.standing_ms()
    assert first[1] < second[0]
    assert seen.position(second[0]) == seen.wheelbase_mm + 1_000


def test_a_crossing_counts_from_the_start_of_the_traffic() -> None:
    crossing = Crossing(number=1, lane="lane1", truck=TRUCK, start_ms=7_000, speed_dkmh=200, light="night")
    seen = Appearance.of(crossing, started_ms=1_000_000)
    assert (seen.trigger_ms, seen.light, seen.position(1_007_000)) == (1_007_000, "night", 0)


@given(
    speed=st.integers(1, 900),
    stands=st.integers(0, 20_000),
    halts=st.booleans(),
    times=st.lists(st.integers(-60_000, 120_000), min_size=2),
)
def test_a_truck_never_rolls_back(speed: int, stands: int, halts: bool, times: list[int]) -> None:
    behaviour = "stop_and_go" if halts else "steady"
    seen = Appearance(truck=TRUCK, trigger_ms=0, speed_dkmh=speed, stands_ms=stands, behaviour=behaviour)  # type: ignore[arg-type]
    way = [seen.position(t) for t in sorted(times)]
    assert way == sorted(way)
    assert seen.position(0) == 0


@given(mm=st.integers(-30_000, 40_000), speed=st.integers(20, 900), stands=st.integers(0, 9_000))
def test_reaching_a_place_is_the_inverse_of_being_there(mm: int, speed: int, stands: int) -> None:
    seen = Appearance(truck=TRUCK, trigger_ms=5_000, speed_dkmh=speed, stands_ms=stands)
    t = seen.reaches_ms(mm)
    assert seen.position(t - 1) < mm <= seen.position(t)
