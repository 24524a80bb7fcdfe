"""Two recognisers look at every crop, PP-OCR's and our own: a text counts by what both of them see of it.

They were trained on different pictures by different people: where one guesses, the other seldom guesses the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from edge.plates import own, rectify
from edge.plates.aligning import align
from edge.plates.decode import Alphabet, Decoded, Lattice, log_p_of
from edge.plates.locate import Image
from edge.plates.models import RECOGNISER, model
from edge.plates.sessions import Floats, Model
from kernel.errors import ConfigError
from kernel.plates import classify, grammar

LEAST_WIDTH = 320  # narrower rows are padded, as the recogniser was trained
MOST_WIDTH = 640
LEAST_CHARACTERS = 4  # that a plate shows, however badly
FLOOR = 1e-4  # no recogniser is surer than that of what is not there


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What one recogniser saw: probabilities T x (1 + plate characters), and log P of its free path."""

    probabilities: Floats
    free_log_p: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """The best plate both can agree on, None where the grammar finds none; and what is written there without a grammar."""

    decoded: Decoded | None
    free: str
    free_least: float

    @property
    def score(self) -> float:
        return self.decoded.score if self.decoded else 0.0


class Recognisers:
    def __init__(self) -> None:
        plates = grammar()
        self._lattice = Lattice(plates)
        self._codes = {char: n + 1 for n, char in enumerate(plates.alphabet)}
        self._words = Model(model(RECOGNISER))
        self._alphabet = Alphabet(plates.alphabet, self._words.characters())
        self._own = own.Recogniser()
        if "".join(self._own.characters()) != plates.alphabet:
            raise ConfigError.one("plates", "our recogniser was trained for another alphabet: train it again")

    def plate_like(self, close: Image) -> bool:
        """Whether ours sees about as many characters as a plate has, at a fifteenth of what both cost."""
        best = self._own.run(close).argmax(axis=1)
        return (
            int(np.count_nonzero((best[1:] != best[:-1]) & (best[1:] > 0)) + (best[0] > 0))
            >= LEAST_CHARACTERS
        )

    def look(self, loose: Image, close: Image, penalties: Mapping[str, float]) -> Recognised:
        """The same row twice, as each was trained to see it; `penalties`: log P off each class that may be there."""
        output = self._words.run(_batch(loose))[0]
        free, least, log_p = self._alphabet.free(output)
        sights = (
            Sight(probabilities=self._alphabet.probabilities(output), free_log_p=log_p),
            self._seen(close),
        )
        found = [self._lattice.decode(one.probabilities, one.free_log_p, penalties) for one in sights]
        texts = [text for one in found if one is not None for text in _offered(one.text)]
        named = {text: name for text in texts if (name := classify(text)) in penalties}
        both = [
            one
            for text, name in named.items()
            if name and (one := self._agreed(text, name, sights, penalty=penalties[name]))
        ]
        best = max(both, key=lambda one: one.score, default=None)
        return Recognised(decoded=best, free=free.upper(), free_least=least)

    def _seen(self, crop: Image) -> Sight:
        probabilities = self._own.run(crop)
        return Sight(probabilities=probabilities, free_log_p=log_p_of(probabilities))

    def _agreed(
        self, text: str, plate_class: str, sights: tuple[Sight, Sight], *, penalty: float
    ) -> Decoded | None:
        codes = [self._codes[char] for char in text]
        seen = [align(one.probabilities, codes) for one in sights]
        if seen[0] is None or seen[1] is None:
            return None
        spread = [_spread(sight, one.steps) for sight, one in zip(sights, seen, strict=True) if one]
        chars = _shares(np.sqrt(spread[0] * spread[1]), codes)
        margin = sum(one.log_p - sight.free_log_p for one, sight in zip(seen, sights, strict=True) if one) / 2
        return Decoded(
            text=text,
            plate_class=plate_class,
            chars=tuple(map(float, chars)),
            margin=min(0.0, margin) - penalty,
        )


def _offered(text: str) -> tuple[str, ...]:
    """Also without its last character: the plate's own edge reads as one more stroke."""
    return (text, text[:-1])


def _spread(sight: Sight, steps: Sequence[int]) -> Floats:
    """What one recogniser gives every character in each place of a text."""
    return np.maximum(sight.probabilities[list(steps), 1:], FLOOR)


def _shares(spread: Floats, codes: Sequence[int]) -> Floats:
    """Each character's share of all that might stand in its place, by what both see: a rival of either one lowers it.

    A character that one of the two has overlooked and nothing rivals keeps most of its share.
    """
    own = spread[np.arange(len(codes)), np.array(codes) - 1]
    return np.asarray(own / spread.sum(axis=1), np.float32)


def _batch(crop: Image) -> Floats:
    width = min(crop.shape[1], MOST_WIDTH)
    row = cv2.resize(crop, (width, rectify.ROW_PX)) if width != crop.shape[1] else crop
    batch = np.zeros((1, 3, rectify.ROW_PX, max(width, LEAST_WIDTH)), np.float32)
    batch[0, :, :, :width] = (row.astype(np.float32) / 127.5 - 1.0).transpose(2, 0, 1)
    return batch
