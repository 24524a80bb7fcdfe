import itertools
import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.plates.decode import Alphabet, Lattice
from edge.plates.sessions import Floats
from kernel.plates import Grammar, PlateClass, grammar

STEPS = 5
# Accepts AB, ABB, BB, AAB: repeated characters need a blank between, which is where decoders go wrong.
TOY = Grammar(
    alphabet="AB",
    table=((1, 2), (3, 4), (-1, 4), (-1, 4), (-1, 5), (-1, -1)),
    classes=(None, None, None, None, PlateClass.ORDINARY, PlateClass.TRAILER),
    column={"A": 0, "B": 1},
)
FREE_OF_CHARGE = {str(name): 0.0 for name in PlateClass}


def collapsed(path: tuple[int, ...]) -> str:
    kept = [now for now, before in zip(path, (0, *path), strict=False) if now and now != before]
    return "".join(" AB"[n] for n in kept)


def best_by_hand(probabilities: Floats, penalties: dict[str, float]) -> float:
    """Every path there is."""
    best = -math.inf
    for path in itertools.product(range(3), repeat=len(probabilities)):
        found = TOY.classify(collapsed(path))
        if found is not None and str(found) in penalties:
            log_p = sum(math.log(max(float(probabilities[n, c]), 1e-7)) for n, c in enumerate(path))
            best = max(best, log_p - penalties[str(found)])
    return best


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(*[st.integers(1, 99)] * 3), min_size=1, max_size=STEPS),
    st.sampled_from([FREE_OF_CHARGE, {"ordinary": 0.0, "trailer": 3.0}, {"trailer": 0.0}]),
)
def test_finds_the_best_path_there_is(rows: list[tuple[int, int, int]], penalties: dict[str, float]) -> None:
    probabilities = np.array([[value / sum(row) for value in row] for row in rows], np.float32)
    decoded = Lattice(TOY).decode(probabilities, 0.0, penalties)
    by_hand = best_by_hand(probabilities, penalties)
    if decoded is None:
        assert by_hand == -math.inf
        return
    assert math.isclose(decoded.margin, by_hand, abs_tol=1e-3)
    found = TOY.classify(decoded.text)
    assert found == decoded.plate_class
    assert len(decoded.chars) == len(decoded.text)


def written(text: str, *, sure: float = 0.98) -> Floats:
    """What a recogniser says of a text: each character for two steps, a blank after it."""
    plates = grammar()
    rows = []
    for char in text:
        row = np.full(1 + len(plates.alphabet), (1 - sure) / len(plates.alphabet), np.float32)
        row[1 + plates.column[char]] = sure
        blank = np.full_like(row, (1 - sure) / len(plates.alphabet))
        blank[0] = sure
        rows += [row, row, blank]
    return np.array(rows, np.float32)


def test_reads_real_classes() -> None:
    lattice = Lattice(grammar())
    for text in ("鲁C12345", "冀A1234挂", "浙A12345D", "浙AD12345", "粤Z1234港", "京X1234应急", "使123456"):
        decoded = lattice.decode(written(text), 0.0, FREE_OF_CHARGE)
        assert decoded is not None
        assert decoded.text == text
        assert min(decoded.chars) > 0.9


def test_a_doubled_digit_stays_doubled() -> None:
    decoded = Lattice(grammar()).decode(written("鲁C11223"), 0.0, FREE_OF_CHARGE)
    assert decoded is not None
    assert decoded.text == "鲁C11223"


def test_what_the_grammar_bends_lowers_the_score() -> None:
    probabilities = written("鲁C1234")  # a character is missing
    decoded = Lattice(grammar()).decode(probabilities, 0.0, FREE_OF_CHARGE)
    assert decoded is not None
    assert decoded.score < 0.3


def test_a_class_that_is_not_offered_is_not_found() -> None:
    decoded = Lattice(grammar()).decode(written("VA12345"), 0.0, {"ordinary": 0.0})
    assert decoded is None or decoded.score < 0.3


def test_look_alikes_count_for_the_plate_s_own_characters() -> None:
    characters = ["0", "O", "o", "1", "I", "A", "a", "挂"]
    output = np.zeros((2, len(characters) + 2), np.float32)
    output[0, 1:4] = (0.2, 0.5, 0.2)  # 0 O o
    output[1, 4:6] = (0.3, 0.6)  # 1 I
    alphabet = Alphabet("01A挂", characters)
    folded = alphabet.probabilities(output)
    assert np.allclose(folded[0], [0, 0.9, 0, 0, 0])
    assert np.allclose(folded[1], [0, 0, 0.9, 0, 0])
    assert alphabet.free(output)[0] == "OI"
