"""From wheels and outlines to suggestions: what is sure, what is doubtful, and what is not said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge.vehicles.hints import suggest
from edge.vehicles.looking import Look, look
from edge.vehicles.outline import Outline
from edge.vehicles.wheels import Wheel
from kernel.events import VehicleHints

RADIUS = 25.0
METRE = RADIUS / 0.51
SIX = (1.4, 4.6, 5.95, 12.35, 13.66, 14.97)
FOUR_RIGID = (1.4, 3.3, 6.5, 7.85)


def seen(
    axles_m: tuple[float, ...],
    *,
    tops_m: tuple[float, ...] = (),
    lifted: tuple[int, ...] = (),
    length_m: float | None = None,
    moved: float = 0.0,
    score: float = 1.0,
    whole: bool = True,
) -> Look:
    """A vehicle with its front at the right, metres from the front bumper; `tops_m` from the rear to the front."""
    length = length_m or axles_m[-1] + 1.2
    right = 1_200 + moved
    wheels = tuple(
        Wheel(x=right - at * METRE, y=560, radius=RADIUS, score=score, lifted=n in lifted)
        for n, at in reversed(list(enumerate(axles_m)))
    )
    left = round(right - length * METRE)
    columns = round((right - left) / 4)
    heights = np.interp(
        np.linspace(0, 1, columns), np.linspace(0, 1, len(tops_m or (3.5, 3.5))), tops_m or (3.5, 3.5)
    )
    top = (585 - heights * METRE).astype(np.float32)
    outline = Outline(left=left, right=round(right), top=top, whole=whole)
    return Look(wheels=wheels, outline=outline, width=1280)


def of(*looks: Look) -> VehicleHints:
    hints = suggest(looks, camera="side", pictures=[f"side-{n}.jpg" for n in range(len(looks))])
    assert hints is not None
    return hints


def test_six_axles_in_three_groups_are_a_combination() -> None:
    hints = of(seen(SIX), seen(SIX, moved=40))
    assert (hints.axle_count, hints.combination, hints.lifted_axles) == (6, True, 0)
    assert min(hints.axle_count_permille, hints.combination_permille) > 900
    assert (hints.camera, hints.picture) == ("side", "side-0.jpg")


@pytest.mark.parametrize(
    ("axles", "combination"),
    [
        ((1.4, 5.0), False),
        ((1.4, 6.7, 8.05), False),
        (FOUR_RIGID, False),
        ((1.4, 5.0, 11.3), True),
        ((1.4, 4.9, 10.5, 11.85), True),
        ((1.4, 4.7, 7.1, 12.3, 13.61, 14.92), True),
    ],
)
def test_axle_groups_tell_a_rigid_truck_from_a_combination(
    axles: tuple[float, ...], combination: bool
) -> None:
    hints = of(seen(axles))
    assert hints.combination is combination
    assert 700 < hints.combination_permille <= 900


def test_an_axle_in_the_air_is_counted_and_named() -> None:
    hints = of(seen(SIX, lifted=(3,)), seen(SIX, lifted=(3,)))
    assert (hints.axle_count, hints.lifted_axles) == (6, 1)
    assert hints.lifted_axles_permille > 900


def test_one_look_is_never_as_sure_as_two_and_nothing_is_certain() -> None:
    assert of(seen(SIX)).axle_count_permille <= 850 < of(seen(SIX), seen(SIX)).axle_count_permille < 1000


def test_looks_that_differ_make_it_doubtful() -> None:
    hints = of(seen(SIX), seen(SIX), seen((1.4, 5.0)))
    assert hints.axle_count == 6
    assert hints.axle_count_permille < 800


@pytest.mark.parametrize(
    "doubtful",
    [
        seen(SIX, whole=False),
        seen(SIX[1:], length_m=SIX[-1] + 1.2),  # where the first axle should be, none is seen
        seen(SIX, score=0.7),
        replace(seen(SIX, moved=110), outline=None),  # the last wheel stands at the picture's edge
    ],
)
def test_a_vehicle_that_may_have_more_wheels_than_are_seen_is_no_confident_count(doubtful: Look) -> None:
    assert of(doubtful, doubtful).axle_count_permille < 800


def test_a_heap_that_stands_out_is_a_load_and_a_bare_deck_is_none() -> None:
    heap = (2.6, 2.7, 3.1, 2.9, 3.2, 2.6, 2.6, 3.0)
    assert of(seen(SIX, tops_m=heap), seen(SIX, tops_m=heap, moved=40)).loaded is True
    deck = (1.3, 1.3, 1.3, 1.3, 1.3, 1.3, 3.0)
    hints = of(seen(SIX, tops_m=deck), seen(SIX, tops_m=deck, moved=40))
    assert hints.loaded is False
    assert hints.loaded_permille > 700


def test_nobody_sees_into_a_closed_body_or_without_the_empty_place() -> None:
    closed = seen(SIX, tops_m=(3.9, 3.9, 3.9))
    assert of(closed, replace(closed)).loaded is None
    bare = replace(seen(SIX), outline=None)
    hints = of(bare, bare)
    assert (hints.loaded, hints.loaded_permille) == (None, 0)
    assert hints.axle_count == 6


def test_looks_that_differ_about_the_load_say_nothing() -> None:
    heap, closed = seen(SIX, tops_m=(2.6, 3.1, 2.7, 3.2, 2.6)), seen(SIX, tops_m=(3.9, 3.9))
    assert of(heap, closed).loaded is None


def test_which_end_is_the_front_is_told_by_how_it_moves() -> None:
    # A tractor that pushes its low trailer backwards into the picture: the deck is where the cab would be.
    deck = (3.0, 3.0, 1.3, 1.3, 1.3, 1.3, 1.3, 1.3)
    twin = (1.4, 5.0)
    backwards = of(seen(twin, tops_m=deck, length_m=9, moved=40), seen(twin, tops_m=deck, length_m=9))
    assert backwards.loaded is False
    unknown = of(seen(twin, tops_m=deck, length_m=9), seen(twin, tops_m=deck, length_m=9))
    assert unknown.loaded is None


def test_without_two_wheels_there_is_no_vehicle() -> None:
    nothing = Look(wheels=(), outline=None, width=1280)
    one = replace(seen(SIX), wheels=seen(SIX).wheels[:1])
    assert suggest([nothing, one], camera="side", pictures=["a", "b"]) is None
    assert suggest([], camera="side", pictures=[]) is None


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", b"GIF89a", b"\xff\xd8\xff" + bytes(500)])
def test_what_is_no_picture_is_no_look(data: bytes) -> None:
    assert look(data, None) is None
