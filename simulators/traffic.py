"""Scripted traffic: which trucks cross which lane, when and how, from a TOML text and a seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Behaviour = Literal["steady", "stop_and_go", "close_behind"]


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
    plate_front: str | None  # None: no plate
    plate_rear: str | None
    plate_colour: Literal["yellow", "blue", "green", "yellow_green", "white", "black"]
    rear_two_rows: bool = False
    paint: tuple[int, int, int] = (60, 60, 180)  # BGR of the cab
    cargo: Literal["box", "tarp", "tank", "gravel", "machine", "empty"] = "box"
    traits: tuple[str, ...] = ()  # permit, dangerous_goods, cloned_plate, no_plate, foreign_plate, over_limit ...

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
    light: Literal["day", "night", "rain"] = "day"
    stands_ms: int = 0  # static platform: how long it stands still on the scale
