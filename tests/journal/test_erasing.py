"""Erasure: said first, done everywhere, done again after a crash; and every proof still holds."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journal.cursors import Cursors, Upload
from journal.erasing import Erasing, finish_for_ever
from journal.files import FileStore
from journal.shelf import mark_doubted, order_renewal
from journal.writer import Appended, Journal
from kernel.errors import ProtocolError, RestartError
from kernel.events import ClockChecked, EntryRef, FileEvicted, JournalRecovered, RecordErased
from kernel.evidence import frames, header, tree
from kernel.evidence.header import FileRef
from kernel.evidence.texts import Absent, Checkpoint
from tests.journal.making import County, TestClock, open_journal

pytestmark = pytest.mark.broad

IDENTITY = County().identity()
SOURCE = "yiyuan/s01/lane1"
RULE = "within.plates"


def plate(number: int) -> str:
    return f"鲁C{number:05d}"


def read_plate(number: int, *, size: int = 0) -> ClockChecked:
    """A body with a plate in it, whatever its stream."""
    return ClockChecked(reference=plate(number) + "x" * size, offset_ms=number, err_ms=1, state="ok")


def everywhere(folder: Path) -> bytes:
    """Every byte of every file below: databases, WALs, files, head and lock."""
    return b"\0".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


class Box:
    """A journal with its files and cursors, as a process has them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = TestClock()
        self.open()

    def open(self) -> None:
        self.journal = open_journal(self.folder / "journal", identity=IDENTITY.key, clock=self.clock)
        self.files = FileStore(self.folder / "files", clock=self.clock)
        self.cursors = Cursors(self.folder / "journal")
        self.erasing = self.made(self.journal)

    def made(self, journal: Journal) -> Erasing:
        return Erasing(journal, source=SOURCE, files=self.files, cursors=self.cursors)

    def close(self) -> None:
        self.journal.close()
        self.cursors.close()

    def again(self) -> None:
        self.close()
        self.open()

    async def say(self, number: int, *, size: int = 0, picture: bytes | None = None) -> Appended:
        named = [(f"front-{number}.jpg", picture)] if picture is not None else []
        files = await self.files.put(named) if named else ()
        return await self.journal.append(
            read_plate(number, size=size), source=SOURCE, files=files, key=f"n:{number}"
        )

    async def of(self, stream: str) -> list[bytes]:
        entries = await self.journal.read(0, 10_000)
        return [
            entry.body for entry in entries if entry.body and header.decode(entry.header).stream == stream
        ]

    async def verify(self) -> None:
        """Every leaf, the root, an inclusion proof of each entry, and every frame as a receiver checks it."""
        size = self.journal.size
        entries = await self.journal.read(0, size)
        leaves = [entry.leaf for entry in entries]
        assert leaves == [header.leaf(entry.header) for entry in entries]
        newest = Checkpoint.open(
            await self.journal.checkpoint(), journal=self.journal.id, public_key=self.journal.public_key
        )
        assert (newest.size, newest.root) == (size, tree.root(leaves))
        for seq in range(size):
            proof = await self.journal.inclusion_proof(seq, size)
            assert tree.verify_inclusion(
                leaf=leaves[seq], index=seq, size=size, proof=proof, root=newest.root
            )
        start = 0
        while start < size:
            start = await self._verify_frame(start)

    async def _verify_frame(self, start: int) -> int:
        frame = await self.journal.frame(start)
        assert frame is not None
        gone = {start + n for n, (_, _, body) in enumerate(frame.entries) if body is None}
        absent = frames.decode(frames.encode(frame)).absent
        said = (
            Absent.open(absent, journal=self.journal.id, public_key=self.journal.public_key).reasons
            if absent
            else ()
        )
        assert dict(said) == dict.fromkeys(gone, "erased")
        return frame.end


@pytest.fixture
def box(quick_path: Path) -> Iterator[Box]:
    made = Box(quick_path)
    yield made
    made.close()


