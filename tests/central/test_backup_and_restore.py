"""What a finished backup holds is kept, and a centre that was put back is made whole by the boxes."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import select

from central.backups import dumping
from central.backups.contents import Vault, read
from central.ingest.own import OwnJournal
from central.store import schema
from central.store.custody import CustodyStore
from central.store.findings import Findings
from central.store.receiving import CentreStore
from journal.checking import Trust, inspect
from journal.clock import boot_id
from journal.custody import Custody
from journal.lock import FolderLock
from journal.receiving.blobs import BlobFolder
from journal.witnessing import Cosigner
from journal.writer import Journal
from kernel.errors import ConfigError, RefusedError
from kernel.events import FileStored, JournalOpened, StoreRestored
from kernel.evidence import frames, tree
from kernel.evidence.header import FileRef
from kernel.evidence.notes import Note
from kernel.evidence.texts import Receipt
from tests.journal.brokers import MemoryBroker
from tests.journal.making import PaperJournal, said
from tests.support.restored import BOX, Site, restored_after_evictions

pytestmark = [pytest.mark.wire, pytest.mark.timeout(120)]

PICTURE = b"picture" * 1000


@pytest.fixture
def site(tmp_path: Path, engine: str, make_url: Callable[[bool], str]) -> Site:
    return Site(tmp_path, database=None if engine == "sqlite" else make_url(False))


def named(data: bytes) -> str:
    return sha256(data).hexdigest()


class Centre:
    """The store of a site for one test, its receiver without threads, its files."""

    def __init__(self, site: Site) -> None:
        self._open = site.database()
        self.database = self._open.__enter__()
        settings, keys = site.settings, site.keys
        self.store = CentreStore(self.database, store_id=settings.store_id, register=settings.register)
        trust = Trust(root_name=keys.root_name, root_public=keys.root_public)
        self.custody = Custody(self.store, key=keys.store, trust=trust, clock=site.clock, kept_after_ms=None)
        self.blobs = BlobFolder(site.folder / "data" / "files")
        self.clock = site.clock

    def __enter__(self) -> Centre:
        return self

    def __exit__(self, *_error: object) -> None:
        self._open.__exit__(None, None, None)

    def hear(self, journal: PaperJournal, start: int = 0) -> Receipt:
        self.custody.greet(journal.box, frames.decode_hello(journal.hello()))
        frame = inspect(journal.box, journal.id, journal.wire(start), received_ms=self.clock.now_ms())
        [answer] = self.custody.take([frame]).answers
        assert answer.refused is None
        return receipt_of(answer.receipt)

    def greet(self, journal: PaperJournal) -> Receipt:
        [(_, receipt)] = self.custody.greet(journal.box, frames.decode_hello(journal.hello())).receipts
        return receipt_of(receipt)

    def put(self, data: bytes) -> None:
        self.blobs.grow(BOX, named(data), data)
        self.blobs.finish(BOX, named(data))
        self.store.file_stored(BOX, named(data), at_ms=self.clock.now_ms())

    def kept(self, *digests: str) -> set[str]:
        return set(self.store.files_kept(BOX, digests, before_ms=0))


def receipt_of(note: str | None) -> Receipt:
    assert note is not None
    return Receipt.parse(note.partition("\n\n")[0] + "\n")


def lane(site: Site) -> PaperJournal:
    journal = PaperJournal(site.identity)
    journal.talk(5)
    return journal


def contradict(centre: Centre, journal: PaperJournal) -> None:
    other = journal.forked(1)
    other.say(said(999))
    centre.custody.greet(BOX, frames.decode_hello(other.hello()))


def with_file(journal: PaperJournal, data: bytes) -> None:
    clip = FileStored(passage=None, weighed=None, kind="clip")
    journal.say(clip, files=(FileRef(name="clip.mp4", sha256=named(data), size=len(data)),))


async def test_i7_restored_centre_is_made_whole_where_evictions_follow_kept(tmp_path: Path) -> None:
    """Attack 9."""
    outcome = await restored_after_evictions(tmp_path, evict_by="kept")
    assert (outcome.lost, outcome.doubled, outcome.store) == (0, 0, "centre-2")
    assert (outcome.accepted, outcome.evicted) == (52, 30)


async def test_evictions_by_size_lose_so_the_test_would_see_it(tmp_path: Path) -> None:
    outcome = await restored_after_evictions(tmp_path, evict_by="size")
    assert (outcome.lost, outcome.doubled) == (20, 0)


def test_finished_backup_moves_kept_of_entries_and_files(site: Site) -> None:
    journal = lane(site)
    with_file(journal, PICTURE)
    with Centre(site) as centre:
        assert centre.hear(journal).kept == 0
        centre.put(PICTURE)
        assert centre.kept(named(PICTURE)) == set()
        made = site.backed_up()
        assert (made.journals, made.entries, made.files, made.new_files) == (1, journal.size, 1, 1)
        assert centre.greet(journal).kept == journal.size
        assert centre.kept(named(PICTURE)) == {named(PICTURE)}
        journal.talk(3)
        receipt = centre.hear(journal, journal.size - 3)
        assert (receipt.size, receipt.kept) == (journal.size, journal.size - 3)
        [found] = Findings(centre.database).backups()
        assert (found.sha256, found.entries) == (made.sha256, journal.size - 3)
        assert read(site.vault / made.name)[1] == made.sha256


def test_second_backup_copies_only_what_is_new_and_old_ones_go(site: Site) -> None:
    journal = lane(site)
    for data in (PICTURE, b"other"):
        with_file(journal, data)
    with Centre(site) as centre:
        centre.hear(journal)
        centre.put(PICTURE)
        first = site.backed_up()
        centre.put(b"other")
        second = site.backed_up(keep_last=1)
        assert (second.files, second.new_files, second.new_bytes, second.removed) == (2, 1, 5, 1)
    assert not (site.vault / first.name).exists()
    assert [path.name for path in Vault(site.vault).finished()] == [second.name]


def test_file_that_is_not_on_the_disk_is_not_kept(site: Site) -> None:
    journal = lane(site)
    with_file(journal, PICTURE)
    with Centre(site) as centre:
        centre.hear(journal)
        centre.put(PICTURE)
        path = centre.blobs.path(named(PICTURE))
        assert path is not None
        path.write_bytes(b"rotten")
        made = site.backed_up()
        assert (made.files, made.missing) == (0, 1)
        assert centre.kept(named(PICTURE)) == set()


def test_interrupted_backup_counts_for_nothing(site: Site) -> None:
    journal = lane(site)
    with Centre(site) as centre:
        centre.hear(journal)
        vault = Vault(site.vault)
        vault.prepare()
        begun = vault.begin(site.clock.now_ms())
        dumping.dump(centre.database, begun)
        assert centre.greet(journal).kept == 0
        with pytest.raises(RefusedError, match="no finished backup"):
            site.put_back()
        with pytest.raises(RefusedError, match="in use by process"), closing_lock(site.vault):
            site.backed_up()
        site.backed_up()
        assert not begun.exists()
        assert centre.greet(journal).kept == journal.size


class closing_lock:  # noqa: N801 - reads as the context that it is
    """Another process's backup under way."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        self._lock = FolderLock(self._folder)

    def __exit__(self, *_error: object) -> None:
        self._lock.release()


