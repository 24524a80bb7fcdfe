"""Step buttons, the day and the keeping by their addresses: who may what, what is written, and what is asked before a release."""

from __future__ import annotations

import re
import tomllib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import msgspec
import pytest

from kernel.events import Body, RecordAccessed, RecordHeld
from kernel.evidence import header
from kernel.footage.bodies import (
    ClockAnchor,
    ClockAnchored,
    DutyKept,
    FootageDisposed,
    FootageImported,
    FootageLinked,
    FootageScored,
    StepMarked,
)
from kernel.law.shipped import national
from kernel.settings import read
from station.assembly import Assembly, load_keys
from station.footage.room import FootageRoom
from station.settings import Settings
from tests.journal.brokers import MemoryBroker
from tests.journal.making import TestClock
from tests.station.county import PLATFORM, County
from tests.station.desk import Paper
from tests.station.footage.world import store
from web import times
from web.accounts import Account, Role
from web.passwords import Cost, Passwords

pytestmark = pytest.mark.broad

PASSWORD = "correct horse"
CHEAP = Passwords(Cost(memory_kib=8, passes=1))
ORIGIN = "http://station"
FOOTAGE = """
[footage]
[footage.keeping]
steps_required = true
sample_permille = 1000
recorders = 23
minutes_a_day = 480
kbit_s = 5800
"""


@dataclass
class Site:
    """The whole application, with recorders."""

    assembly: Assembly
    client: httpx.AsyncClient
    lane: Paper
    clock: TestClock
    csrf: dict[str, str] = field(default_factory=dict)
    posted: int = 0

    @property
    def room(self) -> FootageRoom:
        found = self.assembly._footage
        assert found is not None
        return found

    async def sign_in(self, role: Role = "operator", name: str = "li") -> None:
        self.client.cookies.clear()
        self.assembly._accounts.save_account(
            Account(name=name, shown=name, role=role, password_hash=CHEAP.hash(PASSWORD))
        )
        form = await self.client.get("/login")
        token = re.search(r'name="csrf" value="([^"]+)"', form.text)
        assert token is not None
        said = {"csrf": token[1], "name": name, "password": PASSWORD}
        await self.client.post("/login", data=said, headers={"Origin": ORIGIN})
        meta = re.search(r'<meta name="csrf" content="([^"]+)"', (await self.client.get("/tablet")).text)
        assert meta is not None
        self.csrf = {"X-CSRF-Token": meta[1], "Origin": ORIGIN}

    async def post(self, path: str, said: object, *, key: str = "") -> httpx.Response:
        self.posted += 1
        headers = {**self.csrf, "Idempotency-Key": key or f"key-{self.posted:08d}"}
        return await self.client.post(path, json=said, headers=headers)

    def weighed(self, gross_kg: int) -> str:
        body = self.lane.weigh(gross_kg)
        self.lane.picture(body.passage, "鲁C12345")
        self.lane.put()
        return f"/tablet/{PLATFORM}/{body.passage}"

    async def film(self, name: str, *, from_ms: int, minutes: int = 60, officer: str = "li") -> str:
        """An officer's file of so many minutes, its clock known."""
        sha256 = store(self.room.keeping._places.originals, name)
        anchor = ClockAnchor(kind="dock", own_ms=from_ms, true_ms=from_ms, err_ms=200)
        await self.room.ledger.say(ClockAnchored(recorder=f"rec-{officer}", anchor=anchor, by="dock1"))
        await self.room.ledger.say(
            FootageImported(
                recorder=f"rec-{officer}", dock="dock1", state="imported", name=name, sha256=sha256, size=1_000,
                officer=officer, own_start_ms=from_ms, start_basis="name", duration_ms=minutes * 60_000,
            )
        )  # fmt: skip
        return sha256

    async def said(self, kind: type[Body]) -> list[Body]:
        entries = await self.assembly._journal.read(0, 300)
        return [
            msgspec.json.decode(entry.body or b"", type=kind)
            for entry in entries
            if header.decode(entry.header).stream == kind.stream
        ]


@pytest.fixture
async def site(quick_path: Path) -> AsyncIterator[Site]:
    county = County.make(quick_path)
    settings = read(Settings, tomllib.loads(county.toml() + FOOTAGE))
    settings.folder.mkdir()
    clock = TestClock()
    assembly = Assembly(
        settings,
        keys=load_keys(settings),
        law=national(),
        transport=MemoryBroker().transport(),
        clock=clock,
        passwords=CHEAP,
    )
    transport = httpx.ASGITransport(app=assembly.assemble().app)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        lane = Paper(assembly._store, PLATFORM)
        yield Site(assembly=assembly, client=client, lane=lane, clock=clock)
    assembly.close()


