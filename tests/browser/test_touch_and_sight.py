"""What hands and eyes need: targets of 48 px, text that can be read, no page wider than its screen."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewPage, Served, sign_in
from tests.browser.watching import shot

pytestmark = [pytest.mark.browser, pytest.mark.timeout(60)]
TARGET = 48
CONTROLS = ".header a, .header button, .button, input:not([type=hidden]), select, .row-link, summary"
# Contrast of every piece of text against the nearest ground behind it that has a colour.
CONTRASTS = """
() => {
  const rgb = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, n) => sum + v * [0.2126, 0.7152, 0.0722][n], 0);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (style.backgroundImage !== "none") return null;
      const [r, g, b, a = 1] = rgb(style.backgroundColor);
      if (a > 0.99) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim();
    if (!text || element.closest("svg, .plate, video, script, .skip, noscript, [aria-hidden=true]") || !element.checkVisibility()) continue;
    const behind = ground(element);
    if (!behind) continue;
    const [one, two] = [light(rgb(getComputedStyle(element).color)), light(behind)].sort((a, b) => b - a);
    found.push({ text: text.slice(0, 30), ratio: (one + 0.05) / (two + 0.05), size: parseFloat(getComputedStyle(element).fontSize) });
  }
  return found;
}
"""
PATHS = ("/login", "/events", "/sources", "/quarantine")
READ = (*PATHS[1:], "/plates")


@pytest.fixture
def tablet(new_page: NewPage, centre: Served) -> Page:
    return new_page(centre, width=1280, height=800, touch=True)


def crossing(page: Page) -> str:
    page.goto("/events")
    return str(page.locator(".row-link").first.get_attribute("href"))


def small(page: Page) -> list[str]:
    found = []
    for control in page.locator(CONTROLS).all():
        box = control.bounding_box()
        if box and control.is_visible() and (box["height"] < TARGET - 0.5 or box["width"] < TARGET - 0.5):
            found.append(f"{control.inner_text()!r} {box['width']:.0f} x {box['height']:.0f}")
    return found


def test_every_control_is_large_enough_for_a_finger(tablet: Page) -> None:
    tablet.goto("/login")
    assert small(tablet) == []
    sign_in(tablet)
    for path in (*PATHS[1:], crossing(tablet)):
        tablet.goto(path)
        assert small(tablet) == [], path


def test_text_is_dark_enough_and_large_enough(tablet: Page) -> None:
    sign_in(tablet)
    for path in ("/wall", *READ, crossing(tablet)):
        tablet.goto(path)
        told: list[dict[str, Any]] = tablet.evaluate(CONTRASTS)
        assert len(told) > 10
        assert [each for each in told if each["ratio"] < 7] == [], path
        assert [each for each in told if each["size"] < 10] == [], path


def test_no_page_is_wider_than_its_screen(tablet: Page) -> None:
    sign_in(tablet)
    for path in ("/wall", *READ, crossing(tablet)):
        tablet.goto(path)
        assert tablet.evaluate("document.documentElement.scrollWidth") <= 1280, path


def test_pictures_for_people_to_look_at(new_page: NewPage, centre: Served) -> None:
    for width, height in ((1920, 1080), (1280, 800)):
        page = new_page(centre, width=width, height=height)
        sign_in(page)
        expect(page.locator("html")).to_have_attribute("data-connection", "live")
        for name in ("events", "sources", "quarantine"):
            page.goto(f"/{name}")
            shot(page, f"{name}-{width}x{height}")
            assert page.evaluate("document.fonts.check('16px \"Noto Sans CJK SC\"')")
