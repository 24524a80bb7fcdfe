"""What was said of the instrument outlives the process, a lost file, and journals that have left."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from edge.instrument.book import Awaited, Book, Fact
from edge.instrument.memory import NAME, Memory, load, said_under
from journal.keys import SigningKey
from journal.shelf import order_doubt, order_renewal
from journal.writer import Journal
from kernel.errors import RefusedError
from kernel.events import InstrumentCertified, InstrumentChanged
from tests.edge.instrument.rig import NOON, PAPER
from tests.journal.making import County, open_journal, said

SOURCE = "yiyuan/s01/lane1"
CERTIFIED = InstrumentCertified(device="scale", at_ms=NOON, certificate=PAPER, by="wang")
BROKEN = InstrumentChanged(device="scale", at_ms=NOON + 1, change="seal_broken", by="wang")


@pytest.fixture
def key() -> SigningKey:
    return County().identity("s01-lane1").key


async def write(journal: Journal, *facts: Fact) -> None:
    await journal.append(said(1), source=SOURCE)
    for fact in facts:
        await journal.append(fact, source=SOURCE)
    await journal.append(said(2), source=SOURCE)


async def recalled(journal: Journal, folder: Path) -> tuple[Book, Memory]:
    book = Book("scale")
    memory = Memory(folder / NAME, book)
    await memory.recall(journal.volumes)
    return book, memory


def history(book: Book) -> tuple[object, object]:
    return book.history.certified, book.history.changes


async def test_the_journals_tell_what_the_file_does_not(tmp_path: Path, key: SigningKey) -> None:
    with closing(open_journal(tmp_path / "journal", identity=key)) as journal:
        await write(journal, CERTIFIED)
        assert history((await recalled(journal, tmp_path))[0]) == ((CERTIFIED,), ())
        await write(journal, BROKEN)
        book, _ = await recalled(journal, tmp_path)
        assert history(book) == ((CERTIFIED,), (BROKEN,))
        (tmp_path / NAME).write_bytes(b"\x00rubbish")
        book, memory = await recalled(journal, tmp_path)
        assert (history(book), memory.whole) == (((CERTIFIED,), (BROKEN,)), True)
        assert load(tmp_path / NAME) is not None, "it is written anew"


async def test_the_file_tells_what_journals_said_that_have_left(tmp_path: Path, key: SigningKey) -> None:
    home = tmp_path / "journal"
    with closing(open_journal(home, identity=key)) as journal:
        await write(journal, CERTIFIED, BROKEN)
        await recalled(journal, tmp_path)
    order_renewal(home)
    with closing(open_journal(home, identity=key)) as journal:
        await journal.let_go(journal.volumes[0])
        book, memory = await recalled(journal, tmp_path)
        assert (history(book), memory.whole) == (((CERTIFIED,), (BROKEN,)), True)
        (tmp_path / NAME).unlink()
        book, memory = await recalled(journal, tmp_path)
        assert (history(book), memory.whole) == (((), ()), False), "a broken seal may be among what is lost"
        _, memory = await recalled(journal, tmp_path)
        assert not memory.whole, "another start finds nothing more"
        await write(journal, CERTIFIED)
        _, memory = await recalled(journal, tmp_path)
        assert memory.whole, "somebody has looked"


async def test_a_doubted_journal_says_it_again_in_its_successor(tmp_path: Path, key: SigningKey) -> None:
    home = tmp_path / "journal"
    with closing(open_journal(home, identity=key)) as journal:
        await write(journal, CERTIFIED, BROKEN)
    order_doubt(home, "stolen")
    with closing(open_journal(home, identity=key)) as journal:
        book, _ = await recalled(journal, tmp_path)
        assert history(book) == ((CERTIFIED,), (BROKEN,))


async def test_what_was_said_under_a_key_is_found_in_every_journal(tmp_path: Path, key: SigningKey) -> None:
    home = tmp_path / "journal"
    with closing(open_journal(home, identity=key)) as journal:
        appended = await journal.append(BROKEN, source=SOURCE, key="instrument/a")
        assert await said_under("instrument/b", journal) is None
        found = await said_under("instrument/a", journal)
        assert found is not None
        assert (found[0].ref, found[1]) == (appended.ref, BROKEN)
    order_renewal(home)
    with closing(open_journal(home, identity=key)) as journal:
        found = await said_under("instrument/a", journal)
        assert found is not None
        assert (found[0].ref, found[1]) == (appended.ref, BROKEN)
    with pytest.raises(RefusedError, match="closed"):
        await journal.find("instrument/a")


async def test_a_reference_that_is_waited_for_outlives_the_process(tmp_path: Path, key: SigningKey) -> None:
    awaited = Awaited(reference="truck", id="order-0000001", by="wang", until_ms=NOON)
    with closing(open_journal(tmp_path / "journal", identity=key)) as journal:
        book, memory = await recalled(journal, tmp_path)
        book.awaited = awaited
        await memory.keep()
        book, memory = await recalled(journal, tmp_path)
        assert book.awaited == awaited
        book.awaited = None
        await memory.keep()
        assert (await recalled(journal, tmp_path))[0].awaited is None


async def test_many_who_save_at_once_all_leave_a_whole_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    book = Book("scale")
    memory = Memory(tmp_path / NAME, book)

    async def one(number: int) -> None:
        fact = InstrumentChanged(device="scale", at_ms=NOON + number, change="repaired", by="wang")
        book.add(fact)
        await memory.keep()
        kept = load(tmp_path / NAME)
        assert kept is not None
        assert any(msgspec.json.decode(told.body, type=InstrumentChanged) == fact for told in kept.facts)

    await asyncio.gather(*(one(number) for number in range(300)))
    kept = load(tmp_path / NAME)
    assert kept is not None
    assert (len(kept.facts), caplog.records) == (300, [])


async def test_a_task_that_is_cancelled_while_saving_spoils_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    memory = Memory(tmp_path / NAME, Book("scale"))
    for _ in range(30):
        task = asyncio.create_task(memory.keep())
        await asyncio.sleep(0)
        task.cancel()
    await memory.keep()
    assert caplog.records == []
    assert load(tmp_path / NAME) is not None


async def test_a_folder_that_cannot_be_written_is_no_fault_of_the_lane(
    tmp_path: Path, key: SigningKey
) -> None:
    with closing(open_journal(tmp_path / "journal", identity=key)) as journal:
        await write(journal, CERTIFIED)
        (tmp_path / NAME).mkdir()
        book, _ = await recalled(journal, tmp_path)
        assert book.history.certified == (CERTIFIED,)
