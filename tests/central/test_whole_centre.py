"""The centre as its operator has it: a process, a witness beside it, a lane far away, and all that goes wrong."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import psutil
import pytest

from kernel.events import VehicleWeighed
from tests.central.county import (
    SOURCE,
    County,
    Desk,
    Lane,
    desk,
    found,
    listed,
    running_centre,
    running_lane,
    running_witness,
    until,
    verb,
)
from tests.central.made import clip, pictured, weighed
from tests.support.postgresql import create, drop

pytestmark = [pytest.mark.wire, pytest.mark.timeout(240)]

CLIP = b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 800
PICTURE = b"\xff\xd8\xff" + bytes(range(256)) * 100


@pytest.fixture
def county(tmp_path: Path) -> County:
    return found(tmp_path)


async def cross(lane: Lane, passage: str, *, over: bool = False, on_demand: bool = True) -> None:
    """One truck, as a lane tells it."""
    body: VehicleWeighed = weighed(
        passage, outcome="over_limit" if over else "within", gross_kg=52_000 if over else 30_000
    )
    await lane.journal.append(body, source=SOURCE)
    pictures = await lane.files.put([("front-1.jpg", PICTURE + passage.encode())])
    await lane.journal.append(pictured(passage), source=SOURCE, files=pictures)
    clips = await lane.files.put([("front.mp4", CLIP + passage.encode())])
    await lane.journal.append(clip(passage, on_demand=on_demand), source=SOURCE, files=clips)


async def stored(desk_: Desk, passage: str, *, clip_state: str) -> dict[str, object] | None:
    for row in await desk_.rows():
        if row["passage"] == passage and (row["clip"], row["files_stored"]) == (
            clip_state,
            row["files_named"],
        ):
            return row
    return None


async def test_a_truck_is_stored_shown_fetched_proven_and_every_look_written(county: County) -> None:
    with running_witness(county), running_centre(county) as process:
        async with running_lane(county) as lane, desk(county) as asked:
            await cross(lane, "p1", over=True, on_demand=False)
            await cross(lane, "p2")
            await until(lambda: stored(asked, "p1", clip_state="stored"), what="the over-limit truck whole")
            await until(lambda: stored(asked, "p2", clip_state="on_box"), what="the other's picture")
            answer = await asked.client.post("passages/p2/clip")
            assert len(answer.json()["requested"]) == 1
            row = await until(lambda: stored(asked, "p2", clip_state="stored"), what="its clip, fetched")
            assert (row["outcome"], row["gross_kg"]) == ("within", 30_000)

            digest = sha256(CLIP + b"p2").hexdigest()
            part = await asked.client.get(f"files/{digest}", headers={"Range": "bytes=0-11"})
            assert (part.status_code, part.headers["content-type"], part.content) == (
                206,
                "video/mp4",
                CLIP[:12],
            )
            await until(lambda: witnessed(asked), what="every journal witnessed to its end")
            await proven(county, asked)
            await taken_out(county, asked, "p1")

            journals = await asked.get("journals")
            assert {(each["box"], each["process"], each["state"]) for each in journals} == {
                ("yiyuan-centre", "central", "open"),
                ("lane1-box", "edge", "open"),
            }
            [own] = [each["journal"] for each in journals if each["process"] == "central"]
            acts = [await asked.get(f"events/{own}/{seq}") for seq in range(8)]
            streams = [act["stream"] for act in acts if act]
            assert {"journal.opened", "journal.registered", "file.requested", "record.accessed"} <= set(
                streams
            )
            assert psutil.Process(process.pid).memory_info().rss < 200 * 2**20
        assert listed(verb(county, "quarantine", "--json", "--settings", "central.toml")) == []
        assert verb(county, "recount", "--settings", "central.toml").returncode == 0


async def witnessed(asked: Desk) -> bool:
    journals = await asked.get("journals")
    return bool(journals) and all(each["witnessed_size"] >= each["size"] - 2 for each in journals)


async def proven(county: County, asked: Desk) -> None:
    """The package, taken out by API and by command line, is proven with trust from outside."""
    package = (await asked.client.get("passages/p1/package")).content
    exported = await asyncio.to_thread(
        verb, county, "evidence", "export", "p2", "--out", "p2.zip", "--settings", "central.toml"
    )
    assert exported.returncode == 0, exported.stderr
    for data in (package, (county.folder / "p2.zip").read_bytes()):
        done = await verified(county, data)
        assert done.returncode == 0, done.stdout + done.stderr


async def taken_out(county: County, asked: Desk, passage: str) -> None:
    """A whole journal and a slip, by command line, agree with each other and with the package."""
    row = (await asked.get(f"passages/{passage}"))["row"]
    verbs = (
        ("slip", row["journal"], str(row["seq"]), "--svg", "slip.svg"),
        ("journal", "export", row["journal"], "lane.db"),
        ("evidence", "export", passage, "--out", "slip.zip"),
    )
    done = [await asyncio.to_thread(verb, county, *each, "--settings", "central.toml") for each in verbs]
    assert [each.returncode for each in done] == [0, 0, 0], [each.stderr for each in done]
    payload, trust = done[0].stdout.strip(), ("--trust", "trust.toml")
    assert (county.folder / "slip.svg").read_text().startswith("<svg")
    for given in (
        ("journal", "lane.db", *trust),
        ("slip", payload, "--journal", "lane.db", *trust),
        ("slip", payload, "--package", "slip.zip", *trust),
    ):
        checked = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "verify.main", *given],
            cwd=county.folder,
            env={**os.environ, "PYTHONPATH": str(Path.cwd())},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr


async def verified(county: County, package: bytes) -> subprocess.CompletedProcess[str]:
    path, trust = county.folder / "package.zip", county.folder / "trust.toml"
    path.write_bytes(package)
    command = [sys.executable, "-m", "verify.main", "package", str(path), "--trust", str(trust)]
    return await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, check=False, timeout=60
    )


async def test_killed_in_the_middle_it_loses_and_doubles_nothing(county: County) -> None:
    async with running_lane(county) as lane:
        for number in range(6):
            with running_centre(county) as process:
                for truck in range(10):
                    await cross(lane, f"p{number}-{truck}")
                await until(lambda: connected(lane), what="the lane connected")
                await asyncio.sleep(0.03 * number)  # another moment of the ingest each time
                process.send_signal(signal.SIGKILL)
        with running_centre(county):
            async with desk(county) as asked:
                await until(lambda: all_there(lane), what="nothing waiting")
                rows = await asked.rows()
                assert len(rows) == len({row["passage"] for row in rows}) == 60
                [hours] = [await asked.get("stats/hours", **{"from": 0, "to": 4_000_000_000_000})]
                assert sum(hour["passages"] for hour in hours) == 60
            counted = verb(county, "recount", "--json", "--settings", "central.toml")
            assert json.loads(counted.stdout)["differences"] == []


async def connected(lane: Lane) -> bool:
    return lane.uplink.state.connected


async def all_there(lane: Lane) -> bool:
    return lane.uplink.state.connected and lane.uplink.state.lag == 0


async def test_a_box_with_another_secret_or_an_unknown_chain_gets_nowhere(county: County) -> None:
    with running_centre(county):
        async with running_lane(county, password="guessed") as lane, desk(county) as asked:
            await cross(lane, "p1")
            await asyncio.sleep(1.5)
            assert not lane.uplink.state.connected
            assert await asked.rows() == []
            upload = await asked.client.patch(
                f"{county.address}/v1/files/{'a' * 64}", auth=("lane1-box", "guessed")
            )
            assert upload.status_code == 401


async def test_without_its_witness_it_goes_on_and_says_so_and_catches_up(county: County) -> None:
    with running_centre(county):
        async with running_lane(county) as lane, desk(county) as asked:
            await cross(lane, "p1")

            async def told() -> bool:
                return "zibo-witness" in (await asked.get("health"))["not_cosigned"]

            await until(told, what="the missing witness named")

            async def packed() -> bytes | None:
                answer = await asked.client.get("passages/p1/package")
                return answer.content if answer.status_code == 200 else None

            package = await until(packed, what="a package without a witness")
            assert (await verified(county, package)).returncode == 1  # NOT PROVEN, never green
            with running_witness(county):
                await until(lambda: witnessed(asked), what="the witness caught up")
                assert not (await asked.get("health"))["not_cosigned"]


def test_a_taken_port_is_named_with_its_holder(county: County) -> None:
    for port, path in ((county.web, "web.port"), (county.broker, "broker.port")):
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", port))
            holder.listen()
            done = verb(county, "run", "central.toml")
        assert done.returncode == 2
        assert f"{path}: cannot listen on 127.0.0.1:{port}: taken by" in done.stderr
        assert f"(pid {os.getpid()})" in done.stderr


def test_a_second_centre_over_the_same_journal_is_refused(county: County, tmp_path: Path) -> None:
    with running_centre(county):
        text = county.settings.read_text().replace(f"port = {county.web}", "port = 0", 1)
        other = text.replace(f"port = {county.broker}", f"port = {county.witness}", 1)
        (tmp_path / "second.toml").write_text(other)
        done = verb(county, "run", "second.toml")
    assert done.returncode == 2
    assert "is in use by process" in done.stderr


def test_wrong_settings_end_with_every_fault(county: County) -> None:
    text = county.settings.read_text().replace('password = "centre-secret"', 'password = ""')
    county.settings.write_text(
        text.replace("[web]", "[web]\nhots = 1") + '[[boxes]]\nname = "X"\npassword = "p"\n'
    )
    done = verb(county, "run", "central.toml")
    assert done.returncode == 2
    faults = done.stderr.splitlines()
    assert [line.partition(": ")[2].partition(":")[0] for line in faults] == [
        "boxes[1].source",
        "broker.password",
        "web.hots",
    ]
    assert verb(county, "run", "nothing.toml").returncode == 2


def test_missing_keys_are_all_named(county: County) -> None:
    for name in ("centre-1.store.key", "yiyuan-centre.cert"):
        (county.folder / "keys" / name).unlink()
    done = verb(county, "run", "central.toml")
    assert done.returncode == 2
    assert "centre-1.store.key: cannot be read" in done.stderr
    assert "yiyuan-centre.cert: cannot be read" in done.stderr


def test_it_stops_in_order_when_told(county: County) -> None:
    with running_centre(county) as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=15) == 0


def test_people_and_programs_are_let_in_from_the_command_line(county: County) -> None:
    asked = ["--settings", "central.toml"]
    made = verb(county, "user", "add", "li", "--role", "operator", *asked)
    assert made.returncode == 0
    assert len(made.stdout.strip()) >= 12
    assert verb(county, "user", "add", "Li!", "--role", "operator", *asked).returncode == 2
    assert verb(county, "token", "add", "x" * 50, *asked).returncode == 2
    assert listed(verb(county, "events", "--json", *asked)) == []
    assert verb(county, "sources", *asked).stdout.startswith("source\tbox")


async def test_it_runs_over_postgresql(tmp_path: Path, postgresql: str) -> None:
    url = create(postgresql, "whole")
    try:
        county = found(tmp_path, database=url)
        with running_centre(county):
            async with running_lane(county) as lane, desk(county) as asked:
                await cross(lane, "p1", over=True, on_demand=False)
                await until(lambda: stored(asked, "p1", clip_state="stored"), what="the truck whole")
    finally:
        drop(postgresql, "whole")
