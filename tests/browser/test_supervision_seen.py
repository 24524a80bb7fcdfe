"""Steps with one touch, a reason where footage lacks, the day with its sample, and what is kept, as people see them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from journal.clock import SystemClock
from kernel.events import Body, EntryRef
from kernel.footage.bodies import ClockAnchor, ClockAnchored, DutyKept, FootageDisposed, FootageImported
from station.footage.folders import DigestFolder
from station.footage.index import FootageIndex, Said
from tests.browser.conftest import NewPage
from tests.browser.test_tablet_seen import (
    ACTION,
    AGAIN,
    OVER,
    Station,
    act,
    assert_contrast,
    assert_sizes,
    begin,
    choose,
    opened,
)
from tests.browser.watching import shot
from tests.station.footage.world import store
from web import times

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]
FOOTAGE = "[footage]\n[footage.keeping]\nsample_permille = 1000\nrecorders = 23\nminutes_a_day = 480\nkbit_s = 5800\n"
HOUR_MS = 3_600_000


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    with begin(tmp_path, FOOTAGE) as site:
        yield site


def tablet(station: Station, new_page: NewPage, name: str = "li") -> Page:
    return opened(new_page(station, width=1280, height=800, touch=True), name)


def step(page: Page, name: str) -> str:
    return f'[data-steps] [data-id="{name}"]'


def test_steps_are_marked_with_one_touch_and_a_gap_says_why(station: Station, new_page: NewPage) -> None:
    page = tablet(station, new_page)
    station.weigh(OVER)
    choose(page, 1)
    expect(page.locator('[data-why="steps"]')).to_have_text("5 个环节缺录像")
    assert_sizes(page, ".act:visible", least=ACTION)
    act(page, "steps").tap()
    page.locator(f"{step(page, 'show_certificate')} .step").tap()
    expect(page.locator("[data-notice]")).to_have_text("已标记并存档。")
    expect(page.locator(step(page, "show_certificate"))).to_have_attribute("data-tone", "marked")
    expect(page.locator(step(page, "show_certificate"))).to_contain_text("尚无录像")
    page.locator(f"{step(page, 'signing')} .step-why").tap()
    expect(page.locator("[data-gap-of]")).to_have_text("该环节缺少录像的原因：签字")
    page.fill("[data-gap] input", "当事人驾车离开")
    page.locator("[data-gap] button").tap()
    expect(page.locator(step(page, "signing"))).to_contain_text("原因：当事人驾车离开")
    expect(page.locator("[data-gap]")).to_be_hidden()
    expect(page.locator(f"{step(page, 'signing')} .step-why")).to_be_hidden()
    shot(page, "tablet-steps")
    assert_sizes(page, ".step:visible, .step-why:visible", least=ACTION)
    assert_contrast(page)
    page.locator("[data-actions=steps] [data-back]").tap()
    expect(page.locator('[data-why="steps"]')).to_have_text("4 个环节缺录像")
    shot(page, "tablet-with-steps")


def test_the_steps_of_the_vehicle_before_are_not_those_of_the_next(
    station: Station, new_page: NewPage
) -> None:
    page = tablet(station, new_page)
    station.weigh(OVER, AGAIN)
    choose(page, 1)
    act(page, "steps").tap()
    page.locator(f"{step(page, 'notice')} .step").tap()
    expect(page.locator(step(page, "notice"))).to_have_attribute("data-tone", "marked")
    choose(page, 2)
    act(page, "steps").tap()
    expect(page.locator(step(page, "notice"))).to_have_attribute("data-tone", "open")


def test_who_only_looks_sees_the_steps_and_marks_none(station: Station, new_page: NewPage) -> None:
    station.weigh(OVER)
    page = tablet(station, new_page, "kan")
    choose(page, 1)
    act(page, "steps").tap()
    page.locator(f"{step(page, 'notice')} .step").tap()
    expect(page.locator(step(page, "notice"))).to_have_attribute("data-tone", "open")
    expect(page.locator(".step-why")).to_have_count(0)


def test_a_supervisor_reads_the_day_and_scores_the_sample(
    station: Station, new_page: NewPage, tmp_path: Path
) -> None:
    start = times.day_start_ms(SystemClock().now_ms()) - 16 * HOUR_MS  # eight o'clock of yesterday
    _say(tmp_path, start, _day(tmp_path, start))
    page = tablet(station, new_page, "wang")
    page.goto(f"/footage/day?d={times.stamp(start)[:10]}")
    row = page.locator('[data-officer="li"]')
    expect(row).to_contain_text("180 (75 %)")
    expect(row).to_contain_text("11:00–12:00")
    expect(page.locator('[data-officer="zhao"]')).to_contain_text("执勤而无录像")
    assert_contrast(page)
    page.locator("select[name=score]").select_option("4")
    page.fill("[name=note]", "声音小")
    page.get_by_role("button", name="登记").tap()
    expect(page.locator(".line-scores")).to_have_text("wang: 4 声音小")
    shot(page, "footage-day", whole=True)


def test_a_supervisor_restores_and_holds(station: Station, new_page: NewPage, tmp_path: Path) -> None:
    start = SystemClock().now_ms() - HOUR_MS
    bodies = _day(tmp_path, start)
    sha256 = next(body.sha256 for body in bodies if isinstance(body, FootageImported))
    mark = FootageDisposed(
        act="marked",
        files=(sha256 or "",),
        rule="footage-unlinked",
        by="s01-station",
        due_ms=start + 7 * 24 * HOUR_MS,
    )
    _say(tmp_path, start, [*bodies, mark])
    page = tablet(station, new_page, "wang")
    station.weigh(OVER)
    choose(page, 1)
    passage = str(page.locator('[data-id*="/"]').first.get_attribute("data-id")).split("/")[1]
    page.goto("/footage/keeping")
    expect(page.locator("[data-capacity=short]")).to_contain_text("不足")
    shot(page, "footage-keeping", whole=True)
    line = page.locator(f'[data-file="{sha256}"]')
    line.locator("[name=reason]").fill("当事人投诉")
    line.get_by_role("button", name="恢复").tap()
    expect(page.locator("[data-file]")).to_have_count(0)
    page.fill(".new-hold [name=passage]", passage)
    page.fill(".new-hold [name=reason]", "行政复议")
    page.locator(".new-hold button").tap()
    held = page.locator(f'[data-hold="passage:{passage}"]')
    expect(held).to_contain_text("行政复议")
    held.locator("[name=reason]").fill("复议终结")
    held.get_by_role("button", name="解除封存").tap()
    expect(page.locator("[data-hold]")).to_have_count(0)
    assert_contrast(page)


def _day(folder: Path, start: int) -> list[Body]:
    """Two shifts, and three hours of one officer's footage."""
    sha256 = store(DigestFolder(folder / "data" / "footage" / "originals"), "早班")
    shifts = (("li", "begun", 0), ("zhao", "begun", 0), ("li", "ended", 4), ("zhao", "ended", 4))
    return [
        *(
            DutyKept(officer=officer, act=act_, at_ms=start + hours * HOUR_MS, by="wang")  # type: ignore[arg-type]
            for officer, act_, hours in shifts
        ),
        ClockAnchored(
            recorder="3700123",
            anchor=ClockAnchor(kind="dock", own_ms=start, true_ms=start, err_ms=200),
            by="dock1",
        ),
        FootageImported(
            recorder="3700123", dock="dock1", state="imported", name="3700123_370001_早班.mp4", sha256=sha256, size=7,
            officer="li", own_start_ms=start, start_basis="name", duration_ms=3 * HOUR_MS,
        ),
    ]  # fmt: skip


def _say(folder: Path, at_ms: int, bodies: list[Body]) -> None:
    """Straight into the index, as if the journal had said so."""
    said = [
        Said(ref=EntryRef(journal="e" * 32, seq=number, leaf="0" * 64), at_ms=at_ms, body=body)
        for number, body in enumerate(bodies)
    ]
    index = FootageIndex(folder / "data" / "footage" / "footage.db")
    index.hold(said, journal="e" * 32, size=len(said))
