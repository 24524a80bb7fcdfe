"""The tablet as an officer uses it: in sunlight, with gloves, with the centre down, and never by an old weight."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import NewPage, Served
from tests.browser.station_site import PASSWORD
from tests.browser.test_touch_and_sight import CONTRASTS
from tests.browser.watching import Watch, shot, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90)]
BROKEN_LINE = r"WebSocket connection to|ERR_|status of 40"
BLANK = "------"
ACTION, GAP = 96, 16
# Numbers in `tests.browser.station_site.TRUCKS`.
OPEN_WIM, OPEN_PLATFORM, OVER, AGAIN, NO_WEIGHT = 2, 5, 6, 7, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Station(Served):
    """The site's process, and what makes vehicles cross there."""

    process: subprocess.Popen[str]

    def do(self, command: str) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        assert json.loads(self.process.stdout.readline()) == {"done": command}

    def weigh(self, *trucks: int) -> None:
        for truck in trucks:
            self.do(f"weigh {truck}")


@contextmanager
def begin(folder: Path, *more: str) -> Iterator[Station]:
    """`more`: settings of the station beyond the usual."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.browser.station_site", str(folder), *more],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        url = json.loads(process.stdout.readline())["url"]
        yield Station(url=url, pid=process.pid, process=process)
    finally:
        os.kill(process.pid, signal.SIGCONT)
        process.stdin.close()
        process.wait(20)
        process.stdout.close()


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    with begin(tmp_path) as site:
        yield site


@pytest.fixture
def tablet(station: Station, new_page: NewPage) -> Page:
    return opened(new_page(station, width=1280, height=800, touch=True))


def opened(page: Page, name: str = "li") -> Page:
    page.goto("/login?next=/tablet")
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.click("button[type=submit].primary")
    expect(page.locator("html")).to_have_attribute("data-connection", "live")
    return page


def card(page: Page, number: int, box: str = "s01-lane2") -> Locator:
    return page.locator(f'.card[data-id="{box}/{box}-{number:04d}"]')


def choose(page: Page, number: int, box: str = "s01-lane2") -> None:
    card(page, number, box).tap()
    expect(card(page, number, box)).to_have_attribute("aria-pressed", "true")
    expect(page.locator("[data-right]")).to_have_attribute("data-view", "facts")


def act(page: Page, name: str) -> Locator:
    return page.locator(f'[data-act="{name}"]')


def answer(page: Page, **facts: object) -> None:
    for name, value in facts.items():
        said = json.dumps(value)
        page.locator(f"[data-choice={name}][data-answer='{said}']").tap()


def confirm(page: Page, **facts: object) -> None:
    act(page, "confirm").tap()
    answer(page, **facts)
    act(page, "submit").tap()
    expect(page.locator("[data-notice]")).to_have_text("已确认并记录。")


def weight(page: Page) -> Locator:
    return page.locator("[data-weight]")


# --- live weight -----------------------------------------------------------------------------------------------


def test_the_live_weight_is_large_and_says_whether_it_is_steady(tablet: Page, station: Station) -> None:
    for kg, state, shown, phase in (
        (0, "empty", "● 稳定", "空秤"),
        (23_460, "arriving", "≈ 未稳定", "上秤"),
        (41_060, "weighed", "● 稳定", "稳定"),
        (9_980, "leaving", "≈ 未稳定", "离开"),
    ):
        station.do(f"weight {kg} {state}")
        expect(weight(tablet)).to_have_text(f"{kg:,}".replace(",", "\u00a0"))
        expect(tablet.locator("[data-steady]")).to_have_text(shown)
        expect(tablet.locator("[data-phase][aria-current]")).to_have_text(phase)
    assert (
        tablet.evaluate("parseFloat(getComputedStyle(document.querySelector('[data-weight]')).fontSize)")
        >= 90
    )
    station.do("glimpse 41060")
    expect(tablet.locator("[data-weight-note]")).to_have_text("刚完成称重：41\u00a0060 千克")


def test_what_speaks_against_a_weight_is_said_beside_it_while_it_lasts(
    tablet: Page, station: Station
) -> None:
    note = tablet.locator("[data-weight-note]")
    station.do("weight 80 empty zero_off")
    expect(note).to_have_text("空秤未归零")
    station.do("weight 44120 weighed partly_off person_on_scale")
    expect(note).to_have_text("车辆未完全上秤；有人上下秤或手压秤台")
    expect(weight(tablet)).to_have_text("44\u00a0120")
    shot(tablet, "tablet-scale-speaks-against")
    station.do("weight 0 empty of_tomorrow")
    expect(note).to_have_text("of_tomorrow")
    station.do("weight 0 empty")
    expect(note).to_have_text("")


def test_a_silent_scale_blanks_the_weight_and_locks_its_lane(tablet: Page, station: Station) -> None:
    station.weigh(OPEN_WIM, OVER)
    station.do("weight 58720 weighed")
    choose(tablet, 1)
    expect(act(tablet, "hold")).to_be_enabled()
    place = tablet.locator(".queue").bounding_box()
    station.do("weight off")
    expect(weight(tablet)).to_have_text(BLANK, timeout=3_000)
    for name in ("release", "hold"):
        expect(act(tablet, name)).to_be_disabled()
    expect(tablet.locator('[data-why="release"]')).to_have_text("数据不是当前值，不能操作")
    expect(tablet.locator("[data-weight-note]")).to_have_text("称重设备中断，没有当前重量")
    expect(tablet.locator("[data-phase][aria-current]")).to_have_count(0)
    assert tablet.locator(".queue").bounding_box() == place  # the banner has its own place
    shot(tablet, "tablet-scale-silent")
    choose(tablet, 1, "s01-lane1")  # another lane goes on
    expect(act(tablet, "hold")).to_be_enabled()
    station.do("weight 58720 weighed")
    expect(weight(tablet)).to_have_text("58\u00a0720")
    choose(tablet, 1)
    expect(act(tablet, "hold")).to_be_enabled()


def test_a_station_that_stalls_blanks_and_locks_everything(
    tablet: Page, station: Station, watch: Watch
) -> None:
    watch.expect(BROKEN_LINE)
    station.weigh(OVER)
    station.do("weight 58720 weighed")
    choose(tablet, 1)
    expect(act(tablet, "hold")).to_be_enabled()
    before = [button.bounding_box() for button in tablet.locator(".act:visible").all()]
    with station.stopped():
        expect(tablet.locator("html")).to_have_attribute("data-connection", "stale", timeout=6_000)
        expect(weight(tablet)).to_have_text(BLANK)
        expect(tablet.locator("[data-weight-note]")).to_have_text("与本站连接中断，没有当前重量")
        for name in ("release", "hold", "confirm"):
            expect(act(tablet, name)).to_be_disabled()
        expect(tablet.locator("[data-strip-text]")).to_contain_text("起连接中断")
        assert [button.bounding_box() for button in tablet.locator(".act:visible").all()] == before
        shot(tablet, "tablet-stalled")
    expect(tablet.locator("html")).to_have_attribute("data-connection", "live", timeout=15_000)
    expect(weight(tablet)).to_have_text("58\u00a0720")
    expect(act(tablet, "hold")).to_be_enabled()


# --- queue -----------------------------------------------------------------------------------------------------


def test_new_vehicles_are_appended_and_nothing_moves_under_the_finger(tablet: Page, station: Station) -> None:
    station.weigh(OVER, OPEN_PLATFORM, OVER, OPEN_PLATFORM, OVER)
    expect(tablet.locator(".card")).to_have_count(5)
    tablet.locator("[data-cards]").evaluate("element => element.scrollTo(0, 0)")
    first = card(tablet, 1).bounding_box()
    station.weigh(AGAIN, NO_WEIGHT)
    expect(tablet.locator("[data-arrived]")).to_be_visible()
    expect(tablet.locator(".card")).to_have_count(7)
    assert card(tablet, 1).bounding_box() == first
    assert tablet.locator(".card").last.get_attribute("data-id") == "s01-lane2/s01-lane2-0007"
    tablet.locator("[data-arrived]").tap()
    expect(tablet.locator("[data-arrived]")).to_be_hidden()
    expect(card(tablet, 7)).to_have_attribute("aria-pressed", "true")
    expect(tablet.locator("[data-line] [data-text=gross]")).to_have_text("—")


def test_a_card_says_what_is_known_and_what_is_missing(tablet: Page, station: Station) -> None:
    station.weigh(0, 1, OPEN_WIM, 3)
    expect(card(tablet, 3, "s01-lane1")).to_contain_text("鲁C8K215")
    expect(card(tablet, 3, "s01-lane1")).to_contain_text("46\u00a0000 或 49\u00a0000 千克：待确认")
    expect(card(tablet, 2, "s01-lane1")).to_contain_text("疑似超限 9\u00a0760 千克")
    expect(card(tablet, 4, "s01-lane1")).to_contain_text("前相机：断开")
    expect(card(tablet, 4, "s01-lane1")).to_contain_text("未识别")
    expect(card(tablet, 1, "s01-lane1")).to_have_count(0)  # legal on an unattended lane: nobody is waited for
    tablet.locator("[data-filter=all]").tap()
    expect(card(tablet, 1, "s01-lane1")).to_contain_text("未超限")


def test_nothing_of_the_vehicle_before_is_shown_while_another_is_fetched(
    tablet: Page, station: Station
) -> None:
    station.weigh(OVER, AGAIN)
    choose(tablet, 1)
    for view in ("loading", "none"):
        tablet.locator("[data-right]").evaluate("(element, view) => { element.dataset.view = view; }", view)
        for part in (".detail-head", ".facts-view", ".confirm-view", ".release-view"):
            expect(tablet.locator(part)).to_be_hidden()
        expect(tablet.locator(".act:visible")).to_have_count(3)
    choose(tablet, 2)
    expect(tablet.locator("[data-line] [data-text=gross]")).to_have_text("48\u00a0660")


# --- deciding --------------------------------------------------------------------------------------------------


def test_what_the_officer_saw_gives_the_verdict_at_once(tablet: Page, station: Station) -> None:
    station.weigh(OPEN_WIM, AGAIN)
    choose(tablet, 1)
    words = tablet.locator("[data-verdict] [data-text=words]")
    expect(words).to_have_text("18/25/27/31/36/43/46/49\u00a0t：待确认")
    expect(act(tablet, "release")).to_have_attribute("data-state", "asks")
    act(tablet, "confirm").tap()
    preview = tablet.locator("[data-preview]")
    answer(tablet, axle_count=6, combination=True, drive_axles=1, single_tyre_axles=0)
    expect(preview).to_contain_text("超限 2\u00a0660 千克")
    expect(card(tablet, 1)).to_contain_text("待确认")  # nothing is written yet
    shot(tablet, "tablet-confirm")
    answer(tablet, drive_axles=2)
    expect(preview).to_contain_text("未超限")
    act(tablet, "submit").tap()
    expect(tablet.locator("[data-notice]")).to_have_text("已确认并记录。")
    expect(card(tablet, 1)).to_contain_text("未超限")
    expect(tablet.locator('[data-fill="candidates"] li')).to_have_count(1)
    act(tablet, "release").tap()
    expect(card(tablet, 1)).to_contain_text("已放行")
    for name in ("release", "hold", "confirm"):
        expect(act(tablet, name)).to_be_disabled()


def test_a_touch_by_mistake_holds_nothing(tablet: Page, station: Station) -> None:
    station.weigh(OVER)
    choose(tablet, 1)
    hold = act(tablet, "hold")
    hold.tap()
    expect(hold).to_be_enabled()
    middle = hold.bounding_box()
    assert middle is not None
    tablet.mouse.move(middle["x"] + 60, middle["y"] + 50)
    tablet.mouse.down()
    tablet.wait_for_timeout(700)
    tablet.mouse.up()
    expect(card(tablet, 1)).not_to_contain_text("已扣留")
    tablet.mouse.down()
    expect(card(tablet, 1)).to_contain_text("已扣留")
    tablet.mouse.up()
    expect(hold).to_be_disabled()
    expect(tablet.locator('[data-fill="acts"] li')).to_have_count(1)


def test_over_limit_is_unloaded_weighed_again_and_released_with_the_police_result(
    tablet: Page, station: Station
) -> None:
    station.weigh(OVER, AGAIN)
    choose(tablet, 1)
    expect(tablet.locator('[data-why="release"]')).to_have_text("超限：须卸载并复检后放行。")
    choose(tablet, 2)
    confirm(tablet, axle_count=6, combination=True, drive_axles=2, single_tyre_axles=0)
    expect(tablet.locator('[data-why="release"]')).to_contain_text("检测超限尚未放行")
    act(tablet, "release").tap()
    tablet.locator("[data-go-finding]").tap()
    expect(card(tablet, 1)).to_have_attribute("aria-pressed", "true")
    expect(tablet.locator("[data-right]")).to_have_attribute("data-view", "facts")
    act(tablet, "release").tap()
    expect(act(tablet, "release-with")).to_be_disabled()
    tablet.locator(".offer").tap()
    expect(act(tablet, "release-with")).to_be_disabled()
    tablet.fill("[data-police]", "沂公交移 2026-118")
    shot(tablet, "tablet-release")
    act(tablet, "release-with").tap()
    expect(card(tablet, 1)).to_contain_text("已放行")
    expect(card(tablet, 2)).to_contain_text("已放行")
    expect(tablet.locator('[data-fill="acts"]')).to_contain_text("公安处理结果 沂公交移 2026-118")


def test_only_a_supervisor_is_offered_the_override(station: Station, new_page: NewPage, tablet: Page) -> None:
    station.weigh(OVER)
    choose(tablet, 1)
    act(tablet, "release").tap()
    expect(tablet.locator("[data-override]")).to_have_count(0)
    boss = opened(new_page(station, touch=True), "wang")
    choose(boss, 1)
    act(boss, "release").tap()
    boss.fill("[data-override]", "大件运输许可 2026-31")
    act(boss, "release-with").tap()
    expect(card(tablet, 1)).to_contain_text("已放行")  # on the other tablet as well


def test_somebody_who_only_looks_finds_every_action_locked(station: Station, new_page: NewPage) -> None:
    station.weigh(OVER)
    page = opened(new_page(station, touch=True), "kan")
    choose(page, 1)
    for name in ("release", "hold", "confirm"):
        expect(act(page, name)).to_be_disabled()


# --- the centre, the devices, the languages --------------------------------------------------------------------


def test_without_the_centre_everything_works_and_the_strip_says_so(tablet: Page, station: Station) -> None:
    """The centre of these tests is never there."""
    station.weigh(OVER)
    station.do("health rear down")
    expect(tablet.locator("[data-centre]")).to_have_text("与中心断开，数据已存本站")
    expect(tablet.locator(".chip[data-state=bad]")).to_contain_text("后相机断开")
    choose(tablet, 1)
    until(tablet, "document.querySelector('[data-picture]').naturalWidth === 1280")
    confirm(tablet, axle_count=6, combination=True, drive_axles=2, single_tyre_axles=0)


def test_english_for_those_who_ask(tablet: Page, station: Station) -> None:
    station.weigh(OVER)
    station.do("weight 58720 weighed")
    tablet.click("[hreflang=en]")
    expect(tablet.locator("html")).to_have_attribute("lang", "en")
    expect(card(tablet, 1)).to_contain_text("over limit by 9\u00a0720 kg")
    expect(tablet.locator("[data-steady]")).to_have_text("● steady")
    expect(act(tablet, "release")).to_contain_text("Over limit: unload and weigh again before release.")
    expect(tablet.locator("[data-centre]")).to_have_text("cut off from the centre; everything is kept here")
    han = tablet.evaluate(
        "document.querySelector('main').innerText.replace(/[鲁豫][A-Z][A-Z0-9]+挂?|鲁检\\S*/g, '')"
    )
    assert not [sign for sign in str(han) if "\u4e00" <= sign <= "\u9fff"], han
    shot(tablet, "tablet-english")


# --- hands and eyes --------------------------------------------------------------------------------------------


def test_what_acts_is_large_apart_and_on_the_screen(tablet: Page, station: Station) -> None:
    station.weigh(OPEN_WIM, AGAIN)
    choose(tablet, 1)
    assert_sizes(tablet, ".act:visible", least=ACTION)
    assert_sizes(tablet, ".card", least=ACTION)
    act(tablet, "confirm").tap()
    expect(tablet.locator(".confirm-view")).to_be_visible()
    assert_sizes(tablet, ".choice", least=ACTION)
    assert_sizes(tablet, ".act:visible", least=ACTION)
    tablet.locator("[data-actions=confirm] [data-back]").tap()
    expect(tablet.locator(".facts-view")).to_be_visible()
    assert_sizes(tablet, ".segment, .header a, .header button, .thumb", least=48)
    assert tablet.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    ) == [1280, 800]


def assert_sizes(page: Page, selector: str, *, least: int) -> None:
    boxes = [box for control in page.locator(selector).all() if (box := control.bounding_box())]
    assert boxes
    for box in boxes:
        assert box["width"] >= least - 0.5, (selector, box)
        assert box["height"] >= least - 0.5, (selector, box)
        assert box["x"] + box["width"] <= 1280, (selector, box)
    if selector.startswith((".act", ".choice")):
        assert all(apart(one, other) for n, one in enumerate(boxes) for other in boxes[:n]), selector
        assert all(box["y"] + box["height"] <= 800 for box in boxes), selector


def apart(one: Any, other: Any) -> bool:
    across = max(one["x"], other["x"]) - min(one["x"] + one["width"], other["x"] + other["width"])
    down = max(one["y"], other["y"]) - min(one["y"] + one["height"], other["y"] + other["height"])
    return bool(max(across, down) >= GAP - 0.5)


def test_text_is_dark_enough_for_sunlight(tablet: Page, station: Station) -> None:
    station.weigh(OVER, AGAIN, NO_WEIGHT, OPEN_WIM, 1)
    station.do("health rear down")
    station.do("weight 58720 weighed")
    choose(tablet, 1)
    expect(tablet.locator(".chip[data-state=bad]")).to_be_visible()
    assert_contrast(tablet)
    act(tablet, "confirm").tap()
    expect(tablet.locator(".confirm-view")).to_be_visible()
    assert_contrast(tablet)
    tablet.locator("[data-actions=confirm] [data-back]").tap()
    act(tablet, "release").tap()
    expect(tablet.locator(".release-view")).to_be_visible()
    assert_contrast(tablet)
    station.do("weight off")
    expect(weight(tablet)).to_have_text(BLANK, timeout=3_000)
    assert_contrast(tablet)


def assert_contrast(page: Page) -> None:
    told: list[dict[str, Any]] = page.evaluate(CONTRASTS)
    assert len(told) > 20
    assert [each for each in told if each["ratio"] < 7] == []
    assert [each for each in told if each["size"] < 15] == []


def test_a_picture_for_people_to_look_at(tablet: Page, station: Station) -> None:
    station.weigh(1, 3, OPEN_PLATFORM, OVER, AGAIN, NO_WEIGHT)
    station.do("health front down")
    station.do("weight 48660 weighed")
    choose(tablet, 2)
    confirm(tablet, axle_count=6, combination=True, drive_axles=2, single_tyre_axles=0)
    until(tablet, "document.querySelector('[data-picture]').naturalWidth === 1280")
    expect(weight(tablet)).to_have_text("48\u00a0660")
    shot(tablet, "tablet")
    choose(tablet, 1, "s01-lane1")
    expect(tablet.locator('[data-fill="axles"] tr')).to_have_count(6)
    until(tablet, "document.querySelector('[data-picture]').naturalWidth === 1280")
    shot(tablet, "tablet-moving-lane")
