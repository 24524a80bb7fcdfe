"""The modules of `web/static` by themselves, in the browser they are made for."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import NewPage, Served

pytestmark = [pytest.mark.browser, pytest.mark.timeout(60)]

# A Live over a socket and a clock that the test holds in its hands.
LIVE = """
  const { Live } = await import(`${base}/live.js`);
  const clock = { now: 0 };
  const sockets = [];
  const open = () => { const s = { sent: [], send: (t) => s.sent.push(t), close: () => { s.closed = true; } }; sockets.push(s); return s; };
  document.body.innerHTML = `<p data-strip-text></p><div data-topic="w"><b data-value>20 900</b></div>
    <button data-needs="w" disabled>x</button><button data-needs="w" data-off disabled>y</button>`;
  const value = document.querySelector("b"), buttons = [...document.querySelectorAll("button")];
  const live = new Live({ now: () => clock.now, open });
  live.build = "b";
  const log = [];
  live.on("w", { snapshot: (d) => { value.textContent = d ?? "-"; log.push(["snap", d]); }, stale: () => log.push(["stale"]), fresh: () => log.push(["fresh"]) });
  live.connect();
  const say = (m) => sockets.at(-1).onmessage({ data: JSON.stringify(m) });
  const at = (ms) => { clock.now = ms; live.check(); };
  const seen = () => [value.textContent, buttons[0].disabled, buttons[1].disabled, document.documentElement.dataset.connection ?? ""];
