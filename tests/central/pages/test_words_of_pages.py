"""The words for verdicts and machine words; both languages; never money, never more certain than known."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from central.pages import wording
from central.pages.routes import HERE
from central.views import AlarmKind, FileState
from kernel import vocabulary
from kernel.events import (
    CaseEnd,
    CaseKept,
    DeviceHealth,
    FileStored,
    JointMode,
    Method,
    PassageDecided,
    PassageReviewed,
    Picture,
    PlateRead,
    RoadClass,
    WeighingGrade,
)
from kernel.evidence.header import ClockState
from web.extraction import used_keys
from web.i18n import LANGUAGES, LOCALES, VOCABULARY, Language, load, read_catalogue, word

TEXTS = load([LOCALES, VOCABULARY, HERE / "locales"])
ZH, EN = TEXTS["zh"], TEXTS["en"]
GAP = "\u00a0"
MONEY = re.compile("罚|处罚|元|fine|penalt|yuan", re.IGNORECASE)
PLACES = re.compile(r"\{(\w+)\}")


def literals(struct: type, field: str) -> tuple[str, ...]:
    """The words that this field may have."""
    found: tuple[str, ...] = get_args(get_type_hints(struct)[field])
    assert found
    return found


def say(
    outcome: str | None,
    *,
    suspected: bool = False,
    over: int = 0,
    limits: tuple[int, ...] = (46_000, 49_000),
) -> str:
    said = wording.verdict(outcome, suspected=suspected, over_kg=over, limits=limits, texts=ZH)
    return said.replace(GAP, " ")


def test_an_unattended_lane_only_suspects() -> None:
    assert say("over_limit", suspected=True, over=3_200) == "疑似超限 3 200 千克"
    assert say("over_limit", over=3_200) == "超限 3 200 千克"


def test_what_is_not_settled_names_every_limit_that_fits() -> None:
    assert say("undetermined") == "46 000 或 49 000 千克：待确认"
    assert say("undetermined", limits=(34_000, 46_000, 49_000)) == "34 000 或 46 000 或 49 000 千克：待确认"
    assert say("undetermined", limits=(49_000,)) == "49 000 千克：待确认"
    assert say("undetermined", limits=()) == "限值不明：待确认"
    assert say("undetermined", limits=(18_000, 25_000, 27_000, 31_000)) == "限值未定：待确认"
    assert wording.limits((18_000, 25_000, 27_000, 31_000)).replace(GAP, " ") == "18/25/27/31 t"
    assert wording.limits((46_000, 49_000)).replace(GAP, " ") == "46 000 / 49 000"
    assert wording.limits(()) == "—"
    english = wording.verdict("undetermined", suspected=True, over_kg=0, limits=(46_000, 49_000), texts=EN)
    assert english.replace(GAP, " ") == "46 000 or 49 000 kg: confirm"


def test_the_rest() -> None:
    assert say("within") == "未超限"
    assert say("not_weighed") == "未称重"
    assert say(None) == "等待称重"


def test_every_tone_has_a_shape_of_its_own() -> None:
    assert len(set(vocabulary.SHAPES.values())) == len(vocabulary.SHAPES)
    outcomes = [
        ("over_limit", False),
        ("over_limit", True),
        ("undetermined", True),
        ("within", True),
        ("x", None),
    ]
    assert {vocabulary.tone(*each) for each in outcomes} == set(vocabulary.SHAPES)


@pytest.mark.parametrize(
    ("table", "names"),
    [
        (wording.ALARMS, get_args(AlarmKind)),
        (vocabulary.GRADES, get_args(WeighingGrade)),
        (vocabulary.CASE_ENDS, get_args(CaseEnd)),
        (vocabulary.CASES_KEPT, get_args(CaseKept)),
        (wording.METHODS, get_args(Method)),
        (wording.ROADS, get_args(RoadClass)),
        (wording.JOINT_MODES, get_args(JointMode)),
        (wording.FILE_STATES, get_args(FileState)),
        (wording.REVIEWS, literals(PassageReviewed, "outcome")),
        (vocabulary.DEVICE_STATES, literals(DeviceHealth, "state")),
        (vocabulary.ACTS, literals(PassageDecided, "act")),
        (vocabulary.PLATE_STATUS, literals(PlateRead, "status")),
        (vocabulary.TYRES, ("single", "dual")),
        (wording.FILE_KINDS, literals(FileStored, "kind")),
        (vocabulary.ROLES, literals(Picture, "role")),
        (wording.CLOCK_STATES, literals(ClockState, "state")),
    ],
)
def test_every_word_of_the_contract_has_words(table: dict[str, str], names: tuple[str, ...]) -> None:
    assert set(names) <= set(table)


def test_every_word_of_the_law_page_has_words() -> None:
    page = Path("docs/law.md").read_text()
    after_missing = page[page.index("Words in `missing`") :]
    missing, notes = after_missing.split("Words in `notes`")
    notes = notes[: notes.index("\n## ")]
    assert set(re.findall(r"^\| `(\w+)`", missing, re.MULTILINE)) <= set(vocabulary.MISSING_FACTS)
    assert set(re.findall(r"^\| `(\w+)`", notes, re.MULTILINE)) <= set(vocabulary.LAW_NOTES)


def test_a_word_nobody_knows_is_shown_as_it_is() -> None:
    assert word(vocabulary.QUALITY, "device_flags_80", ZH) == "device_flags_80"
    assert word(vocabulary.QUALITY, None, ZH) == "—"


def test_devices_and_lanes_are_called_by_name() -> None:
    assert wording.device_missing("camera front: down", ZH) == "摄像机（前）：故障"
    assert wording.device_missing("scale: silent", ZH) == "称重设备：无响应"
    assert wording.device_missing("scale scale: frozen", ZH) == "称重设备：示值不变（死数）"
    assert wording.device_missing("camera rear: down: no answer", ZH) == "摄像机（后）：故障 (no answer)"
    assert wording.device_missing("pictures: disk full", ZH) == "图片：磁盘已满"
    assert wording.device_missing("something else", ZH) == "something else"
    assert wording.lane_name("lane12", ZH) == "12 车道"
    assert [wording.lane_name(name, ZH) for name in ("lane", "12", "north", "")] == [
        "lane",
        "12",
        "north",
        "",
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_catalogues_have_every_key_used_and_no_other(language: Language) -> None:
    own = set(read_catalogue(HERE / "locales" / f"{language}.po"))
    shared = set(read_catalogue(VOCABULARY / f"{language}.po"))
    assert own == used_keys(HERE) - used_keys(Path("web")) - shared


def test_no_text_of_these_pages_speaks_of_money() -> None:
    for language in LANGUAGES:
        for key, text in read_catalogue(HERE / "locales" / f"{language}.po").items():
            assert not MONEY.search(text), key
            assert sorted(PLACES.findall(text)) == sorted(PLACES.findall(key)), key
