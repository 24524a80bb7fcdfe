"""What is revoked grows no more at a receiver, and everybody else does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from journal.receiver import Receiver
from journal.stores import SqliteStore
from kernel.evidence import frames
from tests.journal.making import PaperJournal, TestClock, said
from tests.journal.receiver_contract import COUNTY, STORE_KEY, TRUST, welcomed


@pytest.fixture
def store(quick_path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore(quick_path / "store.db", store_id=STORE_KEY.name)) as store:
        yield store


class Bounds:
    """What was decided, and may change while the receiver runs."""

    def __init__(self) -> None:
        self.boxes: set[str] = set()
        self.journals: dict[str, int] = {}

    def __call__(self, box: str, journal: str) -> int | None:
        return 0 if box in self.boxes else self.journals.get(journal)


@asynccontextmanager
async def receiving(store: SqliteStore, bounds: Bounds) -> AsyncIterator[Receiver]:
    receiver = Receiver(store, key=STORE_KEY, trust=TRUST, clock=TestClock(), bound=bounds)
    try:
        yield receiver
    finally:
        await asyncio.to_thread(receiver.close)


def grown(box: str) -> PaperJournal:
    journal = PaperJournal(COUNTY.identity(box))
    for number in range(5):
        journal.say(said(number))
    return journal


async def offered(receiver: Receiver, journal: PaperJournal, start: int, end: int) -> str | None:
    answer = await receiver.accept(journal.box, journal.id, frames.encode(journal.frame(start, end)))
    return answer.refused


async def test_a_journal_grows_up_to_its_bound_and_not_beyond(store: SqliteStore) -> None:
    bounds, journal = Bounds(), grown("s01-lane1")
    other = grown("s01-lane2")
    bounds.journals[journal.id] = 6
    async with receiving(store, bounds) as receiver:
        for one in (journal, other):
            await welcomed(receiver, one)
            assert await offered(receiver, one, 0, 6) is None
            one.say(said(9))
        assert await offered(receiver, journal, 6, 7) == "revoked beyond size 6"
        assert await offered(receiver, other, 6, 7) is None
        welcome = await receiver.hello(journal.box, journal.hello())
        assert (welcome.receipts, welcome.refused) == ((), ("revoked beyond size 6",))
        assert receiver.refused == {"s01-lane1": 2}


async def test_a_revoked_box_opens_no_journal_and_adds_to_none(store: SqliteStore) -> None:
    bounds, journal = Bounds(), grown("s01-lane1")
    async with receiving(store, bounds) as receiver:
        await welcomed(receiver, journal)
        assert await offered(receiver, journal, 0, 3) is None
        bounds.boxes.add("s01-lane1")
        assert await offered(receiver, journal, 3, 6) == "revoked beyond size 0"
        new = grown("s01-lane1")
        welcome = await receiver.hello(new.box, new.hello())
        assert (welcome.registered, welcome.refused) == ((), ("revoked beyond size 0",))
        with store.begin() as transaction:
            assert transaction.heads([journal.id])[journal.id].size == 3
