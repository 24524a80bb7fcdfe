"""Cameras over HTTP, RTSP and from a file, lost and found again."""

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from edge.cameras.settings import BurstSettings, CameraSettings, RecorderSettings, VisionSettings
from edge.cameras.vision import Vision
from edge.recorder.cutting import Clip
from journal.clock import SystemClock
from tests.support.camera_server import ServedCamera, serving
from tests.support.videos import make_video

pytestmark = [pytest.mark.wire, pytest.mark.timeout(60)]

CLOCK = SystemClock()
SYSTEM_PYTHON = "/usr/bin/python3"
RTSP_SERVER = Path(__file__).parents[2] / "support" / "rtsp_server.py"


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(tmp_path_factory.mktemp("v") / "lane.mp4", seconds=15, size=(1280, 720), gop=10)


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("s") / "still.jpg"
    with av.open(str(path), "w", format="mjpeg") as file:
        stream = file.add_stream("mjpeg", rate=1)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuvj420p"
        dark = av.VideoFrame.from_ndarray(np.full((240, 320, 3), 10, np.uint8), format="rgb24")
        file.mux(stream.encode(dark.reformat(format="yuvj420p")))
        file.mux(stream.encode(None))
    return path.read_bytes()


@pytest.fixture
def camera(video: Path, still: bytes) -> Iterator[ServedCamera]:
    with serving(video, [still]) as served:
        yield served


def settings(url: str, folder: Path | None = None) -> VisionSettings:
    one = CameraSettings(
        name="front", url=url, role="front", patience_s=1.0, retry_s=0.1, retry_max_s=0.2, poll_ms=50
    )
    ring = (
        RecorderSettings(folder=str(folder), pre_ms=1_000, post_ms=1_000, segment_ms=2_000)
        if folder
        else None
    )
    burst = BurstSettings(frames=3, before_ms=400, after_ms=400, patience_s=2.0)
    return VisionSettings(cameras=(one,), recorder=ring, burst=burst)


@asynccontextmanager
async def seeing(what: VisionSettings) -> AsyncIterator[Vision]:
    vision = Vision(what, clock=CLOCK, station="s01", lane="1")
    await vision.start()
    try:
        yield vision
    finally:
        await vision.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


def state(vision: Vision) -> str:
    return next(part.state for part in vision.health() if part.kind == "camera")


async def test_mpeg_ts_over_http_gives_pictures_of_the_moment_and_a_clip(
    camera: ServedCamera, tmp_path: Path
) -> None:
    async with seeing(settings(camera.url("ts"), tmp_path)) as vision:
        await until(lambda: state(vision) == "up")
        await asyncio.sleep(2.5)
        now = CLOCK.now_ms()
        (lock,) = await vision.lock("p1", now)
        (shots,) = await vision.burst(now)
        assert shots.reason == ""
        assert len(shots.frames) == 3
        assert [
            abs(f.at_ms - m) <= 120 for f, m in zip(shots.frames, (now - 400, now, now + 400), strict=True)
        ]
        assert shots.frames[0].flags == ("from_video",)
        assert [picture.name for picture in shots.pictures()] == ["front-0.jpg", "front-1.jpg", "front-2.jpg"]
        begun = CLOCK.mono_ms()
        clip = await vision.clip(lock, tags={"over": "1"})
        assert CLOCK.mono_ms() - begun < 3_000
        assert clip.flags == ()
        assert plays(clip) == clip.frames
        assert 0 <= clip.requested_start_ms - clip.actual_start_ms <= 1_100
        await vision.settle(lock)
        assert await vision.pending() == []