def test_the_copy_is_of_one_moment_while_the_centre_goes_on(site: Site) -> None:
    journal = lane(site)
    journal.talk(200)
    with Centre(site) as centre:
        centre.hear(journal)
        begun = Vault(site.vault)
        begun.prepare()
        part = begun.begin(site.clock.now_ms())

        async def both() -> dumping.Dump:
            async def go_on() -> None:
                for _ in range(20):
                    journal.talk(1)
                    await asyncio.to_thread(centre.hear, journal, journal.size - 1)

            dumped, _ = await asyncio.gather(asyncio.to_thread(dumping.dump, centre.database, part), go_on())
            return dumped

        [held] = asyncio.run(both()).journals
        assert 206 <= held.size <= journal.size
        assert centre.greet(journal).size == journal.size == 226


def test_restored_store_has_all_of_the_backup_and_says_so(
    site: Site, make_url: Callable[[bool], str]
) -> None:
    journal = lane(site)
    with_file(journal, PICTURE)
    with Centre(site) as centre:
        centre.hear(journal)
        other = PaperJournal(journal.identity, process="recorder")
        other.talk(1)
        centre.hear(other)
        contradict(centre, other)
        centre.put(PICTURE)
        site.backed_up()
    site.lose_disk()
    if site.url is not None:
        site.url = make_url(False)
    site.become("centre-2")
    restored = site.put_back()
    assert (restored.before, restored.store, restored.entries, restored.files) == (
        "centre-1",
        "centre-2",
        9,
        1,
    )
    assert restored.vouched
    with Centre(site) as centre:
        receipt = centre.greet(journal)
        assert (receipt.store, receipt.size, receipt.kept) == ("centre-2", 7, 7)
        assert centre.kept(named(PICTURE)) == {named(PICTURE)}
        assert centre.blobs.path(named(PICTURE)) is not None
        journal.talk(2)
        assert centre.hear(journal, 7).size == 9
        contradict(centre, journal)  # also: a number that the database gives itself goes on
        assert [fork.journal for fork in Findings(centre.database).forks()] == [other.id, journal.id]


