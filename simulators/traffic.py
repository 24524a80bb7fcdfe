"""Scripted traffic: which trucks cross which lane, when and how, from a TOML text and a seed."""

from __future__ import annotations

import random
import string
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from heapq import merge
from itertools import count, islice
from pathlib import Path
from typing import Literal

from kernel.errors import ConfigError
from kernel.settings import read

Behaviour = Literal["steady", "stop_and_go", "close_behind"]
Light = Literal["day", "night", "rain", "headlights", "wet", "low_sun", "snow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Truck:
    """A vehicle as it really is; masses in kg, lengths in mm.  The truth, never shown to a product process."""

    name: str
    axle_kg: tuple[int, ...]
    spacing_mm: tuple[int, ...]  # one fewer than axles
    groups: tuple[int, ...]  # axles per group, front to rear; sums to the number of axles
    dual_tyres: tuple[bool, ...]  # one a group
    combination: bool
    drive_axles: int
    length_mm: int
    plate_front: str | None = None  # None: no plate
    plate_rear: str | None = None
    plate_colour: Literal["yellow", "blue", "green", "yellow_green", "white", "black"] = "yellow"
    rear_two_rows: bool = False
    paint: tuple[int, ...] = (60, 60, 180)  # BGR of the cab
    cargo: Literal["box", "tarp", "tank", "gravel", "machine", "empty"] = "box"
    traits: tuple[
        str, ...
    ] = ()  # permit, dangerous_goods, cloned_plate, no_plate, foreign_plate, dirty_plate, bent_plate, over_limit ...

    def __post_init__(self) -> None:
        axles = len(self.axle_kg)
        checks = {
            "axle_kg": axles >= 2 and all(kg > 0 for kg in self.axle_kg),
            "spacing_mm": len(self.spacing_mm) == axles - 1 and all(mm > 0 for mm in self.spacing_mm),
            "groups": sum(self.groups) == axles and all(count > 0 for count in self.groups),
            "dual_tyres": len(self.dual_tyres) == len(self.groups),
            "paint": len(self.paint) == 3 and all(0 <= part <= 255 for part in self.paint),
            "length_mm": self.length_mm > sum(self.spacing_mm),
        }
        faults = [
            (name, f"does not fit {axles} axles or its range") for name, fits in checks.items() if not fits
        ]
        if faults:
            raise ConfigError(faults)

    @property
    def gross_kg(self) -> int:
        return sum(self.axle_kg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """One truck over one lane.  `start_ms` counts from the start of the traffic: front axle at the first loop."""

    number: int
    lane: str
    truck: Truck
    start_ms: int
    speed_dkmh: int
    behaviour: Behaviour = "steady"
    light: Light = "day"
    stands_ms: int = 0  # static platform: how long it stands still on the scale
    billboards: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneScript:
    """How one lane is driven.  `stands_ms` is for a static platform: the shortest and the longest stay on it.

    `billboards`: boards with words and numbers stand beside it.
    """

    name: str
    kind: Literal["wim", "static"]
    every_ms: int
    speed_dkmh: tuple[int, ...]  # slowest and fastest
    stands_ms: tuple[int, ...] = (0, 0)
    billboards: bool = False

    def __post_init__(self) -> None:
        faults = [
            (name, "must be two numbers, the smaller one first, none negative")
            for name, pair in (("speed_dkmh", self.speed_dkmh), ("stands_ms", self.stands_ms))
            if len(pair) != 2 or not 0 <= pair[0] <= pair[1]
        ]
        if self.every_ms <= 0:
            faults.append(("every_ms", "must be above 0"))
        if self.speed_dkmh and self.speed_dkmh[0] < 20:
            faults.append(("speed_dkmh", "no truck crosses slower than 2 km/h"))
        if faults:
            raise ConfigError(faults)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossingScript:
    """The next truck of a lane; what is left out is drawn."""

    lane: str
    truck: str
    behaviour: Behaviour = "steady"
    light: Light = "day"
    speed_dkmh: int | None = None
    stands_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """The whole TOML: trucks, lanes, and the order in which trucks cross each lane."""

    lane: tuple[LaneScript, ...]
    crossing: tuple[CrossingScript, ...]
    truck: tuple[Truck, ...]
    seed: int = 0
    vehicles: int | None = None  # None: every crossing of the script, once

    def __post_init__(self) -> None:
        lanes, trucks = {lane.name for lane in self.lane}, {truck.name for truck in self.truck}
        faults = []
        for n, crossing in enumerate(self.crossing):
            if crossing.lane not in lanes:
                faults.append((f"crossing[{n}].lane", f"no lane {crossing.lane!r}"))
            if crossing.truck not in trucks:
                faults.append((f"crossing[{n}].truck", f"no truck {crossing.truck!r}"))
        faults += [
            (kind, "two have the same name") for kind in ("lane", "truck") if _twice(getattr(self, kind))
        ]
        if not self.crossing:
            faults.append(("crossing", "at least one is required"))
        if self.vehicles is not None and self.vehicles < 0:
            faults.append(("vehicles", "must not be negative"))
        if faults:
            raise ConfigError(faults)


def _twice(named: tuple[LaneScript | Truck, ...]) -> bool:
    return len({each.name for each in named}) < len(named)


def default_text() -> str:
    """The script that the demo drives: every special case within its first 24 crossings."""
    return Path(__file__).with_name("traffic_default.toml").read_text(encoding="utf-8")


def read_script(text: str) -> Script:
    """Raises ConfigError with every fault and its path."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError.one("traffic", str(error)) from error
    return read(Script, table)


def read_traffic(text: str, *, vehicles: int | None = None, seed: int | None = None) -> tuple[Crossing, ...]:
    """The crossings of the script in order of time, `vehicles` of them; raises ConfigError with every fault.

    The first turn drives the trucks as written; later turns draw other plates and masses.  The same seed gives the
    same traffic.
    """
    script = read_script(text)
    seed = script.seed if seed is None else seed
    wanted = vehicles if vehicles is not None else script.vehicles
    plates = _Plates(seed)
    lanes = [_Drive(lane, script, seed=seed, plates=plates).crossings() for lane in script.lane]
    ordered = islice(merge(*lanes, key=lambda crossing: crossing.start_ms), _total(script, wanted))
    return tuple(replace(crossing, number=number) for number, crossing in enumerate(ordered, start=1))


def in_light(crossings: Iterable[Crossing], light: Light) -> tuple[Crossing, ...]:
    """The crossings in another light than plain day; those that have one of their own keep it."""
    return tuple(
        replace(crossing, light=light) if crossing.light == "day" else crossing for crossing in crossings
    )


def _total(script: Script, wanted: int | None) -> int:
    return len(script.crossing) if wanted is None else wanted


@dataclass(slots=True)
class _Drive:
    """One lane driven for ever; the time of each start leaves room for the truck before."""

    lane: LaneScript
    script: Script
    seed: int
    plates: _Plates
    before: Crossing | None = None
    dice: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.dice = random.Random(f"{self.seed} {self.lane.name}")

    def crossings(self) -> Iterator[Crossing]:
        turns = [crossing for crossing in self.script.crossing if crossing.lane == self.lane.name]
        trucks = {truck.name: truck for truck in self.script.truck}
        for turn in count() if turns else ():
            for script in turns:
                self.before = self._crossing(script, self._truck(trucks[script.truck], turn))
                yield self.before

    def _truck(self, truck: Truck, turn: int) -> Truck:
        if turn == 0:
            return truck
        load = self.dice.uniform(0.97, 1.02)
        return replace(
            truck,
            name=f"{truck.name} #{turn + 1}",
            axle_kg=tuple(round(kg * load / 10) * 10 for kg in truck.axle_kg),
            plate_front=self.plates.other(truck.plate_front, turn),
            plate_rear=self.plates.other(truck.plate_rear, turn),
        )

    def _crossing(self, script: CrossingScript, truck: Truck) -> Crossing:
        speed = script.speed_dkmh or self.dice.randint(*self.lane.speed_dkmh)
        stands = self.dice.randint(*self.lane.stands_ms) // 100 * 100
        crossing = Crossing(
            number=0,
            lane=self.lane.name,
            truck=truck,
            start_ms=0,
            speed_dkmh=speed,
            behaviour=script.behaviour,
            light=script.light,
            stands_ms=stands if script.stands_ms is None else script.stands_ms,
            billboards=self.lane.billboards,
        )
        return replace(crossing, start_ms=self._start_ms(crossing))

    def _start_ms(self, crossing: Crossing) -> int:
        if self.before is None:
            return FIRST_MS + self.lane.every_ms // 3
        clear = self.before.start_ms + clears_ms(self.before, kind=self.lane.kind)
        if crossing.behaviour == "close_behind":
            return clear + CLOSE_MS[self.lane.kind]
        return max(self.before.start_ms + self.lane.every_ms, clear + HEADWAY_MS)


FIRST_MS = 2_000
HEADWAY_MS = 1_500
# How long after the truck before is clear one that keeps no distance comes; on the platform it is there before.
CLOSE_MS = {"wim": 700, "static": -500}
_CLEAR_MM = {"wim": 4_000, "static": 19_500}
_BRAKING_MMS2, _PULLING_MMS2 = 1_200, 900  # as in simulators.scene.view
_HESITATES_MS = 2_000
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"  # of a plate: no I, no O


def clears_ms(crossing: Crossing, *, kind: Literal["wim", "static"]) -> int:
    """How long after its start a truck's rear is past the scale, counted a little long."""
    truck = crossing.truck
    speed = crossing.speed_dkmh * 1000 / 36
    way = _CLEAR_MM[kind] + (sum(truck.spacing_mm) if kind == "static" else truck.length_mm)
    stops = (crossing.behaviour == "stop_and_go") + (crossing.stands_ms > 0)
    lost_s = speed / 2 / _BRAKING_MMS2 + speed / 2 / _PULLING_MMS2
    waits_ms = crossing.stands_ms + (_HESITATES_MS if crossing.behaviour == "stop_and_go" else 0)
    return round(1000 * (way / speed + stops * lost_s)) + waits_ms


class _Plates:
    """Other plates of the same kind; the same plate becomes the same other plate, so a clone stays a clone."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def other(self, plate: str | None, turn: int) -> str | None:
        if plate is None:
            return None
        dice = random.Random(f"{self._seed} {turn} {plate}")
        # On plates of eight characters, those of new-energy vehicles, a letter tells the kind of drive.
        letters = "" if len(plate) == 8 else _LETTERS
        return plate[:2] + "".join(_other_character(character, letters, dice) for character in plate[2:])


def _other_character(character: str, letters: str, dice: random.Random) -> str:
    if character.isdigit():
        return dice.choice(string.digits)
    return dice.choice(letters) if character in letters else character
