"""PostgreSQL goes away in mid-run and comes back: what was receipted is there, the rest comes again, nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from central.store.engines import connect
from central.store.migrate import migrate
from central.store.partitions import make_ahead
from central.store.rollups import recount
from journal.receiver import Receiver
from kernel.errors import LinkError
from kernel.evidence.texts import Receipt
from tests.central.made import weighed
from tests.central.test_receiver_contract import REGISTER, SeenStore
from tests.journal.making import NOW, PaperJournal, TestClock
from tests.journal.receiver_contract import STORE_KEY, lane, opened, receiving, same
from tests.support.postgresql import Server, create, restartable_postgresql

pytestmark = [pytest.mark.wire, pytest.mark.timeout(240)]

CROSSINGS = 120


@pytest.fixture
def server() -> Iterator[Server]:
    with restartable_postgresql() as server:
        yield server


class Box:
    """A sender in short: from where the receipt says, again and again."""

    def __init__(self, receiver: Receiver, journal: PaperJournal) -> None:
        self._receiver = receiver
        self._journal = journal
        self.receipts: list[Receipt] = []
        self.refusals: list[str] = []

    async def run(self) -> None:
        while not self.receipts or self.receipts[-1].size < self._journal.size:
            try:
                await self._some()
            except LinkError as error:
                self.refusals.append(str(error))
                await asyncio.sleep(0.05)

    async def _some(self) -> None:
        journal = self._journal
        welcome = await self._receiver.hello(journal.box, journal.hello())
        assert welcome.refused == ()
        size = opened(welcome.receipts[0][1]).size
        while size < journal.size:
            frame = journal.wire(size, min(size + 5, journal.size))
            answer = await self._receiver.accept(journal.box, journal.id, frame)
            assert answer.refused is None
            self.receipts.append(opened(answer.receipt))
            size = self.receipts[-1].size
            await asyncio.sleep(0.01)


async def test_nothing_is_lost_or_doubled_while_the_database_is_away(server: Server) -> None:
    database = connect(create(server.address, "centre"))
    migrate(database)
    make_ahead(database, now_ms=NOW)
    store = SeenStore(database, store_id=STORE_KEY.name)
    journal = lane()
    for number in range(CROSSINGS):
        journal.say(weighed(f"p{number}"))
    clock = TestClock()
    async with receiving(store, clock=clock) as receiver:
        box = Box(receiver, journal)
        sending = asyncio.create_task(box.run())
        for _ in range(2):
            before = len(box.receipts)
            while len(box.receipts) < before + 5:
                await asyncio.sleep(0.01)
            await asyncio.to_thread(server.stop)
            promised = box.receipts[-1].size
            refused = len(box.refusals)
            while len(box.refusals) < refused + 2:
                await asyncio.sleep(0.01)
            await asyncio.to_thread(server.start)
            assert len(store.rows(journal.id)) >= promised
        await sending
    sizes = [receipt.size for receipt in box.receipts]
    assert sizes == sorted(sizes)
    assert all(reason.startswith("the store failed: ") for reason in box.refusals)
    same(store, journal)
    with database.reader.connect() as connection:
        counted = recount(connection, register=REGISTER)
    assert (counted.entries, counted.differences) == (CROSSINGS, ())
    database.close()
