"""What machine words are called: every one in both languages, and what a lane says of a device taken apart."""

from __future__ import annotations

import re

import pytest

from kernel import vocabulary
from kernel.vocabulary import Absence, absence
from web.i18n import LANGUAGES, VOCABULARY, Language, read_catalogue

HAN = re.compile("[\u4e00-\u9fff]")
TABLES = {name: table for name, table in vars(vocabulary).items() if name.isupper() and name != "SHAPES"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_both_catalogues_have_every_word_and_no_other(language: Language) -> None:
    wanted = {text for table in TABLES.values() for text in table.values()}
    assert len(TABLES) > 8
    assert set(read_catalogue(VOCABULARY / f"{language}.po")) == wanted


def test_chinese_is_chinese() -> None:
    chinese = read_catalogue(VOCABULARY / "zh.po")
    assert [key for key, text in chinese.items() if not HAN.search(text)] == []


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("camera front: down", ("camera", "front", "down", "")),
        ("camera rear: down: no answer: 30 s", ("camera", "rear", "down", "no answer: 30 s")),
        ("pictures: disk full", ("pictures", "", "disk full", "")),
        ("something else", None),
        ("", None),
    ],
)
def test_an_absence_is_device_state_and_reason(said: str, found: tuple[str, str, str, str] | None) -> None:
    wanted = Absence(kind=found[0], name=found[1], state=found[2], why=found[3]) if found else None
    assert absence(said) == wanted
