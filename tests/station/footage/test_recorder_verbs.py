"""The verbs of recorders and links: listings of what is there, acts by the station that runs, and what it refuses."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from station.main import main
from tests.station.county import County
from web.accounts import Account
from web.passwords import Cost, Passwords
from web.sqlite_accounts import SqliteAccounts

NUMBER = "3700123"


def with_footage(county: County) -> Path:
    path = county.write()
    path.write_text(path.read_text(encoding="utf-8") + "\n[footage]\n", encoding="utf-8")
    return path


@pytest.mark.broad
@pytest.mark.parametrize(
    "verb",
    [
        ("recorders", "list"),
        ("recorders", "missing"),
        ("recorders", "shifts"),
        ("recorders", "anchors", NUMBER),
        ("footage", "links"),
    ],
)
def test_a_station_without_recorders_lists_none(
    verb: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = with_footage(County.make(tmp_path))
    assert main([*verb, "--json", "--settings", str(path)]) == 0
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.wire
@pytest.mark.timeout(120)
class TestRunningStation:
    @pytest.fixture
    async def settings(self, tmp_path: Path) -> AsyncIterator[Path]:
        path = with_footage(County.make(tmp_path))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "station.main", "run", str(path), stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        assert (await process.stdout.readline()).startswith(b"ready")
        with closing(SqliteAccounts(tmp_path / "data" / "accounts.db")) as accounts:
            hashed = Passwords(Cost(memory_kib=8, passes=1)).hash("correct horse")
            accounts.save_account(Account(name="li", shown="李明", role="operator", password_hash=hashed))
        yield path
        process.terminate()
        await process.communicate()

    async def test_a_recorder_is_registered_taken_and_told_the_time_by_verbs(self, settings: Path) -> None:
        async def verb(*arguments: str) -> tuple[int, str]:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "station.main", *arguments, "--settings", str(settings),
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            )  # fmt: skip
            out, _ = await process.communicate()
            return process.returncode or 0, out.decode()

        async def listed(*arguments: str) -> Any:
            status, out = await verb(*arguments, "--json")
            assert status == 0, out
            return json.loads(out)

        by = ("--by", "li")
        register = ("recorders", "register", NUMBER, "--model", "dsj-a", "--unit", "南麻站")
        assert (await verb(*register, *by))[0] == 0
        assert (await verb("recorders", "issue", NUMBER, "zhao", *by))[0] == 0
        status, said = await verb("recorders", "return", NUMBER, "li", *by)
        assert (status, "在另一名执法人员手中" in said) == (2, True), said
        assert (await verb("recorders", "duty", "begun", *by))[0] == 0
        anchor = (
            "recorders",
            "anchor",
            NUMBER,
            "--own",
            "2026-01-05 10:00:09",
            "--true",
            "2026-01-05 10:00:00",
        )
        assert (await verb(*anchor, "--err", "2", "--reason", "收音机报时", *by))[0] == 0
        [row] = await listed("recorders", "list")
        assert (row["recorder"], row["registered"], row["holder"]) == (NUMBER, True, "zhao")
        [told] = await listed("recorders", "anchors", NUMBER)
        assert (told["own_ms"] - told["true_ms"], told["by"], told["note"]) == (9_000, "li", "收音机报时")
        assert [one["officer"] for one in await listed("recorders", "shifts")] == ["li"]
        status, said = await verb("footage", "link", "none", "yes", *by)
        assert (status, "没有该关联" in said) == (2, True), said
