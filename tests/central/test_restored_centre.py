"""The centre's disk dies after a backup; it goes on under its next name, and nobody has visited the lane."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from central import keyring
from tests.central.county import (
    CLOCK,
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
from tests.central.made import weighed

pytestmark = [pytest.mark.wire, pytest.mark.timeout(180)]


async def test_lane_goes_on_with_a_restored_centre_that_it_has_never_met(tmp_path_county: County) -> None:
    county = tmp_path_county
    with running_witness(county):
        async with running_lane(county) as lane:
            with running_centre(county):
                async with desk(county) as asked:
                    await crosses(lane, asked, "p1")
                    made = backed_up(county)
                    await crosses(lane, asked, "p2")
                    assert lane.uplink.state.kept == 2  # the genesis and p1
                    await until(lambda: own_says(county, "backup.made"), what="the backup as an entry")
                    await until(lambda: covered(asked, lane), what="the witness's signature")
            put_back(county, made["name"])
            with running_centre(county):
                async with desk(county) as asked:
                    await crosses(lane, asked, "p3")
                    rows = await asked.rows()
                    assert sorted(row["passage"] for row in rows) == ["p1", "p2", "p3"]
                    await until(lambda: own_says(county, "store.restored"), what="the restore as an entry")
                    await until(lambda: covered(asked, lane), what="the witness's signature again")
                    health = await asked.get("health")
                    # Of its own lost journal the cosigner remembers more than the backup holds, and rightly refuses that.
                    assert health is None or lane.journal.id not in health.get("not_cosigned", {})
            assert lane.uplink.state.refused_receipts == 0
        assert listed(verb(county, "quarantine", "--json", "--settings", "central.toml")) == []
        assert verb(county, "recount", "--settings", "central.toml").returncode == 0


@pytest.fixture
def tmp_path_county(tmp_path: Any) -> County:
    county = found(tmp_path)
    with county.settings.open("a") as settings:
        settings.write("[custody]\nbackup = true\n")
    return county


async def crosses(lane: Lane, asked: Desk, passage: str) -> None:
    await lane.journal.append(weighed(passage), source=SOURCE)

    async def here() -> bool:
        return passage in [row["passage"] for row in await asked.rows()]

    await until(here, what=f"{passage} at the centre", seconds=60)
    await until(lambda: caught_up(lane), what="the receipt")


async def caught_up(lane: Lane) -> bool:
    return lane.uplink.state.size == lane.journal.size


async def covered(asked: Desk, lane: Lane) -> bool:
    journals = await asked.get("journals")
    sizes = {each["journal"]: each["witnessed_size"] for each in journals or ()}
    return bool(sizes.get(lane.journal.id, 0) == lane.journal.size)


async def own_says(county: County, stream: str) -> bool:
    """In its store: to ask for an entry is an entry."""
    path = county.folder / "data" / "centre.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        query = "SELECT 1 FROM entry WHERE box = 'yiyuan-centre' AND stream = ?"
        return db.execute(query, (stream,)).fetchone() is not None


def backed_up(county: County) -> dict[str, Any]:
    done = verb(county, "backup", "backups", "--json", "--settings", "central.toml")
    assert done.returncode == 0, done.stderr
    made: dict[str, Any] = json.loads(done.stdout)
    assert (made["missing"], made["same_disk"]) == (0, True)
    return made


def put_back(county: County, name: str) -> None:
    data = county.folder / "data"
    for path in data.iterdir():
        if path.name != "cosigner":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    refused = verb(county, "restore", "backups", "--settings", "central.toml")
    assert (refused.returncode, "such as centre-2" in refused.stderr) == (2, True), refused.stderr
    keyring.enrol(county.folder / "keys", kind="store", name="centre-2", now_ms=CLOCK.now_ms())
    text = county.settings.read_text().replace('store_id = "centre-1"', 'store_id = "centre-2"')
    county.settings.write_text(text)
    done = verb(county, "restore", "backups", "--backup", name, "--settings", "central.toml")
    assert (done.returncode, "centre-1 goes on as centre-2" in done.stdout) == (0, True), done.stderr


async def test_what_is_wrong_with_the_other_disk_is_said(tmp_path_county: County) -> None:
    county = tmp_path_county
    (county.folder / "backups").write_text("a file")
    for name, arguments in (("backup", ()), ("restore", ()), ("backup", ("--keep", "0"))):
        done = verb(county, name, "backups", *arguments, "--settings", "central.toml")
        assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
        assert "backups" in done.stderr or "--keep" in done.stderr
