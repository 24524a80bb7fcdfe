"""The verbs about the keeping of footage: figures without a station, and acts by the one that runs."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from journal.clock import SystemClock
from kernel.events import EntryRef
from kernel.footage.bodies import FootageDisposed, FootageImported
from station.footage.folders import DigestFolder
from station.footage.index import FootageIndex, Said
from station.main import main
from tests.station.county import County
from tests.station.footage.world import store
from web.accounts import Account
from web.passwords import Cost, Passwords
from web.sqlite_accounts import SqliteAccounts


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert main([*arguments, "--json"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_capacity_of_the_county(capsys: pytest.CaptureFixture[str]) -> None:
    figures = ("--recorders", "23", "--hours", "8", "--mbit", "5.8", "--days", "180")
    found = asked(capsys, "capacity", *figures, "--free-gb", "90000")
    assert (found["needed_bytes"], found["enough"], found["days_kept"]) == (86_443_200_000_000, True, 187)
    found = asked(capsys, "capacity", *figures, "--free-gb", "10000")
    assert (found["enough"], found["days_kept"]) == (False, 20)


def test_capacity_without_days_asks_the_law(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "capacity", "--recorders", "2", "--free-gb", "1")
    assert (found["days"], found["minutes_a_day"], found["kbit_s"]) == (184, 480, 5_800)
    assert found["basis"] == {"recorders": "given", "minutes_a_day": "assumed", "kbit_s": "assumed"}


@pytest.mark.parametrize("wrong", [("--hours", "x"), ("--mbit", "-1"), ("--days", "-1"), ("--hours", "NaN")])
def test_figures_that_are_none_are_refused(
    wrong: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["capacity", *wrong]) == 2
    assert "weighpost-station: " in capsys.readouterr().err


@pytest.mark.wire
class TestRunningStation:
    @pytest.fixture
    async def settings(self, tmp_path: Path) -> AsyncIterator[tuple[Path, str]]:
        """A station that runs, with one file that is marked for deletion."""
        county = County.make(tmp_path)
        path = county.write()
        path.write_text(path.read_text(encoding="utf-8") + "\n[footage]\n", encoding="utf-8")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "station.main", "run", str(path), stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        assert (await process.stdout.readline()).startswith(b"ready")
        data = tmp_path / "data"
        with closing(SqliteAccounts(data / "accounts.db")) as accounts:
            hashed = Passwords(Cost(memory_kib=8, passes=1)).hash("correct horse")
            accounts.save_account(Account(name="wang", shown="王磊", role="reviewer", password_hash=hashed))
            accounts.save_account(Account(name="li", shown="李明", role="operator", password_hash=hashed))
        yield path, _marked(data / "footage")
        process.terminate()
        await process.wait()

    async def verb(self, *arguments: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "station.main", *arguments,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        out, _ = await process.communicate()
        return process.returncode or 0, out.decode()

    async def test_a_supervisor_restores_and_holds_by_verb(self, settings: tuple[Path, str]) -> None:
        path, sha256 = settings
        acting = ("--reason", "投诉", "--settings", str(path))
        status, said = await self.verb("footage", "restore", sha256, "--by", "li", *acting)
        assert (status, "403" in said or "may not" in said or "the station says" in said) == (2, True), said
        assert await self.verb("footage", "restore", sha256, "--by", "wang", *acting) == (0, "restored 1\n")
        status, said = await self.verb("footage", "restore", sha256, "--by", "wang", *acting)
        assert (status, "不在待删除之列" in said) == (2, True), said
        assert (await self.verb("footage", "hold", sha256, "--by", "wang", *acting))[0] == 0
        status, said = await self.verb("footage", "keep", "--json", "--settings", str(path))
        assert [(row["sha256"], row["held_by"]) for row in json.loads(said)] == [(sha256, "wang")]
        status, said = await self.verb("footage", "hold", sha256, "--by", "nobody", *acting)
        assert (status, "no enabled account" in said) == (2, True)
        status, said = await self.verb("footage", "day", "--json", "--settings", str(path))
        assert (status, json.loads(said)["officers"]) == (0, [])


def _marked(folder: Path) -> str:
    sha256 = store(DigestFolder(folder / "originals"), "a.mp4")
    bodies = (
        FootageImported(recorder="r1", dock="d", state="imported", name="a.mp4", sha256=sha256, size=1),
        FootageDisposed(
            act="marked", files=(sha256,), rule="footage-unlinked", by="s01-station", due_ms=2**50
        ),
    )
    now_ms = SystemClock().now_ms()
    said = [
        Said(ref=EntryRef(journal="e" * 32, seq=number, leaf="0" * 64), at_ms=now_ms, body=body)
        for number, body in enumerate(bodies)
    ]
    FootageIndex(folder / "footage.db").hold(said, journal="e" * 32, size=2)
    return sha256