async def test_a_step_is_marked_once_shown_by_footage_or_explained(site: Site) -> None:
    path = site.weighed(58_000)
    await site.sign_in()
    told = (await site.client.get(f"{path}/steps")).json()
    assert [step["name"] for step in told["steps"]][:5] == ["亮明证件", "告知", "检查称重", "卸载", "签字"]
    assert told["says"] == "5 个环节缺录像"
    for _ in range(2):
        answer = await site.post(f"{path}/steps", {"step": "show_certificate"}, key="the-same-tap")
    assert [step["tone"] for step in answer.json()["steps"]][:2] == ["marked", "open"]
    assert len(await site.said(StepMarked)) == 1
    sha256 = await site.film("a.mp4", from_ms=site.clock.now_ms() - 600_000)
    link = FootageLinked(
        link="l1", act="linked", sha256=sha256, from_ms=0, to_ms=60_000, by="rule", reason="near", box=PLATFORM,
        passage=path.rsplit("/", 1)[1], true_from_ms=site.clock.now_ms() - 600_000, err_ms=200,
    )  # fmt: skip
    await site.room.ledger.say(link)
    answer = await site.post(f"{path}/gaps", {"step": "signing", "reason": "当事人离开"})
    tones = {step["id"]: step["tone"] for step in answer.json()["steps"]}
    assert (tones["show_certificate"], tones["signing"], tones["notice"]) == ("shown", "explained", "open")
    assert answer.json()["says"] == "3 个环节缺录像"


async def test_a_reason_names_no_plate_and_says_something(site: Site) -> None:
    path = site.weighed(58_000)
    await site.sign_in()
    for reason, words in ((" ", "请填写原因。"), ("鲁C·12345 离开", "文字中请勿写车牌：过车已经标明。")):
        answer = await site.post(f"{path}/gaps", {"step": "signing", "reason": reason})
        assert (answer.status_code, answer.json()["detail"]) == (409, words)
    assert (await site.post(f"{path}/steps", {"step": "fine"})).status_code == 422
    assert (await site.post(f"{path}x/steps", {"step": "notice"})).status_code == 404


async def test_a_finding_is_not_released_before_its_steps_are_marked_or_explained(site: Site) -> None:
    path = site.weighed(58_000)
    again = site.weighed(48_000)
    await site.sign_in()
    box, passage = again.split("/")[2:4]
    said = {"police_result": "7", "reweigh": {"box": box, "passage": passage}}
    answer = await site.post(f"{path}/release", said)
    assert (answer.status_code, answer.json()["why"]) == (409, "steps_open")
    for step in ("show_certificate", "notice", "weighing"):
        await site.post(f"{path}/steps", {"step": step})
    await site.post(f"{path}/gaps", {"step": "unloading", "reason": "卸载场无信号"})
    assert (await site.post(f"{path}/release", said)).status_code == 200


async def test_who_only_looks_marks_nothing(site: Site) -> None:
    path = site.weighed(58_000)
    await site.sign_in("viewer")
    assert (await site.client.get(f"{path}/steps")).status_code == 200
    assert (await site.post(f"{path}/steps", {"step": "notice"})).status_code == 403
    assert (await site.post("/footage/keeping/hold", {"passage": "p", "reason": "x"})).status_code == 403


async def test_the_day_shows_shifts_gaps_and_the_sample(site: Site) -> None:
    await site.sign_in("reviewer", "wang")
    start = times.day_start_ms(site.clock.now_ms()) + 8 * 3_600_000
    for officer, act, at in (("li", "begun", 0), ("li", "ended", 4), ("zhao", "begun", 0)):
        await site.room.ledger.say(
            DutyKept(officer=officer, act=act, at_ms=start + at * 3_600_000, by="wang")  # type: ignore[arg-type]
        )
    sha256 = await site.film("早班.mp4", from_ms=start, minutes=180)
    day = times.stamp(start)[:10]
    site.clock.ms = start + 3 * 3_600_000 + 1  # the morning: what is still to come lacks nothing
    page = (await site.client.get(f"/footage/day?d={day}")).text
    assert "180 (100 %)" in page
    assert "11:00–" not in page
    site.clock.ms = start + 86_400_000
    page = (await site.client.get(f"/footage/day?d={day}")).text
    assert "180 (75 %)" in page
    assert "11:00–12:00" in page
    assert "执勤而无录像" in page
    assert "早班.mp4" in page
    for _ in range(2):
        answer = await site.post(f"/footage/{sha256}/score", {"score": 4, "note": "声音小"}, key="score-once")
        assert answer.status_code == 200, answer.text
    assert [body.sample for body in await site.said(FootageScored) if isinstance(body, FootageScored)] == [
        True
    ]
    assert "wang: 4 声音小" in (await site.client.get(f"/footage/day?d={day}")).text
    accesses = [body for body in await site.said(RecordAccessed) if isinstance(body, RecordAccessed)]
    looks = [body.filter for body in accesses if body.what == "list" and body.filter]
    assert set(looks) == {f"footage day={day}"}
    assert (await site.client.get("/footage/day?d=yesterday")).status_code == 422


