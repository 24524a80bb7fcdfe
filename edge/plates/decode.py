"""The best plate the recogniser's probabilities allow: CTC Viterbi over the plate grammar, vectorised.

A path is at each time step either in a state of the grammar with a blank last, or on an edge (a character just
emitted).  The grammar always finds some plate; how much it had to bend is the margin to the free path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from edge.plates.sessions import Floats
from kernel.plates import Grammar

Ints = npt.NDArray[np.int64]
NEVER = np.float32(-1e9)
LEAST = 1e-7
MARGIN_SCALE = 24.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    text: str
    plate_class: str
    chars: tuple[float, ...]  # probability of each character
    margin: float  # log P of this text's best path less that of the free path, <= 0

    @property
    def score(self) -> float:
        """The weakest character, lowered by what the grammar bent: one wrong character is a wrong plate."""
        return min(self.chars) * float(np.exp(self.margin / MARGIN_SCALE))


def log_p_of(output: Floats) -> float:
    """Of the free path, whatever it says."""
    return float(np.log(np.maximum(output.max(axis=1), LEAST)).sum())


class Alphabet:
    """Columns of the recogniser's output that matter to plates, look-alikes folded in."""

    FOLDED: Mapping[str, str] = {
        "0": "oO",
        "1": "lI|",
        "挂": "掛",
        "苏": "蘇",
        "贵": "貴",
        "云": "雲",
        "辽": "遼",
    }

    def __init__(self, wanted: str, characters: Sequence[str]) -> None:
        # Class 0 is the blank; a space comes after the last character.
        place = {char: n + 1 for n, char in enumerate(characters)}
        self._columns = [self._of(char, place) for char in wanted]
        self._all = ["", *characters, " "]

    def _of(self, char: str, place: Mapping[str, int]) -> list[int]:
        also = self.FOLDED.get(char, "") + (char.lower() if char.isascii() else "")
        return [place[one] for one in dict.fromkeys(char + also) if one in place]

    def probabilities(self, output: Floats) -> Floats:
        """T x (1 + characters): the blank, then the wanted characters in their order."""
        columns = [output[:, :1], *(output[:, own].sum(axis=1, keepdims=True) for own in self._columns)]
        return np.asarray(np.minimum(np.hstack(columns), 1.0), np.float32)

    def free(self, output: Floats) -> tuple[str, float, float]:
        """What is written there without any grammar: (text, least probability, log P)."""
        best, most = output.argmax(axis=1), output.max(axis=1)
        text, least = "", 1.0
        for n, char in enumerate(best):
            if char and (n == 0 or best[n - 1] != char):
                text, least = text + self._all[char], min(least, float(most[n]))
        return text.replace(" ", ""), least if text else 0.0, log_p_of(output)


