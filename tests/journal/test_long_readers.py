"""Who reads for long keeps nobody from writing; what it costs is seen."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from journal.database import Reader
from journal.writer import Journal
from tests.journal.making import County, open_journal, said

IDENTITY = County().identity()
PAGES = 1_000 * 4_120  # where SQLite folds the WAL in, as the writer's connection is set


async def fill(journal: Journal, count: int) -> None:
    await asyncio.gather(*(journal.append(said(n, size=8_000), source="a/b") for n in range(count)))


@pytest.fixture
def folder(quick_path: Path) -> Path:
    return quick_path / "journal"


@pytest.mark.broad
async def test_a_held_reader_stops_no_append_and_its_cost_is_seen_and_ends_with_it(folder: Path) -> None:
    with closing(open_journal(folder, identity=IDENTITY.key)) as journal:
        await fill(journal, 300)
        assert journal.wal_bytes <= 2 * PAGES
        held = sqlite3.connect(f"file:{journal.folder / 'journal.db'}?mode=ro", uri=True)
        with closing(held):
            held.execute("BEGIN")
            held.execute("SELECT count(*) FROM entry").fetchone()
            await fill(journal, 900)
            assert journal.size == 1_201
            assert journal.wal_bytes > 2 * PAGES
            frame = await journal.frame(1_100)
            assert frame is not None
        for _ in range(3):
            await fill(journal, 300)
        assert journal.wal_bytes <= 16_777_216


async def test_only_the_writer_checkpoints(folder: Path) -> None:
    with closing(open_journal(folder, identity=IDENTITY.key)) as journal:
        await fill(journal, 20)
        before = (journal.wal_bytes, (journal.folder / "journal.db").stat().st_size)
        with closing(Reader(journal.folder / "journal.db")) as reader:
            assert reader._db.execute("PRAGMA wal_autocheckpoint").fetchone() == (0,)
            assert reader.size() == 21
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                reader._db.execute("DELETE FROM idem")
        assert (journal.wal_bytes, (journal.folder / "journal.db").stat().st_size) == before