"""


@pytest.fixture
def bench(new_page: NewPage, centre: Served) -> Page:
    page = new_page(centre, bypass_csp=True)  # the test writes markup by itself
    page.goto("/login")
    return page


def run(page: Page, body: str) -> Any:
    base = page.evaluate("document.querySelector('script[type=module]').src.replace(/\\/[^/]+$/, '')")
    return page.evaluate(f"async (base) => {{ {body} }}", base)


def test_a_value_that_stops_coming_is_blanked_while_the_line_lives(bench: Page) -> None:
    told = run(
        bench,
        LIVE
        + """
  const steps = [seen()];
  say({ k: "hello", build: "b" });
  say({ k: "snap", t: "w", n: 3, age_ms: 200, stale_ms: 1000, d: 100 });
  steps.push(seen());
  clock.now = 700; say({ k: "beat", at_ms: 0 }); steps.push(seen());
  clock.now = 900; say({ k: "beat", at_ms: 0 }); steps.push(seen());
  clock.now = 950; say({ k: "delta", t: "w", n: 4, d: 101 }); steps.push(seen());
  return [steps, log];""",
    )
    steps, log = told
    assert steps == [
        ["20 900", True, True, ""],
        ["100", False, True, "live"],
        ["100", False, True, "live"],
        ["------", True, True, "live"],
        ["101", False, True, "live"],
    ]
    assert log == [["snap", 100], ["fresh"], ["stale"], ["snap", 101], ["fresh"]]


def test_an_old_snapshot_is_not_shown_as_fresh(bench: Page) -> None:
    told = run(
        bench,
        LIVE
        + """
  say({ k: "hello", build: "b" });
  say({ k: "snap", t: "w", n: 3, age_ms: 5000, stale_ms: 1000, d: 100 });
  const old = seen();
  say({ k: "snap", t: "w", n: 3, age_ms: null, stale_ms: 1000, d: null });
  return [old, seen()];""",
    )
    assert told == [["------", True, True, "live"], ["------", True, True, "live"]]


def test_a_silent_line_is_stale_after_three_seconds_and_opened_again(bench: Page) -> None:
    told = run(
        bench,
        LIVE
        + """
  say({ k: "hello", build: "b" });
  say({ k: "snap", t: "w", n: 1, age_ms: 0, stale_ms: null, d: 100 });
  at(2900); const before = seen();
  at(3100); const after = seen();
  const closed = sockets[0].closed;
  clearTimeout(live.retry); live.connect();
  sockets[0].onmessage({ data: JSON.stringify({ k: "snap", t: "w", n: 9, age_ms: 0, stale_ms: null, d: 666 }) });
  const ghost = seen();
  say({ k: "hello", build: "b" });
  const waiting = seen();
  say({ k: "snap", t: "w", n: 1, age_ms: 0, stale_ms: null, d: 102 });
  return [before, after, closed, ghost, waiting, seen()];""",
    )
    before, after, closed, ghost, waiting, again = told
    assert before == ["100", False, True, "live"]
    assert after == ["------", True, True, "stale"]
    assert closed is True
    assert ghost == after  # what an abandoned socket still says is not heard
    assert waiting[:3] == ["------", True, True]  # connected, but nothing has been told yet
    assert again == ["102", False, True, "live"]


def test_deltas_that_a_snapshot_already_holds_are_passed_over(bench: Page) -> None:
    told = run(
        bench,
        LIVE
        + """
  say({ k: "hello", build: "b" });
  say({ k: "delta", t: "w", n: 4, d: 1 });
  say({ k: "snap", t: "w", n: 5, age_ms: 0, stale_ms: null, d: 5 });
  say({ k: "delta", t: "w", n: 5, d: 4 });
  say({ k: "delta", t: "w", n: 6, d: 6 });
  say({ k: "delta", t: "unknown", n: 1, d: 0 });
  return log.filter(([kind]) => kind === "snap").map(([, d]) => d);""",
    )
    assert told == [5, 6]


def test_the_wait_between_tries_has_an_end(bench: Page) -> None:
    told = run(
        bench,
        LIVE
        + """
  live.askSession = () => {};
  const waits = [];
  const real = window.setTimeout;
  window.setTimeout = (_run, ms) => { waits.push(ms); return 0; };
  for (let n = 0; n < 12; n += 1) live.lost(1006);
  window.setTimeout = real;
  return waits;""",
    )
    assert all(0 < wait <= 5_000 for wait in told)
    assert told[0] < told[2] < told[4]


def test_painting_is_paced_and_the_last_value_is_painted(bench: Page) -> None:
    told = run(
        bench,
        """
  const { paced } = await import(`${base}/paint.js`);
  let now = 0; const timers = []; const painted = [];
  const later = (run, ms) => timers.push([now + ms, run]);
  const ask = paced(() => painted.push(now), 4, { now: () => now, later });
  for (now = 0; now <= 2000; now += 10) {
    for (const [n, [due, run]] of [...timers.entries()].reverse()) if (due <= now) { timers.splice(n, 1); run(); }
    ask();
  }
  return painted;""",
    )
    assert len(told) == 9
    assert all(after - before >= 250 for before, after in itertools.pairwise(told))


def test_data_is_written_as_text_and_never_as_code(bench: Page) -> None:
    told = run(
        bench,
        """
  const { fill, write } = await import(`${base}/bind.js`);
  document.body.innerHTML = `<ul></ul><template><li data-set="data-tone:tone title:why"><b data-text="name"></b><i data-has="more" data-text="more"></i></li></template>`;
  const [list, template] = [document.querySelector("ul"), document.querySelector("template")];
  const item = (id, name, more = "") => ({ id, name, more, tone: "x", why: null });
  fill(list, template, [item(1, "<img src=x onerror=alert(1)>"), item(2, "b", "m")]);
  const first = [list.children[0], list.querySelectorAll("img").length, list.children[0].querySelector("b").textContent, list.children[0].querySelector("i").hidden, list.children[1].querySelector("i").hidden];
  fill(list, template, [item(3, "c"), item(2, "b2"), item(1, "a")]);
  const kept = list.children[2] === first[0];
  const order = [...list.children].map((li) => li.querySelector("b").textContent);
  let refused = "";
  const bad = document.createElement("a"); bad.dataset.set = "onclick:name";
  try { write(bad, { name: "alert(1)" }); } catch (error) { refused = error.message; }
  return [first.slice(1), kept, order, refused];""",
    )
    assert told[0] == [0, "<img src=x onerror=alert(1)>", True, False]
    assert told[1:3] == [True, ["c", "b2", "a"]]
    assert "onclick" in told[3]


def test_a_trace_shows_the_point_that_holds_and_nothing_between(bench: Page) -> None:
    told = run(
        bench,
        """
  const { Trace, niceStep } = await import(`${base}/trace.js`);
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg"); document.body.append(svg);
  const trace = new Trace(svg, { points: [[0, 0], [100, 500], [200, 20900]], levels: [{ kg: 18000, label: "limit", tone: "limit" }] });
  const steps = [0.3, 1, 1.1, 4999, 5001].map(niceStep);
  return [trace.at(-1), trace.at(0), trace.at(199), trace.at(200), trace.at(201), steps, svg.querySelectorAll(".trace-level").length,
    new Trace(svg, { points: [] }).at(0)];""",
    )
    assert told[:5] == [None, [0, 0], [100, 500], [200, 20_900], None]
    assert told[5] == pytest.approx([0.5, 1, 2, 5000, 10_000])
    assert told[6:] == [1, None]


def test_times_are_shanghais_whatever_the_machines(new_page: NewPage, centre: Served) -> None:
    page = new_page(centre, timezone_id="America/New_York")
    page.goto("/login")
    told = run(
        page,
        """
  const { stamp, clock, grouped } = await import(`${base}/format.js`);
  return [stamp(1787897787250), clock(1787897787250), grouped(46000), grouped(999), grouped(null), grouped(1234567)];""",
    )
    assert told == ["2026-08-28 14:16:27", "14:16:27", "46\u00a0000", "999", "—", "1\u00a0234\u00a0567"]