class Lattice:
    """The grammar as arrays: edges sorted by the state they lead to."""

    def __init__(self, grammar: Grammar) -> None:
        edges = [
            (after, before, column)
            for before, row in enumerate(grammar.table)
            for column, after in enumerate(row)
            if after >= 0
        ]
        table = np.array(sorted(edges), np.int64)
        self.to, self.source, self.char = table[:, 0], table[:, 1], table[:, 2]
        self.states = grammar.size
        # Where each state's incoming edges begin; states without any are left out of the reduction.
        self.reached, self.begin = np.unique(self.to, return_index=True)
        self.alphabet = grammar.alphabet
        self._classes = [None if found is None else str(found) for found in grammar.classes]

    @cached_property
    def endings(self) -> list[tuple[int, str]]:
        return [(state, name) for state, name in enumerate(self._classes) if name]

    def decode(
        self, probabilities: Floats, free_log_p: float, penalties: Mapping[str, float]
    ) -> Decoded | None:
        """`penalties` are log P taken off a class; a class they do not name is not offered."""
        log_p = np.log(np.maximum(probabilities, LEAST)).astype(np.float32)
        blanks, emitted = self._forward(log_p)
        best = max(
            ((self._at(state, blanks[-1], emitted[-1]) - penalties[name], state, name)
             for state, name in self.endings if name in penalties),
            default=None,
        )  # fmt: skip
        if best is None or best[0] <= NEVER / 2:
            return None
        total, state, name = best
        places = self._back(state, blanks, emitted)
        return self._decoded(places, probabilities, name, min(0.0, total - free_log_p))

    def _forward(self, log_p: Floats) -> tuple[Floats, Floats]:
        """Best log P of each blank state and edge after each step; row 0 is before the first."""
        steps = len(log_p)
        blanks = np.full((steps + 1, self.states), NEVER, np.float32)
        emitted = np.full((steps + 1, len(self.to)), NEVER, np.float32)
        blanks[0, 0] = 0.0
        for n in range(steps):
            into, from_other = self._into(emitted[n])
            fresh = np.maximum(blanks[n][self.source], from_other)
            emitted[n + 1] = np.maximum(emitted[n], fresh) + log_p[n, 1 + self.char]
            blanks[n + 1] = np.maximum(blanks[n], into) + log_p[n, 0]
        return blanks, emitted

    def _into(self, emitted: Floats) -> tuple[Floats, Floats]:
        """For each state its best incoming edge; for each edge the best one into its source with another character."""
        best = np.full(self.states, NEVER, np.float32)
        best[self.reached] = np.maximum.reduceat(emitted, self.begin)
        # The character of the best edge: a repeated character needs a blank between.
        char = np.full(self.states, -1, np.int64)
        winners = np.flatnonzero(emitted >= best[self.to])
        char[self.to[winners]] = self.char[winners]
        others = np.where(self.char == char[self.to], NEVER, emitted)
        second = np.full(self.states, NEVER, np.float32)
        second[self.reached] = np.maximum.reduceat(others, self.begin)
        same = char[self.source] == self.char
        return best, np.where(same, second[self.source], best[self.source])

    def _at(self, state: int, blanks: Floats, emitted: Floats) -> float:
        first, last = self._range(state)
        edges = float(emitted[first:last].max()) if last > first else float(NEVER)
        return max(float(blanks[state]), edges)

    def _range(self, state: int) -> tuple[int, int]:
        return int(np.searchsorted(self.to, state)), int(np.searchsorted(self.to, state, side="right"))

    def _best_edge(self, state: int, emitted: Floats, *, but: int = -1) -> tuple[float, int]:
        """The best incoming edge whose character is not `but`: (log P, edge)."""
        first, last = self._range(state)
        if first == last:
            return float(NEVER), -1
        values = np.where(self.char[first:last] == but, NEVER, emitted[first:last])
        return float(values.max()), first + int(values.argmax())

    def _back(self, state: int, blanks: Floats, emitted: Floats) -> list[tuple[int, int]]:
        """The winning path from its end: (step, edge) wherever a character was emitted."""
        places: list[tuple[int, int]] = []
        log_p, edge = self._best_edge(state, emitted[-1])
        edge = edge if log_p >= blanks[-1][state] else -1
        for step in range(len(blanks) - 1, 0, -1):
            if edge >= 0:
                places.append((step - 1, edge))
                edge, state = self._before_edge(edge, blanks[step - 1], emitted[step - 1])
            else:
                log_p, before = self._best_edge(state, emitted[step - 1])
                edge = before if log_p > blanks[step - 1][state] else -1
        return places[::-1]

    def _before_edge(self, edge: int, blanks: Floats, emitted: Floats) -> tuple[int, int]:
        """What came before a step on an edge: (edge or -1, state)."""
        source = int(self.source[edge])
        log_p, other = self._best_edge(source, emitted, but=int(self.char[edge]))
        here, blank = float(emitted[edge]), float(blanks[source])
        if here >= max(log_p, blank):
            return edge, source
        return (other, source) if log_p > blank else (-1, source)

    def _decoded(
        self, places: list[tuple[int, int]], probabilities: Floats, name: str, margin: float
    ) -> Decoded:
        text, last = "", (-2, -1)
        chars: list[float] = []
        for step, edge in places:
            seen = float(probabilities[step, 1 + self.char[edge]])
            if edge == last[1] and step == last[0] + 1:
                chars[-1] = max(chars[-1], seen)
            else:
                text, chars = text + self.alphabet[self.char[edge]], [*chars, seen]
            last = (step, edge)
        return Decoded(text=text, plate_class=name, chars=tuple(chars), margin=margin)
