"""Readings of plates as people see and correct them: with a finger at the station, at a desk of the centre."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import NewPage, Served, sign_in
from tests.browser.test_tablet_seen import Station, begin, opened
from tests.browser.test_touch_and_sight import CONTRASTS
from tests.browser.watching import Watch, shot, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]
RIGHT = "鲁C3D702"
TARGET = 48


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    with begin(tmp_path) as site:
        yield site


def is_seen(page: Page) -> None:
    """The crop is more than an address; it may still be on its way when the page is asked for."""
    for _ in range(40):
        if page.locator(".read-crop img").count():
            break
        page.wait_for_timeout(250)
        page.reload()
    until(page, "[...document.querySelectorAll('.read-crop img')].some((image) => image.naturalWidth > 100)")


def reading(page: Page) -> Locator:
    return page.locator('.read-card[data-state="unsure"]').first


def doubted(page: Page) -> None:
    """The page as it is once the entry has come: it does not renew itself."""
    for _ in range(40):
        page.goto("/plates")
        if reading(page).count():
            return
        page.wait_for_timeout(250)
    raise AssertionError("no reading is in doubt")


def legible(page: Page) -> list[str]:
    return [one["text"] for one in page.evaluate(CONTRASTS) if one["ratio"] < 7]


def small(page: Page) -> list[str]:
    boxes = [
        (control, control.bounding_box()) for control in page.locator(".correct button, .read-acts *").all()
    ]
    return [
        str(control.text_content())
        for control, box in boxes
        if box is not None and min(box["width"], box["height"]) < TARGET
    ]


@pytest.fixture
def expected(watch: Watch) -> None:
    watch.expect("status of 422")  # what is no plate is refused on purpose


@pytest.mark.usefixtures("expected")
def test_an_officer_corrects_with_a_finger_and_sees_it_beside_the_reading(
    station: Station, new_page: NewPage
) -> None:
    page = opened(new_page(station, width=1280, height=800, touch=True))
    station.weigh(0, 1)
    station.do("doubt")
    doubted(page)
    is_seen(page)
    expect(reading(page).locator(".candidate")).to_have_text(["鲁C3B702", RIGHT])
    expect(reading(page).locator("[data-weak] b")).to_have_text("B")
    expect(reading(page).locator(".prior")).to_contain_text("≠ 号牌不同")
    assert legible(page) == []
    shot(page, "plates-station-1280x800")
    reading(page).locator("[data-correct]").tap()
    said = page.locator("[data-said]")
    expect(said).to_have_value("鲁C3B702")
    assert small(page) == []
    for _ in range(4):
        page.locator("[data-back]").tap()
    for char in "O702":
        page.locator(f'[data-key="{char}"]').tap()
    page.locator('[data-say="plate"]').tap()
    expect(page.locator("[data-problem]")).to_contain_text("鲁C30702")
    shot(page, "plates-station-correcting-1280x800")
    for _ in range(4):
        page.locator("[data-back]").tap()
    for char in "D702":
        page.locator(f'[data-key="{char}"]').tap()
    expect(said).to_have_value(RIGHT)
    page.locator('[data-ground="yellow"]').tap()
    page.locator('[data-say="plate"]').tap()
    expect(reading(page).locator(".said-text")).to_have_text(RIGHT)
    expect(reading(page).locator(".plate")).to_have_text("不确定")
    expect(reading(page).locator(".said")).to_contain_text("人工校正")
    shot(page, "plates-station-corrected-1280x800")
    page.goto("/tablet#" + "/".join(reading_place(page)))
    expect(page.locator(".plate-said")).to_contain_text(RIGHT)
    shot(page, "plates-tablet-1280x800")


def reading_place(page: Page) -> tuple[str, str]:
    box, passage, _side = str(reading(page).get_attribute("id")).split(".")
    return box, passage


def test_a_reviewer_says_that_nobody_can_read_it(centre: Served, new_page: NewPage) -> None:
    httpx.post(f"{centre.url}/test/doubt", timeout=30).raise_for_status()
    page = new_page(centre, width=1920, height=1080, touch=True)
    sign_in(page, to="/plates")
    is_seen(page)
    assert legible(page) == []
    shot(page, "plates-centre-1920x1080")
    reading(page).locator("[data-correct]").tap()
    page.locator('[data-say="unreadable"]').tap()
    expect(reading(page).locator(".said-text")).to_have_text("无法辨认")
    reading(page).locator(".read-acts a").tap()
    expect(page.locator(".event-head")).to_be_visible()
    expect(page.locator("#plates .said-text")).to_have_text("无法辨认")
    page.locator("#plates [data-correct]").tap()
    page.locator("[data-said]").fill(RIGHT)
    page.locator('[data-say="plate"]').tap()
    expect(page.locator("#plates .said-text")).to_have_text(RIGHT)
    shot(page, "plates-crossing-1920x1080")
    page.goto(f"/events?plate={RIGHT}")
    expect(page.locator(".said-beside").first).to_contain_text(RIGHT)


def test_who_only_looks_is_offered_no_correction(centre: Served, new_page: NewPage) -> None:
    page = new_page(centre)
    sign_in(page, "look", to="/plates")
    expect(page.locator(".reads")).to_be_visible()
    expect(page.locator("[data-correct]")).to_have_count(0)
    expect(page.locator("[data-dialog]")).to_have_count(0)
