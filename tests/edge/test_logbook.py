"""The lane says when somebody holds its journal open and makes the log grow."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path

from edge.logbook import JournalProbe
from tests.journal.making import County, TestClock, open_journal, said

IDENTITY = County().identity()


async def test_a_log_that_cannot_be_folded_in_is_said(tmp_path: Path) -> None:
    with closing(open_journal(tmp_path, identity=IDENTITY.key)) as journal:
        clock = TestClock()
        usual, impatient = (
            JournalProbe(journal, clock=clock),
            JournalProbe(journal, clock=clock, held_bytes=0),
        )
        await asyncio.gather(*(journal.append(said(n, size=9_000), source="a/b") for n in range(200)))
        clock.ms += 5_000
        [device] = usual()
        assert (device.name, device.kind, device.state, device.good) == ("journal", "journal", "up", 201)
        assert device.detail.startswith("201 entries, 0 closed before, ")
        [device] = impatient()
        assert (device.state, device.since_ms) == ("low", clock.ms)
