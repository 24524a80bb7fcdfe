"""`weighpost-station footage ...` tells what is held, for people and programs, and says plainly what is missing."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from kernel.footage.bodies import FootageImported
from simulators.clock import VirtualClock
from station.footage.index import FootageIndex
from station.footage.ledger import LooseLedger
from station.footage.library import Known
from station.footage.tags import Tags
from station.main import main
from station.store import StationStore
from tests.station.county import County

DIGEST = "ab" * 32


@pytest.fixture
def settings(quick_path: Path) -> Path:
    county = County.make(quick_path)
    path = county.write()
    path.write_text(path.read_text(encoding="utf-8") + "\n[footage]\n", encoding="utf-8")
    return path


async def fill(folder: Path) -> None:
    ledger = LooseLedger(FootageIndex(folder / "footage" / "footage.db"), clock=VirtualClock())
    body = FootageImported(
        recorder="3700123", dock="dock1", state="imported", name="a.mp4", sha256=DIGEST, duration_ms=9_000
    )
    await ledger.say(body)
    known = Known(sha256=DIGEST, kind="original", name="a.mp4", duration_ms=9_000)
    await Tags(ledger).tag(known, from_ms=1, to_ms=2, kind="note", value="告知", by="li", key="k")


def test_what_is_held_is_listed_shown_and_its_marks_too(
    settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = settings.parent / "data"
    data.mkdir()
    StationStore(data / "station.db", store_id="s01-store-1").close()
    asyncio.run(fill(data))
    given = ["--settings", str(settings), "--json"]
    assert main(["footage", "list", *given]) == 0
    [row] = json.loads(capsys.readouterr().out)
    assert (row["sha256"], row["kind"], row["here"], row["true_start_ms"]) == (
        DIGEST,
        "original",
        False,
        None,
    )
    assert main(["footage", "tags", *given]) == 0
    assert [tag["value"] for tag in json.loads(capsys.readouterr().out)] == ["告知"]
    assert main(["footage", "show", DIGEST, *given]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["file"]["name"], len(shown["tags"]), shown["links"]) == ("a.mp4", 1, [])
    assert main(["footage", "show", "cd" * 32, *given]) != 0


def test_a_station_that_has_not_run_says_so(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["footage", "list", "--settings", str(settings)]) == 2
    assert "has not run yet" in capsys.readouterr().err
