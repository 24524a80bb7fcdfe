"""Number plates 号牌: what a text can be under GA 36-2018, and the same grammar as an automaton for decoders."""

from kernel.plates.automaton import ALPHABET, Grammar, grammar
from kernel.plates.classes import (
    CLASSES,
    LETTERS,
    PROVINCES,
    SERIAL,
    SPECIAL,
    Class,
    PlateClass,
    classify,
    colour_fits,
    is_special,
    is_trailer,
    letter_in_doubt,
    normalise,
)

__all__ = [
    "ALPHABET",
    "CLASSES",
    "LETTERS",
    "PROVINCES",
    "SERIAL",
    "SPECIAL",
    "Class",
    "Grammar",
    "PlateClass",
    "classify",
    "colour_fits",
    "grammar",
    "is_special",
    "is_trailer",
    "letter_in_doubt",
    "normalise",
]
