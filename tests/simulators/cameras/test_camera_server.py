"""A viewer's look at the cameras over the real wire."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from itertools import pairwise

import av
import cv2
import numpy as np
import pytest

from simulators.cameras import Camera, CameraServer, Fault
from simulators.scene.render import LaneView
from simulators.scene.view import Appearance
from simulators.traffic import Truck

pytestmark = [pytest.mark.wire, pytest.mark.timeout(120)]

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


class WallClock:
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def mono_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


CLOCK = WallClock()


def cameras() -> tuple[Camera, Camera]:
    return (
        Camera("front", lane="lane1", role="front", site="沂源 S01 1车道"),
        Camera("side", lane="lane1", role="side", site="沂源 S01 1车道"),
    )


def watch(url: str, frames: int) -> list[tuple[int, int, av.VideoFrame]]:
    """(pts, arrival in wall ms, picture) of that many frames."""
    with av.open(url, timeout=20, options={"probesize": "200000", "analyzeduration": "100000"}) as stream:
        seen = []
        for frame in stream.decode(video=0):
            assert frame.pts is not None
            assert not frame.is_corrupt
            seen.append((frame.pts, CLOCK.now_ms(), frame))
            if len(seen) == frames:
                break
    return seen


def shown_ms(frame: av.VideoFrame, truck: Appearance, *, around_ms: int) -> int:
    """The moment near `around_ms` at which the world looks most like this picture."""
    world = LaneView("front", site="沂源 S01 1车道")
    picture = cv2.resize(frame.to_ndarray(format="bgr24")[60:], (320, 165)).astype(int)
    unlike = {}
    for at_ms in range(around_ms - 800, around_ms + 801, 40):
        wanted = cv2.resize(world.frame(at_ms, [truck])[60:, :, :3], (320, 165)).astype(int)
        unlike[at_ms] = float(abs(picture - wanted).mean())
    return min(unlike, key=lambda at_ms: unlike[at_ms])


async def get(server: CameraServer, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(server.host, server.port)
    try:
        writer.write(request)
        return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


def parts(data: bytes) -> Iterator[bytes]:
    for part in data.split(b"--weighpost-frame\r\n")[1:-1]:
        yield part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")


async def test_two_viewers_get_an_even_stream_at_the_pace_of_the_clock() -> None:
    async with CameraServer(cameras(), clock=CLOCK) as server:
        url = server.url("front")
        first, second = await asyncio.gather(*(asyncio.to_thread(watch, url, 60) for _ in range(2)))
    for seen in (first, second):
        assert {late[0] - early[0] for early, late in pairwise(seen)} == {7_200}
        took_ms = seen[-1][1] - seen[25][1]  # the client probes for a while at first
        assert abs(took_ms - 34 * 80) < 700


async def test_a_truck_is_in_the_picture_when_the_world_says_so() -> None:
    front, side = cameras()
    trigger_ms = CLOCK.now_ms() + 5_000
    truck = Appearance(truck=TRUCK, trigger_ms=trigger_ms, speed_dkmh=360)
    front.schedule([truck], now_ms=CLOCK.now_ms())
    async with CameraServer((front, side), clock=CLOCK) as server:
        seen = await asyncio.to_thread(watch, server.url("front"), 100)
    latency_ms = min(
        arrived - pts // 90 for pts, arrived, _ in seen
    )  # as edges reckon: arrival is only ever late
    close = [(pts // 90 + latency_ms, frame) for pts, _, frame in seen]
    for wall_ms, frame in close:
        if trigger_ms - 400 <= wall_ms <= trigger_ms + 240 and wall_ms % 160 < 80:
            assert abs(shown_ms(frame, truck, around_ms=wall_ms) - wall_ms) <= 200
    assert close[0][0] < trigger_ms - 400 < trigger_ms + 240 < close[-1][0]


async def test_a_camera_that_is_down_cuts_its_viewers_and_comes_back() -> None:
    front, side = cameras()
    async with CameraServer((front, side), clock=CLOCK) as server:
        now_ms = CLOCK.now_ms()
        front.fault(Fault(kind="down", from_ms=now_ms + 2_500, until_ms=now_ms + 4_000))
        data = await get(server, b"GET /front.ts HTTP/1.1\r\n\r\n")  # ends only because it is cut
        assert now_ms + 2_400 <= CLOCK.now_ms() < now_ms + 3_900
        assert b"video/mp2t" in data
        assert await get(server, b"GET /front.jpg HTTP/1.1\r\n\r\n") == b""
        assert b"200 OK" in await get(server, b"GET /side.jpg HTTP/1.1\r\n\r\n")
        await CLOCK.sleep((now_ms + 4_000 - CLOCK.now_ms()) / 1000)
        assert len(await asyncio.to_thread(watch, server.url("front"), 5)) == 5


async def test_a_still_is_a_jpeg_of_the_whole_picture() -> None:
    async with CameraServer(cameras(), clock=CLOCK) as server:
        data = await get(server, b"GET /side.jpg HTTP/1.1\r\nHost: x\r\n\r\n")
    head, _, body = data.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    picture = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (720, 1280, 3)


async def test_mjpeg_is_a_row_of_stills() -> None:
    front, side = cameras()
    async with CameraServer((front, side), clock=CLOCK) as server:
        side.fault(Fault(kind="down", from_ms=CLOCK.now_ms() + 1_500, until_ms=CLOCK.now_ms() + 60_000))
        data = await get(server, b"GET /side.mjpeg HTTP/1.1\r\n\r\n")
    pictures = [cv2.imdecode(np.frombuffer(part, np.uint8), cv2.IMREAD_COLOR) for part in parts(data)]
    assert len(pictures) > 8
    assert all(picture is not None and picture.shape == (720, 1280, 3) for picture in pictures)


@pytest.mark.parametrize(
    ("request_bytes", "answer"),
    [
        (b"GET /nowhere.ts HTTP/1.1\r\n\r\n", b"404"),
        (b"GET /front.avi HTTP/1.1\r\n\r\n", b"404"),
        (b"GET / HTTP/1.1\r\n\r\n", b"404"),
        (b"POST /front.ts HTTP/1.1\r\n\r\n", b"405"),
        (b"\x00\xff\xfe\r\n\r\n", b"405"),
    ],
)
async def test_other_requests_are_refused(request_bytes: bytes, answer: bytes) -> None:
    async with CameraServer(cameras(), clock=CLOCK) as server:
        assert answer in await get(server, request_bytes)


async def test_a_request_without_end_is_cut_off() -> None:
    async with CameraServer(cameras(), clock=CLOCK) as server:
        assert await get(server, b"GET /front.ts HTTP/1.1\r\nX: " + b"x" * 200_000) == b""
        assert b"200 OK" in await get(server, b"GET /front.jpg HTTP/1.1\r\n\r\n")


async def test_a_slow_camera_delivers_late_and_loses_nothing() -> None:
    front, side = cameras()
    async with CameraServer((front, side), clock=CLOCK) as server:
        now_ms = CLOCK.now_ms()
        front.fault(Fault(kind="slow", from_ms=now_ms + 4_000, until_ms=now_ms + 5_000, late_ms=1_200))
        seen = await asyncio.to_thread(watch, server.url("front"), 75)
    assert {late[0] - early[0] for early, late in pairwise(seen)} == {7_200}
    assert max(late[1] - early[1] for early, late in pairwise(seen)) > 800
