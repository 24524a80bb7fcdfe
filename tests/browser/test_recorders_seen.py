"""The QR clock as a camera sees it, and recorders and their links as an officer with gloves taps them."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
import segno
from playwright.sync_api import Page, expect

from journal.clock import SystemClock
from kernel.footage.clockcode import REDRAWN_MS, Code, clock_text, parse
from tests.browser.conftest import NewPage, Served, serve, sign_in
from tests.browser.recorder_site import NUMBER
from tests.browser.station_site import PASSWORD
from tests.browser.watching import Watch, shot, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

TARGET, GAP = 72, 16
PAINT_MS = 150  # from drawing to the picture that is taken of it, on a busy machine


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve("tests.browser.recorder_site", str(tmp_path_factory.mktemp("station"))) as served:
        yield served


@pytest.fixture
def tablet(station: Served, new_page: NewPage) -> Page:
    return new_page(station, width=1280, height=800, touch=True)


def read(page: Page) -> Code | None:
    picture = cv2.imdecode(np.frombuffer(page.screenshot(), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    text = cv2.QRCodeDetector().detectAndDecode(picture)[0]
    return parse(text) if text else None


def test_the_code_on_the_screen_is_the_time_of_the_station(tablet: Page) -> None:
    clock = SystemClock()
    sign_in(tablet, "li", PASSWORD, to="/clock")
    until(tablet, "document.body?.dataset.clock === 'right'")
    seen: list[Code] = []
    while len(seen) < 5:
        before = clock.now_ms()
        code = read(tablet)
        after = clock.now_ms()
        if code is None:  # the picture was taken between two codes
            continue
        assert code.station == "YIYUAN/S01"
        assert code.err_ms <= 100
        assert before - REDRAWN_MS - PAINT_MS - code.err_ms <= code.at_ms <= after + code.err_ms
        seen.append(code)
    assert len({code.at_ms for code in seen}) > 1
    shot(tablet, "qr-clock")


def test_the_code_is_the_one_that_another_encoder_draws(tablet: Page) -> None:
    sign_in(tablet, "li", PASSWORD, to="/clock")
    texts = ["WP1", *(clock_text("yiyuan/s01", 1_795_406_400_000 + n * 200, n * 7) for n in range(40))]
    texts += [clock_text("s" * 40, 1_795_406_400_123, 9), "A" * 20, "B" * 38, "C" * 41, "D" * 61]
    found = tablet.evaluate(
        """async (texts) => {
          const base = document.querySelector('script[src*="/station/clock.js"]').src.replace(/[^/]+$/, "");
          const { qr } = await import(`${base}qr.js`);
          return texts.map((text) => qr(text).map((row) => row.map(Number)));
        }""",
        texts,
    )
    for text, rows in zip(texts, found, strict=True):
        wanted = segno.make_qr(text, error="m", mode="alphanumeric", boost_error=False, mask=0).matrix
        assert rows == [list(row) for row in wanted], text


def test_a_clock_that_does_not_know_the_time_shows_no_code(tablet: Page, watch: Watch) -> None:
    watch.expect(r"Failed to load resource|ERR_FAILED")
    tablet.route("**/clock/now", lambda route: route.abort())
    sign_in(tablet, "li", PASSWORD, to="/clock")
    until(tablet, "document.body?.dataset.clock === 'unknown'")
    expect(tablet.locator("[data-error]")).to_have_text("与本站时间未对准，不显示二维码。")
    assert read(tablet) is None


def test_while_nobody_listens_no_tap_is_taken(tablet: Page, watch: Watch) -> None:
    watch.expect(r"Failed to load resource|ERR_FAILED")
    tablet.route("**/taps.js", lambda route: route.abort())
    sign_in(tablet, "li", PASSWORD, to="/recorders")
    expect(tablet.get_by_role("button", name="登记")).to_be_disabled()


def test_a_recorder_is_registered_taken_and_given_back_by_taps(tablet: Page) -> None:
    sign_in(tablet, "li", PASSWORD, to="/recorders")
    tablet.fill("[name=recorder]:not([type=hidden])", "3700999")
    tablet.fill("[name=model]", "DSJ-V8")
    tablet.get_by_role("button", name="登记").tap()
    row = tablet.locator('[data-recorder="3700999"]')
    expect(row).to_contain_text("DSJ-V8")
    row.get_by_role("button", name="领用").tap()
    expect(row).to_contain_text("li 于 ")
    shot(tablet, "recorders")
    row.get_by_role("button", name="归还").tap()
    expect(row).to_contain_text("在采集站或柜中")
    tablet.locator(f'[data-recorder="{NUMBER}"]').get_by_role("link", name="时钟").tap()
    expect(tablet.locator("h1")).to_contain_text(NUMBER)
    expect(tablet.locator("main")).to_contain_text("标准时间未知")
    shot(tablet, "recorder-clock", whole=True)


def test_a_proposal_is_one_tap_and_a_link_is_taken_back_with_a_reason(tablet: Page) -> None:
    sign_in(tablet, "li", PASSWORD, to="/footage/links")
    waiting, linked = (
        tablet.locator("[data-waiting] [data-link]"),
        tablet.locator("[data-linked] [data-link]"),
    )
    for _ in range(60):
        if waiting.count():
            break
        tablet.wait_for_timeout(250)
        tablet.reload()
    expect(waiting).to_contain_text("豫G5512H")
    expect(waiting).to_contain_text("其时钟无校时依据")
    yes, no = (
        waiting.get_by_role("button", name="是").bounding_box(),
        waiting.get_by_role("button", name="否").bounding_box(),
    )
    assert yes is not None
    assert no is not None
    assert min(yes["height"], no["height"], yes["width"], no["width"]) >= TARGET
    assert no["x"] - yes["x"] - yes["width"] >= GAP
    shot(tablet, "footage-links")
    waiting.get_by_role("button", name="是").tap()
    expect(waiting).to_have_count(0)
    expect(linked).to_contain_text("li")
    linked.locator("[name=reason]").fill("另一辆车")
    linked.get_by_role("button", name="撤销").tap()
    expect(linked).to_have_count(0)
