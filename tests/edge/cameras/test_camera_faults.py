"""A camera that misbehaves, and a clock that jumps, cost pictures: never a thread, never a wait without end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import httpx
import pytest

from edge.cameras.camera import Burst, Camera
from edge.cameras.multipart import MAX_STILL
from edge.cameras.settings import CameraSettings, RecorderSettings
from edge.cameras.sources import PolledStills
from edge.cameras.stream import STILLS, Coded, Session, Source
from edge.recorder.ring import Ring
from journal.clock import SystemClock
from kernel.errors import LinkError
from tests.support.videos import StillClock

pytestmark = pytest.mark.broad

DAY_MS = 86_400_000
START = 1_700_000_000_000


class OnePacket:
    """Sends one packet and then stays silent until it is told to end."""

    def __init__(self, codec: str, clock: StillClock | SystemClock, ended: threading.Event) -> None:
        self.session = Session(
            name="front-1", codec=codec, head=b"", width=0, height=0, time_base=Fraction(1, 1000)
        )
        self._now_ms = clock.now_ms
        self._ended = ended

    def packets(self) -> Iterator[Coded]:
        yield Coded(data=b"\0\0\1\x65 nonsense", pts=1, dts=1, key=True, arrived_ms=self._now_ms())
        self._ended.wait(10)


def camera(
    clock: StillClock | SystemClock, open_: Callable[[threading.Event], Source]
) -> tuple[Camera, threading.Event]:
    ended = threading.Event()

    @contextmanager
    def session(_settings: CameraSettings, _stop: threading.Event, _name: str) -> Iterator[Source]:
        yield open_(ended)

    settings = CameraSettings(name="front", url="rtsp://x", role="front", retry_s=0.01, retry_max_s=0.02)
    return Camera(settings, clock=clock, open_session=session), ended


async def up(watched: Camera) -> None:
    async with asyncio.timeout(20):
        while watched.health().state != "up":
            await asyncio.sleep(0.005)


async def burst(watched: Camera, at_ms: int) -> Burst:
    with ThreadPoolExecutor(1) as pool:
        async with asyncio.timeout(20):
            return await watched.frames(
                at_ms, before_ms=100, after_ms=100, count=3, patience_s=0.05, decode_in=pool
            )


@pytest.mark.parametrize("fault", [RuntimeError("a bug"), KeyError("x"), LinkError("gone")])
async def test_a_fault_of_one_connection_is_not_the_end_of_the_camera(fault: Exception) -> None:
    clock, opened = SystemClock(), list[int]()

    def open_(ended: threading.Event) -> Source:
        opened.append(1)
        if len(opened) < 4:
            raise fault
        return OnePacket("h264", clock, ended)

    watched, ended = camera(clock, open_)
    watched.start()
    await up(watched)
    assert len(opened) == 4
    ended.set()
    await watched.stop()


@pytest.mark.parametrize("codec", ["h264", "no such codec", "aac"])
async def test_what_cannot_be_decoded_is_said_and_harms_nothing(codec: str) -> None:
    clock = SystemClock()
    watched, ended = camera(clock, lambda ended: OnePacket(codec, clock, ended))
    watched.start()
    await up(watched)
    taken = await burst(watched, clock.now_ms())
    assert taken.frames == ()
    assert taken.reason
    ended.set()
    await watched.stop()


async def test_a_clock_that_was_set_back_makes_no_picture_wait_for_it() -> None:
    clock = SystemClock()
    watched, ended = camera(clock, lambda ended: OnePacket("h264", clock, ended))
    watched.start()
    await up(watched)
    await burst(watched, clock.now_ms() + 365 * DAY_MS)  # it was triggered a year ahead, by the clock of then
    ended.set()
    await watched.stop()


async def test_a_clock_that_was_set_back_makes_no_clip_wait_for_it(tmp_path: Path) -> None:
    clock = StillClock(START)
    ring = Ring(RecorderSettings(folder=str(tmp_path / "ring"), min_free_mb=1), clock=clock)
    await ring.start()
    at_ms = START + 365 * DAY_MS
    lock = await ring.lock("p1", camera="front", at_ms=at_ms, from_ms=at_ms - 5_000, to_ms=at_ms + 7_000)
    with pytest.raises(LinkError):
        await ring.clip(lock, tags={})
    assert clock.now_ms() - START <= 12_000
    await ring.stop()


class WrongClock:
    """Sends a still whose stream says that it was taken two seconds later than it came."""

    def __init__(self, clock: SystemClock, ended: threading.Event) -> None:
        self.session = Session(
            name="front-1", codec=STILLS, head=b"", width=0, height=0, time_base=Fraction(1, 1000)
        )
        self._now_ms = clock.now_ms()
        self._ended = ended

    def packets(self) -> Iterator[Coded]:
        now = self._now_ms
        yield Coded(data=b"\xff\xd8\xff\xd9", pts=now, dts=now, key=True, arrived_ms=now, own_ms=now + 2_000)
        self._ended.wait(10)


async def test_a_camera_whose_clock_is_wrong_is_an_alarm_and_its_pictures_are_flagged() -> None:
    clock = SystemClock()
    watched, ended = camera(clock, lambda ended: WrongClock(clock, ended))
    watched.start()
    async with asyncio.timeout(20):
        while watched.health().state != "poor":
            await asyncio.sleep(0.005)
    assert watched.health().detail == "clock_off"
    taken = await burst(watched, clock.now_ms())
    assert [frame.flags for frame in taken.frames] == [("too_small", "clock_off")]
    ended.set()
    await watched.stop()


async def test_what_a_look_found_is_said_until_it_is_taken_back() -> None:
    clock = SystemClock()
    watched, ended = camera(clock, lambda ended: OnePacket("h264", clock, ended))
    watched.saw(("moved", "dirty"))
    watched.start()
    async with asyncio.timeout(20):
        while watched.health().state != "poor":
            await asyncio.sleep(0.005)
    assert watched.health().detail == "moved, dirty"
    ended.set()
    await watched.stop()


@pytest.mark.parametrize(
    ("chunk", "reason"),
    [(MAX_STILL // 2, "has no end"), (10, "does not come to its end")],
)
def test_a_polled_still_that_never_ends_is_given_up(chunk: int, reason: str) -> None:
    clock, sent = StillClock(), 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while True:
            sent += chunk
            clock.now += 100
            yield bytes(chunk)

    served = httpx.MockTransport(lambda _: httpx.Response(200, content=endless()))
    settings = CameraSettings(name="front", url="http://camera/still", role="front", patience_s=5)
    with httpx.Client(transport=served) as client:
        source = PolledStills(client, settings, "front-1", clock=clock, stop=threading.Event())
        with pytest.raises(LinkError, match=reason):
            next(source.packets())
    assert sent <= MAX_STILL + chunk


class TwoClocks(StillClock):
    """Its wall time can be set; its monotonic time cannot."""

    set_by = 0

    def now_ms(self) -> int:
        return self.now + self.set_by


@pytest.mark.parametrize("step_ms", [2_000, -2_000, 3_600_000])
async def test_a_clock_that_is_set_is_followed_with_the_next_packet(step_ms: int) -> None:
    clock = TwoClocks(START)
    right: list[int] = []

    class Stepping(OnePacket):
        def packets(self) -> Iterator[Coded]:
            for number in range(200):
                clock.now += 40
                clock.set_by = step_ms * (number >= 100)
                stamp, now = number * 40, clock.now_ms()
                yield Coded(data=b"x", pts=stamp, dts=stamp, key=True, arrived_ms=now)
                right.append(self.session.at_stamp(stamp) - now + self.session.wall.behind_ms)
            self._ended.wait(10)

    watched, ended = camera(clock, lambda ended: Stepping("h264", clock, ended))
    watched.start()
    async with asyncio.timeout(20):
        while len(right) < 200:
            await asyncio.sleep(0.005)
    ended.set()
    await watched.stop()
    assert right == [0] * 200