def test_damaged_file_of_a_backup_is_named_and_asked_for_again(
    site: Site, make_url: Callable[[bool], str]
) -> None:
    journal = lane(site)
    with_file(journal, PICTURE)
    with Centre(site) as centre:
        centre.hear(journal)
        centre.put(PICTURE)
        site.backed_up()
    Vault(site.vault).place(named(PICTURE)).write_bytes(b"rotten")
    site.lose_disk()
    if site.url is not None:
        site.url = make_url(False)
    site.become("centre-2")
    assert site.put_back().damaged == (named(PICTURE),)
    with Centre(site) as centre:
        assert centre.kept(named(PICTURE)) == set()
        assert centre.blobs.path(named(PICTURE)) is None
        centre.put(PICTURE)


def test_what_may_not_be_restored_is_said_and_nothing_changed(site: Site) -> None:
    journal = lane(site)
    with Centre(site) as centre:
        centre.hear(journal)
        made = site.backed_up()
    with pytest.raises(ConfigError, match="later name of centre-1, such as centre-2"):
        site.put_back()
    site.become("centre-2")
    with pytest.raises(ConfigError, match="has lost its memory"):
        site.put_back()
    site.cosigner().close()
    with pytest.raises(RefusedError, match=r"not empty|is there already"):
        site.put_back()
    with (
        pytest.raises(RefusedError, match="in use by process"),
        closing_lock(site.folder / "data" / "journal"),
    ):
        site.put_back()
    with pytest.raises(RefusedError, match="no finished backup"):
        site.put_back(backup="20200101T000000Z")
    contents, _ = read(site.vault / made.name)
    piece = site.vault / made.name / contents.pieces[0].name
    piece.write_bytes(piece.read_bytes()[:-1] + b"\x01\x02")
    with pytest.raises(RefusedError, match="is not what was written"):
        site.put_back()


# --- the centre's own journal ----------------------------------------------------------------------------------


def own_journal(site: Site) -> Journal:
    identity = site.keys.identity
    return Journal.open(
        site.folder / "data" / "journal",
        box=identity.box,
        process="central",
        software="test",
        identity=identity.key,
        clock=site.clock,
        boot=boot_id(),
    )


async def carried(site: Site, journal: Journal) -> None:
    """Everything of the centre's own journal is in its own store."""
    async with site.receiving(MemoryBroker()) as receiver:
        own = OwnJournal(
            journal,
            receiver,
            identity=site.keys.identity,
            source="yiyuan/centre",
            software="test",
            clock=site.clock,
        )
        task = asyncio.create_task(own.run())
        async with asyncio.timeout(20):
            while receiver.committed < journal.size and not task.done():
                await asyncio.sleep(0.01)
        assert not task.done(), task.result()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def streams_of(journal: Journal) -> list[str]:
    return [frames_stream(entry.header) for entry in await journal.read(0, 10)]


def frames_stream(header: bytes) -> str:
    return header.decode().partition('"stream":"')[2].partition('"')[0]