async def test_nobody_scores_their_own_footage(site: Site) -> None:
    await site.sign_in("reviewer", "wang")
    own = await site.film("own.mp4", from_ms=site.clock.now_ms(), officer="wang")
    answer = await site.post(f"/footage/{own}/score", {"score": 5})
    assert (answer.status_code, answer.json()["detail"]) == (409, "不得为本人的录像评分。")
    [first] = site.room.index.of(FootageImported, sha256=own)
    await site.room.ledger.say(msgspec.structs.replace(first.body, state="duplicate", officer="zhao"))
    assert (await site.post(f"/footage/{own}/score", {"score": 5})).status_code == 409
    assert (await site.post(f"/footage/{'ab' * 32}/score", {"score": 5})).status_code == 404
    assert (await site.post(f"/footage/{own}/score", {"score": 6})).status_code == 422


async def test_what_is_kept_is_shown_held_and_restored(site: Site) -> None:
    await site.sign_in("reviewer", "wang")
    sha256 = await site.film("旧.mp4", from_ms=site.clock.now_ms())
    body = FootageDisposed(act="marked", files=(sha256,), rule="footage-unlinked", by="s01-station", due_ms=1)
    await site.room.ledger.say(body)
    await site.room.keeping.relieve()
    page = (await site.client.get("/footage/keeping")).text
    assert "旧.mp4" in page
    assert "footage-unlinked" in page
    assert "不足" in page  # 23 recorders and this disk
    wanted = {"files": [sha256], "reason": "复议", "until": "2099-01-01"}
    for _ in range(2):  # the same form sent twice is one act
        restored = await site.post(
            "/footage/keeping/restore", {"files": [sha256], "reason": "投诉"}, key="restore-once"
        )
        assert restored.status_code == 200, restored.text
        held = await site.post("/footage/keeping/hold", wanted, key="hold-once")
        assert held.status_code == 200, held.text
    bad = await site.post("/footage/keeping/hold", {"files": [sha256], "reason": "复议", "until": "soon"})
    assert bad.status_code == 422
    page = (await site.client.get("/footage/keeping")).text
    assert "旧.mp4" not in page
    assert "复议" in page
    assert len(await site.said(RecordHeld)) == 1
    assert len(await site.said(FootageDisposed)) == 2  # marked, restored
    for _ in range(2):
        ended = await site.post(
            "/footage/keeping/hold", {"act": "released", "files": [sha256], "reason": "完"}, key="ended-once"
        )
        assert ended.status_code == 200, ended.text
    answer = await site.post("/footage/keeping/hold", {"passage": "no-such", "reason": "x"})
    assert (answer.status_code, answer.json()["detail"]) == (404, "本站没有该过车。")


async def test_what_a_lane_holds_is_listed_and_only_the_lane_ends_it(site: Site) -> None:
    await site.sign_in("reviewer", "wang")
    passage = site.weighed(58_000).rsplit("/", 1)[1]
    site.lane.say(RecordHeld(act="held", passage=passage, by="centre", reason="诉讼"))
    site.lane.put()
    page = (await site.client.get("/footage/keeping")).text
    assert f"lane:{passage}"[:40] in page
    assert "诉讼" in page
    assert "由车道封存，只能由车道解除" in page
    assert 'value="released"' not in page


async def test_the_strip_says_that_the_disk_is_too_small(site: Site) -> None:
    """By the real task of the station, over its real folder."""
    await site.room.keeping.step()
    assert "rule_cannot_be_met" in site.room.keeping.worries()
    state = await site.assembly._feed.state("zh")
    assert [chip.words for chip in state.chips if chip.id == "station/footage"] == [
        "磁盘不足以保存规定天数的录像"
    ]
    assert "rule_cannot_be_met" in (await site.client.get("/healthz")).json()["footage"]


async def test_a_station_started_again_half_a_year_later_deletes_what_is_due(site: Site) -> None:
    """The journal makes the index again, and the deletion list is in the journal."""
    sha256 = await site.film("a.mp4", from_ms=site.clock.now_ms())
    folder = site.room.folder
    (folder / "footage.db").unlink()
    for days in (185, 8):
        site.clock.ms += days * 86_400_000
        again = site.assembly._make_footage(folder.parent, national())
        assert again is not None
        await again.catch_up()
        await again.keeping.step()
    assert site.room.keeping._places.originals.path(sha256) is None
    acts = [body.act for body in await site.said(FootageDisposed) if isinstance(body, FootageDisposed)]
    assert acts == ["marked", "deleted"]
