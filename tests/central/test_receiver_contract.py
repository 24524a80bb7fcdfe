"""The receiver over the centre's store: the contract that every store keeps, over SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Select, select

from central.store import schema
from central.store.engines import Database, connect
from central.store.projections import Register
from central.store.queries import Filter, Queries
from central.store.receiving import CentreStore
from central.store.rollups import recount
from journal.checking import inspect
from journal.custody import Custody
from journal.receiver import Receiver
from kernel.evidence import frames
from tests.central.made import health, weighed
from tests.journal.making import NOW, PaperJournal, TestClock
from tests.journal.receiver_contract import *  # noqa: F403
from tests.journal.receiver_contract import (
    DAY,
    STORE_KEY,
    TRUST,
    MakeStore,
    hostile,
    lane,
    opened,
    receiving,
    same,
    welcomed,
)

# The same contract runs over the small store in the quick tier; here it is about two engines.
pytestmark = [pytest.mark.wire, pytest.mark.timeout(60)]

REGISTER = Register(
    centre="yiyuan-centre", sources=dict.fromkeys(("s01-lane1", "s01-lane2", "s01-lane3"), "yiyuan/s01")
)


class SeenStore(CentreStore):
    """The product's store with windows for the contract."""

    def __init__(self, database: Database, *, store_id: str) -> None:
        super().__init__(database, store_id=store_id, register=REGISTER)
        self.database = database

    def rows(self, journal: str) -> list[tuple[int, bytes, bytes, bytes | None, bytes | None]]:
        entry, body = schema.entry, schema.body
        query = (
            select(entry.c.seq, entry.c.leaf, entry.c.header, body.c.salt, body.c.body)
            .select_from(
                entry.outerjoin(body, (body.c.journal == entry.c.journal) & (body.c.seq == entry.c.seq))
            )
            .where(entry.c.journal == journal)
            .order_by(entry.c.seq)
        )
        return [(row[0], row[1], row[2], row[3], row[4]) for row in self._ask(query)]

    def quarantined(self, journal: str) -> list[int]:
        table = schema.quarantine
        query = select(table.c.seq).where(table.c.journal == journal).order_by(table.c.seq)
        return [row[0] for row in self._ask(query)]

    def forks(self, journal: str) -> list[tuple[str, str]]:
        table = schema.fork
        query = select(table.c.ours, table.c.theirs).where(table.c.journal == journal)
        return [(row[0], row[1]) for row in self._ask(query)]

    def _ask(self, query: Select[Any]) -> list[Any]:
        with self.database.reader.connect() as connection:
            return list(connection.execute(query))


@pytest.fixture
def make_store(make_url: Callable[[bool], str]) -> Iterator[MakeStore]:
    databases: list[Database] = []

    def make(store_id: str) -> SeenStore:
        databases.append(connect(make_url(True)))
        return SeenStore(databases[-1], store_id=store_id)

    yield make
    for database in databases:
        database.close()


async def test_kept_follows_the_time_since_the_commit(make_store: MakeStore) -> None:
    clock, journal = TestClock(), lane()
    journal.talk(3)
    store = make_store(STORE_KEY.name)
    async with receiving(store, clock=clock) as receiver:
        await welcomed(receiver, journal)
        await receiver.accept(journal.box, journal.id, journal.wire(0, 3))
        clock.ms = NOW + 10 * DAY
        answer = await receiver.accept(journal.box, journal.id, journal.wire(3, 4))
        assert (opened(answer.receipt).size, opened(answer.receipt).kept) == (4, 0)
        clock.ms = NOW + 15 * DAY
        assert (await welcomed(receiver, journal)).kept == 3
        clock.ms = NOW + 25 * DAY
        assert (await welcomed(receiver, journal)).kept == 4


async def test_one_frame_at_two_workers_at_once_is_stored_and_counted_once(make_store: MakeStore) -> None:
    """Attack 8: two receivers over one database, the same frames, overlapping, at the same moment."""
    store, clock = make_store(STORE_KEY.name), TestClock()
    lanes = [lane(f"s01-lane{number}") for number in (1, 2, 3)]
    workers = [Custody(store, key=STORE_KEY, trust=TRUST, clock=clock) for _ in range(2)]
    async with receiving(store, clock=clock) as receiver:
        for journal in lanes:
            await welcomed(receiver, journal)
            for number in range(20):
                journal.say(weighed(f"{journal.box}-{number}"))
    for start in range(0, 21, 7):
        batch = [
            inspect(journal.box, journal.id, journal.wire(first, min(start + 7, 21)), received_ms=NOW)
            for journal in lanes
            for first in (start, max(0, start - 3), start)
        ]
        offers = [
            asyncio.to_thread(worker.take, order)
            for worker, order in zip(workers, (batch, batch[::-1]), strict=True)
        ]
        for taken in await asyncio.gather(*offers):
            assert [answer.refused for answer in taken.answers] == [None] * len(batch)
    for journal in lanes:
        same(store, journal)
    assert isinstance(store, SeenStore)
    with store.database.reader.connect() as connection:
        counted = recount(connection, register=REGISTER)
    assert (counted.entries, counted.differences) == (60, ())


