"""The demo as a newcomer runs it: trucks drive, wall, event page and tablet show them, the report counts them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NewPage, Served, sign_in
from tests.browser.watching import shot, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]

VEHICLES = int(os.environ.get("DEMO_VEHICLES", "8"))  # `make pictures` wants a full wall
LOGIN = re.compile(r"^\s+(wall|tablet)\s+(http://[^/\s]+)/\S+\s+user (\S+)\s+password (\S+)")


@dataclass
class Running:
    """A demo in a process of its own, and what it printed about signing in."""

    process: subprocess.Popen[str]
    report: Path
    logins: dict[str, tuple[str, str, str]]  # wall or tablet: address, user, password

    def site(self, name: str) -> Served:
        return Served(url=self.logins[name][0], pid=self.process.pid)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("demo")
    report = folder / "report.json"
    process = subprocess.Popen(
        [
            str(Path(sys.executable).parent / "weighpost-sim"),
            *("demo", "--vehicles", str(VEHICLES), "--exit"),
            *("--folder", str(folder / "run"), "--report", str(report)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    running = Running(process, report, {})
    said = []
    for line in process.stdout:
        said.append(line)
        found = LOGIN.match(line)
        if found:
            running.logins[found[1]] = (found[2], found[3], found[4])
        if len(running.logins) == 2:
            break
    assert len(running.logins) == 2, "".join(said)
    yield running
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        process.wait(60)
    process.stdout.close()


def test_the_wall_shows_trucks_as_they_are_weighed(demo: Running, new_page: NewPage) -> None:
    page = new_page(demo.site("wall"), width=1920, height=1080)
    _, user, password = demo.logins["wall"]
    sign_in(page, user, password)
    expect(page.locator("html")).to_have_attribute("data-connection", "live")
    until(page, f"document.querySelectorAll('tbody tr').length >= {min(VEHICLES - 2, 20)}", seconds=240)
    expect(page.get_by_text("疑似超限").first).to_be_visible()
    assert not re.search("罚款|处罚", page.inner_text("body"))
    shot(page, "demo-wall")


def test_the_tablet_shows_the_queue_and_the_live_weight(demo: Running, new_page: NewPage) -> None:
    page = new_page(demo.site("tablet"), width=1280, height=800, touch=True)
    _, user, password = demo.logins["tablet"]
    sign_in(page, user, password, to="/tablet")
    expect(page.locator("html")).to_have_attribute("data-connection", "live")
    until(page, "/[0-9]/.test(document.querySelector('[data-weight]').textContent)", seconds=60)
    until(page, "document.querySelector('.card')", seconds=60)
    page.locator(".card").last.tap()
    until(page, "document.querySelector('[data-picture]').naturalWidth >= 1280", seconds=60)
    shot(page, "demo-tablet")


def test_a_crossing_shows_its_pictures_and_its_clip_plays(demo: Running, new_page: NewPage) -> None:
    page = new_page(demo.site("wall"), width=1280, height=800)
    _, user, password = demo.logins["wall"]
    sign_in(page, user, password, to="/events?outcome=over_limit")
    page.locator("tbody tr a").last.click()
    expect(page.locator("img").first).to_be_visible()
    until(page, "document.querySelector('img').naturalWidth >= 1280", seconds=30)
    for _ in range(20):
        if page.locator("video").count():
            break
        page.wait_for_timeout(2_000)
        page.reload()
    page.evaluate("() => document.querySelector('video').play()")
    until(page, "document.querySelector('video').currentTime > 0.5", seconds=20)
    shot(page, "demo-crossing")


def test_the_report_finds_every_truck_once_and_right(demo: Running) -> None:
    assert demo.process.stdout is not None
    rest = demo.process.stdout.read()
    assert demo.process.wait(300) == 0, rest[-3000:]
    report = json.loads(demo.report.read_text())
    assert report["vehicles"] == VEHICLES
    whole = {
        name: report[name] for name in ("events_central", "mass_exact", "verdict_exact", "packages_verified")
    }
    assert whole == dict.fromkeys(whole, VEHICLES)
    assert (report["lost"], report["doubled"], report["plates_false"]) == (0, 0, 0)
    assert (
        report["clips_playable"] >= VEHICLES - 1
    )  # a camera that starves on a busy machine is said, not hidden
    assert report["footage_filmed"] > 0
    assert report["footage_imported"] == report["footage_timed"] == report["footage_filmed"]
    assert report["footage_linked"] == report["footage_to_link"]
    assert set(report["latency_ms"]) == {"journal_p95", "tablet_p95", "wall_p95", "photos_p95", "clip_p95"}
    assert set(report["peak_rss_mb"]) == {"edge", "station", "central"}