async def test_a_camera_that_hangs_up_is_lost_once_and_found_once(
    camera: ServedCamera, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "edge.cameras")
    what = settings(camera.url("ts"))
    patient = replace(what.cameras[0], patience_s=10.0)  # only the hang-up is to be noticed
    async with seeing(replace(what, cameras=(patient,))) as vision:
        await until(lambda: any(record.message == "camera stream" for record in caplog.records))
        camera.faults.hung_up.set()
        await until(lambda: state(vision) == "down")
        (shots,) = await vision.burst(CLOCK.now_ms() + 60_000)
        assert shots.frames == ()
        assert shots.reason.startswith("down: ")
        await asyncio.sleep(0.5)
        camera.faults.hung_up.clear()
        await until(lambda: state(vision) == "up")
    said = [record for record in caplog.records if record.name == "edge.cameras.camera"]
    streams = [record for record in said if record.message == "camera stream"]
    assert [record.message for record in said if record not in streams] == ["camera lost", "camera back"]
    assert len(streams) <= 2, "once a connection"
    assert {(record.codec, record.gop_ms) for record in streams} == {("h264", 1_000)}  # type: ignore[attr-defined]


async def test_a_camera_that_falls_silent_is_down_after_its_patience(camera: ServedCamera) -> None:
    async with seeing(settings(camera.url("ts"))) as vision:
        await until(lambda: state(vision) == "up")
        camera.faults.silent.set()
        await until(lambda: state(vision) == "down")
        camera.faults.silent.clear()
        await until(lambda: state(vision) == "up")


async def test_a_camera_that_never_comes_costs_a_bounded_wait() -> None:
    async with seeing(settings("http://127.0.0.1:9/ts")) as vision:
        begun = CLOCK.mono_ms()
        (shots,) = await vision.burst(CLOCK.now_ms())
        assert CLOCK.mono_ms() - begun < 3_500
        assert shots.frames == ()
        assert shots.reason


async def test_a_camera_that_changes_its_resolution_begins_anew_and_both_are_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    large = make_video(tmp_path / "large.mp4", seconds=4, size=(1280, 720), gop=5)
    small = make_video(tmp_path / "small.mp4", seconds=8, size=(640, 360), gop=5)
    with serving(large, [], other=small) as camera:
        async with seeing(settings(camera.url("ts"), tmp_path / "ring")) as vision:
            await until(lambda: vision.health()[0].good >= 15)
            camera.faults.switched.set()
            await until(lambda: state(vision) == "down")
            assert vision.health()[0].detail == "the camera changed its picture"
            await until(lambda: vision.health()[0].good >= 45)
            (shots,) = await vision.burst(CLOCK.now_ms())
            assert {frame.width for frame in shots.frames} == {640}
    sizes = {first_width(path) for path in sorted((tmp_path / "ring" / "front").glob("*.mp4"))}
    assert sizes == {1280, 640}


def first_width(path: Path) -> int:
    """Every picture of a segment can be decoded, and has the size of its first."""
    with av.open(str(path)) as file:
        (width,) = {frame.width for frame in file.decode(video=0)}
    return width


async def test_stills_with_lengths_that_lie_are_all_taken(camera: ServedCamera, still: bytes) -> None:
    async with seeing(settings(camera.url("lying"))) as vision:
        await until(lambda: vision.health()[0].good >= 6)
        (shots,) = await vision.burst(CLOCK.now_ms())
        assert all(frame.jpeg == still for frame in shots.frames)
        assert vision.health()[0].dropped == 0


async def test_bytes_without_a_picture_are_a_camera_that_is_down(camera: ServedCamera) -> None:
    async with seeing(settings(camera.url("nameless"))) as vision:
        await until(lambda: state(vision) == "down")
        assert vision.health()[0].detail == "bytes come, and no picture"


@pytest.mark.parametrize("path", ["mjpeg", "still"])
async def test_stills_are_kept_as_delivered_and_never_recorded(
    camera: ServedCamera, still: bytes, tmp_path: Path, path: str
) -> None:
    async with seeing(settings(camera.url(path), tmp_path)) as vision:
        await until(lambda: state(vision) == "up")
        await asyncio.sleep(0.6)
        (shots,) = await vision.burst(CLOCK.now_ms())
        assert len(shots.frames) >= 2
        assert all(frame.jpeg == still for frame in shots.frames)
        assert shots.frames[0].flags == ("too_small", "too_dark")
        recorder = next(part for part in vision.health() if part.kind == "recorder")
        assert recorder.detail == "stills are not recorded"


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
async def test_a_camera_s_password_is_never_told(scheme: str) -> None:
    async with seeing(settings(f"{scheme}://admin:hunter2@127.0.0.1:9/ts")) as vision:
        await until(lambda: state(vision) == "down")
        (shots,) = await vision.burst(CLOCK.now_ms())
        assert "hunter2" not in shots.reason + vision.health()[0].detail


