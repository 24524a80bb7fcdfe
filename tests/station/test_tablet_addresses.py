"""The tablet's addresses: who may what, what an answer says, and what a hostile request gets."""

from __future__ import annotations

import asyncio
import hashlib
import re
import tomllib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from kernel.events import RecordAccessed, SlipIssued
from kernel.evidence import header
from kernel.evidence.header import FileRef
from kernel.evidence.slips import Slip
from kernel.law.shipped import national
from kernel.settings import read
from station.assembly import Assembly, load_keys
from station.settings import Settings
from tests.journal.brokers import MemoryBroker
from tests.journal.making import TestClock
from tests.station.county import PLATFORM, County
from tests.station.desk import UNKNOWN, Paper
from web.accounts import Account, Role
from web.passwords import Cost, Passwords

pytestmark = pytest.mark.broad

PASSWORD = "correct horse"
CHEAP = Passwords(Cost(memory_kib=8, passes=1))
ORIGIN = "http://station"
KEY = {"Idempotency-Key": "0123456789abcdef"}


@dataclass
class Visited:
    """The whole application over a broker in memory."""

    assembly: Assembly
    client: httpx.AsyncClient
    lane: Paper
    csrf: dict[str, str] = field(default_factory=dict)

    async def sign_in(self, role: Role = "operator") -> None:
        self.assembly._accounts.save_account(
            Account(name="li", shown="李明", role=role, password_hash=CHEAP.hash(PASSWORD))
        )
        form = await self.client.get("/login")
        token = re.search(r'name="csrf" value="([^"]+)"', form.text)
        assert token is not None
        said = {"csrf": token[1], "name": "li", "password": PASSWORD}
        answer = await self.client.post("/login", data=said, headers={"Origin": ORIGIN})
        assert answer.status_code == 303, answer.text
        page = await self.client.get("/tablet")
        meta = re.search(r'<meta name="csrf" content="([^"]+)"', page.text)
        assert meta is not None
        self.csrf = {"X-CSRF-Token": meta[1], "Origin": ORIGIN}

    async def post(self, path: str, said: object, **headers: str) -> httpx.Response:
        return await self.client.post(path, json=said, headers={**self.csrf, **KEY, **headers})

    def weighed(self, gross_kg: int | None, plate: str = "鲁C12345", **more: Any) -> str:
        body = self.lane.weigh(gross_kg, **more)
        self.lane.picture(body.passage, plate)
        self.lane.put()
        return f"/tablet/{PLATFORM}/{body.passage}"


@pytest.fixture
async def visited(quick_path: Path) -> AsyncIterator[Visited]:
    county = County.make(quick_path)
    settings = read(Settings, tomllib.loads(county.toml()))
    settings.folder.mkdir()
    assembly = Assembly(
        settings,
        keys=load_keys(settings),
        law=national(),
        transport=MemoryBroker().transport(),
        clock=TestClock(),
        passwords=CHEAP,
    )
    app = assembly.assemble().app
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        yield Visited(assembly=assembly, client=client, lane=Paper(assembly._store, PLATFORM))
    assembly.close()


async def test_a_stranger_is_sent_to_the_login_and_told_nothing(visited: Visited) -> None:
    path = visited.weighed(58_000)
    page = await visited.client.get("/tablet", headers={"Accept": "text/html"})
    assert (page.status_code, page.headers["location"]) == (303, "/login?next=/tablet")
    for method, at in (("GET", path), ("POST", f"{path}/hold"), ("GET", f"/files/{'a' * 64}")):
        answer = await visited.client.request(method, at)
        assert answer.status_code == 401
        assert "鲁" not in answer.text


async def test_the_page_shows_the_queue_without_any_script(visited: Visited) -> None:
    visited.weighed(58_000, "豫G5512H")
    await visited.sign_in()
    page = await visited.client.get("/tablet")
    assert "豫G5512H" in page.text
    assert "58\u00a0000" in page.text
    assert "超限 9\u00a0000 千克" in page.text
    assert "与中心断开，数据已存本站" in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'self'")


async def test_one_vehicle_in_words(visited: Visited) -> None:
    path = visited.weighed(47_300, facts=UNKNOWN, missing=("camera rear: down",))
    await visited.sign_in()
    told = (await visited.client.get(path)).json()
    assert told["line"]["plate"] == "鲁C12345"
    assert told["verdict"]["words"].replace("\u00a0", " ") == "18/25/27/31/36/43/46/49 t：待确认"
    assert [item["value"] for item in told["missing"]] == ["后相机：断开"]
    assert told["release"]["why"] == "限值未定：请先确认车型。"
    assert all("《" in item["value"] for item in told["verdict"]["candidates"])
    english = await visited.client.get(path, headers={"Cookie": _english(visited)})
    assert english.json()["release"]["why"] == "The limit is not certain: confirm the vehicle first."


