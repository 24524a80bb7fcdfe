"""Chromium, watched pages, and a centre to visit.  Station pages use the same: `new_page` and `watch`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.centre_site import PASSWORD
from tests.browser.watching import Watch

CHROMIUM = "/usr/bin/chromium"
ARGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
NewPage = Callable[..., Page]
expect.set_options(timeout=8_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A site in a process of its own."""

    url: str
    pid: int

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """The process stands still, as when the line is gone: nothing answers, nothing is closed."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)


@contextmanager
def serve(*command: str) -> Iterator[Served]:
    """Start a site that tells its address and pid in one line of JSON; it is ended by its pid."""
    process = subprocess.Popen([sys.executable, "-m", *command], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        yield Served(url=told["url"], pid=told["pid"])
    finally:
        process.terminate()
        process.wait(20)
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")  # its heartbeats grow old: a wall of three minutes ago says so
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve("tests.browser.centre_site", str(tmp_path_factory.mktemp("centre"))) as served:
        yield served


@pytest.fixture
def watch() -> Iterator[Watch]:
    watch = Watch()
    yield watch
    assert watch.unexpected() == []


@pytest.fixture
def new_page(chromium: Browser, watch: Watch) -> Iterator[NewPage]:
    """Makes watched pages: `new_page(site, width=..., height=..., touch=..., javascript=...)`."""
    contexts = []

    def make(
        site: Served,
        *,
        width: int = 1280,
        height: int = 800,
        touch: bool = False,
        javascript: bool = True,
        **more: Any,
    ) -> Page:
        watch.own.add(site.host)
        context = chromium.new_context(
            base_url=site.url,
            viewport={"width": width, "height": height},
            has_touch=touch,
            java_script_enabled=javascript,
            locale="zh-CN",
            **more,
        )
        contexts.append(context)
        page = context.new_page()
        watch.attach(page)
        return page

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def page(new_page: NewPage, centre: Served) -> Page:
    return new_page(centre)


def sign_in(page: Page, name: str = "wang", password: str = PASSWORD, *, to: str = "/") -> None:
    page.goto(f"/login?next={to}")
    page.fill("#name", name)
    page.fill("#password", password)
    with page.expect_navigation(wait_until="domcontentloaded"):  # its modules have run by then
        page.click("button[type=submit].primary")
