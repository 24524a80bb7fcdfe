"""`weighpost-edge keep`: what would leave and why, what is held; beside the running process, and changing nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from edge.keeping.listing import lines, report
from edge.main import load, main
from edge.settings import Settings
from kernel.events import RecordHeld
from tests.edge.keeping.box import LaneBox, Passed
from tests.edge.test_lane_program import DESTINATION, write


@pytest.fixture
async def box(quick_path: Path) -> AsyncIterator[LaneBox]:
    made = LaneBox(quick_path)
    yield made
    await made.close()


def settings_of(box: LaneBox, **changes: Any) -> Settings:
    return load(
        write(
            box.folder,
            data=str(box.folder),
            keeping={"reserve_mb": 0},
            destinations=[DESTINATION | {"files": "http://127.0.0.1:1"}],
            **changes,
        )
    )[0]


async def traffic(box: LaneBox) -> tuple[Passed, Passed, Passed]:
    """A compliant vehicle, one over its limit that is kept, and one on hold; forty days ago."""
    within, over = await box.drive("p1"), await box.drive("p2", "over_limit")
    held = await box.drive("p3")
    box.uploaded(within.picture, over.picture, over.clip)
    await box.say(RecordHeld(act="held", passage="p3", by="wang.li", reason="case 7"))
    box.days(40)
    return within, over, held


@pytest.mark.parametrize("scanned", [False, True])
async def test_it_says_what_leaves_and_why_and_what_is_held(box: LaneBox, scanned: bool) -> None:
    if scanned:
        await box.run()
    within, over, _held = await traffic(box)
    before = {path: path.read_bytes() for path in box.folder.rglob("*.db")}
    settings = settings_of(box)
    found = await report(settings, clock=box.clock)
    assert {path: path.read_bytes() for path in before} == before
    assert [(one.what, one.why, one.passage, one.sha256) for one in found.due] == [
        ("clips", "keeping.within.clips.7d", "p1", within.clip),
        ("pictures", "keeping.within.pictures.30d", "p1", within.picture),
        ("plates", "keeping.within.plates.30d", "p1", None),
    ]
    assert [(one.what, one.why, one.sha256) for one in found.for_room] == [
        ("clips", "compliant_clip", within.clip),
        ("clips", "kept", over.clip),
        ("pictures", "kept", within.picture),
        ("pictures", "kept", over.picture),
    ]
    assert [(one.kind, one.name, one.by, one.reason) for one in found.held] == [
        ("passage", "p3", "wang.li", "case 7")
    ]
    assert found.here == {"clips": (3, 6000), "pictures": (3, 60)}
    assert (found.reserve_held, found.entries_not_kept, len(found.rules)) == (True, 0, 12)
    text = "\n".join(lines(found))
    assert "due: 3, " in text
    assert "held until released: passage p3 by wang.li: case 7" in text
    await box.run()
    assert box.here(within.clip, within.picture) == [False, False], "and that is what leaves"
    assert (await report(settings, clock=box.clock)).due == []


async def test_a_register_that_is_spoiled_costs_a_longer_look(box: LaneBox) -> None:
    await traffic(box)
    (box.folder / "keeping.db").write_bytes(b"no database" * 500)
    assert len((await report(settings_of(box), clock=box.clock)).due) == 3


def test_the_verb_prints_it_or_names_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, data=str(tmp_path / "data"))
    assert main(["keep", str(path)]) == 2
    assert "data: holds no journal" in capsys.readouterr().err


async def test_the_verb_prints_json(box: LaneBox, capsys: pytest.CaptureFixture[str]) -> None:
    await traffic(box)
    await box.close()
    settings_of(box)
    assert await asyncio.to_thread(main, ["keep", str(box.folder / "lane1.toml"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert {"today", "rules", "held", "due", "for_room"} < set(said)
    box.open()
