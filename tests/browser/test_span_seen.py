"""A recorder's span beside the lane's clip at the centre: both play, a mark seeks, and one cursor moves all."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewPage, Served
from tests.browser.test_crossing_seen import open_crossing
from tests.browser.watching import shot, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90)]


@pytest.fixture
def filmed(new_page: NewPage, centre: Served) -> Page:
    page = new_page(centre, width=1920, height=1080)
    page.request.post("/test/weigh?truck=2&filmed=true")
    open_crossing(page, outcome="over_limit", lane="lane2")
    return page


def test_the_span_stands_beside_the_clip_and_its_mark_seeks(filmed: Page) -> None:
    clip, span = filmed.locator(".clip video").all()
    expect(filmed.locator(".clip").nth(1)).to_contain_text("执法记录仪")
    expect(filmed.locator(".clip").nth(1)).to_contain_text("± 0.7 秒")
    until(filmed, "[...document.querySelectorAll('video')].every((video) => video.readyState >= 2)")
    assert (
        float(clip.get_attribute("data-starts-ms") or 0) - float(span.get_attribute("data-starts-ms") or 0)
        == 2_000
    )
    mark = filmed.locator(".clip-marks .button")
    expect(mark).to_contain_text("亮明证件")
    mark.click()
    until(filmed, "Math.abs(document.querySelectorAll('video')[1].currentTime - 3.5) < .1")
    clip.evaluate("video => video.focus()")
    clip.evaluate("video => (video.currentTime = 2.5)")
    until(filmed, "Math.abs(document.querySelectorAll('video')[1].currentTime - 4.5) < .1")
    shot(filmed, "crossing-with-span", whole=True)