async def test_i14_an_erased_plate_is_in_no_byte_of_the_box_and_every_proof_holds(box: Box) -> None:
    said = [await box.say(n, size=n * 7, picture=plate(n).encode() * 40) for n in range(80)]
    assert plate(33).encode() in everywhere(box.folder)
    gone = [said[n] for n in range(20, 60)]
    files = [sha256(plate(n).encode() * 40).hexdigest() for n in range(20, 60)]
    await box.erasing.erase([one.ref for one in gone], files=files, rule=RULE, by="s01-lane1")
    raw = everywhere(box.folder)
    assert [n for n in range(80) if plate(n).encode() in raw] == [*range(20), *range(60, 80)]
    await box.verify()
    assert box.erasing.unclean == {}
    box.again()
    await box.verify()
    assert (await box.say(33)).seq == said[33].seq, "the key of an erased entry is still known"


@settings(max_examples=12, deadline=None)
@given(st.data())
async def test_i14_whatever_is_erased_in_whatever_order_leaves_no_copy(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        box = Box(Path(folder))
        try:
            sizes = data.draw(st.lists(st.sampled_from([0, 200, 1500, 5000]), min_size=2, max_size=40))
            said = [await box.say(n, size=size) for n, size in enumerate(sizes)]
            gone: set[int] = set()
            for _ in range(data.draw(st.integers(1, 3))):
                some = data.draw(st.sets(st.sampled_from(range(len(sizes))), min_size=1))
                await box.erasing.erase([said[n].ref for n in sorted(some)], rule=RULE, by="x")
                gone |= some
                raw = everywhere(box.folder)
                assert {n for n in range(len(sizes)) if plate(n).encode() not in raw} == gone
            await box.verify()
        finally:
            box.close()


async def test_i7_what_could_not_be_said_is_not_done(box: Box) -> None:
    said = await box.say(1, picture=b"one")
    box.journal.close()
    with pytest.raises(Exception, match="closed"):
        await box.erasing.erase([said.ref], files=[sha256(b"one").hexdigest()], rule=RULE, by="x")
    assert box.files.path(sha256(b"one").hexdigest()) is not None
    box.open()
    [kept] = await box.journal.read(said.seq, 1)
    assert kept.body is not None


async def test_i7_what_a_crash_left_undone_is_done_by_the_next_start(box: Box) -> None:
    """The entry is committed, nothing is removed yet; then half of it is."""
    said = [await box.say(n, picture=plate(n).encode() if n < 3 else None) for n in range(6)]
    files = [sha256(plate(n).encode()).hexdigest() for n in range(3)]
    await box.journal.append(
        RecordErased(rule=RULE, by="x", entries=tuple(one.ref for one in said[:3]), files=tuple(files)),
        source=SOURCE,
    )
    box.again()
    assert await box.erasing.finish() == 1
    raw = everywhere(box.folder)
    assert [n for n in range(6) if plate(n).encode() in raw] == [3, 4, 5]
    assert await box.erasing.finish() == 0
    await box.journal.append(
        RecordErased(rule=RULE, by="x", entries=tuple(one.ref for one in said[3:5])), source=SOURCE
    )
    await box.journal.erase(box.journal.current, [said[3].seq])
    box.cursors.close()
    (box.folder / "journal" / "cursor.db").unlink()  # it is only ever a saving
    box.again()
    assert await box.erasing.finish() == 1
    assert await box.erasing.finish() == 0
    assert plate(4).encode() not in everywhere(box.folder)
    await box.verify()


async def test_an_older_copy_that_somebody_reads_is_removed_when_he_is_done(box: Box) -> None:
    said = await box.say(7)
    with closing(sqlite3.connect(box.journal.folder / "journal.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM body").fetchone()
        await box.erasing.erase([said.ref], rule=RULE, by="x")
        assert list(box.erasing.unclean) == [box.journal.id]
        assert (await box.say(8)).seq == said.seq + 2, "appends go on meanwhile"
        reader.execute("COMMIT")
    await box.erasing.finish()
    assert box.erasing.unclean == {}
    assert plate(7).encode() not in everywhere(box.folder)


async def recovered(box: Box) -> None:
    """The journal is doubted, and what it held follows in its successor."""
    old = box.journal.id
    box.journal.doubt("shown another story")
    box.again()
    assert box.journal.id != old


async def test_i14_an_erasure_reaches_the_body_wherever_it_lies(box: Box) -> None:
    """In the doubted journal, in its successor, and in the successor of that: one entry names all of them."""
    said = [await box.say(n) for n in range(4)]
    await recovered(box)
    await recovered(box)
    assert everywhere(box.folder).count(plate(2).encode()) >= 3
    await box.erasing.erase([said[2].ref], rule=RULE, by="x")
    raw = everywhere(box.folder)
    assert [n for n in range(4) if plate(n).encode() in raw] == [0, 1, 3]
    [body] = await box.of(RecordErased.stream)
    named = msgspec.json.decode(body, type=RecordErased).entries
    assert len({ref.journal for ref in named}) == len(named) == 3
    await box.verify()


async def test_i14_an_erasure_that_was_itself_recovered_is_finished(box: Box) -> None:
    """Said, not done, and then the disk was doubted: both the entry and what it names were said again."""
    said = [await box.say(n) for n in range(4)]
    await box.journal.append(RecordErased(rule=RULE, by="x", entries=(said[1].ref,)), source=SOURCE)
    await recovered(box)
    assert await box.erasing.finish() >= 1
    raw = everywhere(box.folder)
    assert [n for n in range(4) if plate(n).encode() in raw] == [0, 2, 3]
    await box.verify()


async def test_recovery_carries_no_erased_body_and_the_frames_say_so(box: Box) -> None:
    said = [await box.say(n) for n in range(4)]
    await box.erasing.erase([said[1].ref], rule=RULE, by="x")
    await recovered(box)
    assert plate(1).encode() not in everywhere(box.folder)
    bodies = [msgspec.json.decode(body, type=JournalRecovered) for body in await box.of("journal.recovered")]
    assert [one.old.seq for one in bodies if one.body is None] == [said[1].seq]
    await box.verify()


async def test_a_damaged_journal_that_cannot_be_erased_from_is_named_and_tried_again(box: Box) -> None:
    said = await box.say(5)
    old = box.journal.id
    await recovered(box)
    database = box.folder / "journal" / "0001" / "journal.db"
    whole = database.read_bytes()
    database.write_bytes(b"no database at all" + bytes(4096))
    box.erasing = box.made(box.journal)
    await box.erasing.erase([said.ref], rule=RULE, by="x")
    assert list(box.erasing.unclean) == [old]
    database.write_bytes(whole)
    await box.erasing.finish()
    assert box.erasing.unclean == {}
    assert plate(5).encode() not in everywhere(box.folder)


def cut_before_the_checkpoint(database: Path, seq: int) -> None:
    """The row is deleted and durable, the WAL is not folded in, and the power is gone."""
    wal = database.with_name("journal.db-wal")
    with closing(sqlite3.connect(database, isolation_level=None)) as db:
        db.execute("PRAGMA wal_autocheckpoint = 0")
        db.execute("PRAGMA secure_delete = ON")
        assert db.execute("DELETE FROM body WHERE seq = ?", (seq,)).rowcount == 1
        left = database.read_bytes(), wal.read_bytes()
    for path, data in zip((database, wal), left, strict=True):
        path.write_bytes(data)


@pytest.mark.parametrize("state", ["current", "closed", "doubted"])
async def test_i14_what_a_power_cut_left_in_a_wal_is_cleaned_by_the_first_finish(
    box: Box, state: str
) -> None:
    said = await box.say(2)
    await box.journal.append(RecordErased(rule=RULE, by="x", entries=(said.ref,)), source=SOURCE)
    database = box.journal.folder / "journal.db"
    if state == "closed":
        order_renewal(box.folder / "journal")
        await box.say(3)
        async with asyncio.timeout(20):
            while len(box.journal.volumes) < 2:
                await asyncio.sleep(0)
    box.close()
    cut_before_the_checkpoint(database, said.seq)
    if state == "doubted":
        mark_doubted(database.parent, "shown another story")
    box.open()
    assert (state == "doubted") == (
        box.erasing.places[0].folder not in [one.folder for one in box.journal.volumes]
    )
    assert plate(2).encode() in everywhere(box.folder)
    await box.erasing.finish()
    assert plate(2).encode() not in everywhere(box.folder)
    assert box.erasing.unclean == {}
    await box.verify()


async def test_a_wal_is_left_alone_once_a_start_has_cleaned_it(box: Box) -> None:
    await box.say(1)
    wal = box.journal.folder / "journal.db-wal"
    await box.erasing.finish()
    assert wal.stat().st_size == 0
    await box.say(2)
    await box.erasing.finish()
    assert wal.stat().st_size > 0


async def test_an_evicted_file_is_gone_and_forgotten_and_what_came_back_stays(box: Box) -> None:
    said = await box.say(1, picture=b"the same picture")
    name = sha256(b"the same picture").hexdigest()
    upload = Upload(sha256=name, size=16, journal=box.journal.id, seq=said.seq, priority=2)
    box.cursors.list_uploads([(upload, "waiting")], journal=box.journal.id, destination="centre", scanned=9)
    await box.erasing.evict([FileRef(name="front.jpg", sha256=name, size=16)], rule="kept", free_kb=1)
    [body] = await box.of(FileEvicted.stream)
    assert msgspec.json.decode(body, type=FileEvicted) == FileEvicted(
        rule="kept", files=(name,), freed_bytes=16, free_kb=1
    )
    assert box.files.path(name) is None
    assert box.cursors.next_upload(destination="centre", accepted={}) is None
    await box.say(2, picture=b"the same picture")  # of a camera that is frozen
    box.again()
    assert await box.erasing.finish() == 0
    assert box.files.path(name) is not None
    await recovered(box)
    await box.erasing.finish()
    assert box.files.path(name) is not None


async def test_many_entries_and_files_are_named_in_as_many_entries_as_it_takes(box: Box) -> None:
    said = [await box.say(n, picture=b"%d" % n) for n in range(100)]
    files = [sha256(b"%d" % n).hexdigest() for n in range(100)]
    await box.erasing.erase([one.ref for one in said], files=files, rule=RULE, by="x")
    told = [msgspec.json.decode(body, type=RecordErased) for body in await box.of(RecordErased.stream)]
    assert [ref for one in told for ref in one.entries] == [one.ref for one in said]
    assert [name for one in told for name in one.files] == files
    assert not list(box.files.names())


@pytest.mark.parametrize("name", ["*", "../journal/current", "", "AB" * 32])
async def test_what_is_no_digest_removes_nothing(box: Box, name: str) -> None:
    await box.say(1, picture=b"one")
    with pytest.raises(ProtocolError, match="not the name"):
        box.files.remove([sha256(b"one").hexdigest(), name])
    assert len(list(box.files.names())) == 1
    assert (box.folder / "journal" / "current").exists()


async def test_a_removal_that_makes_no_sense_is_passed_over(box: Box) -> None:
    elsewhere = EntryRef(journal="cd" * 16, seq=3, leaf="ab" * 32)
    await box.journal.append(RecordErased(rule=RULE, by="x", entries=(elsewhere,)), source=SOURCE)
    said = await box.say(1)
    assert await box.erasing.finish() == 0
    [kept] = await box.journal.read(said.seq, 1)
    assert kept.body is not None


async def test_erasing_waits_its_turn_between_commits(box: Box) -> None:
    said = [await box.say(n) for n in range(3)]
    appends = [box.say(n) for n in range(10, 300)]
    erased = box.journal.erase(box.journal.current, [one.seq for one in said])
    done = await asyncio.gather(erased, *appends)
    assert done[0] is True
    assert box.journal.size == 1 + 3 + 290
    await box.verify()


async def test_a_journal_that_has_failed_erases_nothing(box: Box) -> None:
    await box.say(1)
    box.journal._file._db.close()
    with pytest.raises(RestartError):
        await box.journal.erase(box.journal.current, [1])
    with pytest.raises(RestartError):
        await box.say(2)


async def test_a_process_without_files_or_cursors_erases_what_its_entries_name(quick_path: Path) -> None:
    """As station and centre do with their own journals."""
    clock = TestClock()
    journal = open_journal(quick_path / "journal", identity=IDENTITY.key, clock=clock)
    said = await journal.append(read_plate(3), source=SOURCE)
    task = asyncio.create_task(finish_for_ever(Erasing(journal, source=SOURCE), clock=clock))
    await journal.append(RecordErased(rule=RULE, by="x", entries=(said.ref,)), source=SOURCE)
    async with asyncio.timeout(20):
        while await journal.current.bodies([said.seq]):
            await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.to_thread(journal.close)
    assert plate(3).encode() not in everywhere(quick_path)
