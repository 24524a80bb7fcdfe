"""Whatever a disk changes is found at the start or at night, and what can still be read is saved."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from journal.keys import Identity
from journal.rehashing import rehash, rehash_nightly
from journal.settings import Succession
from journal.writer import Journal
from kernel.errors import RestartError
from kernel.events import EntryRef, JournalDoubted, JournalRecovered, RecordErased
from kernel.evidence import header
from tests.journal.making import NOW, County, TestClock, said

pytestmark = pytest.mark.broad

IDENTITY = County().identity()
SOURCE = "yiyuan/s01/lane1"
HOUR_MS = 3_600_000
ENTRIES = 600


def opened(folder: Path, *, identity: Identity = IDENTITY, entries: int = 1_000_000) -> Journal:
    return Journal.open(
        folder,
        box=identity.box,
        process="edge",
        software="test",
        identity=identity.key,
        clock=TestClock(),
        boot="0123456789abcdef",
        succession=Succession(entries=entries),
    )


async def fill(journal: Journal, count: int) -> None:
    await asyncio.gather(*(journal.append(said(n), source=SOURCE, key=f"weighed:{n}") for n in range(count)))


async def hashed(journal: Journal) -> int:
    return await rehash(journal, clock=TestClock(), pause_s=0)


def change(folder: Path, sql: str) -> None:
    with closing(sqlite3.connect(folder / "journal.db", isolation_level=None)) as db:
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
        assert db.execute(sql).rowcount == 1


async def test_a_sound_line_of_journals_is_hashed_whole_while_it_grows(quick_path: Path) -> None:
    with closing(opened(quick_path, entries=300)) as journal:
        await fill(journal, ENTRIES)
        counted, _ = await asyncio.gather(hashed(journal), fill(journal, 50))
        assert counted >= ENTRIES


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE entry SET header = replace(header, X'226174223a', X'226174223b') WHERE seq = 5",
        "UPDATE body SET body = X'7b7d' WHERE seq = 5",
        "UPDATE body SET salt = X'00' WHERE seq = 5",
        "UPDATE body SET seq = 100000 WHERE seq = 5",
        "DELETE FROM body WHERE seq = 5",
        "UPDATE block SET root = zeroblob(32) WHERE i = 0",
        "DELETE FROM entry WHERE seq = 5",
        "UPDATE idem SET seq = 7000 WHERE key = 'weighed:5'",
    ],
)
async def test_what_no_start_looks_at_is_found_at_night(quick_path: Path, sql: str) -> None:
    with closing(opened(quick_path)) as journal:
        await fill(journal, 900)
    if "block" not in sql:  # that one is met at every start
        change(quick_path / "0001", sql)
    journal = opened(quick_path)
    assert journal.doubted is None
    if "block" in sql:
        change(quick_path / "0001", sql)
    with closing(journal), pytest.raises(RestartError, match="in doubt"):
        await hashed(journal)
    with closing(opened(quick_path)) as again:
        assert again.doubted is not None
        [declared] = [
            msgspec.json.decode(entry.body or b"", type=JournalDoubted)
            for entry in await again.read(again.size - 1, 1)
        ]
        assert declared.recovered + declared.lost_count == 900
        gone = "DELETE FROM body" in sql or "SET seq = 100000" in sql
        assert declared.bodies_lost == ((5,) if gone else ())


async def test_damage_in_a_closed_journal_is_found_too(quick_path: Path) -> None:
    with closing(opened(quick_path, entries=100)) as journal:
        await fill(journal, 900)
        await fill(journal, 5)
        first = journal.volumes[0]
        change(first.folder, "UPDATE body SET body = X'7b7d' WHERE seq = 5")
        with pytest.raises(RestartError, match="in doubt"):
            await hashed(journal)
    with closing(opened(quick_path)) as again:
        assert again.doubted is None
        assert first.id not in [volume.id for volume in again.volumes]


async def test_i14_an_erased_body_is_no_damage(quick_path: Path) -> None:
    with closing(opened(quick_path)) as journal:
        appended = await journal.append(said(1), source=SOURCE)
        change(journal.folder, f"DELETE FROM body WHERE seq = {appended.seq}")
        erased = RecordErased(rule="days", by="keeping", entries=(appended.ref,))
        await journal.append(erased, source=SOURCE)
        assert await hashed(journal) == 3
        other = EntryRef(journal=journal.id, seq=0, leaf="00" * 32)
        await journal.append(msgspec.structs.replace(erased, entries=(other,)), source=SOURCE)
        assert await hashed(journal) == 4


async def test_it_runs_once_a_night_in_its_hour(quick_path: Path) -> None:
    with closing(opened(quick_path)) as journal:
        await fill(journal, 3)
        clock = TestClock()
        assert NOW // HOUR_MS % 24 == 14  # 22 hours in China
        change(quick_path / "0001", "UPDATE body SET body = X'7b7d' WHERE seq = 2")
        async with asyncio.timeout(20):
            with pytest.raises(RestartError):
                await rehash_nightly(journal, hour=3, clock=clock)
        assert clock.now_ms() // HOUR_MS % 24 == 19
        assert clock.now_ms() - NOW < 24 * HOUR_MS


# --- attack 18 -------------------------------------------------------------------------------------------------


def flipped(path: Path, chance: random.Random) -> None:
    broken = bytearray(path.read_bytes())
    for _ in range(chance.choice((1, 1, 3, 40))):
        broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
    path.write_bytes(broken)


async def found_out(folder: Path, before: dict[int, tuple[bytes, bytes | None]]) -> bool:
    """The start and then the night see it, or there was nothing to see: every entry is what it was."""
    journal = opened(folder)
    if journal.doubted is None:
        try:
            await hashed(journal)
            assert {e.seq: (e.leaf, e.body) for e in await journal.read(0, 10_000)} == before
            return False
        except RestartError:
            pass
        finally:
            journal.close()
        journal = opened(folder)
    with closing(journal):
        await accounted(journal, before)
    return True


async def accounted(journal: Journal, before: dict[int, tuple[bytes, bytes | None]]) -> None:
    """Saved byte for byte, or named as lost."""
    entries = [(header.decode(e.header).stream, e.body or b"") for e in await journal.read(0, 10_000)]
    saved = [msgspec.json.decode(b, type=JournalRecovered) for s, b in entries if s == "journal.recovered"]
    [declared] = [msgspec.json.decode(b, type=JournalDoubted) for s, b in entries if s == "journal.doubted"]
    assert sorted([one.old.seq for one in saved] + list(declared.lost)) == list(before)[1:]
    for one in saved:
        leaf, body = before[one.old.seq]
        assert one.old.leaf == leaf.hex()
        assert one.body == (body or b"").decode() or one.old.seq in declared.bodies_lost


@pytest.mark.timeout(60)
@pytest.mark.wire
@pytest.mark.parametrize("where", ["journal.db", "journal.db-wal"])
async def test_flipped_bytes_are_never_silent(quick_path: Path, where: str) -> None:
    assert await seen_of(quick_path, where, seed=18, rounds=40) > 15


async def seen_of(folder: Path, where: str, *, seed: int, rounds: int) -> int:
    """How many were found out.  The image is taken while the journal is open, as a power cut would leave it."""
    image = folder / "image"
    with closing(opened(folder / "journal")) as journal:
        await fill(journal, ENTRIES)
        if where == "journal.db":
            journal._file._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        await fill(journal, ENTRIES)
        await journal.append(said(1), source=SOURCE)
        before = {entry.seq: (entry.leaf, entry.body) for entry in await journal.read(0, 10_000)}
        shutil.copytree(folder / "journal", image, ignore=shutil.ignore_patterns("*-shm"))
    chance, seen = random.Random(seed), 0
    for number in range(rounds):
        copy = folder / f"copy-{number}"
        shutil.copytree(image, copy)
        flipped(copy / "0001" / where, chance)
        seen += await found_out(copy, before)
        shutil.rmtree(copy)
    return seen
