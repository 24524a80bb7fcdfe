"""The centre's own journal goes through its own receiver; a store that tells another story of it ends the process."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from central.ingest.own import OwnJournal
from journal.receiver import Receiver
from journal.stores import SqliteStore
from journal.writer import Journal
from kernel.errors import RestartError
from kernel.events import RecordAccessed
from tests.journal.making import PaperJournal, TestClock, open_journal
from tests.journal.receiver_contract import COUNTY, STORE_KEY, receiving

IDENTITY = COUNTY.identity("yiyuan-centre")
READ = RecordAccessed(by="li", what="list")


def opened(folder: Path) -> Journal:
    return open_journal(folder, identity=IDENTITY.key, process="central")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore(tmp_path / "store.db", store_id=STORE_KEY.name)) as store:
        yield store


def own(journal: Journal, receiver: Receiver) -> OwnJournal:
    return OwnJournal(
        journal, receiver, identity=IDENTITY, source="yiyuan", software="test", clock=TestClock()
    )


def held(store: SqliteStore, journal: str) -> int:
    with store.begin() as transaction:
        return transaction.heads([journal])[journal].size


@asynccontextmanager
async def running(own: OwnJournal) -> AsyncIterator[None]:
    task = asyncio.create_task(own.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def reaches(receiver: Receiver, size: int) -> None:
    committed = asyncio.Event()
    receiver.on_committed(lambda _entries: committed.set() if receiver.committed >= size else None)
    if receiver.committed < size:
        async with asyncio.timeout(20):
            await committed.wait()


async def test_acts_are_received_and_journals_declared_once(store: SqliteStore, tmp_path: Path) -> None:
    lane = PaperJournal(COUNTY.identity())
    with closing(opened(tmp_path / "journal")) as journal:
        async with receiving(store, centre=IDENTITY.box) as receiver:
            acts = own(journal, receiver)
            async with running(acts):
                await reaches(receiver, 1)
                await receiver.hello(lane.box, lane.hello())
                await acts.append(READ)
                await reaches(receiver, 3)
            with store.begin() as transaction:
                head = transaction.heads([lane.id])[lane.id]
            await acts.declare([head])
        assert (journal.size, held(store, journal.id)) == (3, 3)


async def test_a_journal_put_back_from_a_backup_ends_the_process_and_is_continued(
    store: SqliteStore, tmp_path: Path
) -> None:
    folder, backup = tmp_path / "journal", tmp_path / "backup"
    first = opened(folder)
    first.close()
    shutil.copytree(folder, backup)
    async with receiving(store, centre=IDENTITY.box) as receiver:
        with closing(opened(folder)) as journal:
            async with running(acts := own(journal, receiver)):
                await acts.append(READ)
                await reaches(receiver, 2)
        shutil.rmtree(folder)
        backup.rename(folder)
        with (
            closing(opened(folder)) as journal,
            pytest.raises(RestartError, match="has 2 entries, we have 1"),
        ):
            await own(journal, receiver).run()
        with closing(opened(folder)) as successor:
            assert successor.doubted is not None
            assert successor.doubted.predecessor.id == first.id
            async with running(own(successor, receiver)):
                await reaches(receiver, 2 + successor.size)


async def test_a_journal_that_went_another_way_ends_the_process(store: SqliteStore, tmp_path: Path) -> None:
    folder, backup = tmp_path / "journal", tmp_path / "backup"
    opened(folder).close()
    shutil.copytree(folder, backup)
    async with receiving(store, centre=IDENTITY.box) as receiver:
        with closing(opened(folder)) as journal:
            async with running(acts := own(journal, receiver)):
                await acts.append(READ)
                await reaches(receiver, 2)
        with closing(opened(backup)) as journal:
            acts = own(journal, receiver)
            await acts.append(RecordAccessed(by="wang", what="list"))
            with pytest.raises(RestartError, match="another root at 2"):
                await acts.run()
