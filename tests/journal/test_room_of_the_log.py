"""A disk that fills to the last byte: the log writes on from its reserve, erasing and reading go on, the WAL is bounded."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from journal.cursors import Cursor, Cursors
from journal.erasing import Erasing
from journal.files import FileStore
from journal.keys import SigningKey
from journal.reserve import Reserve
from journal.writer import Journal
from kernel.errors import FullError
from tests.journal.making import BOX, County, TestClock, said
from tests.journal.test_full_disk_at_start import fill

pytestmark = [pytest.mark.wire, pytest.mark.timeout(60)]

IDENTITY = County().identity()
SOURCE = "yiyuan/s01/lane1"
KB, MB = 1 << 10, 1 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, as an operator's disk would be; needs root, as `make test` in CI has."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", disk], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def open_on(disk: Path, reserve: Reserve, *, key: SigningKey = IDENTITY.key) -> Journal:
    return Journal.open(
        disk / "journal",
        box=BOX,
        process="edge",
        software="test",
        identity=key,
        clock=TestClock(),
        boot="0123456789abcdef",
        reserve=reserve,
    )


async def appended_until_full(journal: Journal) -> int:
    for n in range(1000):
        try:
            await journal.append(said(n, size=20_000), source=SOURCE)
        except FullError:
            return n
    raise AssertionError("the disk was never full")


async def test_the_log_writes_on_from_its_reserve_and_media_do_not_get_any_of_it(small_disk: Path) -> None:
    reserve = Reserve.beside(small_disk / "journal", mb=64)
    assert reserve.make()
    assert reserve.size == MB, "a sixteenth of a tiny disk"
    journal = await asyncio.to_thread(open_on, small_disk, reserve)
    files = FileStore(small_disk / "files", clock=TestClock(), may_write=lambda: reserve.held)
    first = await journal.append(said(0), source=SOURCE)
    fill(small_disk)
    with pytest.raises(FullError):
        await files.put([("front.jpg", bytes(100 * KB))])
    assert reserve.held, "pictures are given up before the reserve is"
    for n in range(1, 25):
        await journal.append(said(n, size=2000), source=SOURCE)
    assert not reserve.path.exists()
    with pytest.raises(FullError, match="the journal's"):
        await files.put([("front.jpg", b"small")])
    # Sending needs no write: frames are cut, and a cursor that cannot be saved is only behind.
    cursors = await asyncio.to_thread(Cursors, small_disk / "journal")
    frame = await journal.frame(0)
    assert frame is not None
    cursors.save(Cursor(store="s", sent=9, size=9, kept=9), journal=journal.id, destination="centre")
    # And what may go can be erased for room.
    erasing = Erasing(journal, source=SOURCE, files=files, cursors=cursors)
    await erasing.erase([first.ref], rule="r", by="b")
    assert await journal.current.bodies([first.seq]) == set()
    (small_disk / "filler").unlink()
    assert reserve.make()
    cursors.close()
    await asyncio.to_thread(journal.close)


async def test_when_the_reserve_is_used_up_appends_fail_whole_and_work_again_with_room(
    small_disk: Path,
) -> None:
    reserve = Reserve.beside(small_disk / "journal", mb=64)
    assert reserve.make()
    journal = await asyncio.to_thread(open_on, small_disk, reserve)
    filler = fill(small_disk)
    written = await appended_until_full(journal)
    assert written >= 20, "a reserve of one megabyte"
    assert journal.size == 1 + written
    filler.unlink()
    appended = await journal.append(said(written), source=SOURCE)
    assert appended.seq == 1 + written
    await asyncio.to_thread(journal.close)


async def test_a_start_on_a_full_disk_takes_its_room_from_the_reserve(small_disk: Path) -> None:
    reserve = Reserve.beside(small_disk / "journal", mb=64)
    assert reserve.make()
    journal = await asyncio.to_thread(open_on, small_disk, reserve)
    await journal.append(said(1), source=SOURCE)
    await asyncio.to_thread(journal.close)
    fill(small_disk)
    again = await asyncio.to_thread(open_on, small_disk, Reserve.beside(small_disk / "journal", mb=64))
    assert (again.id, again.size) == (journal.id, 2)
    await again.append(said(2), source=SOURCE)
    await asyncio.to_thread(again.close)


async def test_a_reader_who_stays_is_not_waited_for_and_its_wal_shrinks_when_he_goes(
    small_disk: Path,
) -> None:
    reserve = Reserve.beside(small_disk / "journal", mb=64)
    assert reserve.make()
    journal = await asyncio.to_thread(open_on, small_disk, reserve)
    held = await journal.append(said(0, size=20_000), source=SOURCE)
    wal = journal.folder / "journal.db-wal"
    erasing = Erasing(journal, source=SOURCE)
    with closing(sqlite3.connect(journal.folder / "journal.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM body").fetchone()
        for n in range(1, 120):
            await journal.append(said(n, size=20_000), source=SOURCE)
        await erasing.erase([held.ref], rule="r", by="b")
        assert erasing.unclean == {journal.id: "somebody reads it, or no room"}
        assert wal.stat().st_size > MB
        reader.execute("COMMIT")
    await erasing.finish()
    assert wal.stat().st_size == 0
    assert erasing.unclean == {}
    await asyncio.to_thread(journal.close)


async def test_a_wal_that_finds_no_room_is_cleaned_later_and_the_journal_goes_on(small_disk: Path) -> None:
    """The first look after a start, on a full disk and without a reserve."""
    journal = await asyncio.to_thread(open_on, small_disk, Reserve.beside(small_disk / "journal", mb=0))
    for n in range(100):
        await journal.append(said(n, size=20_000), source=SOURCE)
    filler, wal = fill(small_disk), journal.folder / "journal.db-wal"
    erasing = Erasing(journal, source=SOURCE)
    await erasing.finish()
    assert list(erasing.unclean) == [journal.id]
    assert wal.stat().st_size > MB
    filler.unlink()
    await erasing.finish()
    assert (wal.stat().st_size, erasing.unclean) == (0, {})
    await journal.append(said(100), source=SOURCE)
    await asyncio.to_thread(journal.close)
