"""The reader's real process with its real models, and processes that misbehave."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import cv2
import numpy as np
import pytest

from edge.cameras.pictures import Frame
from edge.cameras.settings import PlateSettings
from edge.plates.reader import PlateReader
from journal.clock import SystemClock
from simulators.scene.plates import Colour, draw_plate

pytestmark = [pytest.mark.wire, pytest.mark.timeout(60)]

SAYS_HELLO = "import sys,time,msgspec; from edge.plates.wire import *; o=sys.stdout.buffer; "
HELLO = "o.write(framed(Answer(number=0))); o.flush(); "
HANGS = SAYS_HELLO + HELLO + "sys.stdin.buffer.read()"
DIES = SAYS_HELLO + HELLO + "sys.stdin.buffer.read(100)"
BABBLES = SAYS_HELLO + "o.write(b'\\0\\0\\0\\5hello'); o.flush(); sys.stdin.buffer.read()"


def frame(text: str | None, *, ground: Colour = "yellow", two_rows: bool = False, seed: int = 0) -> Frame:
    """A truck's front, with this plate, under an overlay with the time."""
    random = np.random.default_rng(seed)
    picture = np.full((720, 1280, 3), (112, 110, 108), np.uint8)
    cv2.rectangle(picture, (400, 120), (900, 660), (140, 60, 40), -1)
    cv2.putText(picture, "2026-11-23 12:34:56", (30, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (255, 255, 255), 2)
    if text:
        plate = cv2.resize(
            draw_plate(text, colour=ground, two_rows=two_rows),
            None,
            fx=0.34,
            fy=0.34,
            interpolation=cv2.INTER_AREA,
        )
        picture[540 : 540 + plate.shape[0], 570 : 570 + plate.shape[1]] = plate
    noisy = np.clip(picture + random.normal(0, 4, picture.shape), 0, 255).astype(np.uint8)
    _, jpeg = cv2.imencode(".jpg", noisy)
    return Frame(at_ms=seed, jpeg=jpeg.tobytes(), width=1280, height=720)


@asynccontextmanager
async def reading(
    settings: PlateSettings | None = None, command: Sequence[str] | None = None
) -> AsyncIterator[PlateReader]:
    reader = PlateReader(settings or PlateSettings(), clock=SystemClock(), command=command)
    await reader.start()
    try:
        yield reader
    finally:
        await reader.stop()


async def test_reads_what_is_there_and_nothing_else() -> None:
    async with reading() as reader:
        front = await reader.read([frame("鲁C12345", seed=n) for n in range(3)], "front")
        rear = await reader.read([frame("鲁C1234挂", two_rows=True, seed=n) for n in range(3)], "rear")
        green = await reader.read([frame("鲁CD12345", ground="green", seed=n) for n in range(3)], "front")
        foreign = await reader.read([frame("AB 123 C", ground="foreign", seed=n) for n in range(3)], "front")
        bare = await reader.read(
            [frame(None, seed=n) for n in range(3)], "front", region=(200, 100, 600, 850)
        )
        assert (front.read.text, front.read.plate_class, front.read.colour) == (
            "鲁C12345",
            "ordinary",
            "yellow",
        )
        assert front.read.frames == 2  # two certain ones agreed: the third was not looked at
        assert (rear.read.text, rear.read.plate_class) == ("鲁C1234挂", "trailer")
        assert (green.read.text, green.read.plate_class, green.read.colour) == (
            "鲁CD12345",
            "nev_small",
            "green",
        )
        assert (foreign.read.status, foreign.read.text) == ("foreign", None)
        assert bare.read.status == "no_plate"
        assert front.crop is not None
        assert front.crop.startswith(b"\xff\xd8")
        assert front.read.box is not None
        x, y, width, height = front.read.box
        assert 540 < x + width // 2 < 740
        assert 530 < y + height // 2 < 600
        assert reader.health().state == "up"
        assert reader.rss_kb > 0  # how much is a matter of the benchmark


async def test_a_broken_picture_costs_its_frame_only() -> None:
    broken = Frame(at_ms=0, jpeg=b"\xff\xd8 no jpeg", width=1, height=1)
    async with reading() as reader:
        result = await reader.read([frame("鲁C12345"), broken, frame("鲁C12345", seed=2)], "front")
    assert result.read.text == "鲁C12345"


async def test_an_illegible_plate_is_unread_and_has_no_text() -> None:
    picture = cv2.imdecode(np.frombuffer(frame("鲁C12345").jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    picture[540:590, 600:690] = (30, 170, 240)  # mud over the middle
    _, jpeg = cv2.imencode(".jpg", picture)
    muddy = [Frame(at_ms=n, jpeg=jpeg.tobytes(), width=1280, height=720) for n in range(3)]
    async with reading() as reader:
        result = await reader.read(muddy, "front", region=(200, 300, 600, 650))
    assert (result.read.status, result.read.text) in {("unread", None), ("no_plate", None)}


async def test_too_many_requests_give_up_the_oldest_and_say_busy() -> None:
    async with reading(PlateSettings(waiting=1)) as reader:
        asked = [asyncio.create_task(reader.read([frame("鲁C12345")], "front")) for _ in range(5)]
        results = await asyncio.gather(*asked)
    assert [result.flags for result in results].count(("busy",)) >= 3
    assert all(result.read.status == "unread" for result in results if result.flags)
    assert results[-1].read.text == "鲁C12345"


@pytest.mark.parametrize("script", [HANGS, DIES, BABBLES])
async def test_a_reader_that_misbehaves_leaves_the_plate_unread(script: str) -> None:
    settings = PlateSettings(patience_s=0.5)
    async with reading(settings, [sys.executable, "-c", script]) as reader:
        asking = asyncio.create_task(reader.read([frame("鲁C12345")], "front"))
        if script is BABBLES:  # it never gets as far as being asked
            async with asyncio.timeout(20):
                while reader.health().state != "down":
                    await asyncio.sleep(0.02)
            await reader.stop()
        result = await asking
    assert (result.read.status, result.flags) == ("unread", ("reader_down",))


async def test_a_killed_reader_comes_back() -> None:
    async with reading() as reader:
        assert (await reader.read([frame("鲁C12345")], "front")).read.text == "鲁C12345"
        process = reader._child._process
        assert process is not None
        process.kill()
        lost = await reader.read([frame("鲁C12345")], "front")
        again = await reader.read([frame("鲁C12345")], "front")
    assert lost.flags in ((), ("reader_down",))
    assert again.read.text == "鲁C12345"


async def test_the_process_ends_when_the_lane_does() -> None:
    async with reading() as reader:
        await reader.read([frame("鲁C12345")], "front")
        process = reader._child._process
    assert process is not None
    assert process.returncode is not None


async def test_a_reader_that_never_starts_keeps_nobody_waiting() -> None:
    async with reading(command=[sys.executable, "-c", "raise SystemExit(1)"]) as reader, asyncio.timeout(20):
        for _ in range(2):
            result = await reader.read([frame("鲁C12345")], "front")
            assert (result.read.status, result.flags) == ("unread", ("reader_down",))
        assert reader.health().state == "down"
