from __future__ import annotations

import numpy as np

from simulators.cameras import Camera, Fault
from simulators.scene.view import Appearance
from simulators.traffic import Truck

NOW_MS = 1_790_000_000_000
TRUCK = Truck(
    name="two axles",
    axle_kg=(6000, 9000),
    spacing_mm=(4500,),
    groups=(1, 1),
    dual_tyres=(False, True),
    combination=False,
    drive_axles=1,
    length_mm=8_000,
    plate_front="鲁C12345",
    plate_rear="鲁C12345",
    plate_colour="yellow",
)


def camera() -> Camera:
    made = Camera("lane1-side", lane="lane1", role="side", site="沂源 S01")
    made.schedule([Appearance(truck=TRUCK, trigger_ms=NOW_MS, speed_dkmh=200)], now_ms=NOW_MS)
    return made


def test_a_frozen_camera_repeats_the_picture_of_the_moment_it_froze_and_thaws() -> None:
    frozen, well = camera(), camera()
    frozen.fault(Fault(kind="frozen", from_ms=NOW_MS, until_ms=NOW_MS + 3_000))
    assert np.array_equal(frozen.picture(NOW_MS + 2_000), well.picture(NOW_MS))
    assert not np.array_equal(frozen.picture(NOW_MS + 2_000), well.picture(NOW_MS + 2_000))
    assert np.array_equal(frozen.picture(NOW_MS + 3_000), well.picture(NOW_MS + 3_000))


def test_down_and_slow_last_as_long_as_told() -> None:
    failing = camera()
    failing.fault(Fault(kind="down", from_ms=NOW_MS, until_ms=NOW_MS + 500))
    failing.fault(Fault(kind="slow", from_ms=NOW_MS, until_ms=NOW_MS + 900, late_ms=700))
    moments = (NOW_MS - 1, NOW_MS, NOW_MS + 499, NOW_MS + 500)
    assert [failing.is_down(at) for at in moments] == [False, True, True, False]
    assert [failing.late_ms(at) for at in (*moments, NOW_MS + 900)] == [0, 700, 700, 700, 0]


def test_crossings_long_past_are_forgotten_and_new_ones_are_seen() -> None:
    old = camera()
    later_ms = NOW_MS + 3_600_000
    old.schedule([Appearance(truck=TRUCK, trigger_ms=later_ms, speed_dkmh=200)], now_ms=later_ms - 20_000)
    empty = Camera("empty", lane="lane1", role="side", site="沂源 S01")
    assert np.array_equal(old.picture(NOW_MS + 1_000), empty.picture(NOW_MS + 1_000))
    assert not np.array_equal(old.picture(later_ms + 1_000), empty.picture(later_ms + 1_000))
