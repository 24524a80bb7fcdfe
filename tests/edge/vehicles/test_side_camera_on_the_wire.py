"""A side camera over its real wire: the empty place, the vehicle, and what the lane is told of it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from edge.cameras.settings import BurstSettings, CameraSettings, VisionSettings
from edge.eyes import open_eyes
from journal.clock import SystemClock
from simulators.cameras import Camera, CameraServer
from simulators.scene.view import FRONT_OVERHANG_MM, Appearance
from simulators.traffic import default_text, read_script

pytestmark = [pytest.mark.wire, pytest.mark.timeout(240)]

CLOCK = SystemClock()
TRUCK = next(truck for truck in read_script(default_text()).truck if truck.name == "six axles, empty")


async def until(at_ms: int) -> None:
    await CLOCK.sleep(max(0, at_ms - CLOCK.now_ms()) / 1000)


async def test_a_truck_before_the_side_camera_is_counted_and_its_bare_deck_is_seen() -> None:
    camera = Camera("side", lane="lane1", role="side", site="S01")
    async with CameraServer((camera,), clock=CLOCK) as server:
        settings = VisionSettings(
            cameras=(
                CameraSettings(name="side", url=server.url("side"), role="side", plate=False, record=False),
            ),
            burst=BurstSettings(frames=3, before_ms=350, after_ms=350),
        )
        eyes = await open_eyes(settings, clock=CLOCK, station="s01", lane="lane1")
        try:
            # So slow that it is whole in the picture for a second before and after: a busy machine delivers late,
            # and a frame counts as of when it came.
            seen = Appearance(truck=TRUCK, trigger_ms=CLOCK.now_ms() + 10_000, speed_dkmh=100)
            camera.schedule((seen,), now_ms=CLOCK.now_ms())
            await until(seen.trigger_ms)
            eyes.opened("p1", seen.trigger_ms)
            tail_ms = seen.reaches_ms(TRUCK.length_mm - FRONT_OVERHANG_MM)
            await until(tail_ms)
            eyes.passed("p1", tail_ms)
            found = await eyes.seen("p1")
        finally:
            await eyes.close()
    assert not found.missing
    assert found.hints is not None
    assert found.hints.picture in {picture.name for picture, _ in found.pictures}
    assert (found.hints.axle_count, found.hints.combination, found.hints.loaded) == (6, True, False)
    assert found.hints.axle_count_permille >= 800


def test_a_lane_without_a_side_camera_loads_none_of_it() -> None:
    script = "import sys, edge.eyes; print(' '.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    assert not {"cv2", "numpy", "edge.vehicles.onlooker"} & set(loaded.split())
