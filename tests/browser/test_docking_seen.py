"""The docking station as somebody sees it who comes back from the road: put it in, see the bar, read what is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import NewPage, Served, sign_in
from tests.browser.test_touch_and_sight import CONTRASTS
from tests.browser.watching import shot

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Docks(Served):
    process: subprocess.Popen[str]

    def do(self, command: str) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        assert json.loads(self.process.stdout.readline()) == {"done": command}


@pytest.fixture
def docks(tmp_path: Path) -> Iterator[Docks]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.browser.docking_site", str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        told = json.loads(process.stdout.readline())
        yield Docks(url=told["url"], pid=told["pid"], process=process)
    finally:
        process.stdin.close()
        process.wait(20)
        process.stdout.close()


def dock(page: Page, name: str) -> Locator:
    return page.locator(f'.dock[data-id="{name}"]')


def test_a_recorder_is_put_in_taken_in_and_pulled_out(docks: Docks, new_page: NewPage) -> None:
    page = new_page(docks, width=1280, height=800, touch=True)
    sign_in(page, "li", to="/docking")
    expect(page.locator("html")).to_have_attribute("data-connection", "live")
    expect(page.locator(".dock .dock-state")).to_have_text(["○ 空位"] * 3)
    docks.do("dock dock-1")
    docks.do("dock dock-2")
    first, second = dock(page, "dock-1"), dock(page, "dock-2")
    expect(first.locator(".dock-state")).to_have_text("✔ 已全部采集", timeout=30_000)
    expect(first.locator(".dock-number")).to_have_text("3700123")
    expect(first.locator(".dock-progress")).to_contain_text("文件 6/6")
    expect(first.locator(".dock-progress")).to_contain_text("新增 6")
    expect(first.locator(".dock-facts")).to_contain_text("时钟慢 2:17")
    expect(first.locator(".dock-facts")).to_contain_text("已校时")
    expect(first.locator(".dock-problems")).to_contain_text("是链接，未读取；")
    expect(first.locator(".dock-problems")).to_contain_text("空文件")
    expect(second.locator(".dock-state")).to_have_text("◆ 已锁定", timeout=20_000)
    expect(second.locator(".dock-hint")).to_contain_text("管理密码")
    shot(page, "docking")
    told: list[dict[str, Any]] = page.evaluate(CONTRASTS)
    assert [each for each in told if each["ratio"] < 7] == []
    assert [each for each in told if each["size"] < 16] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    docks.do("pull dock-1")
    expect(first.locator(".dock-state")).to_have_text("○ 空位")
    docks.do("dock dock-1")
    expect(first.locator(".dock-progress")).to_contain_text("新增 0", timeout=30_000)
    expect(first.locator(".dock-facts")).to_contain_text("0.")  # set by the first docking


def test_the_page_is_read_in_english_and_without_javascript(docks: Docks, new_page: NewPage) -> None:
    page = new_page(docks, width=800, height=1280, javascript=False)
    sign_in(page, "li", to="/docking")
    page.goto("/language/en?next=/docking")
    expect(page.locator("h1")).to_have_text("Docking station")
    expect(page.locator(".dock .dock-state")).to_have_text(["○ nothing docked"] * 3)
    expect(page.locator(".nav a[aria-current=page]")).to_have_text("Docking station")
