"""Damage that opening does not look for is met by whoever reads it, and a new start goes on without it."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from journal.cursors import Cursors
from journal.keys import SigningKey
from journal.sender import Sender
from journal.settings import Destination
from kernel.errors import RestartError
from kernel.events import JournalDoubted
from kernel.evidence import header
from kernel.evidence.notes import encode_base64
from kernel.evidence.texts import Receipt
from tests.journal.brokers import MemoryBroker
from tests.journal.making import County, TestClock, open_journal, said

ENTRIES = 600  # opening verifies the last two blocks of 256
COUNTY = County()
IDENTITY = COUNTY.identity()
STORE = SigningKey.generate(kind="store", name="yiyuan-centre-1")

DAMAGES = {
    "header": "UPDATE entry SET header = replace(header, X'226174223a', X'226174223b') WHERE seq = 5",
    "header elsewhere": "UPDATE entry SET header = (SELECT header FROM entry WHERE seq = 6) WHERE seq = 5",
    "body": "UPDATE body SET body = X'7b7d' WHERE seq = 5",
    "salt": "UPDATE body SET salt = X'00' WHERE seq = 5",
}


async def written(folder: Path) -> None:
    journal = await asyncio.to_thread(open_journal, folder, identity=IDENTITY.key)
    await asyncio.gather(*(journal.append(said(n), source="a/b") for n in range(ENTRIES)))
    await asyncio.to_thread(journal.close)


def damage(folder: Path, sql: str) -> None:
    with closing(sqlite3.connect(folder / "0001" / "journal.db")) as db:
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
        assert db.execute(sql).rowcount == 1
        db.commit()


@pytest.mark.parametrize("kind", DAMAGES)
async def test_what_is_not_what_was_written_is_not_read_and_not_carried_on(
    quick_path: Path, kind: str
) -> None:
    await written(quick_path)
    damage(quick_path, DAMAGES[kind])
    journal = await asyncio.to_thread(open_journal, quick_path, identity=IDENTITY.key)
    assert journal.doubted is None
    assert len(await journal.read(300, 10)) == 10
    with pytest.raises(RestartError):
        await journal.frame(1)
    await asyncio.to_thread(journal.close)
    again = await asyncio.to_thread(open_journal, quick_path, identity=IDENTITY.key)
    assert again.doubted is not None
    [last] = await again.read(again.size - 1, 1)
    assert header.decode(last.header).stream == JournalDoubted.stream
    assert b'"lost":[5]' in (last.body or b"")
    await asyncio.to_thread(again.close)


async def test_a_sender_that_meets_it_ends_so_that_a_new_start_goes_on(quick_path: Path) -> None:
    await written(quick_path)
    damage(quick_path, DAMAGES["header"])
    journal = await asyncio.to_thread(open_journal, quick_path, identity=IDENTITY.key)
    cursors = Cursors(quick_path)
    broker, clock = MemoryBroker(), TestClock()
    answers = broker.transport()
    receipt = Receipt(
        journal=journal.id, store=STORE.name, size=1, root=await journal.root(1), kept=0, time_ms=1
    )
    note = receipt.signed(public_key=STORE.public, sign=STORE.sign).format().encode()
    topic = f"weighpost/v1/down/{IDENTITY.box}/receipt/{journal.id}"
    answers.subscribe("weighpost/v1/up/+/hello", lambda _topic, _data: broker.carry(topic, note))
    sender = Sender(
        journal,
        cursors,
        identity=IDENTITY,
        destination=Destination(
            name="centre",
            mqtt="mqtt://127.0.0.1:1",
            password="x",
            store_id=STORE.name,
            store_public=encode_base64(STORE.public),
        ),
        transport=broker.transport(),
        software="test",
        clock=clock,
    )
    async with asyncio.timeout(20):
        with pytest.raises(RestartError, match="in doubt"):
            await sender.run()
    cursors.close()
    await asyncio.to_thread(journal.close)


async def test_a_journal_that_has_failed_ends_its_process_and_a_new_start_goes_on(quick_path: Path) -> None:
    journal = await asyncio.to_thread(open_journal, quick_path, identity=IDENTITY.key)
    await journal.append(said(1), source="a/b")
    watched = asyncio.create_task(journal.watch())
    await asyncio.sleep(0)
    journal._file._db.close()  # as a disk that is gone
    for _ in range(2):
        with pytest.raises(RestartError, match="has failed"):
            await journal.append(said(2), source="a/b")
    for late in (watched, journal.watch()):  # also who did not append himself, and who comes later
        async with asyncio.timeout(20):
            with pytest.raises(RestartError, match="has failed"):
                await late
    await asyncio.to_thread(journal.close)
    again = await asyncio.to_thread(open_journal, quick_path, identity=IDENTITY.key)
    assert (again.id, again.size) == (journal.id, 2)
    await asyncio.to_thread(again.close)
