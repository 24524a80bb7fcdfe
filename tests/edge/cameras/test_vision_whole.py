"""Cameras, ring and reader together, as the lane uses them; and what a lane without them does not load."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from edge.cameras.settings import (
    BurstSettings,
    CameraSettings,
    CheckSettings,
    PlateSettings,
    RecorderSettings,
    VisionSettings,
)
from edge.cameras.standing import SecondShot
from edge.cameras.vision import Vision
from edge.recorder.index import Lock
from journal.clock import SystemClock
from kernel.errors import LinkError
from simulators.scene.plates import draw_plate

pytestmark = [pytest.mark.wire, pytest.mark.timeout(60)]

CLOCK = SystemClock()


def lane_video(path: Path, text: str, *, two_rows: bool) -> Path:
    """Eight seconds of a truck that stands."""
    picture = np.full((720, 1280, 3), (112, 110, 108), np.uint8)
    cv2.rectangle(picture, (400, 120), (900, 660), (140, 60, 40), -1)
    plate = cv2.resize(
        draw_plate(text, colour="yellow", two_rows=two_rows),
        None,
        fx=0.34,
        fy=0.34,
        interpolation=cv2.INTER_AREA,
    )
    picture[540 : 540 + plate.shape[0], 570 : 570 + plate.shape[1]] = plate
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=12)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = 1280, 720, "yuv420p", 12
        stream.options = {"preset": "ultrafast", "crf": "20", "bf": "0"}
        for number in range(96):
            picture[700:, : number * 10] = 200
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, 12)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


async def test_a_passage_gets_pictures_plates_and_clips_of_every_camera(tmp_path: Path) -> None:
    front = lane_video(tmp_path / "front.mp4", "鲁C72A51", two_rows=False)
    rear = lane_video(tmp_path / "rear.mp4", "鲁CQ368挂", two_rows=True)
    settings = VisionSettings(
        cameras=(
            CameraSettings(name="front", url=str(front), role="front", region=(200, 500, 600, 450)),
            CameraSettings(name="rear", url=str(rear), role="rear"),
        ),
        recorder=RecorderSettings(folder=str(tmp_path / "ring"), pre_ms=1_000, post_ms=1_000, min_free_mb=1),
        plates=PlateSettings(),
        burst=BurstSettings(frames=3, before_ms=300, after_ms=300),
    )
    vision = Vision(settings, clock=CLOCK, station="s01", lane="1")
    await vision.start()
    try:
        await CLOCK.sleep(1.5)
        now = CLOCK.now_ms()
        locks = await vision.lock("p1", now)
        shots = await vision.burst(now)
        plates = await vision.read(shots)
        assert [(one.camera, one.result.read.text) for one in plates] == [
            ("front", "鲁C72A51"),
            ("rear", "鲁CQ368挂"),
        ]
        assert all(one.result.crop and one.result.frame is not None for one in plates)
        assert {part.kind: part.state for part in vision.health()} == {
            "camera": "up",
            "recorder": "up",
            "plates": "up",
        }
        clips = [await vision.clip(lock, tags={"over": "0"}) for lock in locks]
        for clip, lock in zip(clips, locks, strict=True):
            with av.open(str(clip.path)) as file:
                assert file.metadata["passage"] == "p1"
                assert file.metadata["camera"] == lock.camera
            await vision.settle(lock)
        only = await vision.burst(now, roles=("rear",))
        assert [one.camera for one in only] == ["rear"]
    finally:
        await vision.stop()


async def test_a_vehicle_that_stands_is_shown_a_second_time_by_the_camera_itself(tmp_path: Path) -> None:
    front = lane_video(tmp_path / "front.mp4", "鲁C72A51", two_rows=False)
    settings = VisionSettings(
        cameras=(CameraSettings(name="front", url=str(front), role="front", plate=False, record=False),),
        burst=BurstSettings(frames=2, before_ms=200, after_ms=200),
        checks=CheckSettings(displacement="static", apart_s=1),
    )
    vision = Vision(settings, clock=CLOCK, station="s01", lane="1")
    await vision.start()
    try:
        await CLOCK.sleep(1.0)
        now = CLOCK.now_ms()
        second = SecondShot(vision, at_ms=now, apart_ms=1_000, roles=("front",), name="second shot")
        early = SecondShot(vision, at_ms=now, apart_ms=30_000, roles=("front",), name="too early")
        shots = await vision.burst(now)
        await vision.until(now + 1_600, at_most_ms=2_000)
        told = await second.beside(shots)
        [row] = told.shots
        assert (told.missing, told.flags, row.same_place) == ((), (), False)
        assert [frame.at_ms - now for frame in row.frames] == pytest.approx([-200, 200, 1_500], abs=100)
        assert (await early.beside(shots)).flags == ("second_shot_missing",)
    finally:
        await vision.stop()


async def test_a_lane_without_recorder_and_reader_says_so() -> None:
    vision = Vision(VisionSettings(), clock=CLOCK, station="s01", lane="1")
    await vision.start()
    assert await vision.lock("p1", 0) == ()
    assert await vision.read(await vision.burst(0)) == ()
    assert await vision.pending() == []
    with pytest.raises(LinkError, match="no recorder"):
        await vision.settle(Lock(passage="p1", camera="front", at_ms=1, from_ms=0, to_ms=2))
    await vision.stop()


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("edge.cameras.settings", {"av", "cv2", "numpy", "onnxruntime", "httpx"}),
        ("edge.cameras.vision", {"cv2", "numpy", "onnxruntime"}),
        ("edge.cameras.checking", {"cv2", "onnxruntime"}),
        ("edge.cameras.references", {"cv2", "onnxruntime"}),
    ],
)
def test_what_is_not_needed_is_not_loaded(module: str, heavy: set[str]) -> None:
    script = f"import sys, {module}; print(' '.join(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    ).stdout.split()
    assert module in loaded
    assert not heavy & set(loaded)