async def test_a_form_is_judged_before_and_written_after(visited: Visited) -> None:
    path = visited.weighed(47_300, facts=UNKNOWN)
    await visited.sign_in()
    seen = {"axle_count": 6, "combination": True, "drive_axles": 1, "single_tyre_axles": 0}
    size = visited.assembly._journal.size
    said = await visited.post(f"{path}/judge", {"seen": seen})
    assert said.json()["words"].replace("\u00a0", " ") == "超限 1 300 千克"
    assert visited.assembly._journal.size == size
    done = await visited.post(f"{path}/confirm", {"seen": seen})
    assert done.status_code == 200
    assert done.json()["detail"]["line"]["tone"] == "over"
    assert done.json()["detail"]["facts"]["drive_axles"] == 1
    again = await visited.post(f"{path}/confirm", {"seen": seen})
    assert again.json()["again"] is True
    assert again.json()["entry"] == done.json()["entry"]


async def test_a_release_that_may_not_be_is_refused_in_words(visited: Visited) -> None:
    path = visited.weighed(58_000)
    await visited.sign_in()
    answer = await visited.post(f"{path}/release", {})
    assert (answer.status_code, answer.json()["why"]) == (409, "over_limit")
    assert answer.json()["detail"] == "超限：须卸载并复检后放行。"


async def test_only_a_supervisor_decides_against_the_rule(visited: Visited) -> None:
    path = visited.weighed(58_000)
    await visited.sign_in("operator")
    said = {"override_reason": "大件运输许可 2026-31"}
    answer = await visited.post(f"{path}/release", said)
    assert (answer.status_code, answer.json()["detail"]) == (403, "仅值班负责人可作此决定。")
    await visited.client.post(
        "/logout", data={"csrf": visited.csrf["X-CSRF-Token"]}, headers={"Origin": ORIGIN}
    )
    await visited.sign_in("reviewer")
    answer = await visited.post(f"{path}/release", {"override_reason": "ok"})
    assert answer.json()["why"] == "override_without_reason"
    assert (await visited.post(f"{path}/release", said)).json()["detail"]["released"] is True


async def test_a_viewer_looks_and_does_not_act(visited: Visited) -> None:
    path = visited.weighed(48_000)
    await visited.sign_in("viewer")
    assert (await visited.client.get(path)).status_code == 200
    for act in ("hold", "release", "confirm", "judge"):
        assert (await visited.post(f"{path}/{act}", {"seen": {}})).status_code == 403


RUBBISH = (
    (b"", 422),
    (b"[]", 422),
    (b"\xff", 422),
    (b'{"police_result": 3}', 422),
    (b'{"gross_kg": 1}', 422),
    (b'{"note": "' + b"x" * 20_000 + b'"}', 413),
    (b'{"police_result": "' + b"x" * 81 + b'"}', 422),
    (b'{"a":' * 2_000 + b"1" + b"}" * 2_000, 422),
)


async def test_rubbish_is_refused_and_nothing_is_written(visited: Visited) -> None:
    path = visited.weighed(48_000)
    await visited.sign_in()
    size = visited.assembly._journal.size
    for data, status in RUBBISH:
        answer = await visited.client.post(f"{path}/release", content=data, headers={**visited.csrf, **KEY})
        assert answer.status_code == status, data[:40]
    assert visited.assembly._journal.size == size


async def test_an_act_needs_origin_form_token_and_key(visited: Visited) -> None:
    path = visited.weighed(48_000)
    await visited.sign_in()
    for headers in (
        {**KEY, "Origin": ORIGIN},
        {**KEY, **visited.csrf, "Origin": "http://evil"},
        {**KEY, **visited.csrf, "X-CSRF-Token": "x"},
    ):
        answer = await visited.client.post(f"{path}/hold", json={}, headers=headers)
        assert answer.status_code == 403
    for key in ({}, {"Idempotency-Key": "short"}, {"Idempotency-Key": "a b c d e f g h"}):
        answer = await visited.client.post(f"{path}/hold", json={}, headers={**visited.csrf, **key})
        assert answer.status_code == 422


NOWHERE = (
    "/tablet/s01-lane2/nobody",
    "/tablet/s99/p",
    "/tablet/S01/p",
    f"/files/{'a' * 64}",
    "/files/x",
    "/docs",
)


async def test_what_is_not_there(visited: Visited) -> None:
    await visited.sign_in()
    for path in NOWHERE:
        assert (await visited.client.get(path)).status_code in (404, 422), path