async def test_what_is_no_camera_is_down_and_says_so(camera: ServedCamera) -> None:
    async with seeing(settings(camera.url("broken"))) as vision:
        await until(lambda: state(vision) == "down")
        assert vision.health()[0].detail


async def test_a_file_is_played_in_real_time_and_again(tmp_path: Path) -> None:
    path = make_video(tmp_path / "short.mp4", seconds=1)
    async with seeing(settings(str(path))) as vision:
        await until(lambda: vision.health()[0].good >= 15)
        assert state(vision) == "up"
        assert vision.health()[0].dropped == 0


async def test_a_picture_that_does_not_change_is_frozen(tmp_path: Path) -> None:
    path = make_video(tmp_path / "still.mp4", seconds=6, gop=5, still=True)
    what = settings(str(path))
    frozen = replace(what.cameras[0], frozen_s=1.0)
    async with seeing(replace(what, cameras=(frozen,))) as vision:
        await until(lambda: state(vision) == "frozen")
        (shots,) = await vision.burst(CLOCK.now_ms())
        assert shots.reason.startswith("frozen")
        assert all("frozen" in frame.flags for frame in shots.frames)


async def test_long_groups_of_pictures_are_said(tmp_path: Path) -> None:
    path = make_video(tmp_path / "long.mp4", seconds=8, gop=30)
    async with seeing(settings(str(path))) as vision:
        await until(lambda: state(vision) == "poor")
        assert vision.health()[0].detail == "gop_long"


async def test_rtsp_from_a_real_server(video: Path, tmp_path: Path) -> None:
    with rtsp(video) as url:
        async with seeing(settings(url, tmp_path)) as vision:
            await until(lambda: state(vision) == "up")
            await asyncio.sleep(2.5)
            now = CLOCK.now_ms()
            (lock,) = await vision.lock("p1", now)
            (shots,) = await vision.burst(now)
            assert len(shots.frames) == 3
            assert shots.reason == ""
            clip = await vision.clip(lock, tags={})
            assert clip.flags == ()
            assert plays(clip) == clip.frames


async def test_an_rtsp_camera_that_freezes_is_down_in_time_and_comes_back(video: Path) -> None:
    with rtsp_process(video) as (url, server):
        async with seeing(settings(url)) as vision:
            await until(lambda: state(vision) == "up")
            server.send_signal(signal.SIGSTOP)
            begun = CLOCK.mono_ms()
            await until(lambda: state(vision) == "down")
            assert CLOCK.mono_ms() - begun < 5_000
            (shots,) = await vision.burst(CLOCK.now_ms())
            assert shots.reason.startswith("down")
            server.send_signal(signal.SIGCONT)
            await until(lambda: state(vision) == "up")


async def test_an_rtsp_camera_tells_its_own_clock(video: Path) -> None:
    with rtsp(video) as url:
        async with seeing(settings(url)) as vision:
            await until(lambda: (facts := vision.stream("front")) is not None and facts.clock == "rtcp")
            facts = vision.stream("front")
            assert facts is not None
            assert abs(facts.ahead_ms or 0) < 1_000, "it runs on this machine's clock"


@contextmanager
def rtsp(video: Path) -> Iterator[str]:
    with rtsp_process(video) as (url, _server):
        yield url


@contextmanager
def rtsp_process(video: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    server = subprocess.Popen(
        [SYSTEM_PYTHON, str(RTSP_SERVER), str(video)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout
        port = server.stdout.readline().strip()
        assert port.isdecimal(), "the RTSP server needs python3-gi and gir1.2-gst-rtsp-server-1.0"
        yield f"rtsp://127.0.0.1:{port}/lane", server
    finally:
        server.kill()
        server.communicate()


def plays(clip: Clip) -> int:
    with av.open(str(clip.path)) as file:
        return sum(1 for _ in file.decode(video=0))
