import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.plates import (
    ALPHABET,
    CLASSES,
    PROVINCES,
    SPECIAL,
    PlateClass,
    classify,
    colour_fits,
    grammar,
    is_special,
    is_trailer,
    letter_in_doubt,
    normalise,
)

SAMPLES = {
    "浙AD12345": PlateClass.NEV_SMALL,
    "浙AFA1234": PlateClass.NEV_SMALL,
    "浙A12345D": PlateClass.NEV_LARGE,
    "冀A1234挂": PlateClass.TRAILER,
    "京A1234学": PlateClass.COACH_LEARNER,
    "京A1234警": PlateClass.POLICE,
    "粤Z1234港": PlateClass.HK_MO,
    "粤Z12A4澳": PlateClass.HK_MO,
    "使123456": PlateClass.EMBASSY,
    "224578使": PlateClass.EMBASSY,
    "沪22478领": PlateClass.CONSULATE,
    "沪A0023领": PlateClass.CONSULATE,
    "京X1234应急": PlateClass.EMERGENCY,
    "WJ京12345": PlateClass.WJ,
    "WJ1234T": PlateClass.WJ,
    "苏B1234超": PlateClass.TEMP_SPECIAL,
    "苏B1234试": PlateClass.TEMP_SPECIAL,
    "苏01A1234": PlateClass.TRACTOR_AGRI,
    "京A12345": PlateClass.ORDINARY,
    "粤B1A23B": PlateClass.ORDINARY,
    "鲁OA1234": PlateClass.ORDINARY,
    "VA12345": PlateClass.MILITARY,
}
NOT_PLATES = [
    "京AI2345",
    "京AO2345",
    "浙AL12345",
    "京A1234",
    "京AABC12",
    "浙A1234DD",
    "港A12345",
    "",
    "无牌",
    "未识别",
    "京I12345",
    "挂",
    "WJ",
]

near_plates = st.one_of(
    st.text(alphabet=ALPHABET + "IQ?", max_size=9),
    st.sampled_from([*SAMPLES, *NOT_PLATES])
    .flatmap(lambda text: st.tuples(st.just(text), st.integers(0, 9), st.sampled_from(ALPHABET + "I")))
    .map(lambda edit: edit[0][: edit[1]] + edit[2] + edit[0][edit[1] + 1 :]),
    st.sampled_from(list(CLASSES.values())).flatmap(
        lambda row: st.sampled_from(row.shapes).flatmap(
            lambda shape: st.tuples(*[st.sampled_from(place) for place in shape]).map("".join)
        )
    ),
)


@pytest.mark.parametrize(("text", "expected"), SAMPLES.items())
def test_a_plate_has_its_class(text: str, expected: PlateClass) -> None:
    assert classify(text) is expected


def test_every_class_has_a_sample() -> None:
    assert set(SAMPLES.values()) == set(PlateClass) == set(CLASSES)


@pytest.mark.parametrize("text", NOT_PLATES)
def test_what_is_no_plate_has_no_class(text: str) -> None:
    assert classify(text) is None


def test_the_ordinary_serial_has_sixteen_arrangements() -> None:
    assert len(CLASSES[PlateClass.ORDINARY].shapes) == 16
    assert len(PROVINCES) == len(set(PROVINCES)) == 31


@pytest.mark.parametrize(
    ("written", "plate"),
    [
        ("鲁C·12345", "鲁C12345"),
        (" 鲁c 12345 ", "鲁C12345"),
        ("鲁Ｃ１２３４５", "鲁C12345"),
        ("鲁C•1234挂", "鲁C1234挂"),
        ("鲁C.12345", "鲁C12345"),
        ("鲁C\u300012345\n", "鲁C12345"),
    ],
)
def test_dots_spaces_case_and_width_do_not_matter(written: str, plate: str) -> None:
    assert normalise(written) == plate
    assert classify(written) is classify(plate) is not None


@given(st.text(alphabet=ALPHABET + " ·・．ａ１ßſıﬁ①½挂\n\x00\u200b", max_size=12))
def test_whatever_is_classified_is_made_of_the_alphabet(text: str) -> None:
    plate = normalise(text)
    assert classify(text) is None or (set(plate) <= set(ALPHABET) and normalise(plate) == plate)


@given(near_plates)
def test_the_automaton_accepts_exactly_what_the_expressions_accept(text: str) -> None:
    plate = normalise(text)
    assert grammar().classify(plate) is classify(plate)


@given(near_plates)
def test_the_dense_table_says_what_step_says(text: str) -> None:
    machine, state = grammar(), 0
    for char in text:
        after = machine.step(state, char)
        if after is None:
            assert char not in machine.alphabet or machine.table[state][machine.alphabet.index(char)] == -1
            break
        assert machine.table[state][machine.alphabet.index(char)] == after
        state = after
    assert machine.accepting(state) is machine.classes[state]


def test_the_automaton_is_whole_and_leads_from_everywhere_to_a_plate() -> None:
    machine = grammar()
    assert len(machine.classes) == machine.size
    assert all(len(row) == len(machine.alphabet) for row in machine.table)
    useful = {n for n, kind in enumerate(machine.classes) if kind is not None}
    for state in reversed(range(machine.size)):
        if any(after in useful for after in machine.table[state]):
            useful.add(state)
    assert useful == set(range(machine.size))
    assert set(machine.classes) == {None, *PlateClass}


def test_the_start_is_no_plate_and_strange_characters_lead_nowhere() -> None:
    assert grammar().accepting(0) is None
    assert grammar().step(0, "I") is None
    assert grammar().step(0, "港") is None
    assert grammar().step(0, "") is None


def test_expressions_are_those_of_the_reference() -> None:
    province = "[京津冀晋蒙辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川贵云藏陕甘青宁新]"
    assert CLASSES[PlateClass.ORDINARY].expression == re.compile(
        province + "[A-HJ-Z](?=(?:[0-9]*[A-HJ-NP-Z]){0,2}[0-9]*$)[A-HJ-NP-Z0-9]{5}"
    )
    assert list(CLASSES) == list(PlateClass)


def test_trailers_and_special_vehicles_are_known() -> None:
    assert {text for text in SAMPLES if is_trailer(text)} == {"冀A1234挂"}
    assert {text for text in SAMPLES if is_special(text)} == {
        text for text, kind in SAMPLES.items() if kind in SPECIAL
    }
    assert not is_special("鲁C12345")
    assert not is_trailer("挂")


@pytest.mark.parametrize(
    ("kind", "colour", "fits"),
    [
        (PlateClass.ORDINARY, "yellow", True),
        (PlateClass.ORDINARY, "blue", True),
        (PlateClass.ORDINARY, "green", False),
        (PlateClass.TRAILER, "yellow", True),
        (PlateClass.TRAILER, "blue", False),
        (PlateClass.NEV_SMALL, "green", True),
        (PlateClass.NEV_LARGE, "yellow_green", True),
        (PlateClass.TEMP_SPECIAL, "blue", True),
        (PlateClass.POLICE, "white", True),
        (PlateClass.HK_MO, "black", True),
    ],
)
def test_a_class_has_its_colours(kind: PlateClass, colour: str, fits: bool) -> None:
    assert colour_fits(kind, colour) is fits


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        ("浙A12345", False),
        ("浙M12345", True),
        ("川N12345", True),
        ("云B12345", True),
        ("鲁OA1234", False),
        ("浙", False),
    ],
)
def test_an_issuing_letter_nobody_issues_is_in_doubt(text: str, doubt: bool) -> None:
    assert letter_in_doubt(text) is doubt
