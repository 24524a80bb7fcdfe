import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from edge.cameras.camera import Camera
from edge.cameras.memory import MAX_BYTES, Memory
from edge.cameras.multipart import is_jpeg, jpeg_size
from edge.cameras.pictures import ends, moments, pick
from edge.cameras.settings import CameraSettings
from edge.cameras.stream import STILLS, Coded, Session, Source
from edge.cameras.walltime import WallTime
from tests.support.videos import StillClock, bar_at, make_video, replayed

START = 1_000_000


@pytest.fixture(scope="module", params=[0, 2], ids=["no b-frames", "b-frames"])
def video(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "lane.ts"
    return make_video(path, seconds=4, b_frames=request.param, container="mpegts")


@pytest.fixture
def memory(video: Path) -> Iterator[Memory]:
    kept = Memory(keep_ms=12_000)
    with replayed(video, start_ms=START) as (session, packets):
        for packet in packets:
            session.wall.seen(session.stamp_ms(packet.pts), packet.arrived_ms)
            kept.push(session, packet)
        yield kept


def test_moments_are_spread_over_the_window_with_the_trigger_in_the_middle() -> None:
    assert moments(1000, before_ms=200, after_ms=200, count=5) == [800, 900, 1000, 1100, 1200]
    assert moments(1000, before_ms=200, after_ms=200, count=1) == [1000]


def test_each_moment_gets_its_own_picture_of_that_time(memory: Memory) -> None:
    first = memory.around(0, START + 99_000)[0].at_ms
    wanted = [first + 1500, first + 2000, first + 2500]
    frames = pick(memory.around(wanted[0], wanted[-1] + 300), wanted)
    assert [frame.at_ms for frame in frames] == wanted
    numbers = [bar_at(decoded(frame.jpeg)) for frame in frames]
    assert numbers == [15, 20, 25]


def test_a_picture_says_what_it_is(memory: Memory) -> None:
    first = memory.around(0, START + 99_000)[0].at_ms
    (frame,) = pick(memory.around(first, first + 300), [first])
    assert is_jpeg(frame.jpeg)
    assert jpeg_size(frame.jpeg) == (frame.width, frame.height) == (160, 96)
    assert frame.flags == ("from_video", "too_small")


def test_when_the_time_is_over_what_was_decoded_has_to_do(memory: Memory) -> None:
    first = memory.around(0, START + 99_000)[0].at_ms
    held, wanted = memory.around(first, first + 2_000), [first + 1_500]
    looks = iter([False] * 4)
    (frame,) = pick(held, wanted, is_late=lambda: next(looks, True))
    assert frame.at_ms < first + 1_000
    assert "off_moment" in frame.flags
    clock = StillClock()
    is_late = ends(clock, after_ms=100)
    assert not is_late()
    clock.now += 100
    assert is_late()


class Behind(Executor):
    """Another camera's pictures take half a minute of its one thread first."""

    def __init__(self, clock: StillClock) -> None:
        self._clock = clock

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self._clock.now += 30_000
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


async def test_to_wait_for_another_camera_s_pictures_costs_a_camera_none(video: Path) -> None:
    clock = StillClock(START)
    settings = CameraSettings(name="front", url="rtsp://x", role="front")
    with replayed(video, start_ms=START) as (session, packets):

        @contextmanager
        def opened(_settings: CameraSettings, _stop: threading.Event, _name: str) -> Iterator[Source]:
            yield Sends(session, packets, ended)

        ended = threading.Event()
        camera = Camera(settings, clock=clock, open_session=opened)
        camera.start()
        async with asyncio.timeout(20):
            while camera.health().good < len(packets):
                await asyncio.sleep(0.005)
        at_ms = session.at_ms(packets[20])
        taken = await camera.frames(
            at_ms, before_ms=500, after_ms=500, count=3, patience_s=0.05, decode_in=Behind(clock)
        )
        ended.set()
        await camera.stop()
    assert [frame.at_ms for frame in taken.frames] == [at_ms - 500, at_ms, at_ms + 500]


class Sends:
    """A connection on which everything has come."""

    def __init__(self, session: Session, packets: list[Coded], ended: threading.Event) -> None:
        self.session = session
        self._packets, self._ended = packets, ended

    def packets(self) -> Iterator[Coded]:
        yield from self._packets
        self._ended.wait(10)


def test_a_picture_of_another_moment_is_flagged(memory: Memory) -> None:
    newest = memory.around(0, START + 99_000)[-1].at_ms
    (frame,) = pick(memory.around(newest, newest + 9000), [newest + 3000])
    assert "off_moment" in frame.flags


def test_torn_packets_cost_pictures_not_the_burst(memory: Memory) -> None:
    held = memory.around(0, START + 99_000)
    torn = [h for n, h in enumerate(held) if n % 7 != 3]
    assert pick(torn, [held[0].at_ms, held[-1].at_ms])


def test_stills_are_kept_as_delivered() -> None:
    session = Session(
        name="s", codec=STILLS, head=b"", width=0, height=0, time_base=Fraction(1, 1000), wall=WallTime()
    )
    kept, still = Memory(keep_ms=5_000), b"\xff\xd8\xff\xd9"
    for at in range(1000, 4000, 500):
        session.wall.seen(at, at)
        kept.push(session, Coded(data=still, pts=at, dts=at, key=True, arrived_ms=at))
    frames = pick(kept.around(1900, 2600), [1900, 2100, 2600])
    assert [(frame.at_ms, frame.jpeg) for frame in frames] == [(2000, still), (2500, still)]


def test_memory_forgets_whole_groups_and_never_the_one_that_is_needed(video: Path) -> None:
    kept = Memory(keep_ms=1_000)
    with replayed(video, start_ms=START) as (session, packets):
        for packet in packets:
            session.wall.seen(session.stamp_ms(packet.pts), packet.arrived_ms)
            kept.push(session, packet)
        held = kept.around(0, START + 99_000)
        assert held[0].packet.key
        assert 1_000 <= held[-1].at_ms - held[0].at_ms < 2_300
        assert kept.around(START + 50_000, START + 51_000) == held[-len(kept.around(10**12, 10**12 + 1)) :]


@pytest.mark.parametrize(("size", "every_ms"), [(2_000_000, 40), (1_000, 2_000)])
def test_a_camera_that_sends_no_second_key_frame_takes_no_more_memory(size: int, every_ms: int) -> None:
    session = Session(name="s", codec="h264", head=b"", width=1, height=1, time_base=Fraction(1, 1000))
    kept, data, most = Memory(keep_ms=12_000), bytes(size), 0
    session.wall.seen(0, START)
    for number in range(100):
        at = number * every_ms
        kept.push(session, Coded(data=data, pts=at, dts=at, key=number == 0, arrived_ms=START + at))
        most = max(most, sum(len(held.packet.data) for held in kept.around(0, 10**12)))
    assert 0 < most <= MAX_BYTES
    assert kept.around(0, 10**12) == []
    kept.push(session, Coded(data=data, pts=10**6, dts=10**6, key=True, arrived_ms=START + 10**6))
    assert len(kept.around(0, 10**12)) == 1, "its next key frame begins anew"


async def test_who_waits_for_a_moment_is_told_when_it_comes_or_cannot_come(video: Path) -> None:
    kept = Memory(keep_ms=12_000)
    with replayed(video, start_ms=START) as (session, packets):
        early = asyncio.create_task(kept.reached(START + 1_000, patience_s=3))
        late = asyncio.create_task(kept.reached(START + 90_000, patience_s=3))
        await asyncio.sleep(0)

        def feed() -> None:
            for packet in packets:
                session.wall.seen(session.stamp_ms(packet.pts), packet.arrived_ms)
                kept.push(session, packet)

        await asyncio.to_thread(feed)
        assert await early is True
        assert not late.done()
        await asyncio.to_thread(kept.lost)
        assert await late is False


async def test_waiting_has_an_end() -> None:
    assert await Memory(keep_ms=1_000).reached(5, patience_s=0.01) is False


def decoded(jpeg: bytes):  # type: ignore[no-untyped-def]
    (frame,) = av.CodecContext.create("mjpeg", "r").decode(av.Packet(jpeg))
    return frame.to_ndarray(format="bgr24")
