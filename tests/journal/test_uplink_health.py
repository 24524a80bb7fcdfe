"""How an uplink tells of itself: waiting entries and files, since when, and why it stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

from journal.cursors import Cursors
from journal.files import FileStore
from journal.settings import Destination
from journal.uplink import Uplink
from kernel.evidence.notes import encode_base64
from tests.journal.making import County, TestClock, open_journal, said

COUNTY = County()
NOWHERE = Destination(
    name="centre",
    mqtt="mqtt://127.0.0.1:9",
    password="secret",
    store_id="yiyuan-centre-1",
    store_public=encode_base64(bytes(32)),
)


@asynccontextmanager
async def uplink_to(
    destination: Destination, folder: Path, clock: TestClock, *, entries: int = 0
) -> AsyncIterator[Uplink]:
    identity = COUNTY.identity()
    with (
        closing(open_journal(folder / "journal", identity=identity.key, clock=clock)) as journal,
        closing(Cursors(folder)) as cursors,
    ):
        uplink = Uplink(
            journal,
            FileStore(folder / "files", clock=clock),
            cursors,
            identity=identity,
            destination=destination,
            source="yiyuan/s01/lane1",
            software="test",
            clock=clock,
        )
        await asyncio.gather(*(journal.append(said(n), source="yiyuan/s01/lane1") for n in range(entries)))
        yield uplink
        await uplink._http.aclose()


async def test_what_waits_is_told_and_since_when_nobody_answers(quick_path: Path) -> None:
    clock = TestClock()
    async with uplink_to(NOWHERE, quick_path, clock, entries=4) as uplink:
        [first] = uplink.health()
        clock.ms += 90_000
        [later] = uplink.health()
    assert (first.name, first.kind, first.state, first.detail) == (
        "centre",
        "uplink",
        "down",
        "5 entries waiting",
    )
    assert first.since_ms == later.since_ms


async def test_files_are_told_where_they_go_too(quick_path: Path) -> None:
    with_files = replace(NOWHERE, files="http://127.0.0.1:9")
    async with uplink_to(with_files, quick_path, TestClock()) as uplink:
        assert uplink.health()[0].detail == "1 entries, 0 files waiting"
