from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from simulators.scene.build import build_of
from simulators.scene.faces import MARGIN_MM
from simulators.scene.optics import MOVING_FRONT, MOVING_REAR, SIDE, STATIC_FRONT, Optics, Role
from simulators.scene.render import LaneView
from simulators.scene.sheet import Image
from simulators.scene.sides import PX_PER_MM, side
from simulators.scene.view import FRONT_OVERHANG_MM, Appearance
from simulators.traffic import Light, Truck

pytestmark = pytest.mark.broad

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


def seen(*, speed_dkmh: int = 200, light: Light = "day", stands_ms: int = 0, late_ms: int = 0) -> Appearance:
    return Appearance(
        truck=TRUCK, trigger_ms=TRIGGER_MS + late_ms, speed_dkmh=speed_dkmh, light=light, stands_ms=stands_ms
    )


def view(role: Role, *, static: bool = False) -> LaneView:
    return LaneView(role, site="沂源 S01 1车道", static=static)


def plate_box(picture: Image) -> tuple[int, int, int, int] | None:
    """The largest patch of plate yellow: x, y, width, height."""
    hsv = cv2.cvtColor(picture[60:, :, :3], cv2.COLOR_BGR2HSV)
    mask = cv2.inRange(hsv, np.array((18, 170, 120)), np.array((28, 255, 255)))
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask)
    boxes = [stats[n] for n in range(1, count) if stats[n][2] > 1.5 * stats[n][3] > 15]
    if not boxes:
        return None
    x, y, width, height, _ = max(boxes, key=lambda box: int(box[4]))
    return int(x), int(y) + 60, int(width), int(height)


@pytest.mark.parametrize("static", [False, True])
def test_at_the_trigger_the_front_plate_is_large_enough_to_read(static: bool) -> None:
    truck = seen(stands_ms=5_000 if static else 0)
    box = plate_box(view("front", static=static).frame(TRIGGER_MS, [truck]))
    assert box is not None
    assert 26 <= box[3] <= 45
    assert 3.0 <= box[2] / box[3] <= 3.6


def test_the_front_plate_is_in_the_picture_for_a_second_even_at_40_km_h() -> None:
    camera, truck = view("front"), seen(speed_dkmh=400)
    frames = [camera.frame(TRIGGER_MS + n * 80, [truck]) for n in range(-14, 6, 2)]
    readable = [box for box in map(plate_box, frames) if box and box[3] >= 12]
    assert len(readable) * 160 >= 1_000


def test_the_rear_plate_shows_when_the_tail_leaves_the_loop() -> None:
    truck = seen()
    left_ms = truck.reaches_ms(TRUCK.length_mm - FRONT_OVERHANG_MM)
    box = plate_box(view("rear").frame(left_ms, [truck]))
    assert box is not None
    assert 40 <= box[3] <= 70  # two rows, 220 mm


def test_an_approaching_truck_grows() -> None:
    camera, truck = view("front"), seen()
    heights = []
    for before_ms in (3_000, 1_500, 0):
        box = plate_box(camera.frame(TRIGGER_MS - before_ms, [truck]))
        assert box is not None
        heights.append(box[3])
    assert heights == sorted(set(heights))


def test_of_two_trucks_close_behind_each_other_the_second_shows_its_plate_too() -> None:
    length_ms = math.ceil((TRUCK.length_mm + 9_000) / (200 / 36))  # 9 m between them
    first, second = seen(), seen(late_ms=length_ms)
    box = plate_box(view("front").frame(second.trigger_ms, [first, second]))
    assert box is not None
    assert box == plate_box(view("front").frame(second.trigger_ms, [second]))


def test_a_truck_that_stands_makes_a_still_picture() -> None:
    truck, camera = seen(speed_dkmh=100, stands_ms=6_000), view("front", static=True)
    ((start, end),) = truck.standing_ms()
    assert camera.still(range(start, end, 80), [truck])
    assert not camera.still(range(start - 1_000, start, 80), [truck])


def test_an_empty_lane_is_still_and_rain_is_not() -> None:
    assert view("rear").still([0, 80, 160], [])
    rainy = LaneView("rear", site="s", light="rain")
    assert not rainy.still([0, 80], [])


@pytest.mark.parametrize(("role", "light"), [("front", "day"), ("side", "rain")])
def test_the_same_moment_gives_the_same_picture(role: Role, light: Light) -> None:
    truck = seen(light=light)
    one, same = (view(role).frame(TRIGGER_MS + 1_000, [truck]) for _ in range(2))
    assert one.shape == (720, 1280, 4)
    assert np.array_equal(one, same)
    assert not np.array_equal(one, view(role).frame(TRIGGER_MS + 1_080, [truck]))


