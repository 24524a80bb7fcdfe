"""Every case of the suite once, short: nothing lost, doubled or torn; and its mutants turn it red."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.mutants import MUTANTS
from tests.faults.rows import Row
from tests.faults.suite import CASES, Case, Plan, play, play_one

pytestmark = [pytest.mark.wire, pytest.mark.timeout(300)]

AT_ONCE = 6  # they wait more than they work


@pytest.fixture(scope="module")
def rows(request: pytest.FixtureRequest) -> dict[str, Row]:
    """All cases that somebody asks for, played beside each other."""
    asked = {
        item.callspec.params["case"].name
        for item in request.session.items
        if hasattr(item, "callspec") and "case" in item.callspec.params and item.path == request.path
    }
    plan = Plan(cases=[case for case in CASES if case.name in asked], baseline=False, at_once=AT_ONCE)
    return {row.name: row for row in asyncio.run(play(plan, say=print))}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_case(case: Case, rows: dict[str, Row]) -> None:
    row = rows[case.name]
    assert row.good, row.table()
    assert row.counts.accepted


@pytest.mark.parametrize("mutant", MUTANTS)
def test_what_is_left_out_turns_the_suite_red(mutant: str, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "tests.faults",
        "--mutant",
        mutant,
        "--out",
        str(tmp_path / "faults.json"),
    ]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root, timeout=120)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "BAD" in done.stdout


async def test_a_naive_uplink_loses_what_we_do_not() -> None:
    [case] = [case for case in CASES if case.name == "kill -9 centre"]
    row = await play_one(Plan(cases=[case]), case, naive=True)
    assert row.counts.lost, row.table()
