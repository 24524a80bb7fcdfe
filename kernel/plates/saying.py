"""What a person may say that a plate is 人工校正: checked against the grammar, with the trap of O and I pointed out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kernel.plates.classes import COLOURS, PlateClass, classify, colour_fits, letter_in_doubt, normalise

Refusal = Literal["not_a_plate", "letters_o_i", "colour_unknown", "colour_differs"]

_LONGEST = 20
_LOOKALIKES = str.maketrans("OI", "01")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plate:
    """A text of the grammar, normalised, with its class; `doubted`: its letter is not known to be issued there."""

    text: str
    plate_class: PlateClass
    colour: str | None
    doubted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why it is no plate; `meant` is the plate with the digits that look like the letters, when that is all."""

    why: Refusal
    meant: str | None = None


def checked(text: str, *, colour: str | None = None) -> Plate | Refused:
    """The plate that was typed.  Nothing is put right silently: what may have been meant is said, and typed again."""
    if colour is not None and colour not in COLOURS:
        return Refused(why="colour_unknown")
    plate = normalise(text[: 2 * _LONGEST])
    plate_class = classify(plate) if len(plate) <= _LONGEST else None
    if plate_class is None:
        return _not_a_plate(plate)
    if colour is not None and not colour_fits(plate_class, colour):
        return Refused(why="colour_differs")
    return Plate(text=plate, plate_class=plate_class, colour=colour, doubted=letter_in_doubt(plate))


def _not_a_plate(plate: str) -> Refused:
    """A serial has no O and no I; the letter after the province stays as it is typed."""
    meant = plate[:2] + plate[2:].translate(_LOOKALIKES)
    if meant != plate and classify(meant) is not None:
        return Refused(why="letters_o_i", meant=meant)
    return Refused(why="not_a_plate")
