"""A case that is closed at the centre ends at its station: footage stays its days from then on, and is marked after them."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from central import keyring
from kernel.footage.bodies import CaseNoted, FootageDisposed, FootageImported, FootageLinked
from station.footage.folders import DigestFolder
from station.footage.index import FootageIndex
from tests.central.county import (
    CLOCK,
    LANE,
    SOURCE,
    County,
    desk,
    found,
    running_centre,
    running_lane,
    until,
    verb,
)
from tests.central.made import weighed
from tests.station.footage.world import DAY_MS, store
from tests.support.keeping_process import opened
from tests.support.ports import free_port

pytestmark = [pytest.mark.wire, pytest.mark.timeout(180)]

CASE = "沂交执〔2026〕12号"
BOX, STORE = "s01-station", "s01-store-1"
BY = ("--by", "li", "--settings", "central.toml")
SCRIPT = Path(sys.executable).with_name("weighpost-station")


@pytest.fixture
def county(tmp_path: Path) -> County:
    """A county with a station whose settings name its centre."""
    county, keys = found(tmp_path), tmp_path / "keys"
    for kind, name in (("box", BOX), ("store", STORE)):
        keyring.enrol(keys, kind=kind, name=name, now_ms=CLOCK.now_ms())  # type: ignore[arg-type]
    boxes = f'\n[[boxes]]\nname = "{BOX}"\npassword = "station-secret"\nsource = "yiyuan/s01/station"\n'
    county.settings.write_text(county.settings.read_text() + boxes)
    names = {
        "folder": tmp_path,
        "root": county.keys["root"],
        "web": free_port(),
        "port": free_port(),
        "centre": county.broker,
        "store": county.keys["centre-1.store"],
        "command": county.keys["yiyuan-command.command"],
    }
    (tmp_path / "station.toml").write_text(_STATION.format(**names))
    return county


_STATION = """
data = "{folder}/station"
jurisdiction = "370323"
[station]
id = "yiyuan/s01"
name_zh = "南麻超限检测站"
name_en = "Nanma weigh station"
[box]
name = "s01-station"
key = "{folder}/keys/s01-station.key"
certificates = ["{folder}/keys/s01-station.cert", "{folder}/keys/enrolment.cert"]
root_name = "yiyuan-root"
root_public = "{root}"
[broker]
port = {port}
password = "a broker's secret"
[store]
id = "s01-store-1"
key = "{folder}/keys/s01-store-1.store.key"
[web]
port = {web}
[[boxes]]
name = "lane1-box"
password = "lane1-secret"
source = "yiyuan/s01/lane1"
name_zh = "1 号车道"
name_en = "lane 1"
[[destinations]]
name = "centre"
mqtt = "mqtt://127.0.0.1:{centre}"
password = "station-secret"
store_id = "centre-1"
store_public = "{store}"
command_issuer = "yiyuan-command"
command_public = "{command}"
[footage]
folder = "{folder}/station"
"""


@asynccontextmanager
async def running_station(county: County) -> AsyncIterator[None]:
    """The console script, from its first word to a clean end."""
    process = await asyncio.create_subprocess_exec(
        SCRIPT, "run", "station.toml", stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL, cwd=county.folder,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert (await process.stdout.readline()).startswith(b"ready ")
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0


async def station_verb(county: County, *arguments: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        SCRIPT, *arguments, stdout=asyncio.subprocess.PIPE, cwd=county.folder
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    return said


async def filmed(folder: Path) -> str:
    """The station has taken in a recording, and somebody has linked it to the crossing."""
    sha256 = store(DigestFolder(folder / "originals"), "a recording")
    journal, ledger, _keeping = opened(folder, CLOCK.now_ms())
    await ledger.say(
        FootageImported(recorder="r", dock="d", state="imported", name="a.mp4", sha256=sha256, size=11)
    )
    link = FootageLinked(
        link="l", act="linked", sha256=sha256, from_ms=0, to_ms=60_000, by="wang", reason="", box=LANE, passage="p1",
    )  # fmt: skip
    await ledger.say(link)
    journal.close()
    return sha256


async def noted(folder: Path) -> CaseNoted:
    """What the station has written of the case."""
    index = FootageIndex(folder / "footage.db")

    async def asked() -> CaseNoted | None:
        said = await asyncio.to_thread(index.of, CaseNoted, case=CASE, newest=1)
        return next((one.body for one in said if one.body.closed_ms is not None), None)

    answer: CaseNoted = await until(asked, what="the station knows that the case is closed")
    return answer


async def swept(folder: Path, at_ms: int, sha256: str) -> list[str]:
    """What becomes of the file by the real keeping, over the station's own journal and folder, at that moment."""
    journal, ledger, keeping = opened(folder, at_ms)
    await ledger.catch_up()
    await keeping.sweep()
    journal.close()
    return [said.body.act for said in ledger.index.naming(FootageDisposed, sha256)]


def done(county: County, *arguments: str) -> None:
    said = verb(county, *arguments, *BY)
    assert said.returncode == 0, said.stderr


async def test_a_case_is_closed_at_the_centre_and_its_footage_marked_at_the_station_after_the_days(
    county: County,
) -> None:
    folder = county.folder / "station"
    folder.mkdir()
    shutil.copy(county.folder / "keys" / f"{BOX}.key", folder / f"{BOX}.key")
    sha256 = await filmed(folder)
    with running_centre(county):
        async with running_lane(county) as lane, desk(county, role="reviewer") as asked:
            await lane.journal.append(weighed("p1", outcome="over_limit", gross_kg=52_000), source=SOURCE)

            async def linked() -> bool:
                detail = await asked.get("passages/p1")
                return bool(detail) and FootageLinked.stream in [each["stream"] for each in detail["entries"]]

            async with running_station(county):
                await until(linked, what="the truck and its footage")
            done(county, "case", "add", CASE, "p1")
            answer = await asked.client.post(f"passages/{LANE}/p1/review", json={"outcome": "confirmed"})
            assert answer.status_code == 200, answer.text
        before_ms = CLOCK.now_ms()
        done(county, "case", "close", CASE, "--reason", "paid")  # the station is away
        after_ms = CLOCK.now_ms()
        async with running_station(county):
            closed = await noted(folder)
    assert closed.closed_ms is not None
    assert before_ms <= closed.closed_ms <= after_ms, (
        "the days count from the closing, not from when it heard"
    )
    assert (closed.box, closed.passage) == (LANE, "p1")
    assert (closed.kept_as, closed.by) == ("case", "token:command-line.li")
    told = await station_verb(county, "footage", "cases", "--json", "--settings", "station.toml")
    assert json.loads(told) == [msgspec.structs.asdict(closed)]
    end_ms = closed.closed_ms + 3_650 * DAY_MS
    assert await swept(folder, end_ms - 1, sha256) == []
    assert await swept(folder, end_ms, sha256) == ["marked"]
    assert await swept(folder, end_ms + 7 * DAY_MS, sha256) == ["marked", "deleted"]
    assert DigestFolder(folder / "originals").path(sha256) is None
