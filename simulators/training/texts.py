"""Texts of plates by chance: every class of GA 36, every province alike, so that no model learns what is frequent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kernel.plates import CLASSES, PlateClass

# How often a class is drawn: what stands at a weighbridge first, and everything often enough to be learnt.
SHARES: dict[PlateClass, int] = {
    PlateClass.ORDINARY: 46,
    PlateClass.TRAILER: 18,
    PlateClass.NEV_SMALL: 7,
    PlateClass.NEV_LARGE: 6,
    PlateClass.COACH_LEARNER: 3,
    PlateClass.POLICE: 4,
    PlateClass.HK_MO: 2,
    PlateClass.EMBASSY: 2,
    PlateClass.CONSULATE: 2,
    PlateClass.EMERGENCY: 2,
    PlateClass.WJ: 2,
    PlateClass.TEMP_SPECIAL: 2,
    PlateClass.TRACTOR_AGRI: 2,
    PlateClass.MILITARY: 2,
}
TWO_ROWS = {
    PlateClass.TRAILER: 0.9,
    PlateClass.ORDINARY: 0.35,
    PlateClass.COACH_LEARNER: 0.4,
    PlateClass.TRACTOR_AGRI: 0.5,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plate:
    """What is to be drawn."""

    text: str
    plate_class: PlateClass
    colour: str
    two_rows: bool


def chosen(random: np.random.Generator) -> Plate:
    names = list(SHARES)
    weights = np.array([SHARES[name] for name in names], float)
    plate_class = names[int(random.choice(len(names), p=weights / weights.sum()))]
    row = CLASSES[plate_class]
    shape = row.shapes[int(random.integers(len(row.shapes)))]
    text = "".join(_one(random, place) for place in shape)
    two_rows = random.random() < TWO_ROWS.get(plate_class, 0.0)
    return Plate(
        text=text,
        plate_class=plate_class,
        colour=_colour(random, plate_class, two_rows=two_rows),
        two_rows=two_rows,
    )


def _one(random: np.random.Generator, place: str) -> str:
    """Two thirds digits where both may stand, as serials are."""
    digits = [char for char in place if char.isdigit()]
    among = digits if digits and len(digits) < len(place) and random.random() < 0.65 else list(place)
    return among[int(random.integers(len(among)))]


def _colour(random: np.random.Generator, plate_class: PlateClass, *, two_rows: bool) -> str:
    colours = CLASSES[plate_class].colours or ("white", "yellow", "blue")
    if plate_class is PlateClass.ORDINARY:
        return "yellow" if two_rows or random.random() < 0.5 else "blue"
    return colours[int(random.integers(len(colours)))]
