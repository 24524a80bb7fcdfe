"""One crossing as texts: verdict with every candidate, what is missing, where files are, what proves it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from central.pages.event import EventView, event_view
from central.pages.routes import HERE
from central.store.engines import Database
from central.store.queries import Queries
from central.store.receiving import CentreStore
from central.views import PassageDetail
from journal.store import Accepted
from kernel.events import (
    Axle,
    DeckMass,
    EntryRef,
    PassageCancelled,
    Silhouette,
    VehicleFacts,
    VehicleHints,
    VehicleWeighed,
)
from kernel.law.shipped import national
from kernel.law.verdict import Allowance, judge
from tests.central.made import (
    NOON_MS,
    REGISTER,
    Made,
    clip,
    clip_file,
    decided,
    picture_file,
    pictured,
    weighed,
)
from web.i18n import LOCALES, VOCABULARY, Language, load

TEXTS = load([LOCALES, VOCABULARY, HERE / "locales"])
SIX_AXLES = VehicleFacts(axle_count=6, combination=True, single_tyre_axles=0)


def view(detail: PassageDetail, language: Language = "zh") -> EventView:
    return event_view(detail, TEXTS[language], lambda station: station)


@pytest.fixture
def made() -> Made:
    return Made()


@pytest.fixture
def store(database: Database) -> CentreStore:
    return CentreStore(database, store_id="centre-1", register=REGISTER)


def detail_of(store: CentreStore, database: Database, made: Made, *entries: Accepted) -> PassageDetail:
    with store.begin() as transaction:
        transaction.insert(made.journal, entries)
        transaction.save_head(made.head())
    found = Queries(database, register=REGISTER).passage("lane1-box", "p1")
    assert found is not None
    return found


def judged(gross_kg: int, facts: VehicleFacts = SIX_AXLES, **changes: Any) -> VehicleWeighed:
    verdict = judge(
        gross_kg,
        facts,
        law=national(),
        on="2026-06-01",
        jurisdiction="370323",
        allowance=Allowance(),
        suspected=True,
    )
    return weighed(gross_kg=gross_kg, facts=facts, verdict=verdict, **changes)


def test_undetermined_names_every_candidate_and_what_would_settle_it(
    store: CentreStore, database: Database, made: Made
) -> None:
    shown = view(detail_of(store, database, made, made.add(judged(47_300))))
    assert shown.verdict is not None
    assert shown.verdict.words.replace("\u00a0", " ") == "46 000 或 49 000 千克：待确认"
    assert [candidate.limit for candidate in shown.verdict.candidates] == ["46\u00a0000", "49\u00a0000"]
    assert all("第三条" in candidate.explain for candidate in shown.verdict.candidates)
    assert shown.verdict.missing == ("驱动轴数",)
    assert shown.verdict.caution == ""


def test_english_explains_in_english(store: CentreStore, database: Database, made: Made) -> None:
    shown = view(detail_of(store, database, made, made.add(judged(58_000))), "en")
    assert shown.verdict is not None
    assert shown.verdict.words.replace("\u00a0", " ") == "suspected over limit by 9 000 kg"
    assert "Art. 3" in shown.verdict.candidates[0].explain
    assert shown.verdict.caution.startswith("Suspected until")


@pytest.mark.parametrize(
    ("language", "said", "why"),
    [
        ("zh", "称重作废", "已倒车退出，本次称重作废"),
        ("en", "weighing void", "rolled back off the scale; the weighing counts no more"),
    ],
)
@pytest.mark.parametrize("gross_kg", [47_300, 58_000])
def test_what_the_weigher_took_back_has_no_verdict_any_more_and_says_why(
    store: CentreStore,
    database: Database,
    made: Made,
    language: Language,
    said: str,
    why: str,
    gross_kg: int,
) -> None:
    weighing = made.add(judged(gross_kg))
    about = EntryRef(journal=made.journal, seq=0, leaf=weighing.leaf.hex())
    back = made.add(PassageCancelled(passage="p1", weighed=about, device="wim"))
    shown = view(detail_of(store, database, made, weighing, back), language)
    assert shown.verdict is not None
    assert (shown.verdict.tone, shown.verdict.words, shown.verdict.caution) == ("none", said, "")
    assert (shown.line.tone, shown.line.verdict, shown.line.notes) == ("none", said, why)
    assert why in shown.missing
    assert why in {fact.value for fact in shown.about}


def test_axles_trace_and_clip_share_one_scale(store: CentreStore, database: Database, made: Made) -> None:
    body = judged(
        58_000,
        axles=(Axle(axle_kg=7_000), Axle(axle_kg=9_000, spacing_mm=3_300, speed_dkmh=87, tyres="dual")),
        trace=((0, 0), (80, 12_000)),
        arrived_ms=NOON_MS - 5_000,
    )
    film = msgspec.structs.replace(clip(), actual_start_ms=NOON_MS - 7_000, duration_ms=12_000)
    shown = view(detail_of(store, database, made, made.add(body), made.add(film, files=clip_file())))
    assert [(axle.number, axle.mass, axle.spacing, axle.speed) for axle in shown.axles] == [
        (1, "7\u00a0000", "—", "—"),
        (2, "9\u00a0000", "3\u00a0300", "8.7 km/h"),
    ]
    assert shown.trace is not None
    told = json.loads(shown.trace)
    assert told["points"] == [[0, 0], [80, 12_000]]
    assert {level["kg"] for level in told["levels"]} == {46_000, 49_000, 58_000}
    assert (shown.clips[0].starts_ms, shown.clips[0].length) == (-2_000, "12.0 s")


def test_how_it_was_weighed_and_what_its_axles_fit_is_told(
    store: CentreStore, database: Database, made: Made
) -> None:
    body = judged(
        58_000,
        method="axle_by_axle",
        zero_kg=20,
        decks=(DeckMass(deck="front", deck_kg=58_000),),
        silhouettes=(Silhouette(axles=(1, 2, 3), combination=True, drive_axles=(1, 2)),),
    )
    about = {fact.name: fact.value for fact in view(detail_of(store, database, made, made.add(body))).about}
    assert about["称重设备"].endswith("低速逐轴称重")
    assert about["上秤前空秤示值"] == "20\u00a0kg"
    assert about["秤台 front"] == "58\u00a0000\u00a0kg"
    assert about["符合的轴型"] == "汽车列车 1+2+3（驱动轴 1/2 个，待确认）"


def test_files_are_offered_only_when_they_are_here(
    store: CentreStore, database: Database, made: Made
) -> None:
    entries = [
        made.add(judged(30_000)),
        made.add(pictured(trailer="鲁CA318挂"), files=picture_file()),
        made.add(clip(on_demand=True), files=clip_file()),
    ]
    detail = detail_of(store, database, made, *entries)
    away = view(detail)
    assert (away.stills[0].address, away.stills[0].state) == (None, "上传中")
    assert (away.clips[0].address, away.clips[0].state) == (None, "on_box")
    store.file_stored("lane1-box", "c" * 64, at_ms=NOON_MS)
    here = view(detail_again(database))
    assert here.stills[0].address == f"/api/v1/files/{'c' * 64}"


def detail_again(database: Database) -> PassageDetail:
    found = Queries(database, register=REGISTER).passage("lane1-box", "p1")
    assert found is not None
    return found


def test_what_is_missing_is_said(store: CentreStore, database: Database, made: Made) -> None:
    body = judged(30_000, missing=("camera front: down",), quality=("stop_and_go", "device_flags_80"))
    shown = view(detail_of(store, database, made, made.add(body)))
    assert shown.missing == ("摄像机（前）：故障", "称重时停停走走", "device_flags_80", "图片尚未到达。")


def test_pictures_before_the_weighing_make_a_page_too(
    store: CentreStore, database: Database, made: Made
) -> None:
    shown = view(detail_of(store, database, made, made.add(pictured(tractor=None), files=picture_file())))
    assert shown.verdict is None
    assert shown.missing[0] == "称重结果尚未到达。"
    assert shown.line.plate == "未识别"
    assert shown.line.link is None


def test_what_a_picture_suggests_is_one_line_beside_what_the_scale_says(
    store: CentreStore, database: Database, made: Made
) -> None:
    hints = VehicleHints(camera="side", axle_count=5, axle_count_permille=930)
    seen = msgspec.structs.replace(pictured(tractor=None), hints=hints)
    detail = detail_of(store, database, made, made.add(judged(58_000)), made.add(seen, files=picture_file()))
    (line,) = [fact.value for fact in view(detail).about if fact.name == "图像提示（仅供参考）"]
    assert line.replace("\u00a0", " ") == "5 轴 93 %；称重设备：6 轴（不一致，请核对图像）"


def test_an_act_about_another_weighing_is_not_hidden(
    store: CentreStore, database: Database, made: Made
) -> None:
    first = made.add(judged(58_000))
    entries = [first, made.add(decided(first)), made.add(decided(first, leaf="0" * 64))]
    shown = view(detail_of(store, database, made, *entries))
    assert [(act.act, act.by, act.matches) for act in shown.acts] == [
        ("已放行", "li", True),
        ("已放行", "li", False),
    ]


def test_evidence_shows_leaf_digest_clock_and_who_covers_it(
    store: CentreStore, database: Database, made: Made
) -> None:
    detail = detail_of(store, database, made, made.add(judged(58_000)))
    shown = view(detail)
    entry = shown.entries[0]
    assert entry.leaf == detail.entries[0].leaf
    assert entry.body_digest in detail.entries[0].header
    assert (entry.clock, entry.state) == ("已校准, ± 5 ms", "完整")
    assert shown.proven is False
    held = replace(detail.custody[0], cosigned_size=1, witnessed_size=1)
    assert view(replace(detail, custody=(held,))).proven is True
    assert view(replace(detail, custody=(replace(held, witnessed_size=0),))).proven is False
    assert view(replace(detail, custody=())).proven is False


def test_an_erased_or_unreadable_body_is_said(store: CentreStore, database: Database, made: Made) -> None:
    detail = detail_of(store, database, made, made.add(judged(58_000)))
    (entry,) = detail.entries
    states = [
        replace(entry, body=None),
        replace(entry, body=None, absent="quota"),
        replace(entry, quarantined="no"),
    ]
    shown = view(replace(detail, entries=tuple(states)))
    assert [line.state for line in shown.entries] == ["正文已依规删除", "正文不在本处：quota", "无法解读：no"]
