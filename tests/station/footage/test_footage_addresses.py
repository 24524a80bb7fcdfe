"""The addresses of footage: who may what, what a range gets, what a mark says, and what hostile requests get."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import tomllib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from kernel.events import FileStored, RecordAccessed
from kernel.evidence import header
from kernel.evidence.header import FileRef
from kernel.footage.bodies import (
    ClockAnchor,
    ClockAnchored,
    FootageDerived,
    FootageImported,
    FootageLinked,
)
from kernel.law.shipped import national
from kernel.settings import read
from station.assembly import Assembly, load_keys
from station.footage.orders import Order, Orders
from station.footage.room import FootageRoom
from station.settings import Settings
from tests.journal.brokers import MemoryBroker
from tests.journal.making import NOW, TestClock
from tests.station.county import PLATFORM, County
from tests.station.desk import Paper
from web.accounts import Account, Role
from web.passwords import Cost, Passwords

pytestmark = pytest.mark.broad

PASSWORD = "correct horse"
CHEAP = Passwords(Cost(memory_kib=8, passes=1))
ORIGIN = "http://station"
KEY = {"Idempotency-Key": "0123456789abcdef"}
BYTES = bytes(range(256)) * 40
DIGEST = hashlib.sha256(BYTES).hexdigest()
PAGE = f"/footage/{DIGEST}"
BOX = {"at_ms": 0, "left_permille": 1, "top_permille": 1, "width_permille": 9, "height_permille": 9}


@dataclass
class Watching:
    assembly: Assembly
    room: FootageRoom
    client: httpx.AsyncClient
    lane: Paper
    csrf: dict[str, str] = field(default_factory=dict)

    async def sign_in(self, role: Role = "operator") -> None:
        self.assembly._accounts.save_account(
            Account(name="li", shown="李明", role=role, password_hash=CHEAP.hash(PASSWORD))
        )
        token = re.search(r'name="csrf" value="([^"]+)"', (await self.client.get("/login")).text)
        assert token is not None
        said = {"csrf": token[1], "name": "li", "password": PASSWORD}
        await self.client.post("/login", data=said, headers={"Origin": ORIGIN})
        meta = re.search(r'<meta name="csrf" content="([^"]+)"', (await self.client.get("/tablet")).text)
        assert meta is not None
        self.csrf = {"X-CSRF-Token": meta[1], "Origin": ORIGIN}

    async def post(self, path: str, said: object, **headers: str) -> httpx.Response:
        return await self.client.post(path, json=said, headers={**self.csrf, **KEY, **headers})

    async def import_(self, **more: Any) -> None:
        """Bytes that are no video: what the station serves does not depend on it."""
        part = self.room.library.originals.incoming / "a.part"
        await asyncio.to_thread(part.write_bytes, BYTES)
        self.room.library.originals.take(part, DIGEST)
        body = FootageImported(
            recorder="3700123",
            dock="dock1",
            state="imported",
            name="20261127_1.mp4",
            sha256=DIGEST,
            own_start_ms=NOW - 60_000,
            duration_ms=120_000,
            officer="370001",
            **{"codec": "h264", "media_type": "video/mp4"} | more,
        )
        await self.room.ledger.say(body)

    async def accesses(self) -> list[RecordAccessed]:
        journal = self.assembly._journal
        entries = await journal.read(0, journal.size)
        return [
            msgspec.json.decode(entry.body, type=RecordAccessed)
            for entry in entries
            if header.decode(entry.header).stream == RecordAccessed.stream and entry.body is not None
        ]


@pytest.fixture
async def watching(quick_path: Path) -> AsyncIterator[Watching]:
    county = County.make(quick_path)
    settings = read(Settings, tomllib.loads(county.toml() + "\n[footage]\n"))
    settings.folder.mkdir()
    assembly = Assembly(
        settings,
        keys=load_keys(settings),
        law=national(),
        transport=MemoryBroker().transport(),
        clock=TestClock(),
        passwords=CHEAP,
    )
    assembled = assembly.assemble()
    room = assembled.parts.footage
    assert room is not None
    transport = httpx.ASGITransport(app=assembled.app)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        lane = Paper(assembly._store, PLATFORM)
        yield Watching(assembly=assembly, room=room, client=client, lane=lane)
    assembly.close()


def told(page: httpx.Response) -> dict[str, Any]:
    block = re.search(r'<script type="application/json" id="watch">(.*?)</script>', page.text, re.DOTALL)
    assert block is not None
    found: dict[str, Any] = json.loads(block[1])
    return found


async def test_a_stranger_gets_nothing_and_a_viewer_changes_nothing(watching: Watching) -> None:
    await watching.import_()
    for path in (PAGE, f"{PAGE}/video", f"{PAGE}/tags.vtt", f"{PAGE}/tags", f"{PAGE}/making"):
        assert (await watching.client.get(path)).status_code == 401
    await watching.sign_in("viewer")
    assert (await watching.client.get(PAGE)).status_code == 200
    mark = {"from_ms": 0, "to_ms": 0, "kind": "important"}
    for path, said in ((f"{PAGE}/tags", mark), (f"{PAGE}/copy", {}), (f"{PAGE}/redact", {})):
        assert (await watching.post(path, said)).status_code == 403
    assert (await watching.client.get(f"{PAGE}/video?take=true")).status_code == 403
    assert "take=true" not in (await watching.client.get(PAGE)).text


async def test_a_video_is_served_in_ranges_and_every_look_is_an_entry(watching: Watching) -> None:
    await watching.import_()
    await watching.sign_in()
    whole = await watching.client.get(f"{PAGE}/video")
    assert (whole.status_code, whole.content) == (200, BYTES)
    assert whole.headers["accept-ranges"] == "bytes"
    part = await watching.client.get(f"{PAGE}/video", headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, BYTES[100:200])
    rest = await watching.client.get(f"{PAGE}/video", headers={"Range": "bytes=10000-"})
    assert (rest.status_code, rest.content) == (206, BYTES[10_000:])
    for range_, status in (
        ("bytes=99999999999999999999-", 416),
        ("bytes=0-99999999999999999999", 206),
        ("bytes=9-3", 400),
        ("lines=1-2", 400),
        ("bytes=a-b", 400),
    ):
        answer = await watching.client.get(f"{PAGE}/video", headers={"Range": range_})
        assert answer.status_code == status, range_
    taken = await watching.client.get(f"{PAGE}/video?take=true")
    assert taken.headers["content-disposition"].startswith("attachment")
    assert [(one.what, one.sha256) for one in await watching.accesses()][-2:] == [
        ("file", DIGEST),
        ("export", DIGEST),
    ]


async def test_the_end_of_twelve_gigabytes_is_read_alone(watching: Watching) -> None:
    await watching.import_()
    await watching.sign_in()
    size = 12 << 30
    path = watching.room.library.originals.path(DIGEST)
    assert path is not None
    path.chmod(0o644)
    await asyncio.to_thread(os.truncate, path, size)
    answer = await watching.client.get(f"{PAGE}/video", headers={"Range": f"bytes={size - 10}-"})
    assert (answer.status_code, answer.content) == (206, bytes(10))
    assert answer.headers["content-range"] == f"bytes {size - 10}-{size - 1}/{size}"


async def test_what_is_not_footage_is_not_served_here(watching: Watching) -> None:
    picture = FileRef(name="front.jpg", sha256="ab" * 32, size=5)
    body = watching.lane.weigh(58_000)
    watching.lane.picture(body.passage, "鲁C12345", files=(picture,))
    watching.lane.put()
    await watching.sign_in()
    for digest in ("ab" * 32, "cd" * 32):
        assert (await watching.client.get(f"/footage/{digest}/video")).status_code == 404
        assert (await watching.client.get(f"/footage/{digest}")).status_code == 404
    for path in ("/footage/zz", "/footage/../../etc/passwd", f"/footage/{DIGEST.upper()}"):
        assert (await watching.client.get(path)).status_code == 404


async def test_a_file_whose_bytes_are_gone_says_so(watching: Watching) -> None:
    await watching.import_()
    watching.room.library.originals.remove(DIGEST)
    await watching.sign_in()
    page = await watching.client.get(PAGE)
    assert "本站没有这段录像的文件" in page.text
    assert told(page)["sources"][0]["video"] is None
    assert (await watching.client.get(f"{PAGE}/video")).status_code == 404


async def test_marks_are_set_shown_as_cues_and_taken_back(watching: Watching) -> None:
    await watching.import_()
    await watching.sign_in()
    mark = {"from_ms": 1_000, "to_ms": 4_000, "kind": "note", "value": "</script><b>亮证"}
    first = await watching.post(f"{PAGE}/tags", mark)
    assert [line["words"] for line in first.json()] == [mark["value"]]
    assert len((await watching.post(f"{PAGE}/tags", mark)).json()) == 1
    cues = await watching.client.get(f"{PAGE}/tags.vtt")
    assert cues.headers["content-type"].startswith("text/vtt")
    assert "00:00:01.000 --> 00:00:04.000" in cues.text
    page = await watching.client.get(PAGE)
    assert "</script><b>" not in page.text
    assert told(page)["tags"] == first.json()
    name = first.json()[0]["id"]
    nothing = await watching.post(f"{PAGE}/tags/{name}/untag", {"reason": " "})
    assert (nothing.status_code, nothing.json()["why"]) == (409, "no_reason")
    back = await watching.post(f"{PAGE}/tags/{name}/untag", {"reason": "wrong file"})
    assert back.json()[0]["state"] == "off"
    assert "wrong file" in back.json()[0]["taken_back"]
    assert (await watching.post(f"{PAGE}/tags/nobody/untag", {"reason": "x"})).status_code == 404


@pytest.mark.parametrize(
    ("mark", "status", "why"),
    [
        ({"from_ms": 0, "to_ms": 120_001, "kind": "important"}, 409, "标记超出录像结尾。"),
        ({"from_ms": 5, "to_ms": 4, "kind": "important"}, 409, "标记的结束早于开始。"),
        ({"from_ms": -5, "to_ms": 4, "kind": "important"}, 422, ""),
        ({"from_ms": 0, "to_ms": 1 << 60, "kind": "important"}, 422, ""),
        ({"from_ms": 0, "to_ms": 4, "kind": "fine"}, 422, ""),
        ({"from_ms": 0, "to_ms": 4, "kind": "note", "value": "x" * 501}, 422, ""),
    ],
)
async def test_a_mark_that_cannot_be_is_refused_in_words(
    watching: Watching, mark: dict[str, object], status: int, why: str
) -> None:
    await watching.import_()
    await watching.sign_in()
    answer = await watching.post(f"{PAGE}/tags", mark)
    assert answer.status_code == status
    assert why in answer.json()["detail"]
    assert (await watching.client.get(f"{PAGE}/tags")).json() == []


@pytest.mark.timeout(60)  # of processes that read it
async def test_what_does_not_play_asks_for_a_copy_and_shows_how_far_it_is(watching: Watching) -> None:
    await watching.import_(codec="hevc")
    await watching.sign_in()
    page = await watching.client.get(PAGE)
    assert "需要生成工作副本" in page.text
    ordered = await watching.post(f"{PAGE}/copy", {})
    again = await watching.post(f"{PAGE}/copy", {})
    assert len(again.json()) == 1
    assert ordered.json()[0]["state"] == "waiting"
    with pytest.raises(Exception, match="cannot be read"):
        await watching.room.workshop.make(watching.room.workshop.standing()[0].order)
    redact = (await watching.client.get(f"{PAGE}/redact")).text
    assert "redact.js" not in redact
    assert "data-order" not in redact
    followed = await watching.post(f"{PAGE}/follow", {"box": BOX, "until_ms": 900})
    assert (followed.status_code, followed.json()["detail"]) == (409, "无法作为视频读取。")


@pytest.mark.parametrize(("audio", "silent"), [("pcm_alaw", True), ("aac", False), ("", False)])
async def test_a_picture_that_plays_without_its_sound_offers_a_copy_with_it(
    watching: Watching, audio: str, silent: bool
) -> None:
    await watching.sign_in()
    await watching.import_(audio=audio)
    page = await watching.client.get(PAGE)
    assert f'src="{PAGE}/video"' in page.text
    assert ("data-copy" in page.text) == silent
    assert ("浏览器不能播放其录音" in page.text) == silent


@pytest.mark.parametrize(
    ("audio", "words"), [("broken", "录音已损坏，未收入"), ("off", "未收入录音"), ("encoded", "li")]
)
async def test_a_copy_without_sound_says_so(watching: Watching, audio: str, words: str) -> None:
    await watching.sign_in()
    await watching.import_()
    copy = b"copied"
    sha256 = hashlib.sha256(copy).hexdigest()
    part = watching.room.library.derived.incoming / "c.part"
    await asyncio.to_thread(part.write_bytes, copy)
    watching.room.library.derived.take(part, sha256)
    made = FootageDerived(
        kind="working_copy", sha256=sha256, size=6, sources=(DIGEST,), by="li", how=(("audio", audio),)
    )
    await watching.room.ledger.say(made)
    [line] = (await watching.client.get(f"{PAGE}/making")).json()
    assert line["words"].endswith(words)


async def test_a_film_and_a_file_beside_it_lead_to_each_other(watching: Watching) -> None:
    await watching.sign_in()
    await watching.import_(folder="DCIM")
    other = "cd" * 32
    beside = FootageImported(
        recorder="3700123",
        dock="dock1",
        state="imported",
        name="20261127_1.nmea",
        folder="DCIM",
        sha256=other,
    )
    await watching.room.ledger.say(beside)
    assert f'<a href="/footage/{other}">20261127_1.nmea</a>' in (await watching.client.get(PAGE)).text
    assert f'<a href="{PAGE}">20261127_1.mp4</a>' in (await watching.client.get(f"/footage/{other}")).text


async def test_what_went_wrong_is_said_in_words(watching: Watching) -> None:
    await watching.import_(codec="hevc", problems=("truncated",))
    await watching.sign_in()
    orders = Orders(watching.room.folder / "orders")
    failed = Order(id="1", kind="working_copy", sha256=DIGEST, by="li", problem="cannot be decoded: Invalid")
    orders.put(failed)
    orders.put(msgspec.structs.replace(failed, id="2", problem="No space left on device"))
    made = (await watching.client.get(f"{PAGE}/making")).json()
    assert [line["failed"] for line in made] == ["无法解码。", "未能完成，原因见日志。"]
    page = (await watching.client.get(PAGE)).text
    assert "truncated" not in page
    assert "文件不完整" in page


async def test_a_redaction_without_box_or_reason_is_refused(watching: Watching) -> None:
    await watching.import_()
    await watching.sign_in()
    assert (await watching.client.get(f"{PAGE}/redact")).status_code == 200
    for redaction, reason, why in (
        ({"tracks": []}, "notice", "no_box"),
        ({"tracks": [[BOX | {"width_permille": 2_000}]]}, "notice", "box_outside"),
        ({"tracks": [[BOX]]}, " ", "no_reason"),
    ):
        answer = await watching.post(f"{PAGE}/redact", {"redaction": redaction, "reason": reason})
        assert (answer.status_code, answer.json()["why"]) == (409, why)
    done = await watching.post(f"{PAGE}/redact", {"redaction": {"tracks": [[BOX]]}, "reason": "notice"})
    assert done.json()[0]["kind"] == "脱敏副本"


async def test_a_crossing_shows_its_clip_its_footage_and_its_weight_on_one_axis(watching: Watching) -> None:
    await watching.import_()
    anchor = ClockAnchor(kind="dock", own_ms=NOW, true_ms=NOW + 2_000, err_ms=300)
    await watching.room.ledger.say(ClockAnchored(recorder="3700123", anchor=anchor, by="dock1"))
    body = watching.lane.weigh(58_000, trace=((0, 0), (1_000, 58_000)))
    clip = FileStored(
        passage=body.passage,
        weighed=None,
        kind="clip",
        camera="front",
        actual_start_ms=NOW - 5_000,
        duration_ms=12_000,
    )
    ref = FileRef(name="front.mp4", sha256="cd" * 32, size=5)
    watching.lane.say(clip, files=(ref,))
    watching.lane.put()
    await watching.sign_in()
    path = f"/footage/passage/{PLATFORM}/{body.passage}"
    detail = (await watching.client.get(f"/tablet/{PLATFORM}/{body.passage}")).json()
    assert detail["footage"] == path
    link = FootageLinked(
        link="l-1",
        act="linked",
        sha256=DIGEST,
        from_ms=55_000,
        to_ms=65_000,
        by="rule",
        reason="same officer",
        box=PLATFORM,
        passage=body.passage,
    )
    await watching.room.ledger.say(link)
    seen = told(await watching.client.get(path))
    assert seen["weight"]["points"] == [[0, 0], [1_000, 58_000]]
    assert [source["id"] for source in seen["sources"]] == [DIGEST]  # the clip is on its way
    assert seen["sources"][0]["starts_ms"] == NOW - 58_000
    assert seen["sources"][0]["err_ms"] >= 300
    assert (await watching.client.get(f"/footage/passage/{PLATFORM}/nobody")).status_code == 404