def test_night_is_dark_but_the_plate_is_not() -> None:
    day, night = (view("front").frame(TRIGGER_MS, [seen(light=light)]) for light in ("day", "night"))
    assert night[:, :, :3].mean() < 0.45 * day[:, :, :3].mean()
    box = plate_box(night)
    assert box is not None
    x, y, width, height = box
    assert night[y : y + height, x : x + width, :3].max(axis=2).mean() > 110


def test_rain_has_less_contrast() -> None:
    day, rain = (view("side").frame(TRIGGER_MS, [seen(light=light)]) for light in ("day", "rain"))
    assert rain[:, :, 1].std() < 0.8 * day[:, :, 1].std()


def test_the_upper_edge_carries_the_time_to_the_second() -> None:
    camera = view("front")
    pictures = [camera.frame(TRIGGER_MS + ms, [])[:40, :260] for ms in (0, 900, 1_000)]
    assert np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[1], pictures[2])


def test_from_the_side_the_wheels_stand_where_the_axles_are() -> None:
    sheet, build = side(TRUCK), build_of(TRUCK)
    row = sheet.bgr[-round(0.25 * build.wheel * PX_PER_MM)]
    tyre = (row.max(axis=1) < 45) & (sheet.mask[-round(0.25 * build.wheel * PX_PER_MM)] > 0)
    starts = np.flatnonzero(np.diff(np.concatenate([[0], tyre.astype(int), [0]])) == 1)
    ends = np.flatnonzero(np.diff(np.concatenate([[0], tyre.astype(int), [0]])) == -1)
    middles = sorted(((starts + ends) / 2 / PX_PER_MM).tolist(), reverse=True)
    found = [build.length - middle for middle in middles]
    assert len(found) == 6
    assert all(abs(one - axle) < 40 for one, axle in zip(found, build.axle_mm, strict=True))


def test_the_side_camera_keeps_lengths_in_proportion() -> None:
    camera, truck = view("side"), seen()
    empty, full = camera.frame(TRIGGER_MS + 3_000, []), camera.frame(TRIGGER_MS + 3_000, [truck])
    columns = np.flatnonzero((empty != full)[100:600].any(axis=(0, 2)))
    assert abs((columns[-1] - columns[0]) / SIDE.px_per_mm - TRUCK.length_mm) < 150


@pytest.mark.parametrize("optics", [MOVING_FRONT, MOVING_REAR, STATIC_FRONT])
def test_a_truck_at_the_loop_fits_between_the_edges_of_the_picture(optics: Optics) -> None:
    half = build_of(TRUCK).width / 2 + MARGIN_MM
    away = optics.away(FRONT_OVERHANG_MM)
    left, right = (optics.point(optics.lane_mm + side * half, 0, away)[0] for side in (-1, 1))
    assert 0 <= min(left, right) < max(left, right) <= 1_280


def test_a_truck_darkens_the_road_under_it() -> None:
    camera, truck = view("front"), seen()
    empty, full = (camera.frame(TRIGGER_MS, trucks) for trucks in ([], [truck]))
    x, y = (round(part) for part in MOVING_FRONT.point(MOVING_FRONT.lane_mm, 0, MOVING_FRONT.away(1_000)))
    under = (slice(min(y, 719) - 6, min(y, 719)), slice(x - 20, x + 20), slice(3))
    assert full[under].mean() < 0.7 * empty[under].mean()


def test_a_truck_without_plates_has_none() -> None:
    bare = Truck(
        name="bare",
        axle_kg=(5000, 9000),
        spacing_mm=(4500,),
        groups=(1, 1),
        dual_tyres=(False, True),
        combination=False,
        drive_axles=1,
        length_mm=8_000,
        paint=(90, 90, 90),
        cargo="empty",
    )
    truck = Appearance(truck=bare, trigger_ms=TRIGGER_MS, speed_dkmh=200)
    assert plate_box(view("front").frame(TRIGGER_MS, [truck])) is None


@pytest.mark.parametrize("role", ["front", "rear", "side"])
@pytest.mark.parametrize("stands_ms", [0, 4_000])
def test_nothing_is_in_sight_outside_the_time_announced(role: Role, stands_ms: int) -> None:
    camera, truck = view(role, static=stands_ms > 0), seen(stands_ms=stands_ms)
    first, last = camera.sight_ms(truck)
    assert camera.in_sight(first - 40, [truck]) == camera.in_sight(last + 40, [truck]) == []
    assert camera.in_sight(TRIGGER_MS, [truck]) == [truck]
    assert first < TRIGGER_MS < last
