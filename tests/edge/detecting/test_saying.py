"""What a technician reads: every sentence in both languages, and settings that a lane can read."""

from __future__ import annotations

import json
import string
import tomllib
from pathlib import Path
from typing import get_args

import pytest

from edge.detecting.claims import Claim, claim
from edge.detecting.diagnosis import Trouble, Word
from edge.detecting.evidence import forms
from edge.detecting.lines import Line
from edge.detecting.reading import Heard
from edge.detecting.saying import TEXTS, Speech, open_settings, required, serial_table, tenths
from edge.drivers.making import make_driver
from edge.drivers.rows import Indicator
from edge.settings import Scale
from edge.technician.display import TEXTS as DISPLAY_TEXTS
from edge.technician.send import TEXTS as SEND_TEXTS
from kernel.errors import ConfigError
from kernel.settings import read
from simulators.clock import VirtualClock
from tests.edge.detecting.played import BY_NAME, ROWS, displays

DOCS = Path(__file__).parents[3] / "docs"
SPEAKERS = sorted(row.name for row in ROWS if row.write is not None and forms(row.options))
ENGLISH = Speech(language="en")


def claimed(name: str, line: str = "9600 8N1") -> Claim:
    data = b"".join(displays(BY_NAME[name], 26))
    found = claim(Heard(line=Line.of(line), chunks=((0, data),), window_ms=2_600), ROWS)
    assert found is not None
    return found


def names(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("table", [TEXTS, DISPLAY_TEXTS, SEND_TEXTS])
def test_both_languages_say_the_same_things(table: dict[str, tuple[str, str]]) -> None:
    assert [key for key, (chinese, english) in table.items() if names(chinese) != names(english)] == []


def test_the_sentence_of_a_candidate_has_its_evidence() -> None:
    [found] = [one for one in claimed("yaohua-cont12").candidates if one.row.name == "yaohua-cont12"]
    said = ENGLISH.candidate(found)
    assert said.startswith("yaohua-cont12 (Yaohua XK3190 continuous")
    assert "9600 8N1, 26 of 26 checksums, 10.0/s" in said
    assert said.endswith("unit, stability and gross/net are not sent: set them")
    assert "校验 26/26 正确" in Speech().candidate(found)


def test_an_adapter_with_settings_of_its_own_has_no_line_to_set() -> None:
    speech = Speech(language="en", settable=False)
    found = claimed("yaohua-cont12")
    assert "9600" not in speech.candidate(found.candidates[0])
    assert speech.trying(Line(9600), None) == "listening: line as set at the adapter ..."
    assert "serial" not in speech.toml(found, url="socket://10.0.0.7:4001")


@pytest.mark.parametrize("name", SPEAKERS)
def test_what_is_to_be_pasted_is_read_by_a_lane_once_a_person_has_chosen(name: str) -> None:
    found = claimed(name)
    text = ENGLISH.toml(found, url='/dev/serial/by-id/a"b')
    if len(found.candidates) > 1:
        with pytest.raises(ConfigError, match="driver: is required"):
            read(Scale, tomllib.loads(text)["scale"])
        text = text.replace(f'# driver = "{name}"', f'driver = "{name}"')
    scale = read(Scale, tomllib.loads(text)["scale"])
    assert (scale.driver, scale.serial.baud, scale.url) == (name, 9600, '/dev/serial/by-id/a"b')
    for option in required(BY_NAME[name]):
        with pytest.raises(ConfigError, match=rf"options\.{option}: is required"):
            make_driver(name, scale.options, device="scale", clock=VirtualClock())
        [choice] = [line for line in text.splitlines() if line.startswith(f"# {option} = ")]
        first = choice.removeprefix(f"# {option} = ").split("  # ")[0].split(" | ")[0]
        scale.options[option] = tomllib.loads(f"x = {first}")["x"]
    make_driver(name, scale.options, device="scale", clock=VirtualClock())
    derived = isinstance(BY_NAME[name], Indicator) and "stable" not in BY_NAME[name].says
    assert scale.platform.stable == ("derived" if derived else "auto")


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_every_doubt_of_a_row_is_a_setting_to_make(name: str) -> None:
    row = BY_NAME[name]
    options = [doubt.option for doubt in open_settings(row)]
    assert set(options) >= {doubt.option for doubt in row.doubts}
    assert len(options) == len(set(options))
    assert set(options) >= set(required(row))
    assert not isinstance(row, Indicator) or "unit" in row.says or "unit" in options


@pytest.mark.parametrize("word", get_args(Word))
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_trouble_is_said_and_explained_in_the_guide(word: Word, language: str) -> None:
    eighths = ("even", "odd", "mark") if word == "parity" else ("",)
    for eighth in eighths:
        trouble = Trouble(
            word=word,
            line=Line(9600),
            protocol="sma",
            frames=2,
            speeds=(2400, 4800),
            eighth=eighth,
            sample=b"\x02\x41",
        )
        said = Speech(language="zh" if language == "zh" else "en").trouble(trouble)
        assert "{" not in said
        assert word != "wrong_speed" or "2400 / 4800" in said
        assert word != "unknown_protocol" or "02 41" in said
    assert f"`{word}`" in (DOCS / "scale-shows-nothing.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("9600 8N1", {"baud": 9600}),
        ("2400 7E1", {"baud": 2400, "bits": 7, "parity": "even"}),
        ("1200 7O2", {"baud": 1200, "bits": 7, "parity": "odd", "stop": 2}),
    ],
)
def test_line_settings_are_written_without_what_is_the_default(text: str, table: dict[str, object]) -> None:
    assert tomllib.loads("serial = " + serial_table(Line.of(text)))["serial"] == table


def test_tenths_have_one_place() -> None:
    assert [tenths(value) for value in (0, 79, 1_200)] == ["0.0", "7.9", "120.0"]


def test_strings_are_quoted_alike_in_json_and_toml() -> None:
    for text in ("kg", 'a"b\\c', "毛重", "A9: B gross"):
        assert tomllib.loads(f"x = {json.dumps(text, ensure_ascii=False)}")["x"] == text
