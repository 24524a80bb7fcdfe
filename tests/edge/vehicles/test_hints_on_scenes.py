"""Rendered traffic from the side, with the truth held beside what the pictures suggest; and pictures that are none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import cv2
import numpy as np
import pytest

from edge.cameras.pictures import Frame
from edge.cameras.vision import Shots
from edge.vehicles.looking import Look, decoded, look
from edge.vehicles.onlooker import WAITING, Onlooker
from edge.vehicles.wheels import Image
from simulators.traffic import Light
from tests.support.side_traffic import Passing, passings

pytestmark = pytest.mark.broad


def shots(passing: Passing, *, flags: tuple[str, ...] = ()) -> Shots:
    frames = tuple(
        Frame(at_ms=n, jpeg=jpeg, width=1280, height=720, flags=flags)
        for n, jpeg in enumerate(passing.pictures)
    )
    return Shots(camera="side", role="side", frames=frames)


def empty(passing: Passing) -> Shots:
    return Shots(
        camera="side", role="side", frames=(Frame(at_ms=0, jpeg=passing.empty, width=1280, height=720),)
    )


@pytest.fixture
async def onlooker() -> AsyncIterator[Onlooker]:
    made = Onlooker()
    yield made
    await made.close()


@pytest.mark.parametrize("light", ["day", "night", "rain"])
async def test_trucks_of_all_kinds_are_counted_as_they_are(light: Light, onlooker: Onlooker) -> None:
    wrong, confident = [], 0
    for passing in passings(5, light=light, seed=7):
        onlooker.nobody_there([empty(passing)])
        hints = await onlooker.hints([shots(passing)])
        assert hints is not None
        sure = hints.axle_count_permille >= 800
        confident += sure
        if sure and (hints.axle_count, hints.combination) != (passing.axles, passing.combination):
            wrong.append((passing.name, hints))
    assert not wrong
    assert confident >= 2


async def test_an_empty_place_and_an_old_picture_suggest_nothing(onlooker: Onlooker) -> None:
    (passing,) = passings(1, light="day", seed=1)
    assert await onlooker.hints([empty(passing)]) is None
    assert await onlooker.hints([shots(passing, flags=("frozen",))]) is None
    assert await onlooker.hints([shots(passing, flags=("off_moment",))]) is None
    assert await onlooker.hints([]) is None
    await onlooker.close()
    assert await onlooker.hints([shots(passing)]) is None, "the lane is ending"


async def test_with_four_vehicles_under_way_the_next_one_goes_without(onlooker: Onlooker) -> None:
    (passing,) = passings(1, light="day", seed=2)
    asked = [shots(passing)]
    hints = await asyncio.gather(*(onlooker.hints(asked) for _ in range(WAITING + 1)))
    assert [hint is None for hint in hints] == [False] * WAITING + [True]


def encoded(picture: Image) -> bytes:
    return bytes(cv2.imencode(".jpg", picture)[1])


def strange() -> Iterator[bytes]:
    dice = np.random.default_rng(1)
    yield encoded(np.zeros((1, 1), np.uint8))
    yield encoded(dice.integers(0, 255, (4_000, 330, 3), np.uint8))
    yield encoded(dice.integers(0, 255, (16, 4_000, 3), np.uint8))
    yield encoded(np.full((720, 1_280), 99, np.uint8))
    whole = encoded(dice.integers(0, 255, (360, 640, 3), np.uint8))
    yield whole
    yield whole[: len(whole) // 3]


@pytest.mark.parametrize("jpeg", list(strange()))
def test_strange_pictures_show_no_vehicle_and_break_nothing(jpeg: bytes) -> None:
    seen: Look | None = look(jpeg, decoded(jpeg))
    assert seen is None or len(seen.wheels) < 2
