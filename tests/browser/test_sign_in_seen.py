"""Signing in as a person does it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewPage, Served, sign_in
from tests.browser.watching import Watch, shot

pytestmark = [pytest.mark.browser, pytest.mark.timeout(60)]


def test_a_stranger_signs_in_and_out(page: Page) -> None:
    page.goto("/wall")
    expect(page).to_have_url("/login?next=/wall")
    expect(page.locator("#name")).to_be_focused()
    shot(page, "login")
    sign_in(page, to="/wall")
    expect(page).to_have_url("/wall")
    page.get_by_role("button", name="退出").click()
    expect(page).to_have_url("/login")
    page.goto("/wall")
    expect(page.locator("h1")).to_have_text("登录")


def test_a_wrong_password_is_said_and_nothing_else(page: Page, watch: Watch) -> None:
    watch.expect("status of 401")
    sign_in(page, password="wrong")
    expect(page.get_by_role("alert")).to_have_text("账号或密码不正确。")
    expect(page.locator("#password")).to_have_value("")


def test_languages_are_switched_and_kept(page: Page) -> None:
    page.goto("/login")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    page.get_by_role("link", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("h1")).to_have_text("Sign in")
    sign_in(page, to="/events")
    expect(page.locator("h1")).to_have_text("Crossings")
    page.get_by_role("link", name="中文").click()
    expect(page.locator("h1")).to_have_text("过车记录")


def test_it_works_without_scripts(new_page: NewPage, centre: Served) -> None:
    page = new_page(centre, javascript=False)
    sign_in(page, to="/events")
    expect(page.locator("h1")).to_have_text("过车记录")


def test_a_wall_display_has_no_way_to_act(page: Page) -> None:
    sign_in(page, "wall-1")
    expect(page.locator("html")).to_have_attribute("data-connection", "live")
    expect(page.get_by_role("button", name="退出")).to_be_hidden()