async def test_a_picture_is_shown_once_it_is_declared_and_here(visited: Visited) -> None:
    data = b"\xff\xd8 a picture"
    shot = FileRef(name="front-1.jpg", sha256=hashlib.sha256(data).hexdigest(), size=len(data))
    at = f"/files/{shot.sha256}"
    await visited.sign_in()
    stray = await _upload(visited, shot, data)
    assert stray.status_code == 404
    body = visited.lane.weigh(48_000)
    visited.lane.picture(body.passage, "鲁C12345", files=(shot,))
    visited.lane.put()
    path = f"/tablet/{PLATFORM}/{body.passage}"
    assert (await visited.client.get(at)).status_code == 404
    assert [still["state"] for still in (await visited.client.get(path)).json()["stills"]] == ["上传中"]
    assert (await _upload(visited, shot, data)).status_code == 200
    answer = await visited.client.get(at)
    assert (answer.content, answer.headers["content-type"]) == (data, "image/jpeg")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert [still["address"] for still in (await visited.client.get(path)).json()["stills"]] == [at]


async def test_who_looked_is_an_entry_and_a_page_that_refreshes_itself_looks_once(visited: Visited) -> None:
    path = visited.weighed(48_000)
    await visited.sign_in()
    for _ in range(3):
        await visited.client.get(path)
    journal = visited.assembly._journal
    streams = [header.decode(entry.header).stream for entry in await journal.read(0, 50)]
    assert streams.count(RecordAccessed.stream) == 2  # the list and the vehicle


async def test_a_slip_is_an_entry_before_it_is_printed_and_a_repetition_is_the_same(visited: Visited) -> None:
    path = visited.weighed(58_000)
    await visited.sign_in()
    assert (await visited.post(f"{path}/slip", {"kind": "decision"})).status_code == 404  # nobody has decided
    first, again = [await visited.post(f"{path}/slip", {}) for _ in range(2)]
    assert first.status_code == 200, first.text
    assert first.json() == again.json()
    slip = Slip.parse(first.json()["payload"])
    about = first.json()["about"]
    assert (slip.journal, slip.seq, slip.cosigned_size) == (about["journal"], about["seq"], 0)
    assert about["leaf"].startswith(slip.leaf)
    assert first.json()["qr_svg"].startswith("<svg")
    await visited.post(f"{path}/hold", {"note": ""})
    decided = (await visited.post(f"{path}/slip", {"kind": "decision"})).json()
    journal = visited.assembly._journal
    assert decided["about"]["journal"] == journal.id
    said = [
        msgspec.json.decode(entry.body or b"", type=SlipIssued)
        for entry in await journal.read(0, 50)
        if header.decode(entry.header).stream == SlipIssued.stream
    ]
    assert [(each.kind, each.payload, each.by) for each in said] == [
        ("weighing", first.json()["payload"], "li"),
        ("decision", decided["payload"], "li"),
    ]


async def test_who_only_looks_prints_no_slip(visited: Visited) -> None:
    path = visited.weighed(58_000)
    await visited.sign_in("viewer")
    assert (await visited.post(f"{path}/slip", {})).status_code == 403


async def test_a_slip_of_nothing_or_for_a_stranger_is_refused(visited: Visited) -> None:
    path = visited.weighed(58_000)
    assert (await visited.post(f"{path}/slip", {})).status_code in (303, 401, 403)
    await visited.sign_in()
    assert (await visited.post(f"{path}x/slip", {})).status_code == 404
    assert (await visited.post(f"{path}/slip", {"kind": "fine"})).status_code == 422


async def test_health_needs_no_login_and_says_nothing_personal(visited: Visited) -> None:
    visited.weighed(48_000)
    answer = await visited.client.get("/healthz")
    told = answer.json()
    assert told["station"] == "yiyuan/s01"
    assert told["destinations"] == [{"name": "centre", "connected": False, "waiting": 1}]
    assert "鲁" not in answer.text


async def _upload(visited: Visited, shot: FileRef, data: bytes) -> httpx.Response:
    request = partial(visited.client.request, auth=(PLATFORM, f"secret of {PLATFORM}"))
    return await request("PATCH", f"/v1/files/{shot.sha256}", content=data, headers={"Upload-Offset": "0"})


def _english(visited: Visited) -> str:
    cookies = "; ".join(f"{name}={value}" for name, value in visited.client.cookies.items())
    return f"{cookies}; weighpost_lang=en"


async def test_accounts_that_cannot_be_written_end_no_station(visited: Visited) -> None:
    visited.assembly._accounts.close()
    tidying = asyncio.create_task(visited.assembly._forget_sessions())
    for _ in range(3):
        await asyncio.sleep(0.02)
    assert not tidying.done()
    tidying.cancel()
    await asyncio.gather(tidying, return_exceptions=True)
