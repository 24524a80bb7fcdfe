"""What the store finds out is said once in the centre's own journal: forks with both notes, finished backups."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from sqlalchemy import insert

from central.ingest.declaring import Declaring
from central.store import schema
from central.store.engines import Database, upsert
from central.store.findings import Findings
from central.store.receiving import CentreStore
from journal.checking import inspect
from journal.custody import Custody
from kernel.errors import ProtocolError
from kernel.events import BackupMade, Body, JournalForked
from kernel.evidence import canonical, frames
from kernel.evidence.header import MAX_BODY
from kernel.evidence.notes import Note, Signature
from kernel.evidence.texts import Checkpoint
from tests.central.made import REGISTER
from tests.journal.making import NOW, PaperJournal, TestClock, said
from tests.journal.receiver_contract import STORE_KEY, TRUST, lane


@dataclass
class Book:
    """The centre's own journal, as far as this is about it."""

    said: dict[str, Body] = field(default_factory=dict)

    async def append(self, body: Body, *, key: str | None = None) -> None:
        assert key is not None
        assert key not in self.said
        assert len(canonical.encode(body)) <= MAX_BODY
        self.said[key] = body


def hear(custody: Custody, journal: PaperJournal) -> list[str | None]:
    custody.greet(journal.box, frames.decode_hello(journal.hello()))
    frame = inspect(journal.box, journal.id, journal.wire(), received_ms=NOW)
    return [answer.refused for answer in custody.take([frame]).answers]


def decorated(note: str) -> str:
    """With more signatures than an entry has room for: nobody asked for them, and nobody can keep them away."""
    parsed = Note.parse(note)
    for number in range(500):
        parsed = parsed.with_signature(Signature(name=f"friend-{number}", key_id=bytes(4), payload=bytes(64)))
    return parsed.format()


async def test_a_fork_is_declared_with_both_notes_and_entries_go_on_in_the_next_journal(
    database: Database,
) -> None:
    """Attack 5: a box that was set back without knowing it says other things in the same places."""
    store = CentreStore(database, store_id=STORE_KEY.name, register=REGISTER)
    custody = Custody(store, key=STORE_KEY, trust=TRUST, clock=TestClock())
    journal, book = lane(), Book()
    journal.talk(9)
    assert hear(custody, journal) == [None]
    other = journal.forked(5)
    for number in range(3):
        other.say(said(900 + number))
    honest, bare = other.checkpoint, other.checkpoint()
    other.checkpoint = lambda size=None: decorated(honest(size))  # type: ignore[method-assign]
    [refused] = hear(custody, other)
    assert refused in ("entries differ from those stored in their place", "the journal is forked")
    declaring = Declaring(Findings(database), book.append, clock=TestClock())
    for _ in range(2):
        await declaring.look()
    [said_] = book.said.values()
    assert said_ == JournalForked(journal=journal.id, box=journal.box, ours=journal.checkpoint(), theirs=bare)
    assert Checkpoint.open(bare, journal=journal.id, public_key=journal.key.public).size == 8
    successor = PaperJournal(journal.identity, predecessor=other.predecessor())
    for seq in range(5, 8):
        successor.say(other.retell(seq))
    assert hear(custody, successor) == [None]
    with database.reader.connect() as connection:
        stored = connection.execute(schema.entry.select().where(schema.entry.c.journal == journal.id)).all()
    assert [row.leaf for row in stored] == journal.leaves


async def test_a_finished_backup_is_declared_once(database: Database) -> None:
    row = {
        "sha256": "a" * 64,
        "store": "centre-1",
        "made_ms": NOW,
        "journals": 1,
        "entries": 2,
        "files": 3,
        "bytes": 4,
    }
    with database.writer.begin() as connection:
        upsert(connection, schema.backup, [row], update=())
    book = Book()
    declaring = Declaring(Findings(database), book.append, clock=TestClock())
    for _ in range(2):
        await declaring.look()
    del row["made_ms"]
    assert book.said == {f"backup/{'a' * 64}": BackupMade(**row)}  # type: ignore[arg-type]
    assert Findings(database).newest_backup_ms() == NOW


async def test_a_fork_of_a_journal_without_a_note_is_declared_all_the_same(database: Database) -> None:
    journal, book = lane(), Book()
    store = CentreStore(database, store_id=STORE_KEY.name, register=REGISTER)
    custody = Custody(store, key=STORE_KEY, trust=TRUST, clock=TestClock())
    custody.greet(journal.box, frames.decode_hello(journal.hello()))
    with database.writer.begin() as connection:
        connection.execute(
            insert(schema.fork), [{"journal": journal.id, "ours": "", "theirs": journal.checkpoint()}]
        )
    await Declaring(Findings(database), book.append, clock=TestClock()).look()
    [forked] = book.said.values()
    assert isinstance(forked, JournalForked)
    assert (forked.ours, forked.theirs) == ("", journal.checkpoint())


async def test_what_cannot_be_appended_now_is_said_later(database: Database) -> None:
    row = {
        "sha256": "a" * 64,
        "store": "centre-1",
        "made_ms": 1,
        "journals": 0,
        "entries": 0,
        "files": 0,
        "bytes": 0,
    }
    with database.writer.begin() as connection:
        upsert(connection, schema.backup, [row], update=())
    book, full = Book(), True

    async def append(body: Body, *, key: str | None = None) -> None:
        if full:
            raise ProtocolError("no room")
        await book.append(body, key=key)

    declaring = Declaring(Findings(database), append, clock=TestClock())
    with pytest.raises(ProtocolError):
        await declaring.look()
    full = False
    await declaring.look()
    assert len(book.said) == 1
