"""Footage as an officer watches it: it plays, a mark seeks, one cursor for film, clip and weight, and copies are made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import NewPage, Served, serve
from tests.browser.station_site import PASSWORD
from tests.browser.test_touch_and_sight import CONTRASTS
from tests.browser.watching import shot, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Films:
    site: Served
    plays: str
    old: str
    passage: str


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Films]:
    folder = tmp_path_factory.mktemp("footage")
    with serve("tests.browser.footage_site", str(folder)) as site:
        yield Films(site=site, **json.loads((folder / "told.json").read_text()))


def opened(page: Page, path: str) -> Page:
    page.goto(f"/login?next={path}")
    page.fill("#name", "li")
    page.fill("#password", PASSWORD)
    page.click("button[type=submit].primary")
    expect(page.locator("[data-problem]")).to_be_attached()
    return page


@pytest.fixture
def page(films: Films, new_page: NewPage) -> Page:
    return new_page(films.site, width=1280, height=800, touch=True)


def video(page: Page, digest: str) -> Locator:
    return page.locator(f'[data-source="{digest}"] video')


def ready(page: Page) -> None:
    until(page, "[...document.querySelectorAll('video')].every((video) => video.readyState >= 2)")


def seek(page: Page, digest: str, seconds: float) -> None:
    video(page, digest).evaluate("(video, at) => (video.currentTime = at)", seconds)
    until(
        page,
        f"Math.abs(document.querySelector('[data-source=\"{digest}\"] video').currentTime - {seconds}) < .05",
    )


def test_a_film_plays_is_marked_with_one_touch_and_a_mark_seeks(films: Films, page: Page) -> None:
    opened(page, f"/footage/{films.plays}")
    ready(page)
    video(page, films.plays).evaluate("video => video.play()")
    until(page, "document.querySelector('video').currentTime > 0.4")
    video(page, films.plays).evaluate("video => video.pause()")
    expect(page.locator("[data-reading]")).to_contain_text("± 0.6")
    seek(page, films.plays, 6)
    page.locator("[data-mark=important]").tap()
    expect(page.locator("[data-tags] > li")).to_have_count(1)
    seek(page, films.plays, 12)
    page.locator("[data-begin]").tap()
    seek(page, films.plays, 15)
    page.locator("[data-form=step] select").select_option("signing")
    page.locator("[data-form=step] button").tap()
    expect(page.locator("[data-tags] > li")).to_have_count(2)
    expect(page.locator("[data-tags] > li").nth(1)).to_contain_text("00:00:12–00:00:15")
    page.locator("[data-tags] .watch-tag").first.tap()
    until(page, "Math.abs(document.querySelector('video').currentTime - 6) < .1")
    expect(page.locator("[data-tags] > li").first).to_have_attribute("aria-current", "")
    page.reload()
    ready(page)
    cues = "[...document.querySelector('track').track.cues].map((cue) => JSON.parse(cue.text).kind)"
    until(page, "document.querySelector('track').track.cues?.length === 2")
    assert page.evaluate(f"() => {cues}") == ["important", "step"]
    page.locator("[data-tags] .watch-tag").nth(1).tap()
    until(page, "Math.abs(document.querySelector('video').currentTime - 12) < .1")
    shot(page, "footage-marks")
    page.locator("[data-untag]").first.tap()
    page.locator("[data-why] input").fill("标错了")
    page.locator("[data-why] button").first.tap()
    expect(page.locator("[data-tags] > li").first).to_contain_text("li 已撤回：标错了")
    assert all(text["ratio"] >= 4.5 for text in page.evaluate(CONTRASTS))


def test_film_clip_and_weight_share_one_cursor(films: Films, page: Page) -> None:
    opened(page, f"/footage/passage/{films.passage}")
    ready(page)
    clip = page.locator(".watch-one").first.get_attribute("data-source") or ""
    assert clip != films.plays
    muted = "video => video.muted"
    assert video(page, clip).evaluate(muted)
    assert not video(page, films.plays).evaluate(muted)
    voice = page.locator(f'[data-sound="{films.plays}"]')
    voice.tap()
    expect(voice).to_have_attribute("aria-pressed", "false")
    assert video(page, films.plays).evaluate(muted)
    voice.tap()
    expect(voice).to_have_attribute("aria-pressed", "true")
    seek(page, clip, 7)  # 3 s after arrival; the film began 4 s before the clip
    until(
        page,
        f"Math.abs(document.querySelector('[data-source=\"{films.plays}\"] video').currentTime - 11) < .1",
    )
    expect(page.locator("[data-reading]")).to_contain_text("58\u00a0760 千克")
    expect(page.locator("svg[data-weight] line.trace-cursor")).to_have_attribute("visibility", "visible")
    weight = page.locator("svg[data-weight]")
    box = weight.bounding_box()
    assert box is not None
    weight.tap(position={"x": box["width"] * 0.3, "y": box["height"] * 0.5})
    at = "document.querySelector('[data-source=\"{}\"] video').currentTime"
    first, second = at.format(clip), at.format(films.plays)
    until(page, f"{first} !== 7 && Math.abs({second} - {first} - 4) < .1")
    expect(page.locator("[data-reading]")).to_contain_text("千克")
    page.locator(f'[data-source="{clip}"] video').evaluate("video => video.play()")
    until(page, f"!document.querySelector('[data-source=\"{films.plays}\"] video').paused")
    page.locator(f'[data-source="{clip}"] video').evaluate("video => video.pause()")
    until(page, f"document.querySelector('[data-source=\"{films.plays}\"] video').paused")
    page.locator("[data-mark=event]").tap()
    expect(page.locator("[data-tags]")).to_contain_text(films.passage)
    shot(page, "footage-together")
    page.locator("svg[data-line]").tap(position={"x": 12, "y": 10})
    expect(page.locator(f'[data-source="{clip}"] video')).to_have_attribute("data-outside", "")
    expect(page.locator("[data-reading]")).to_contain_text("此刻无重量")


def test_a_film_that_does_not_play_gets_its_copy_and_then_plays(films: Films, page: Page) -> None:
    opened(page, f"/footage/{films.old}")
    expect(page.locator(".watch-away")).to_contain_text("工作副本")
    page.locator("[data-copy]").tap()
    expect(page.locator("[data-made] progress:not([hidden])")).to_be_visible()
    expect(page.locator("video")).to_be_visible(timeout=60_000)
    ready(page)
    video(page, films.old).evaluate("video => video.play()")
    until(page, "document.querySelector('video').currentTime > 0.3")
    until(page, "document.querySelector('video').webkitAudioDecodedByteCount > 0")
    assert video(page, films.old).evaluate("video => !video.muted && video.controls && video.volume === 1")
    expect(page.locator("[data-made] > li", has_text="工作副本")).to_be_visible()


def test_boxes_are_drawn_by_a_finger_and_the_redacted_copy_is_made(films: Films, page: Page) -> None:
    opened(page, f"/footage/{films.plays}/redact")
    until(page, "document.querySelector('video').readyState >= 2")
    layer = page.locator("[data-boxes]").bounding_box()
    assert layer is not None

    def draw(left: float, right: float) -> None:
        page.mouse.move(layer["x"] + layer["width"] * left, layer["y"] + layer["height"] * 0.3)
        page.mouse.down()
        page.mouse.move(layer["x"] + layer["width"] * right, layer["y"] + layer["height"] * 0.8)
        page.mouse.up()

    draw(0.2, 0.6)
    expect(page.locator("[data-keys] > li")).to_have_count(1)
    page.locator("[data-video]").evaluate("video => (video.currentTime = 4)")
    until(page, "document.querySelector('[data-reading]').textContent.startsWith('4.00')")
    draw(0.4, 0.8)
    expect(page.locator("[data-keys] > li")).to_have_count(2)
    page.locator("[data-video]").evaluate("video => (video.currentTime = 2)")
    until(page, "document.querySelector('[data-reading]').textContent.startsWith('2.00')")
    until(page, "document.querySelector('.redact-box')?.dataset.state === 'between'")
    left = float(page.locator(".redact-box").get_attribute("x") or 0)
    assert 290 < left < 310
    shot(page, "footage-redact")
    page.locator("[data-order] input[name=reason]").fill("公示")
    page.locator("[data-order] button").tap()
    redacted = page.locator("[data-made] > li[data-state=made]", has_text="公示")
    expect(redacted).to_be_visible(timeout=60_000)
    redacted.locator("a").tap()
    expect(page.locator("figcaption")).to_contain_text("脱敏副本")
    ready(page)
    shot(page, "footage-redacted")


def test_what_fingers_need_is_large_enough(films: Films, page: Page) -> None:
    opened(page, f"/footage/passage/{films.passage}")
    ready(page)
    for control in page.locator(".watch .button:visible, .watch select:visible, .watch input:visible").all():
        box = control.bounding_box()
        assert box is not None
        assert box["height"] >= 64
    width = page.evaluate("() => document.documentElement.scrollWidth")
    assert width <= 1280
