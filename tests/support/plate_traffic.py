"""Sides of simulated vehicles as a lane's burst has them, each with the plate that it really carries."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import cv2

from edge.cameras.settings import PlateSettings
from edge.plates.opening import opened
from edge.plates.reader import middle_out
from edge.plates.reading import PictureReader
from edge.plates.voting import decided, vote
from edge.plates.wire import Answer
from kernel.events import PlateRead
from kernel.plates import PROVINCES, classify
from simulators.demo.layout import REGION
from simulators.scene.render import LaneView
from simulators.scene.view import FRONT_OVERHANG_MM, Appearance
from simulators.traffic import Light, Truck, default_text, read_script

TRIGGER_MS = 1_790_000_000_000
FRONT_MS, REAR_MS = (-400, -125, 150, 425, 700), (-700, -350, 0, 350, 700)  # the demo's bursts
QUALITY = 80  # of the JPEGs
Side = Literal["front", "rear"]
Colour = Literal["yellow", "blue", "green", "white", "black"]
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
MARKS = "挂学警"
SEVEN_NEVER: tuple[Colour, ...] = (
    "white",
    "black",
    "green",
)  # grounds that seven characters of a truck never have
EIGHT_NEVER: tuple[Colour, ...] = ("yellow", "blue")


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What makes a scene hard: light, what happened to the plate, what stands beside the road."""

    light: Light = "day"
    traits: tuple[str, ...] = ()
    billboards: bool = False
    truck: Literal["any", "trailer", "other_colour", "none"] = "any"


CONDITIONS: Mapping[str, Condition] = {
    "day": Condition(),
    "night": Condition(light="night"),
    "rain": Condition(light="rain"),
    "headlights": Condition(light="headlights"),
    "wet road": Condition(light="wet"),
    "low sun": Condition(light="low_sun"),
    "snow": Condition(light="snow"),
    "bent": Condition(traits=("bent_plate",)),
    "mud over characters": Condition(traits=("dirty_plate",)),
    "billboards": Condition(billboards=True),
    "two rows": Condition(truck="trailer"),
    "another colour": Condition(truck="other_colour"),
    "foreign": Condition(traits=("foreign_plate",)),
    "no plate": Condition(truck="none", billboards=True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One side of one vehicle; `text` None where no Chinese plate is on it.  Pictures are drawn when they are asked for."""

    name: str
    role: Side
    text: str | None
    frames: tuple[Callable[[], bytes], ...]


def sides(condition: str, count: int, *, seed: int) -> Iterator[Shown]:
    """Front and rear in turn (two rows: the rear alone), trucks of the shipped traffic with plates of all provinces."""
    how = CONDITIONS[condition]
    dice = random.Random(f"{seed} {condition}")
    trucks = [truck for truck in read_script(default_text()).truck if _fits(truck, how)]
    for n in range(count):
        truck = _dressed(dice.choice(trucks), f"{condition} {seed} {n}", how, dice)
        role: Side = "rear" if how.truck == "trailer" or n % 2 else "front"
        yield _shown(truck, role, how, speed_dkmh=dice.randint(120, 320))


def _fits(truck: Truck, how: Condition) -> bool:
    if truck.plate_front is None or "foreign_plate" in truck.traits:
        return False
    trailer = truck.plate_rear is not None and truck.plate_rear.endswith("挂")
    return trailer or how.truck != "trailer"


def _dressed(truck: Truck, name: str, how: Condition, dice: random.Random) -> Truck:
    truck = replace(truck, name=name, traits=how.traits)
    if how.truck == "none":
        return replace(truck, plate_front=None, plate_rear=None)
    if "foreign_plate" in how.traits:
        foreign = f"{dice.choice('ABCEKM')}{dice.choice(LETTERS)} {dice.randint(1_000, 9_999)} {dice.choice(LETTERS)}"
        return replace(truck, plate_front=foreign, plate_rear=foreign)
    front = _other(truck.plate_front or "", dice)
    same = truck.plate_rear == truck.plate_front
    rear = front if same else _other(truck.plate_rear or "", dice)
    truck = replace(truck, plate_front=front, plate_rear=rear)
    return _recoloured(truck, dice) if how.truck == "other_colour" else truck


def _recoloured(truck: Truck, dice: random.Random) -> Truck:
    """Its number on a plate of a colour that its class does not have."""
    seven = len(truck.plate_front or "") == 7
    return replace(truck, plate_colour=dice.choice(SEVEN_NEVER if seven else EIGHT_NEVER))


def _other(plate: str, dice: random.Random) -> str:
    """Another number of the same kind, of any province."""
    while True:
        text = (
            dice.choice(PROVINCES)
            + dice.choice("ABCDEFGH")
            + "".join(_other_character(c, dice) for c in plate[2:])
        )
        if classify(text):
            return text


def _other_character(character: str, dice: random.Random) -> str:
    if character in MARKS or (character == "D" and dice.random() < 0.9):
        return character
    return dice.choice(LETTERS) if character in LETTERS else str(dice.randint(0, 9))


def _shown(truck: Truck, role: Side, how: Condition, *, speed_dkmh: int) -> Shown:
    seen = Appearance(
        truck=truck, trigger_ms=TRIGGER_MS, speed_dkmh=speed_dkmh, light=how.light, billboards=how.billboards
    )
    camera = LaneView(role, site="YIYUAN S01", light=how.light)
    if role == "front":
        moments = [TRIGGER_MS + ms for ms in FRONT_MS]
    else:
        tail_ms = seen.reaches_ms(truck.length_mm - FRONT_OVERHANG_MM)
        moments = [tail_ms + ms for ms in REAR_MS]
    text = truck.plate_front if role == "front" else truck.plate_rear
    return Shown(
        name=truck.name,
        role=role,
        text=text if text and classify(text) else None,
        frames=tuple(partial(_jpeg, camera, at_ms, seen) for at_ms in moments),
    )


def _jpeg(camera: LaneView, at_ms: int, seen: Appearance) -> bytes:
    picture = camera.frame(at_ms, (seen,))[:, :, :3]
    return bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1])


@dataclass(slots=True, kw_only=True)
class Tally:
    """Of sides: read right (or rightly not read), left unread or unsure, and read as what is not there."""

    right: int = 0
    unread: int = 0
    wrong: list[str] | None = None
    pictures: int = 0
    cpu_ms: float = 0.0

    @property
    def sides(self) -> int:
        return self.right + self.unread + len(self.wrong or ())

    def add(self, shown: Shown, read: PlateRead) -> None:
        said = read.text if read.status == "read" else None
        if said == shown.text:
            self.right += 1
        elif said is None:
            self.unread += 1
        else:
            self.wrong = [*(self.wrong or ()), f"{shown.name} {shown.role}: {shown.text} read as {said}"]


class Lane:
    """The lane's reading of a burst in this process: frames from the middle outwards until the answer is clear."""

    def __init__(self) -> None:
        self._reader = PictureReader(PlateSettings())

    def read(self, shown: Shown, *, clock_ms: Callable[[], float], tally: Tally) -> PlateRead:
        """`clock_ms` counts CPU; drawing is not counted."""
        answers: dict[int, Answer] = {}
        for number in middle_out(len(shown.frames)):
            jpeg = shown.frames[number]()
            begun = clock_ms()
            found = self._reader.read(opened(jpeg).picture, region=REGION)
            tally.cpu_ms += clock_ms() - begun
            tally.pictures += 1
            answers[number] = Answer(number=number, readings=tuple(one.reading for one in found))
            if decided(answers):
                break
        return vote(shown.role, answers).read
