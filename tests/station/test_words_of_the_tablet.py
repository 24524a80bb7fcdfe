"""Every word is in both catalogues; what machines say is said in words; no amount of money and no penalty anywhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import station
from kernel import vocabulary
from kernel.events import STREAMS, DeviceHealth, InstrumentInForce, LaneHealth, VehicleFacts
from station.feed import WEIGHT_STALE_MS
from station.pages import wording
from station.pages.detail import _about
from station.pages.state import Centre, _lane, state_view
from station.settings import Box
from station.views import LaneState, Today
from tests.station.county import weighed
from web.extraction import used_keys
from web.i18n import LANGUAGES, LOCALES, VOCABULARY, Language, Texts, load, read_catalogue

STATION = Path(station.__file__).parent
PAGES = STATION / "pages"
TEXTS = load([LOCALES, VOCABULARY, PAGES / "locales"])
NOW = 1_795_000_000_000
LANE = Box(name="s01-lane2", password="x", source="yiyuan/s01/lane2", name_zh="2 号精检车道", platform=True)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_catalogue_has_every_word_that_is_used_and_no_other(language: Language) -> None:
    own = set(read_catalogue(PAGES / "locales" / f"{language}.po"))
    shared = {key for folder in (LOCALES, VOCABULARY) for key in read_catalogue(folder / f"{language}.po")}
    assert own == used_keys(STATION) - shared


def test_both_languages_fill_in_the_same_names() -> None:
    names = re.compile(r"\{\w+\}")
    chinese = read_catalogue(PAGES / "locales" / "zh.po")
    for key, text in read_catalogue(PAGES / "locales" / "en.po").items():
        assert (
            sorted(names.findall(chinese[key])) == sorted(names.findall(text)) == sorted(names.findall(key))
        ), key


def test_nothing_on_a_tablet_speaks_of_money_or_of_a_penalty() -> None:
    forbidden = re.compile(r"处罚|罚款|罚金|罚单|人民币|¥|\bfines?\b|\bpenalt|\byuan\b", re.IGNORECASE)
    for path in [*PAGES.rglob("*.html"), *PAGES.rglob("*.js"), *PAGES.rglob("*.po"), *PAGES.rglob("*.py")]:
        assert not forbidden.search(path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize(
    ("said", "chinese"),
    [
        ("camera front: down", "前相机：断开"),
        ("camera rear: frozen", "后相机：画面冻结"),
        ("camera yard: down: no answer for 30 s", "摄像机 yard：断开"),
        ("scale scale: silent", "称重设备：无响应"),
        ("scale scale: frozen", "称重设备：示值不变（死数）"),
        ("scale rear: down", "称重设备 rear：断开"),
        ("controller controller: down", "车道控制器：断开"),
        ("pictures: disk full", "图片：磁盘已满"),
        ("radar north: confused", "radar north：confused"),
        ("something else", "something else"),
    ],
)
def test_a_missing_part_is_named_in_words(said: str, chinese: str) -> None:
    assert wording.device_missing(said, TEXTS["zh"]) == chinese


def test_an_absence_is_told_once() -> None:
    said = ("camera front: down", "camera front: down: no answer", "camera rear: down")
    assert wording.missing(said, TEXTS["zh"]) == ["前相机：断开", "后相机：断开"]


@pytest.mark.parametrize(
    ("fitting", "outcome", "chinese"),
    [
        ((46_000, 49_000), "undetermined", "46 000 或 49 000 千克：待确认"),
        ((18_000, 25_000, 27_000, 49_000), "undetermined", "18/25/27/49 t：待确认"),
        ((46_000,), "undetermined", "46 000 千克：待确认"),
        ((), "undetermined", "限值不明：待确认"),
        ((49_000,), "within", "限值 49 000 千克"),
        ((18_000, 49_000), "over_limit", "限值 18 000 / 49 000 千克"),
        ((18_000, 25_000, 27_000, 49_000), "over_limit", "限值 18/25/27/49 t"),
        ((), None, "—"),
    ],
)
def test_limits_in_words(fitting: tuple[int, ...], outcome: str | None, chinese: str) -> None:
    assert wording.limits(fitting, outcome=outcome, texts=TEXTS["zh"]).replace("\u00a0", " ") == chinese


@pytest.mark.parametrize(
    ("outcome", "suspected", "chinese"),
    [
        ("over_limit", True, "疑似超限 3 200 千克"),
        ("over_limit", False, "超限 3 200 千克"),
        ("within", True, "未超限"),
        ("undetermined", False, "待确认"),
        ("not_weighed", False, "未称重"),
        (None, False, "等待称重"),
    ],
)
def test_a_verdict_is_never_more_certain_than_what_is_known(
    outcome: str | None, suspected: bool, chinese: str
) -> None:
    said = wording.verdict(outcome, suspected=suspected, over_kg=3_200, texts=TEXTS["zh"])
    assert said.replace("\u00a0", " ") == chinese


@pytest.mark.parametrize(("language", "said"), [("zh", "称重作废"), ("en", "weighing void")])
def test_a_weighing_that_was_taken_back_has_no_verdict(language: Language, said: str) -> None:
    for outcome in ("over_limit", "within", "undetermined", "not_weighed"):
        told = wording.verdict(outcome, suspected=True, over_kg=3_200, texts=TEXTS[language], taken_back=True)
        assert told == said


def test_every_refusal_has_words_in_both_languages() -> None:
    for why in wording.REFUSALS:
        chinese, english = (wording.refusal(why, TEXTS[language], time="12:00:00") for language in LANGUAGES)
        assert chinese != english
        assert "{" not in chinese + english
    assert wording.refusal("of_tomorrow", TEXTS["zh"]) == "of_tomorrow"


def test_tones_differ_in_shape_and_not_only_in_colour() -> None:
    assert len(set(vocabulary.SHAPES.values())) == len(vocabulary.SHAPES)


# --- the strip at the foot -------------------------------------------------------------------------------------


def strip(
    *devices: DeviceHealth, heard_ms: int = NOW, centres: tuple[Centre, ...] = (), texts: Texts = TEXTS["zh"]
) -> tuple[str, str, list[tuple[str, str, str]]]:
    lane = LaneState(box=LANE.name, source=LANE.source, received_ms=heard_ms, waiting=0, devices=devices)
    view = state_view(
        boxes=[LANE],
        lanes=[lane],
        centres=centres,
        today=Today(passages=3),
        now_ms=NOW,
        texts=texts,
        lane_name=lambda _box: "2 号精检车道",
    )
    return view.centre, view.centre_state, [(chip.name, chip.words, chip.state) for chip in view.chips]


def device(name: str, kind: str, state: str) -> DeviceHealth:
    return DeviceHealth(name=name, kind=kind, state=state, since_ms=NOW)  # type: ignore[arg-type]


def test_a_lane_that_is_well_is_one_word_and_faults_are_named() -> None:
    assert strip(device("scale", "scale", "up"))[2] == [("2 号精检车道", "正常", "good")]
    told = strip(
        device("front", "camera", "down"), device("disk", "disk", "low"), device("centre", "uplink", "down")
    )
    assert told[2] == [
        ("2 号精检车道", "3 台设备异常", "odd"),
        ("前相机", "断开", "bad"),
        ("磁盘", "将满", "odd"),
        ("上行链路 centre", "断开", "odd"),
    ]


def test_silence_is_told_after_the_streams_own_patience() -> None:
    patience_ms = (STREAMS[LaneHealth.stream].silent_s or 0) * 1000
    assert strip(heard_ms=NOW - patience_ms)[2][0][2] == "good"
    assert strip(heard_ms=NOW - patience_ms - 1)[2][0][1:] == ("失联", "bad")


def test_the_centre_cut_off_is_said_in_the_fields_words() -> None:
    away, here = (Centre(name="centre", connected=on, waiting=0) for on in (False, True))
    assert strip(centres=(away,))[:2] == ("与中心断开，数据已存本站", "odd")
    assert strip(centres=(here, away))[1] == "odd"
    assert strip(centres=(here,))[:2] == ("中心已连接", "good")
    behind = Centre(name="centre", connected=True, waiting=12)
    assert strip(centres=(behind,))[0] == "中心已连接，12 条上传中"
    assert strip()[1] == "off"


def test_a_lane_never_heard_says_so() -> None:
    view = state_view(
        boxes=[LANE],
        lanes=[],
        centres=(),
        today=Today(),
        now_ms=NOW,
        texts=TEXTS["en"],
        lane_name=lambda _b: "lane 2",
    )
    assert [(chip.words, chip.state) for chip in view.chips] == [("never heard", "off")]


def test_the_weight_is_stale_after_a_second() -> None:
    assert WEIGHT_STALE_MS == 1_000


def test_what_is_due_at_the_scale_is_said_in_words() -> None:
    due = DeviceHealth(
        name="instrument",
        kind="instrument",
        state="due",
        since_ms=NOW,
        detail="seal_broken, shift_not_checked, rezero_needed",
    )
    lane = LaneState(box=LANE.name, source=LANE.source, received_ms=NOW, waiting=0, devices=(due,))
    chips = _lane(LANE, lane, now_ms=NOW, texts=TEXTS["zh"], lane_name=lambda _box: "2 号精检车道")
    assert (chips[1].name, chips[1].words, chips[1].state) == ("计量状态", "待处理", "odd")
    assert chips[1].why == "铅封破损, 本班次未完成零点和标准校核, 零点漂移超限，须重新置零"


def test_what_keeps_a_camera_from_evidence_is_said_in_words() -> None:
    poor = DeviceHealth(name="rear", kind="camera", state="poor", since_ms=NOW, detail="moved, gop_long")
    lane = LaneState(box=LANE.name, source=LANE.source, received_ms=NOW, waiting=0, devices=(poor,))
    chips = {
        language: _lane(LANE, lane, now_ms=NOW, texts=texts, lane_name=lambda _box: "2 号精检车道")[1]
        for language, texts in TEXTS.items()
    }
    assert (chips["zh"].words, chips["zh"].state) == ("不符合取证要求", "odd")
    assert chips["zh"].why == "偏离参考视角, 关键帧间隔过长"
    assert chips["en"].why == "moved from its reference view, key frames too far apart"


def test_a_weighing_that_is_no_evidence_says_why_on_its_page() -> None:
    said = InstrumentInForce(
        device="platform", evidence=False, reasons=("certificate_expired", "over_capacity")
    )
    facts = VehicleFacts(axle_count=6)
    body = weighed("p1", 120_000, facts, platform=True, at_ms=NOW, instrument=said)
    items = {item.id: item.value for item in _about(body, TEXTS["zh"], taken_back=False)}
    assert items["no-evidence"] == "检定证书已过期, 超出检定证书的最大秤量"
    good = weighed("p1", 30_000, facts, platform=True, at_ms=NOW)
    assert "no-evidence" not in {item.id for item in _about(good, TEXTS["zh"], taken_back=False)}
    items = {item.id: item.value for item in _about(good, TEXTS["zh"], taken_back=True)}
    assert items["no-evidence"] == "已倒车退出，本次称重作废"
