"""A glimpse of the newest entries while custody lags: seen, marked, and nothing else."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.database import StoredEntry
from journal.live import AT_ONCE, LAG_MS, LARGEST, LiveCopy, LiveEntry, glimpsed
from journal.shelf import order_renewal
from journal.volume import Volume
from journal.writer import Journal
from kernel.errors import ProtocolError, RefusedError
from kernel.events import ClockChecked
from tests.journal.making import County, TestClock, open_journal, said

SOURCE = "yiyuan/s01/lane1"
COUNTY = County()


@dataclass
class Lane:
    """A journal, how much of it is receipted, and what was seen of it."""

    journal: Journal
    clock: TestClock
    accepted: int = 0
    seen: list[bytes] = field(default_factory=list)

    def copy(self) -> LiveCopy:
        return LiveCopy(self.journal, publish=self.seen.append, accepted=lambda _journal: self.accepted)

    async def say(self, *numbers: int) -> None:
        await asyncio.gather(*(self.journal.append(said(number), source=SOURCE) for number in numbers))

    @property
    def numbers(self) -> list[int]:
        entries = [glimpsed(payload, box="s01-lane1", received_ms=1) for payload in self.seen]
        bodies = [msgspec.json.decode(entry.body or b"", type=ClockChecked) for entry in entries]
        return [body.offset_ms or 0 for body in bodies]


@pytest.fixture
def lane(quick_path: Path) -> Iterator[Lane]:
    clock = TestClock()
    with closing(open_journal(quick_path, identity=COUNTY.identity().key, clock=clock)) as journal:
        yield Lane(journal, clock)


@asynccontextmanager
async def copying(lane: Lane) -> AsyncIterator[LiveCopy]:
    copy = lane.copy()
    task = asyncio.create_task(copy.run())
    await asyncio.sleep(0)
    try:
        yield copy
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def settled(lane: Lane, copy: LiveCopy) -> None:
    async with asyncio.timeout(20):
        while copy._shown < lane.journal.size:
            await asyncio.sleep(0.001)


async def test_only_while_custody_lags(lane: Lane) -> None:
    async with copying(lane) as copy:
        await lane.say(1)
        await settled(lane, copy)
        lane.clock.ms += LAG_MS
        await lane.say(2)  # two seconds behind: not yet more
        await settled(lane, copy)
        assert lane.seen == []
        lane.clock.ms += 1
        await lane.say(3)
        await settled(lane, copy)
        assert lane.numbers == [3]
        lane.accepted = lane.journal.size
        lane.clock.ms += 60_000
        await lane.say(4)  # nothing before it waits
        await settled(lane, copy)
        assert lane.numbers == [3]


async def test_only_the_newest_of_many(lane: Lane) -> None:
    async with copying(lane) as copy:
        lane.clock.ms += 10_000
        await lane.say(*range(50))
        await settled(lane, copy)
        assert lane.numbers[-1] == 49
        assert len(lane.numbers) <= 50
        lane.seen.clear()
        copy.connected()
        async with asyncio.timeout(20):
            while not lane.seen:
                await asyncio.sleep(0.001)
        assert lane.numbers == [49]  # a new session sees where things are, at once


async def test_a_burst_is_cut_short(lane: Lane) -> None:
    lane.clock.ms += 10_000
    copy = lane.copy()
    await lane.say(*range(30))
    copy._due.set()
    task = asyncio.create_task(copy.run())
    await settled(lane, copy)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert lane.numbers == list(range(30 - AT_ONCE, 30))


async def test_a_journal_that_is_continued_while_it_is_looked_at_ends_nothing(lane: Lane) -> None:
    journal, first = lane.journal, lane.journal.id
    await lane.say(1, 2, 3)
    lane.clock.ms += 10_000
    await lane.say(4)
    order_renewal(journal.home)

    def accepted(_journal: str) -> int:
        """The writer's thread goes on while the copy looks."""
        if journal.id == first:
            thread = Thread(target=lambda: asyncio.run(journal.append(said(5), source=SOURCE)))
            thread.start()
            thread.join(2)
            while journal.id == first:
                os.sched_yield()
        return 0

    copy = LiveCopy(journal, publish=lane.seen.append, accepted=accepted)
    copy.connected()
    task = asyncio.create_task(copy.run())
    async with asyncio.timeout(20):
        while not task.done() and (copy._of == first or copy._shown < journal.size):
            await asyncio.sleep(0.001)
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert lane.numbers == [4]


class _Left(Volume):
    """As one that has left while it was looked at."""

    async def read(self, start: int, count: int) -> list[StoredEntry]:
        raise RefusedError("has left")


class _Empty(Volume):
    async def read(self, start: int, count: int) -> list[StoredEntry]:
        return []


@pytest.mark.parametrize("kind", [_Left, _Empty])
async def test_a_journal_that_answers_nothing_is_passed_over(lane: Lane, kind: type[Volume]) -> None:
    await lane.say(1, 2)
    with ThreadPoolExecutor(1) as reading:
        volume = kind(lane.journal.folder, key=lane.journal.current.key, size=3, reading=reading)
        copy = lane.copy()
        with suppress(RefusedError):
            await copy._look(volume)
        volume.close()
    assert lane.seen == []


@given(payload=st.binary(max_size=200))
def test_noise_is_no_entry(payload: bytes) -> None:
    with pytest.raises(ProtocolError):
        glimpsed(payload, box="s01-lane1", received_ms=1)


@pytest.mark.parametrize(
    "payload",
    [
        bytes(LARGEST + 1),
        msgspec.msgpack.encode(LiveEntry(header=b"{}", body=b"{}")),
        msgspec.msgpack.encode(LiveEntry(header=b"[" * 9_000, body=b"{}")),
        b"\xdd\xff\xff\xff\xff",
    ],
)
def test_what_is_no_entry_is_said_to_be_none(payload: bytes) -> None:
    with pytest.raises(ProtocolError):
        glimpsed(payload, box="s01-lane1", received_ms=1)
