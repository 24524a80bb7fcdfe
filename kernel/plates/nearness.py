"""Texts that a reader or a person may confuse: one character more, less or other than a plate, and a plate themselves."""

from __future__ import annotations

from collections.abc import Iterator

from kernel.plates.automaton import ALPHABET, grammar
from kernel.plates.classes import normalise


def one_edit_away(text: str) -> tuple[str, ...]:
    """Every plate of the grammar that is one edit from this text, which need not be one; sorted, without itself."""
    plate, known = normalise(text), grammar()
    found = {other for other in _edited(plate) if known.classify(other) is not None}
    return tuple(sorted(found - {plate}))


def _edited(plate: str) -> Iterator[str]:
    for place in range(len(plate) + 1):
        head, tail = plate[:place], plate[place:]
        yield head + tail[1:]
        for char in ALPHABET:
            yield head + char + tail[1:]
            yield head + char + tail
