"""One crossing as a reviewer sees it: pictures to look into, a clip that plays, a trace that follows it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewPage, Served, sign_in
from tests.browser.watching import shot, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(60)]


def open_crossing(page: Page, *, outcome: str, lane: str) -> None:
    """The newest crossing of this kind."""
    page.goto(f"/events?outcome={outcome}&lane={lane}")
    if page.locator("#name").is_visible():
        sign_in(page, to=f"/events%3Foutcome={outcome}%26lane={lane}")
    page.locator(".row-link").first.click()
    expect(page.locator(".event-head")).to_be_visible()


@pytest.fixture
def certified(new_page: NewPage, centre: Served) -> Page:
    """Over the limit on the static platform: it has a trace and a clip."""
    page = new_page(centre, width=1920, height=1080)
    open_crossing(page, outcome="over_limit", lane="lane2")
    return page


def test_pictures_are_shown_and_can_be_looked_into(certified: Page) -> None:
    image = certified.locator("[data-zoom-image]")
    expect(image).to_have_js_property("complete", value=True)
    assert image.evaluate("image => image.naturalWidth") == 1280
    frame = certified.locator("[data-zoom-frame]")
    certified.locator("[data-zoom-in]").click()
    expect(frame).to_have_attribute("data-zoom", "1.50")
    frame.dblclick(position={"x": 200, "y": 100})
    expect(frame).to_have_attribute("data-zoom", "1.00")
    frame.hover()
    certified.mouse.wheel(0, -300)
    expect(frame).to_have_attribute("data-zoom", "1.25")
    expect(certified.locator(".thumb.absent")).to_contain_text("上传中")


def test_the_clip_plays_and_the_trace_follows(certified: Page) -> None:
    clip = certified.locator("video")
    clip.evaluate("clip => { clip.muted = true; return clip.play(); }")
    until(certified, "document.querySelector('video').currentTime > 0.5")
    assert clip.evaluate("clip => clip.videoWidth") == 640
    cursor = certified.locator("line.trace-cursor")
    expect(cursor).to_have_attribute("visibility", "visible")
    expect(certified.locator("[data-trace-reading]")).to_contain_text("千克")
    clip.evaluate("clip => clip.pause()")
    shot(certified, "crossing-certified-1920x1080", whole=True)


def test_the_trace_is_drawn_and_read_by_the_pointer(certified: Page) -> None:
    trace = certified.locator("svg.trace")
    path = trace.locator(".trace-line").get_attribute("d")
    assert path is not None
    assert path.count("L") > 100
    expect(trace.locator(".trace-level.limit")).to_have_count(2)
    box = trace.bounding_box()
    assert box is not None
    certified.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    reading = certified.locator("[data-trace-reading]")
    expect(reading).to_contain_text("到达后")
    expect(reading).to_contain_text("58 ")
    certified.mouse.click(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    until(certified, "document.querySelector('video').currentTime > 1")


def test_a_moment_can_be_sought(certified: Page) -> None:
    """Range is honoured, so that the end of a clip is there without the rest."""
    clip = certified.locator("video")
    until(certified, "document.querySelector('video').readyState >= 2")
    clip.evaluate("clip => { clip.currentTime = 3.5; }")
    until(
        certified,
        "document.querySelector('video').currentTime >= 3.5 && !document.querySelector('video').seeking",
    )
    assert clip.evaluate("clip => clip.seekable.end(0)") > 3


def test_verdict_and_proof_are_on_the_page(certified: Page) -> None:
    expect(certified.locator("#verdict .candidates tbody tr")).to_have_count(2)
    expect(certified.locator("#verdict")).to_contain_text("第三条")
    expect(certified.locator("#evidence .entries tbody tr")).not_to_have_count(0)
    expect(certified.locator("#evidence .custody")).to_contain_text("county-witness")
    expect(certified.locator(".access")).to_contain_text("访问日志")


def test_the_package_is_one_click_away(certified: Page) -> None:
    link = certified.locator(".event-take a")
    with certified.expect_download() as taken:
        link.click()
    assert taken.value.suggested_filename.endswith(".zip")


def test_axles_of_a_moving_weighing_and_every_candidate(new_page: NewPage, centre: Served) -> None:
    page = new_page(centre)
    open_crossing(page, outcome="undetermined", lane="lane1")
    expect(page.locator(".event-head .tag")).to_contain_text("待确认")
    shot(page, "crossing-undetermined-1280x800", whole=True)
    open_crossing(page, outcome="over_limit", lane="lane1")
    expect(page.locator("#axles tbody tr")).to_have_count(6)
    expect(page.locator(".event-head .tag")).to_contain_text("疑似超限")
    expect(page.locator(".caution")).to_contain_text("仅为疑似")
    page.get_by_role("link", name="English").click()
    expect(page.locator("#verdict")).to_contain_text("Art. 3")
    expect(page.locator(".event-head .tag")).to_contain_text("suspected over limit by")


def test_a_clip_at_the_lane_is_fetched_by_a_button(new_page: NewPage, centre: Served) -> None:
    page = new_page(centre)
    open_crossing(page, outcome="within", lane="lane2")
    page.get_by_role("button", name="调取录像").click()
    page.wait_for_url("**#footage")
    expect(page.locator("#footage")).to_be_visible()


def test_without_scripts_everything_but_the_drawing_is_there(new_page: NewPage, centre: Served) -> None:
    page = new_page(centre, javascript=False)
    sign_in(page, to="/events")
    expect(page.locator(".row-link")).to_have_count(50)
    page.select_option("#outcome", "over_limit")
    page.get_by_role("button", name="查询").click()
    page.wait_for_url("**outcome=over_limit**")
    assert {tag.strip()[:1] for tag in page.locator("tbody .tag").all_inner_texts()} <= {"▲", "△"}
    page.locator(".row-link").first.click()
    expect(page.locator("[data-zoom-image]")).to_be_visible()
    expect(page.locator("video")).to_be_visible()
    expect(page.locator("#verdict")).to_contain_text("第三条")
    page.goto("/events")
    page.get_by_role("link", name="更早").click()
    expect(page.get_by_role("link", name="最新")).to_be_visible()
