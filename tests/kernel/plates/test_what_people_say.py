"""What a person may say that a plate is, what is one edit from it, and how it becomes a label."""

from __future__ import annotations

import json
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.events import PlateCorrected, PlateRead, VehiclePictured
from kernel.plates import PlateClass, classify, correcting, labels, nearness
from kernel.plates.correcting import Answer
from kernel.plates.labels import Label
from kernel.plates.saying import Plate, Refused, checked

Side = Literal["front", "rear", "side", "plate"]
READ = PlateRead(role="front", status="read", text="鲁C12345", colour="yellow")
UNSURE = PlateRead(
    role="rear", status="unsure", candidates=("鲁C1234挂", "鲁C1284挂", "鲁C1294挂", "鲁C1264挂")
)


def pictured(*reads: PlateRead) -> VehiclePictured:
    return VehiclePictured(passage="p", weighed=None, weighed_durable_ms=None, plates=reads)


def said(answer: Answer, read: PlateRead = READ) -> PlateCorrected | Refused:
    return correcting.corrected(read, answer, box="lane1", passage="p", by="li", crop=None)


def plate(text: str, plate_class: PlateClass, *, doubted: bool = False) -> Plate:
    return Plate(text=text, plate_class=plate_class, colour=None, doubted=doubted)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("鲁C·12345", plate("鲁C12345", PlateClass.ORDINARY)),
        ("鲁cw318挂", plate("鲁CW318挂", PlateClass.TRAILER)),
        ("鲁OA1234", plate("鲁OA1234", PlateClass.ORDINARY)),
        ("浙N12345", plate("浙N12345", PlateClass.ORDINARY, doubted=True)),
        ("鲁C1O345", Refused(why="letters_o_i", meant="鲁C10345")),
        ("鲁C1I345", Refused(why="letters_o_i", meant="鲁C11345")),
        ("鲁C1234", Refused(why="not_a_plate")),
        ("", Refused(why="not_a_plate")),
        ("﷽" * 40, Refused(why="not_a_plate")),
    ],
)
def test_a_text_is_a_plate_or_says_why_not(text: str, answer: Plate | Refused) -> None:
    assert checked(text) == answer


def test_a_colour_that_no_plate_of_the_class_has_is_refused() -> None:
    assert checked("鲁CW318挂", colour="green") == Refused(why="colour_differs")
    assert checked("鲁CW318挂", colour="pink") == Refused(why="colour_unknown")
    assert checked("鲁CW318挂", colour="yellow") != Refused(why="colour_differs")


@given(st.text(max_size=60))
def test_any_text_is_a_plate_of_the_grammar_or_refused(text: str) -> None:
    answer = checked(text)
    if isinstance(answer, Plate):
        assert classify(answer.text) == answer.plate_class
    elif answer.meant is not None:
        assert classify(answer.meant) is not None


def test_a_correction_keeps_what_was_read_and_its_colour_where_that_fits() -> None:
    right = said(Answer(said="plate", text="鲁C12346"))
    assert isinstance(right, PlateCorrected)
    assert (right.read, right.text, right.colour, right.without) == ("鲁C12345", "鲁C12346", "yellow", None)
    other = said(Answer(said="plate", text="鲁CD12345"))
    assert isinstance(other, PlateCorrected)
    assert (other.plate_class, other.colour) == ("nev_small", None)
    none = said(Answer(said="no_plate", text="ignored"))
    assert isinstance(none, PlateCorrected)
    assert (none.text, none.without) == (None, "no_plate")


def test_the_newest_reading_of_a_side_counts() -> None:
    later = PlateRead(role="front", status="unread")
    assert correcting.reading((pictured(READ), pictured(later)), "front") == later
    assert correcting.reading((pictured(READ),), "rear") is None


def test_what_a_side_may_be_is_what_people_say_then_what_was_read_then_the_candidates() -> None:
    word = PlateCorrected(passage="p", box="lane1", role="front", read=None, text="鲁C99999", by="li")
    assert correcting.texts_of((pictured(READ),), (word,), "front") == ("鲁C99999", "鲁C12345")
    assert correcting.texts_of((pictured(READ, UNSURE),), (word,), "rear") == UNSURE.candidates[:3]
    assert correcting.texts_of((), (), "side") == ()


@pytest.mark.parametrize(
    ("role", "read", "text", "of_tractor"),
    [
        ("front", None, "鲁C12345", True),
        ("rear", "鲁C12345", "鲁C12346", True),
        ("rear", "鲁CW318挂", "鲁C12346", False),
        ("front", None, "鲁CW318挂", False),
        ("front", "鲁C12345", None, True),
    ],
)
def test_which_word_speaks_of_the_vehicle(
    role: Side, read: str | None, text: str | None, of_tractor: bool
) -> None:
    plate_class = classify(text) if text else None
    word = PlateCorrected(
        passage="p", box="lane1", role=role, read=read, text=text, plate_class=plate_class, by="li"
    )
    assert correcting.says_tractor(word, "鲁C12345") is of_tractor


def test_one_edit_away_is_a_plate_and_goes_both_ways() -> None:
    near = nearness.one_edit_away("鲁C12345")
    assert {"鲁C12346", "鲁B12345", "鲁C12D45", "鲁CD12345", "鲁C12345D"} <= set(near)
    assert "鲁C12345" not in near
    assert all(classify(text) is not None for text in near)
    assert "鲁C12345" in nearness.one_edit_away("鲁CD12345")
    assert "鲁C12345" in nearness.one_edit_away("C12345")  # the province was not seen


SQUARE = ((0, 0), (440, 0), (440, 220), (0, 220))


@pytest.mark.parametrize(
    ("plate_class", "corners", "box", "two"),
    [
        ("trailer", (), None, True),
        ("ordinary", (), None, False),
        ("ordinary", SQUARE, None, True),
        ("trailer", ((0, 0), (440, 0), (440, 140), (0, 140)), None, False),
        ("ordinary", ((100, 100), (480, 320), (370, 511), (-10, 291)), None, True),  # turned by 30 degrees
        ("ordinary", (), (5, 5, 440, 220), True),
        ("ordinary", (), (5, 5, 440, 140), False),
    ],
)
def test_two_rows_are_seen_by_the_shape(
    plate_class: str,
    corners: tuple[tuple[int, int], ...],
    box: tuple[int, int, int, int] | None,
    two: bool,
) -> None:
    assert labels.is_double_row(plate_class, corners=corners, box=box) is two


def test_labels_are_lines_for_training_and_a_manifest_for_the_bench() -> None:
    label = Label(
        sha256="a" * 64,
        suffix=".jpg",
        text="鲁CW318挂",
        plate_class="trailer",
        colour="yellow",
        double_row=True,
    )
    line = {"file": f"{'a' * 64}.jpg", "text": "鲁CW318挂", "class": "trailer", "colour": "yellow"}
    assert json.loads(labels.lines([label])) == line | {"double_row": True}
    assert labels.lines([label, label]).count("\n") == 2
    [item] = json.loads(labels.manifest([label]))["items"]
    assert (item["text"], item["double_row"], item["other"]) == ("鲁CW318挂", True, [])
