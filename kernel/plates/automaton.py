"""The plate grammar as a deterministic automaton: it accepts exactly what `classify` accepts, character by character."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from kernel.plates.classes import CLASSES, PlateClass, Shape

Living = frozenset[int]  # the shapes that a beginning still fits, by number


def _shapes() -> tuple[tuple[PlateClass, Shape], ...]:
    return tuple((row.plate_class, shape) for row in CLASSES.values() for shape in row.shapes)


def _alphabet() -> str:
    return "".join(sorted({char for _, shape in _shapes() for place in shape for char in place}))


ALPHABET = _alphabet()


@dataclass(frozen=True, slots=True, kw_only=True)
class Grammar:
    """States are 0..size-1 and 0 is the start; a column of `table` is a character of `alphabet`, -1 is no way on."""

    alphabet: str
    table: tuple[tuple[int, ...], ...]
    classes: tuple[PlateClass | None, ...]
    column: dict[str, int] = field(repr=False)

    @property
    def size(self) -> int:
        return len(self.table)

    def step(self, state: int, char: str) -> int | None:
        column = self.column.get(char)
        if column is None:
            return None
        after = self.table[state][column]
        return None if after < 0 else after

    def accepting(self, state: int) -> PlateClass | None:
        """The class of what was read so far, if it may end here."""
        return self.classes[state]

    def walk(self, text: str) -> int | None:
        """The state after a text that is already normalised."""
        state: int | None = 0
        for char in text:
            state = None if state is None else self.step(state, char)
        return state

    def classify(self, text: str) -> PlateClass | None:
        state = self.walk(text)
        return None if state is None else self.accepting(state)


@cache
def grammar() -> Grammar:
    """The one grammar, built when first asked for."""
    numbers: dict[tuple[int, Living], int] = {}
    rows: list[tuple[int, ...]] = []
    classes: list[PlateClass | None] = []
    waiting = [(0, frozenset(range(len(_SHAPES))))]
    numbers[waiting[0]] = 0
    for depth, living in waiting:  # grows while it is read: breadth first
        classes.append(_class_ending(depth, living))
        ways = [(depth + 1, after) for after in _ways(depth, living)]
        for place in ways:
            if place[1] and place not in numbers:
                numbers[place] = len(waiting)
                waiting.append(place)
        rows.append(tuple(numbers[place] if place[1] else -1 for place in ways))
    return Grammar(
        alphabet=ALPHABET,
        table=tuple(rows),
        classes=tuple(classes),
        column={char: n for n, char in enumerate(ALPHABET)},
    )


_SHAPES = _shapes()


def _ways(depth: int, living: Living) -> Iterator[Living]:
    going_on = [n for n in living if len(_SHAPES[n][1]) > depth]
    for char in ALPHABET:
        yield frozenset(n for n in going_on if char in _SHAPES[n][1][depth])


def _class_ending(depth: int, living: Living) -> PlateClass | None:
    """Shapes are numbered in the order of the classes, so the lowest that ends here is the first hit."""
    ends = [n for n in living if len(_SHAPES[n][1]) == depth]
    return _SHAPES[min(ends)][0] if ends else None
