"""A reading in words: never surer than the reader was, with what speaks for and against it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from kernel.events import PlateCorrected, PlatePrior, PlateRead
from kernel.plates import PlateClass
from kernel.plates.classes import COLOURS
from kernel.plates.saying import Refused
from kernel.vocabulary import PLATE_STATUS
from web import plates
from web.i18n import LOCALES, VOCABULARY, load
from web.plates import PlateView, Said, Seen, plate_view

TEXTS = load([LOCALES, VOCABULARY])
READ = PlateRead(
    role="front",
    status="read",
    text="鲁C12345",
    plate_class="ordinary",
    colour="yellow",
    score_permille=987,
    chars_permille=(999, 990, 899, 900, 950, 990, 990),
    frames=7,
    agreeing=6,
    province_permille=830,
)


def view(read: PlateRead = READ, **more: object) -> PlateView:
    return plate_view(read, TEXTS["zh"], crop="/files/x", **more)  # type: ignore[arg-type]


def word(text: str | None, **more: str) -> Said:
    body = PlateCorrected(
        passage="p",
        box="lane1",
        role="front",
        read=READ.text,
        text=text,
        by="li",
        **more,  # type: ignore[arg-type]
    )
    return Said(body=body, at_ms=1_795_000_000_000)


def test_a_sure_reading_has_its_text_and_marks_its_weak_character() -> None:
    shown = view()
    assert (shown.text, shown.state, shown.colour, shown.kind) == ("鲁C12345", "read", "yellow", "普通")
    assert [char.text for char in shown.chars if char.weak] == ["1"]
    assert shown.certainty == "987‰，7 帧中 6 帧一致；省份得票 830‰"


@pytest.mark.parametrize("status", [name for name in PLATE_STATUS if name != "read"])
def test_what_is_not_read_shows_no_text_dressed_as_one(status: str) -> None:
    candidates = ("鲁C12345", "鲁C12346")
    shown = view(replace(READ, status=status, text=None, candidates=candidates))
    assert shown.text == TEXTS["zh"](PLATE_STATUS[status])
    assert (shown.colour, shown.candidates, shown.offer) == (None, candidates, "鲁C12345")
    assert view(replace(READ, status=status)).text == shown.text  # even when an entry says otherwise


def test_characters_that_do_not_belong_to_the_text_are_not_shown() -> None:
    assert view(replace(READ, chars_permille=(999,))).chars == ()
    assert view(replace(READ, text=None, status="unread")).chars == ()


def test_priors_of_the_lane_and_of_the_store_are_shown_and_change_nothing() -> None:
    prior = PlatePrior(source="other_side", text="鲁C12346", agrees=False)
    seen = Seen(source="pre_check", text="鲁C12345", agrees=True, at_ms=1_795_000_000_000, link="/x")
    shown = view(replace(READ, priors=(prior,)), seen=(seen,))
    assert [(one.source, one.state, one.words, one.link) for one in shown.priors] == [
        ("另一侧", "other", "号牌不同", None),
        ("预检车道", "same", "号牌一致", "/x"),
    ]
    assert shown.text == "鲁C12345"


@pytest.mark.parametrize(
    ("said", "text", "state", "words"),
    [
        (word("鲁C12345"), "鲁C12345", "same", "人工确认"),
        (word("鲁C99999"), "鲁C99999", "other", "人工校正"),
        (word(None, without="no_plate"), "没有车牌", "none", "人工校正"),
        (word(None), "无法辨认", "none", "人工校正"),
    ],
)
def test_what_a_person_says_stands_beside_it(said: Said, text: str, state: str, words: str) -> None:
    shown = view(said=said)
    assert shown.said is not None
    assert (shown.said.text, shown.said.state, shown.said.words, shown.said.by) == (text, state, words, "li")
    assert shown.text == "鲁C12345"


def test_every_class_colour_and_refusal_has_words() -> None:
    assert set(plates.CLASSES) == set(PlateClass)
    assert set(plates.COLOURS) == set(COLOURS)
    meant = plates.refusal(Refused(why="letters_o_i", meant="鲁C10345"), TEXTS["zh"])
    assert meant == "该位置不使用字母 O 和 I，是否为 鲁C10345？"
