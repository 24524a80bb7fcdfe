from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

import simulators
from simulators.scene.faces import front_face
from simulators.scene.optics import MOVING_FRONT, Role
from simulators.scene.plates import draw_plate
from simulators.scene.render import LaneView
from simulators.scene.sheet import Image
from simulators.scene.view import FRONT_OVERHANG_MM, Appearance
from simulators.scene.wear import bent, muddied, snowed
from simulators.traffic import Light, Truck, read_traffic

TRIGGER_MS = 1_790_000_000_000
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
PLATE = draw_plate("鲁C12345", colour="yellow")
TRAFFIC = """
[[lane]]
name = "a"
kind = "wim"
every_ms = 1000
speed_dkmh = [100, 200]
billboards = true
[[crossing]]
lane = "a"
truck = "t"
light = "low_sun"
[[truck]]
name = "t"
axle_kg = [5000, 9000]
spacing_mm = [5000]
groups = [1, 1]
dual_tyres = [false, true]
combination = false
drive_axles = 1
length_mm = 9000
plate_front = "鲁C12345"
traits = ["bent_plate", "dirty_plate"]
"""


def seen(light: Light, *, billboards: bool = False, truck: Truck = TRUCK) -> Appearance:
    return Appearance(truck=truck, trigger_ms=TRIGGER_MS, speed_dkmh=200, light=light, billboards=billboards)


def shot(role: Role, light: Light, *, billboards: bool = False) -> Image:
    truck = seen(light, billboards=billboards)
    at_ms = TRIGGER_MS if role == "front" else truck.reaches_ms(TRUCK.length_mm - FRONT_OVERHANG_MM)
    return LaneView(role, site="s").frame(at_ms, [truck])[:, :, :3]


@pytest.mark.parametrize("worn", [muddied, bent, lambda plate, seed: snowed(plate, seed=seed, depth=0.6)])
def test_wear_is_the_same_for_the_same_seed_and_leaves_a_plate_of_its_size(worn: object) -> None:
    assert callable(worn)
    one, same, other = (worn(PLATE, seed=seed) for seed in (4, 4, 5))
    assert one.shape == PLATE.shape
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert not np.array_equal(one, PLATE)


def test_mud_lies_on_the_characters_and_not_on_the_whole_plate() -> None:
    for seed in range(8):
        changed = cv2.absdiff(muddied(PLATE, seed=seed), PLATE).max(axis=2) > 40
        assert changed[25:115, 15:425].sum() > 0.45 * changed.sum() > 0
        assert changed.mean() < 0.45


def test_a_plate_without_snow_is_as_it_was() -> None:
    assert (cv2.absdiff(snowed(PLATE, seed=1, depth=0.0), PLATE) < 3).mean() > 0.9
    depths = [cv2.absdiff(snowed(PLATE, seed=1, depth=depth), PLATE).mean() for depth in (0.25, 0.5, 0.75)]
    assert depths == sorted(depths)


def test_a_truck_s_traits_wear_its_plate() -> None:
    plain = front_face(TRUCK).plate
    for trait in ("bent_plate", "dirty_plate"):
        worn = front_face(replace(TRUCK, traits=(trait,))).plate
        assert plain is not None
        assert worn is not None
        assert not np.array_equal(worn.image, plain.image)


def test_a_traffic_script_asks_for_light_boards_and_wear() -> None:
    (crossing,) = read_traffic(TRAFFIC)
    shown = Appearance.of(crossing, started_ms=0)
    assert (shown.light, shown.billboards) == ("low_sun", True)
    assert set(shown.truck.traits) == {"bent_plate", "dirty_plate"}


def test_the_plates_that_models_learn_from_share_nothing_with_these() -> None:
    folder = Path(simulators.__file__).parent
    drawn = {path: path.read_text() for path in (folder / "scene").glob("*.py")}
    taught = {path: path.read_text() for path in (folder / "training").rglob("*.py")}
    assert drawn
    assert not [path for path, text in drawn.items() if "simulators.training" in text]
    own = ("simulators.scene.plates", "simulators.scene.wear", "simulators.scene.faces")
    assert not [path for path, text in taught.items() if any(module in text for module in own)]


pictures = pytest.mark.broad  # a drawn scene costs a tenth of a second


@pictures
@pytest.mark.parametrize("light", ["headlights", "wet", "low_sun", "snow"])
@pytest.mark.parametrize("role", ["front", "rear", "side"])
def test_every_scene_is_the_same_again_and_not_the_plain_day(role: Role, light: Light) -> None:
    assert np.array_equal(shot(role, light), shot(role, light))
    assert cv2.absdiff(shot(role, light), shot(role, "day")).mean() > 5


@pictures
def test_headlights_blind_more_of_the_picture_than_dipped_ones_and_lift_the_plate_s_dark() -> None:
    glare, night = shot("front", "headlights"), shot("front", "night")
    assert (glare.min(axis=2) > 245).mean() > 2 * (night.min(axis=2) > 245).mean()


@pictures
def test_a_wet_road_mirrors_the_lamps_below_the_truck() -> None:
    truck = seen("wet")
    early_ms = TRIGGER_MS - 2_000  # far enough away to see the road before it
    dry, wet = (
        LaneView("front", site="s").frame(early_ms, [replace(truck, light=light)])[:, :, :3]
        for light in ("day", "wet")
    )
    away = MOVING_FRONT.away(truck.position(early_ms) + FRONT_OVERHANG_MM)
    x, y = (round(part) for part in MOVING_FRONT.point(MOVING_FRONT.lane_mm, 0, away))
    bonnet = (slice(y + 25, y + 60), slice(x - 60, x + 60))  # red paint, upside down
    redder = [float(one[bonnet][:, :, 2].mean() - one[bonnet][:, :, 0].mean()) for one in (dry, wet)]
    assert redder[1] > redder[0] + 2


@pictures
def test_against_the_low_sun_the_front_has_little_contrast_and_the_rear_is_bright() -> None:
    day = {role: shot(role, "day") for role in ("front", "rear")}
    sun = {role: shot(role, "low_sun") for role in ("front", "rear")}
    middle = (slice(300, 600), slice(500, 780))
    assert sun["front"][middle].std() < 0.75 * day["front"][middle].std()
    assert sun["rear"][middle].mean() > 1.1 * day["rear"][middle].mean()
    assert sun["front"][:200].max() == 255


@pictures
def test_falling_snow_moves_and_an_empty_lane_in_it_is_not_still() -> None:
    camera = LaneView("front", site="s", light="snow")
    assert not camera.still([0, 80], [])
    assert not np.array_equal(camera.frame(0, []), camera.frame(80, []))


@pictures
def test_boards_stand_beside_the_lane_only_where_they_are_asked_for() -> None:
    early = seen("day", billboards=True)
    plain, boards = (
        LaneView("front", site="s").frame(TRIGGER_MS - 5_000, [replace(early, billboards=asked)])
        for asked in (False, True)
    )
    assert cv2.absdiff(plain, boards)[100:, 640:].mean() > 1
    assert cv2.absdiff(plain, boards)[:, :200].max() == 0
