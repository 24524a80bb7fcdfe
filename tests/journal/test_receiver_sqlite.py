"""The receiver over the small SQLite store: the contract, its views, and a store that fails."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from journal.receiver import Receiver
from journal.store import Accepted
from journal.stores import SqliteStore
from kernel.errors import ConfigError, LinkError
from tests.journal.making import NOW, TestClock
from tests.journal.receiver_contract import *  # noqa: F403
from tests.journal.receiver_contract import (
    DAY,
    STORE_KEY,
    TRUST,
    MakeStore,
    lane,
    opened,
    receiving,
    same,
    welcomed,
)


class SeenStore(SqliteStore):
    """The product's store with windows for the contract."""

    def rows(self, journal: str) -> list[tuple[int, bytes, bytes, bytes | None, bytes | None]]:
        return self._db.execute(
            "SELECT entry.seq, leaf, header, salt, body FROM entry LEFT JOIN body USING (journal, seq)"
            " WHERE entry.journal = ? ORDER BY entry.seq",
            (journal,),
        ).fetchall()

    def quarantined(self, journal: str) -> list[int]:
        rows = self._db.execute("SELECT seq FROM quarantine WHERE journal = ? ORDER BY seq", (journal,))
        return [row[0] for row in rows]

    def forks(self, journal: str) -> list[tuple[str, str]]:
        return self._db.execute("SELECT ours, theirs FROM fork WHERE journal = ?", (journal,)).fetchall()


@pytest.fixture
def make_store(quick_path: Path) -> Iterator[MakeStore]:
    stores: list[SeenStore] = []

    def make(store_id: str) -> SeenStore:
        stores.append(SeenStore(quick_path / f"{len(stores)}.db", store_id=store_id))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


async def test_views_are_in_the_same_transaction_and_a_failing_one_costs_only_its_entry(
    quick_path: Path,
) -> None:
    def count(db: sqlite3.Connection, entries: Sequence[Accepted]) -> None:
        for entry in entries:
            db.execute("INSERT INTO seen VALUES (?)", (entry.seq,))
            if entry.seq == 3:
                raise ValueError("no view of this one")

    store = SeenStore(quick_path / "views.db", store_id=STORE_KEY.name, project=count)
    journal = lane()
    journal.talk(5)
    with closing(store):
        store._db.execute("CREATE TABLE seen (seq INTEGER PRIMARY KEY)")
        async with receiving(store) as receiver:
            await welcomed(receiver, journal)
            assert (await receiver.accept(journal.box, journal.id, journal.wire())).refused is None
        same(store, journal)
        assert [row[0] for row in store._db.execute("SELECT seq FROM seen")] == [0, 1, 2, 4, 5]
        assert store.quarantined(journal.id) == [3]


async def test_i7_kept_follows_the_time_since_the_commit(quick_path: Path) -> None:
    clock, journal = TestClock(), lane()
    journal.talk(3)
    with closing(SeenStore(quick_path / "kept.db", store_id=STORE_KEY.name)) as store:
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
            clock.ms = NOW
            assert (await welcomed(receiver, journal)).kept == 4


async def test_failing_store_answers_nothing_and_recovers(quick_path: Path) -> None:
    journal = lane()
    journal.talk(3)
    with (
        closing(SeenStore(quick_path / "store.db", store_id=STORE_KEY.name)) as store,
        closing(sqlite3.connect(quick_path / "store.db", isolation_level=None)) as other,
    ):
        store._db.execute("PRAGMA busy_timeout = 0")
        async with receiving(store) as receiver:
            await welcomed(receiver, journal)
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(LinkError, match="locked"):
                await receiver.accept(journal.box, journal.id, journal.wire())
            with pytest.raises(LinkError, match="locked"):
                await receiver.hello(journal.box, journal.hello())
            other.execute("ROLLBACK")
            answer = await receiver.accept(journal.box, journal.id, journal.wire())
            assert opened(answer.receipt).size == 4
        same(store, journal)


async def test_key_of_another_store_is_a_configuration_fault(quick_path: Path) -> None:
    with (
        closing(SqliteStore(quick_path / "store.db", store_id="other-store")) as store,
        pytest.raises(ConfigError, match="store_id"),
    ):
        Receiver(store, key=STORE_KEY, trust=TRUST, clock=TestClock())


async def test_closed_receiver_takes_nothing(quick_path: Path) -> None:
    journal = lane()
    with closing(SqliteStore(quick_path / "store.db", store_id=STORE_KEY.name)) as store:
        async with receiving(store) as receiver:
            await welcomed(receiver, journal)
        with pytest.raises(LinkError):
            await receiver.accept(journal.box, journal.id, journal.wire())
