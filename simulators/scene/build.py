"""What of a truck its pictures share: measures of cab and cargo, colours, which axles belong to the trailer."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from zlib import crc32

from simulators.scene.sheet import Bgr
from simulators.scene.view import FRONT_OVERHANG_MM
from simulators.traffic import Truck

RAISED_BELOW_KG = 300  # an axle that carries less hangs in the air
CARGO_TOP_MM = {"box": 3_950, "tarp": 3_700, "tank": 3_600, "gravel": 3_050, "machine": 3_700, "empty": 1_900}
BOX_COLOURS: tuple[Bgr, ...] = ((228, 226, 222), (178, 122, 62), (196, 200, 198), (92, 132, 86))
TARP_COLOURS: tuple[Bgr, ...] = ((96, 104, 58), (142, 92, 40), (70, 92, 66))


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """Measures in mm.  `axle_mm` counts back from the front bumper."""

    length: int
    width: int
    cab_width: int
    cab_height: int
    cab_length: int
    floor: int
    top: int
    wheel: int
    axle_mm: tuple[int, ...]
    trailer_from: int | None  # index of the first axle of the trailer
    seed: int
    paint: Bgr
    cargo_colour: Bgr


def build_of(truck: Truck) -> Build:
    """Blue and small green plates are on light trucks; the others are heavy."""
    light = truck.plate_colour in ("blue", "green") and len(truck.axle_kg) == 2
    seed = crc32(truck.name.encode())
    axles = tuple(accumulate(truck.spacing_mm, initial=FRONT_OVERHANG_MM))
    scale = 0.78 if light else 1.0
    return Build(
        length=max(truck.length_mm, axles[-1] + 700),
        width=round(2_500 * scale),
        cab_width=round(2_440 * scale),
        cab_height=round(2_980 * scale),
        cab_length=round(2_250 * scale),
        floor=round(1_250 * scale),
        top=round(CARGO_TOP_MM[truck.cargo] * scale),
        wheel=round(510 * scale),
        axle_mm=axles,
        trailer_from=_trailer_from(truck),
        seed=seed,
        paint=(truck.paint[0], truck.paint[1], truck.paint[2]),
        cargo_colour=_cargo_colour(truck, seed),
    )


def _trailer_from(truck: Truck) -> int | None:
    """The trailer's axles are those behind the longest gap."""
    if not truck.combination:
        return None
    return truck.spacing_mm.index(max(truck.spacing_mm)) + 1


def _cargo_colour(truck: Truck, seed: int) -> Bgr:
    choices = TARP_COLOURS if truck.cargo == "tarp" else BOX_COLOURS
    return choices[seed % len(choices)]


def dual(truck: Truck, axle: int) -> bool:
    """Whether the axle's group has two tyres a side."""
    ends = list(accumulate(truck.groups))
    group = next(n for n, end in enumerate(ends) if axle < end)
    return truck.dual_tyres[group]


def raised(truck: Truck, axle: int) -> bool:
    return truck.axle_kg[axle] < RAISED_BELOW_KG
