"""The receiver over the small SQLite store: the contract, its views, and a store that fails."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from journal.receiver import Receiver
from journal.store import Accepted
from journal.stores import SqliteStore
from kernel.errors import ConfigError, LinkError
from kernel.events import ClockChecked
from tests.journal.making import NOW, PaperJournal, TestClock
from tests.journal.receiver_contract import *  # noqa: F403
from tests.journal.receiver_contract import (
    COUNTY,
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


class Views:
    """What the views were shown, in order."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, int]] = []

    def __call__(self, _db: sqlite3.Connection, entries: Sequence[Accepted]) -> None:
        for entry in entries:
            if entry.header.stream == ClockChecked.stream and entry.body is not None:
                body = msgspec.json.decode(entry.body, type=ClockChecked)
                self.shown.append((entry.header.journal, body.offset_ms or 0))


async def taken(receiver: Receiver, journal: PaperJournal) -> None:
    await welcomed(receiver, journal)
    assert (await receiver.accept(journal.box, journal.id, journal.wire())).refused is None


async def test_what_successors_say_again_is_shown_once_as_it_was_first_said(quick_path: Path) -> None:
    first, views = lane(), Views()
    first.talk(3)
    second = PaperJournal(first.identity, predecessor=first.predecessor())
    second.say(first.retell(1))
    third = PaperJournal(first.identity, predecessor=second.predecessor())
    for seq in (1, 2, 2):
        third.say(first.retell(seq))
    with closing(SeenStore(quick_path / "store.db", store_id=STORE_KEY.name, project=views)) as store:
        async with receiving(store) as receiver:
            for journal in (second, third):
                await taken(receiver, journal)
            same(store, third)
        assert views.shown == [(second.id, 1), (third.id, 2)]
        assert store.quarantined(third.id) == []


async def test_what_is_here_under_its_first_identity_is_not_shown_again(quick_path: Path) -> None:
    first, views = lane(), Views()
    first.talk(2)
    second = PaperJournal(first.identity, predecessor=first.predecessor())
    second.say(first.retell(1))
    with closing(SeenStore(quick_path / "store.db", store_id=STORE_KEY.name, project=views)) as store:
        async with receiving(store) as receiver:
            await taken(receiver, first)
            await taken(receiver, second)
        assert views.shown == [(first.id, 1), (first.id, 2)]


async def test_no_box_takes_the_place_of_what_another_says_again(quick_path: Path) -> None:
    first, views = lane(), Views()
    first.talk(1)
    other = PaperJournal(COUNTY.identity("s01-lane2"))
    other.say(first.retell(1))
    second = PaperJournal(first.identity, predecessor=first.predecessor())
    second.say(first.retell(1))
    with closing(SeenStore(quick_path / "store.db", store_id=STORE_KEY.name, project=views)) as store:
        async with receiving(store) as receiver:
            await taken(receiver, other)
            await taken(receiver, second)
        assert views.shown == [(other.id, 1), (second.id, 1)]


async def test_what_is_not_the_entry_that_it_names_is_in_quarantine(quick_path: Path) -> None:
    first, views = lane(), Views()
    first.talk(2)
    second = PaperJournal(first.identity, predecessor=first.predecessor())
    second.say(first.retell(1, body='{"reference":"forged"}'))
    second.say(msgspec.structs.replace(first.retell(1), salt=None))
    second.say(msgspec.structs.replace(first.retell(1), header="{}"))
    second.say(second.retell(1))
    with closing(SeenStore(quick_path / "store.db", store_id=STORE_KEY.name, project=views)) as store:
        async with receiving(store) as receiver:
            await taken(receiver, second)
            same(store, second)
        assert views.shown == []
        assert store.quarantined(second.id) == [1, 2, 3, 4]


async def test_what_a_successor_said_first_is_not_shown_again_from_its_predecessor(quick_path: Path) -> None:
    first, views = lane(), Views()
    first.talk(3)
    second = PaperJournal(first.identity, predecessor=first.predecessor())
    second.say(first.retell(2))
    with closing(SeenStore(quick_path / "store.db", store_id=STORE_KEY.name, project=views)) as store:
        async with receiving(store) as receiver:
            await welcomed(receiver, first)
            assert (await receiver.accept(first.box, first.id, first.wire(0, 2))).refused is None
            await taken(receiver, second)
            assert (await receiver.accept(first.box, first.id, first.wire(2, 4))).refused is None
        same(store, first)
        assert views.shown == [(first.id, 1), (second.id, 2), (first.id, 3)]


async def test_a_store_of_an_older_version_learns_where_closed_journals_end(quick_path: Path) -> None:
    first = lane()
    with closing(SeenStore(quick_path / "store.db", store_id=STORE_KEY.name)) as store:
        store._db.execute("ALTER TABLE head DROP COLUMN bound")
    with closing(SeenStore(quick_path / "store.db", store_id=STORE_KEY.name)) as store:
        async with receiving(store) as receiver:
            await taken(receiver, first)
        same(store, first)


async def test_a_standby_keeps_everything_at_once_and_a_backup_alone_nothing_by_time(
    quick_path: Path,
) -> None:
    for kept_after_ms, kept in ((0, 4), (None, 0)):
        journal, clock = lane(), TestClock()
        journal.talk(3)
        with closing(SqliteStore(quick_path / f"{kept}.db", store_id=STORE_KEY.name)) as store:
            receiver = Receiver(store, key=STORE_KEY, trust=TRUST, clock=clock, kept_after_ms=kept_after_ms)
            await welcomed(receiver, journal)
            await receiver.accept(journal.box, journal.id, journal.wire())
            clock.ms += 100 * DAY
            receipt = await welcomed(receiver, journal)
            receiver.close()
        assert (receipt.size, receipt.kept) == (4, kept)
