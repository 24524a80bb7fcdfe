"""The wall as the monitoring room sees it: live, honest when it is not, and the same without being touched."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewPage, Served, sign_in
from tests.browser.watching import Watch, shot

pytestmark = [pytest.mark.browser, pytest.mark.timeout(60)]
BROKEN_LINE = r"WebSocket connection to|ERR_|status of 40"


# The first wall that this tab loads says that it is of another build.
OLDER = """
document.addEventListener("readystatechange", () => {
  if (document.readyState !== "interactive" || location.pathname !== "/wall" || sessionStorage.getItem("older")) return;
  sessionStorage.setItem("older", "yes");
  document.querySelector('meta[name="build"]').content = "older";
});
"""


def weigh(centre: Served, **query: str) -> None:
    httpx.post(f"{centre.url}/test/weigh", params=query).raise_for_status()


@pytest.fixture
def wall(new_page: NewPage, centre: Served) -> Page:
    page = new_page(centre, width=1920, height=1080)
    sign_in(page)
    expect(page.locator("html")).to_have_attribute("data-connection", "live")
    return page


def test_everything_is_on_one_screen(wall: Page) -> None:
    expect(wall.locator("tbody tr")).to_have_count(20)
    expect(wall.locator(".station")).to_have_count(4)
    expect(wall.locator(".alarm")).to_have_count(3)
    last = wall.locator("tbody tr").last.bounding_box()
    panel = wall.locator(".passages").bounding_box()
    assert last is not None
    assert panel is not None
    assert last["y"] + last["height"] <= panel["y"] + panel["height"]
    assert wall.evaluate("document.documentElement.scrollHeight") == 1080
    shot(wall, "wall-1920x1080")


def test_everything_is_on_a_small_screen_too(new_page: NewPage, centre: Served) -> None:
    page = new_page(centre, width=1280, height=800)
    sign_in(page)
    expect(page.locator("html")).to_have_attribute("data-connection", "live")
    assert page.evaluate("document.documentElement.scrollHeight") == 800
    assert page.evaluate("document.documentElement.scrollWidth") == 1280
    last = page.locator("tbody tr").last.bounding_box()
    panel = page.locator(".passages").bounding_box()
    assert last is not None
    assert panel is not None
    assert last["y"] + last["height"] <= panel["y"] + panel["height"] + 1
    shot(page, "wall-1280x800")


def test_a_new_crossing_comes_on_top_by_itself(wall: Page, centre: Served) -> None:
    wall.evaluate("window.notReloaded = true")
    passages = wall.locator(".figure dd").first
    before = int(passages.inner_text().replace("\u00a0", ""))
    first = wall.locator("tbody tr").first
    newest = first.get_attribute("data-id")
    weigh(centre, truck="2")
    expect(first).not_to_have_attribute("data-id", str(newest), timeout=2_000)
    expect(first.locator(".plate").first).to_have_text("豫G5512H")
    expect(first.locator(".tag")).to_contain_text("超限")
    expect(passages).to_have_text(str(before + 1))
    expect(wall.locator("tbody tr")).to_have_count(20)
    assert wall.evaluate("window.notReloaded")


def test_a_plate_follows_its_weighing(wall: Page, centre: Served) -> None:
    weigh(centre, truck="0", pictured="false")
    first = wall.locator("tbody tr").first
    expect(first.locator(".plate").first).to_have_text("…")
    expect(first.locator(".tag")).to_contain_text("46 000 或 49 000 千克：待确认")
    expect(first.locator(".plate").nth(1)).to_be_hidden()


def test_no_money_and_no_penalty_on_the_wall(wall: Page) -> None:
    words = wall.locator("body").inner_text()
    assert not re.search("罚|处罚|元", words)
    assert "疑似超限" in words


def test_when_nothing_comes_it_says_so_and_shows_nothing_old(
    wall: Page, centre: Served, watch: Watch
) -> None:
    watch.expect(BROKEN_LINE)
    wall.evaluate("window.notReloaded = true")
    strip, figures = wall.locator("[data-strip-text]"), wall.locator(".figure dd")
    controls = [
        box for box in (c.bounding_box() for c in wall.locator("header a, header button").all()) if box
    ]
    with centre.stopped():
        expect(strip).to_contain_text("连接中断", timeout=5_000)
        for figure in figures.all():
            expect(figure).to_have_text("------")
        expect(wall.locator(".chip-words").first).to_have_text("------")
        banner = wall.locator("[data-strip]").bounding_box()
        assert banner is not None
        assert all(box["y"] + box["height"] <= banner["y"] for box in controls)
        shot(wall, "wall-stale")
    expect(strip).to_have_text("实时", timeout=12_000)
    expect(figures.first).not_to_have_text("------")
    expect(wall.locator(".chip-words").first).to_have_text("正常")
    assert wall.evaluate("window.notReloaded")


def test_a_page_of_an_older_build_reloads_itself_once(new_page: NewPage, centre: Served) -> None:
    page = new_page(centre)
    page.add_init_script(OLDER)
    loads: list[str] = []
    page.on("framenavigated", lambda frame: loads.append(frame.url))
    sign_in(page, to="/wall")
    expect(page.locator("html")).to_have_attribute("data-connection", "live")
    expect(page.locator('meta[name="build"]')).not_to_have_attribute("content", "older")
    expect(page.locator("html")).to_have_attribute("data-connection", "live")
    assert page.evaluate("sessionStorage.getItem('older')") == "yes"
    assert loads.count(f"{centre.url}/wall") == 2


def test_a_session_that_was_ended_goes_to_the_login(new_page: NewPage, centre: Served, watch: Watch) -> None:
    watch.expect(BROKEN_LINE)
    page = new_page(centre)
    sign_in(page)
    expect(page.locator("html")).to_have_attribute("data-connection", "live")
    page.context.clear_cookies()
    with centre.stopped():
        expect(page.locator("[data-strip-text]")).to_contain_text("连接中断", timeout=5_000)
    expect(page.locator("h1")).to_have_text("登录", timeout=20_000)


def test_nine_tabs_are_all_live(new_page: NewPage, centre: Served) -> None:
    page = new_page(centre)
    sign_in(page)
    tabs = [page.context.new_page() for _ in range(8)]
    for tab in tabs:
        tab.goto("/wall")
    for tab in (page, *tabs):
        expect(tab.locator("html")).to_have_attribute("data-connection", "live")


def test_the_sound_button_tells_the_truth(wall: Page) -> None:
    button = wall.locator("[data-sound]")
    wall.mouse.click(5, 500)
    state = button.get_attribute("data-state")
    button.click()
    expect(button).not_to_have_attribute("data-state", str(state))
    expect(button).to_have_text("声音已关闭" if state == "on" else "声音已开启")
    note = wall.locator("[data-sound-note]")
    expect(note).to_have_text("声音已关闭：告警仅显示。" if state == "on" else "告警时有声音提示。")


def test_english_is_whole(new_page: NewPage, centre: Served) -> None:
    page = new_page(centre)
    sign_in(page)
    page.get_by_role("link", name="English").click()
    expect(page.locator("html")).to_have_attribute("data-connection", "live")
    expect(page.locator("[data-strip-text]")).to_have_text("Live")
    assert not re.search("[\u4e00-\u9fff]", page.locator(".lanes, .hours, .alarms, thead").first.inner_text())
    shot(page, "wall-english-1280x800")