@pytest.mark.parametrize("engine", ["sqlite"])
async def test_lost_journal_of_the_centre_is_continued_by_one_that_names_it(site: Site) -> None:
    (site.folder / "data").mkdir()
    with closing(own_journal(site)) as first:
        await carried(site, first)
    await asyncio.to_thread(site.backed_up)
    site.lose_disk()
    site.become("centre-2")
    restored = await asyncio.to_thread(site.put_back)
    with closing(own_journal(site)) as second:
        assert second.id == restored.own != first.id
        assert await streams_of(second) == [JournalOpened.stream, StoreRestored.stream]
        await carried(site, second)
    with site.database() as database, database.reader.connect() as connection:
        rows = connection.execute(select(schema.head).order_by(schema.head.c.size)).mappings().all()
    states = {row["journal"]: (row["state"], row["predecessor"], row["size"]) for row in rows}
    assert states == {first.id: ("closed", None, 1), second.id: ("open", first.id, 2)}


@pytest.mark.parametrize("engine", ["sqlite"])
async def test_journal_of_the_centre_that_survived_goes_on(site: Site) -> None:
    (site.folder / "data").mkdir()
    with closing(own_journal(site)) as first:
        await carried(site, first)
    await asyncio.to_thread(site.backed_up)
    shutil.move(site.folder / "data" / "journal", site.folder / "journal")
    site.lose_disk()
    shutil.move(site.folder / "journal", site.folder / "data" / "journal")
    site.become("centre-2")
    restored = await asyncio.to_thread(site.put_back)
    with closing(own_journal(site)) as again:
        assert again.id == restored.own == first.id
        assert await streams_of(again) == [JournalOpened.stream, StoreRestored.stream]


# --- cosignatures ----------------------------------------------------------------------------------------------


def cosigned(site: Site, centre: Centre, journal: PaperJournal, cosigner: Cosigner) -> Note:
    """As the centre does it about once a second."""
    custody = CustodyStore(centre.database)
    newest = custody.newest(journal.id)
    assert newest is not None
    signature = cosigner.cosign(newest.checkpoint, root_at=lambda size: custody.root(journal.id, size))
    note = Note.parse(newest.checkpoint).with_signature(signature)
    custody.save_note(journal.id, note.format(), size=newest.size, witnessed=False)
    return note


@pytest.mark.parametrize("engine", ["sqlite"])
@pytest.mark.parametrize("memory", ["survives", "is older than the backup"])
def test_i10_restored_centre_cosigns_no_fork_from_before_its_last_cosignature(
    site: Site, memory: str
) -> None:
    """Attack 10: the store has forgotten what it cosigned; the cosigner has not, or finds it in the store's notes."""
    journal = lane(site)
    with Centre(site) as centre:
        with closing(site.cosigner()) as cosigner:
            centre.hear(journal)
            cosigned(site, centre, journal, cosigner)
        old_heads = site.folder / "old.db"
        shutil.copy(site.folder / "data" / "cosigner" / "heads.db", old_heads)
        journal.talk(5)
        with closing(site.cosigner()) as cosigner:
            centre.hear(journal, 6)
            if memory == "survives":
                site.backed_up()
            cosigned(site, centre, journal, cosigner)
        if memory != "survives":
            site.backed_up()
    size = journal.size
    site.lose_disk()
    if memory != "survives":
        shutil.copy(old_heads, site.folder / "data" / "cosigner" / "heads.db")
    site.become("centre-2")
    site.put_back()
    fork = journal.forked(6)
    for number in range(8):
        fork.say(said(900 + number))
    with Centre(site) as centre, closing(site.cosigner()) as cosigner:
        notes = CustodyStore(centre.database).cosigned_notes()
        assert cosigner.adopt(notes) == (memory != "survives")
        assert cosigner.adopt(notes) == 0
        with (
            centre.store.begin() as transaction
        ):  # the same story as if only the beginning had been in the backup
            head = transaction.heads([journal.id])[journal.id]
        assert head.size == size
        for offered in (fork.checkpoint(size), fork.checkpoint(size - 1), fork.checkpoint()):
            with pytest.raises(RefusedError):
                cosigner.cosign(offered, root_at=lambda n: tree.root(fork.leaves[:n]))
        journal.talk(1)
        centre.hear(journal, size)
        assert cosigned(site, centre, journal, cosigner)
