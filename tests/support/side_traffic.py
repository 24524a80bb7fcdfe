"""Trucks of every kind before a side camera, encoded as a lane has them, each with its truth."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2

from simulators.scene.render import LaneView
from simulators.scene.view import FRONT_OVERHANG_MM, Appearance
from simulators.traffic import Light, Truck, default_text, read_script

TRIGGER_MS = 1_790_000_000_000
AROUND_MS = (-350, 0, 350)  # of the moment at which the tail leaves the loop
HANGING_KG = 120
LOADS = {"empty": False, "gravel": True, "machine": True, "tarp": True}  # nobody sees into box and tank


@dataclass(frozen=True, slots=True, kw_only=True)
class Passing:
    """Three pictures, one of the empty place, and what the truck really is."""

    name: str
    pictures: tuple[bytes, ...]
    empty: bytes
    axles: int
    combination: bool
    lifted: int
    loaded: bool | None


def passings(count: int, *, light: Light, seed: int) -> Iterator[Passing]:
    """The trucks of the shipped traffic in turn, in other paints and speeds, some with an axle in the air."""
    dice = random.Random(f"{seed} {light}")
    trucks = list(read_script(default_text()).truck)
    for n in range(count):
        truck = trucks[(n * 7 + seed) % len(trucks)]
        yield _passing(_varied(truck, n, dice), dice.randint(100, 300), light, dice)


def _varied(truck: Truck, number: int, dice: random.Random) -> Truck:
    axles = list(truck.axle_kg)
    if len(axles) >= 4 and dice.random() < 0.3:
        axles[-3 if len(axles) >= 6 else 1] = HANGING_KG
    paint = tuple(dice.randrange(20, 240) for _ in range(3))
    return replace(truck, name=f"{truck.name} {number}", axle_kg=tuple(axles), paint=paint)


def _passing(truck: Truck, speed_dkmh: int, light: Light, dice: random.Random) -> Passing:
    seen = Appearance(truck=truck, trigger_ms=TRIGGER_MS, speed_dkmh=speed_dkmh, light=light)
    tail_ms = seen.reaches_ms(truck.length_mm - FRONT_OVERHANG_MM) + dice.randint(0, 60)
    camera = LaneView("side", site="YIYUAN S01", light=light)
    return Passing(
        name=f"{truck.name} {light}",
        pictures=tuple(_jpeg(camera, tail_ms + ms, (seen,)) for ms in AROUND_MS),
        empty=_empty(light),
        axles=len(truck.axle_kg),
        combination=truck.combination,
        lifted=truck.axle_kg.count(HANGING_KG),
        loaded=LOADS.get(truck.cargo),
    )


@lru_cache(maxsize=8)
def _empty(light: Light) -> bytes:
    return _jpeg(LaneView("side", site="YIYUAN S01", light=light), TRIGGER_MS, ())


def _jpeg(camera: LaneView, t_ms: int, seen: tuple[Appearance, ...]) -> bytes:
    picture = camera.frame(t_ms, seen)[:, :, :3]
    return bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 80])[1])