async def test_the_same_registration_at_two_workers_at_once_is_one(make_store: MakeStore) -> None:
    store, clock, journal = make_store(STORE_KEY.name), TestClock(), lane()
    first, second = (Receiver(store, key=STORE_KEY, trust=TRUST, clock=clock) for _ in range(2))
    try:
        greetings = [receiver.hello(journal.box, journal.hello()) for receiver in (first, second) * 4]
        for welcome in await asyncio.gather(*greetings):
            assert welcome.refused == ()
        assert (await second.accept(journal.box, journal.id, journal.wire())).refused is None
    finally:
        first.close()
        second.close()
    same(store, journal)


async def test_i8_what_a_successor_said_first_is_not_counted_again_from_its_predecessor(
    make_store: MakeStore,
) -> None:
    """Late frames of a closed journal are taken into custody; what was said again by then counts where it was said."""
    store, first = make_store(STORE_KEY.name), lane()
    for number in range(4):
        first.say(weighed(f"p{number}"))
    successor = PaperJournal(first.identity, predecessor=first.predecessor())
    for seq in (3, 4):
        successor.say(first.retell(seq))
    async with receiving(store) as receiver:
        await welcomed(receiver, first)
        await receiver.accept(first.box, first.id, first.wire(0, 3))
        await welcomed(receiver, successor)
        await receiver.accept(first.box, successor.id, successor.wire())
        late = await receiver.accept(first.box, first.id, first.wire(3, 5))
        assert (late.refused, opened(late.receipt).size) == (None, 5)
    same(store, first)
    assert store.quarantined(first.id) == store.quarantined(successor.id) == []
    assert isinstance(store, SeenStore)
    with store.database.reader.connect() as connection:
        counted = recount(connection, register=REGISTER)
    assert (counted.entries, counted.differences) == (4, ())


async def test_many_journals_in_one_batch_are_projected_each_as_its_own(make_store: MakeStore) -> None:
    """Boxes with the same names of passages and sources do not meet, however they come."""
    store, clock = make_store(STORE_KEY.name), TestClock()
    lanes = [lane(f"s01-lane{number}") for number in (1, 2, 3)]
    custody = Custody(store, key=STORE_KEY, trust=TRUST, clock=clock)
    for number, journal in enumerate(lanes):
        for passage in ("p1", "p2"):
            journal.say(weighed(passage, gross_kg=30_000 + number))
        journal.say(health(waiting=number))
        custody.greet(journal.box, frames.decode_hello(journal.hello()))
    taken = custody.take(
        [inspect(journal.box, journal.id, journal.wire(), received_ms=NOW) for journal in lanes]
    )
    assert [answer.refused for answer in taken.answers] == [None] * 3
    assert isinstance(store, SeenStore)
    queries = Queries(store.database, register=REGISTER)
    found = {(row.box, row.passage): row.gross_kg for row in queries.passages(Filter()).rows}
    assert found == {(f"s01-lane{n}", p): 29_999 + n for n in (1, 2, 3) for p in ("p1", "p2")}
    assert sorted((s.box, s.waiting) for s in queries.sources(NOW)) == [
        ("s01-lane1", 0),
        ("s01-lane2", 1),
        ("s01-lane3", 2),
    ]
    with store.database.reader.connect() as connection:
        counted = recount(connection, register=REGISTER)
    assert (counted.entries, counted.differences) == (6, ())


async def test_i11_hostile_broker_alters_no_count(make_store: MakeStore) -> None:
    """Attack 7: lost, doubled, reordered, altered and stripped frames; the store is the writer's and counts are a fold."""
    store, journal, chance = make_store(STORE_KEY.name), lane(), random.Random(7)
    for number in range(60):
        journal.say(weighed(f"p{number}", outcome=chance.choice(["within", "over_limit"])))
    async with receiving(store) as receiver:
        size = (await welcomed(receiver, journal)).size
        for _ in range(200):
            ends = [min(start + chance.randint(1, 9), journal.size) for start in range(size, journal.size, 5)]
            batch = [journal.wire(max(end - 7, 0), end) for end in ends]
            answers = await asyncio.gather(
                *(receiver.accept(journal.box, journal.id, each) for each in hostile(batch, chance))
            )
            size = max([size, *(opened(answer.receipt).size for answer in answers if answer.receipt)])
            if size == journal.size:
                break
        assert receiver.refused[journal.box] > 0
    same(store, journal)
    assert isinstance(store, SeenStore)
    with store.database.reader.connect() as connection:
        counted = recount(connection, register=REGISTER)
    assert (counted.entries, counted.differences) == (60, ())
