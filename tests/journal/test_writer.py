"""The writer: what append() returned is there, in place, once, signed; and doubt is never written over."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from journal.database import StoredEntry
from journal.keys import SigningKey
from journal.writer import Journal
from kernel.errors import ProtocolError, RefusedError
from kernel.events import JournalDoubted, JournalRecovered
from kernel.evidence import frames, genesis, header, tree
from kernel.evidence.header import FileRef
from kernel.evidence.texts import Absent, Checkpoint
from tests.journal.making import NOW, TestClock, open_journal, said

pytestmark = pytest.mark.broad

IDENTITY = SigningKey.generate(kind="box", name="s01-lane1")
SOURCE = "yiyuan/s01/lane1"


@pytest.fixture
def folder(quick_path: Path) -> Path:
    return quick_path / "journal"


@pytest.fixture
def journal(folder: Path) -> Iterator[Journal]:
    journal = open_journal(folder, identity=IDENTITY)
    yield journal
    journal.close()


async def _fill(journal: Journal, count: int) -> None:
    await asyncio.gather(*(journal.append(said(n), source=SOURCE) for n in range(count)))


async def test_i1_what_was_appended_is_read_back_as_it_was_said(journal: Journal) -> None:
    files = (FileRef(name="front.jpg", sha256="ab" * 32, size=5),)
    appended = await journal.append(said(7), source=SOURCE, at=NOW - 5, files=files)
    assert (appended.journal, appended.seq, appended.at) == (journal.id, 1, NOW - 5)
    (stored,) = await journal.read(1, 10)
    decoded = header.decode(stored.header)
    assert (decoded.seq, decoded.at, decoded.source, decoded.files) == (1, NOW - 5, SOURCE, files)
    assert decoded.stream == "clock.checked"
    assert appended.leaf_hex == stored.leaf.hex() == header.leaf(stored.header).hex()
    assert stored.salt is not None
    assert stored.body is not None
    assert header.body_matches(decoded, salt=stored.salt, body=stored.body)
    assert json.loads(stored.body)["offset_ms"] == 7


async def test_i2_sequence_has_no_hole_and_the_head_is_signed(journal: Journal) -> None:
    await _fill(journal, 700)
    stored = await journal.read(0, 1000)
    assert [entry.seq for entry in stored] == list(range(701))
    assert journal.size == 701
    newest = Checkpoint.open(await journal.checkpoint(), journal=journal.id, public_key=journal.public_key)
    assert (newest.size, newest.root) == (701, tree.root(entry.leaf for entry in stored))


async def test_i2_a_refused_entry_leaves_no_hole(journal: Journal) -> None:
    results = await asyncio.gather(
        journal.append(said(1), source=SOURCE),
        journal.append(said(2), source="No Such Source"),
        journal.append(said(3), source=SOURCE, files=[FileRef(name="a/b", sha256="x", size=-1)]),
        journal.append(said(4), source=SOURCE),
        return_exceptions=True,
    )
    assert [type(result).__name__ for result in results] == [
        "Appended",
        "ProtocolError",
        "ProtocolError",
        "Appended",
    ]
    assert [entry.seq for entry in await journal.read(0, 10)] == [0, 1, 2]


async def test_i3_root_of_a_size_never_changes(journal: Journal) -> None:
    await _fill(journal, 30)
    early = await journal.root(20)
    note = await journal.checkpoint(20)
    await _fill(journal, 600)
    assert await journal.root(20) == early
    assert Checkpoint.open(note, journal=journal.id, public_key=journal.public_key).root == early


async def test_i3_rows_of_entries_cannot_be_changed(journal: Journal) -> None:
    await _fill(journal, 3)
    with closing(sqlite3.connect(journal.folder / "journal.db")) as db:
        for statement in (
            "UPDATE entry SET leaf = x'00' WHERE seq = 1",
            "DELETE FROM entry WHERE seq = 1",
            "UPDATE body SET body = x'00' WHERE seq = 1",
            "UPDATE block SET root = x'00'",
        ):
            if "block" in statement:
                db.execute("INSERT INTO block VALUES (99, x'00')")
            with pytest.raises(sqlite3.IntegrityError):
                db.execute(statement)


async def test_i4_second_opener_is_told_the_pid(journal: Journal, folder: Path) -> None:
    with pytest.raises(RefusedError, match=rf"in use by process {os.getpid()}\b"):
        open_journal(folder, identity=IDENTITY)
    await _fill(journal, 1)
    assert journal.size == 2


async def test_i4_id_is_the_hash_of_the_key_and_genesis_is_signed_by_the_box(journal: Journal) -> None:
    (first,) = await journal.read(0, 1)
    opened = genesis.verify_entry((first.header, first.salt, first.body), box_key=IDENTITY.public)
    assert (opened.box, opened.process, opened.predecessor) == ("s01-lane1", "edge", None)
    assert journal.id == header.journal_id(journal.public_key)


async def test_continues_after_being_closed(journal: Journal, folder: Path) -> None:
    await _fill(journal, 300)
    before = await journal.checkpoint()
    journal.close()
    again = open_journal(folder, identity=IDENTITY)
    try:
        assert (again.id, again.size, await again.checkpoint()) == (journal.id, 301, before)
        assert (await again.append(said(1), source=SOURCE)).seq == 301
        assert again.doubted is None
    finally:
        again.close()


async def test_closed_journal_refuses(journal: Journal) -> None:
    journal.close()
    with pytest.raises(RefusedError):
        await journal.append(said(1), source=SOURCE)


async def test_same_key_is_the_same_entry(journal: Journal, folder: Path) -> None:
    first = await journal.append(said(1), source=SOURCE, at=NOW - 9, key="passage-1")
    twice = await asyncio.gather(
        *(journal.append(said(2), source=SOURCE, key="passage-2") for _ in range(5)),
        journal.append(said(3), source=SOURCE, key="passage-1"),
    )
    assert {appended.seq for appended in twice[:5]} == {2}
    assert (twice[5].seq, twice[5].leaf_hex, twice[5].at) == (1, first.leaf_hex, NOW - 9)
    journal.close()
    again = open_journal(folder, identity=IDENTITY)
    try:
        assert (await again.append(said(4), source=SOURCE, key="passage-2")).seq == 2
        assert again.size == 3
    finally:
        again.close()


async def test_entry_of_a_megabyte_is_refused(journal: Journal) -> None:
    with pytest.raises(ProtocolError, match="at most"):
        await journal.append(said(1, size=1_000_000), source=SOURCE)
    many = tuple(FileRef(name=f"f{n}", sha256="ab" * 32, size=1) for n in range(100))
    with pytest.raises(ProtocolError, match="header larger"):
        await journal.append(said(1), source=SOURCE, files=many)
    assert journal.size == 1


async def test_body_without_canonical_form_is_refused(journal: Journal) -> None:
    wrong: Any = msgspec.structs.replace(said(1), err_ms=0.5)
    with pytest.raises(ProtocolError):
        await journal.append(wrong, source=SOURCE)
    with pytest.raises(ProtocolError):
        await journal.append(msgspec.structs.replace(said(1), err_ms=2**53), source=SOURCE)
    assert journal.size == 1


async def test_i15_clock_going_back_changes_nothing(folder: Path) -> None:
    clock = TestClock()
    journal = open_journal(folder, identity=IDENTITY, clock=clock)
    try:
        for ms in (NOW, 0, 4_070_908_800_000, -5):
            clock.ms = ms
            await journal.append(said(1), source=SOURCE) if ms >= NOW else None
        assert [header.decode(entry.header).at for entry in await journal.volumes[0].read(1, 5)] == [
            NOW,
            4_070_908_800_000,
        ]
    finally:
        journal.close()


async def test_listeners_hear_of_each_commit(journal: Journal) -> None:
    heard: list[int] = []
    news = asyncio.Event()

    def hear(size: int) -> None:
        heard.append(size)
        news.set()

    journal.on_append(hear)
    await journal.append(said(1), source=SOURCE)
    await asyncio.wait_for(news.wait(), 20)
    assert heard == [2]


async def test_checkpoint_beyond_what_is_durable_is_not_signed(journal: Journal) -> None:
    with pytest.raises(RefusedError):
        await journal.checkpoint(2)


async def test_append_waits_when_too_much_waits(journal: Journal) -> None:
    results = await asyncio.gather(*(journal.append(said(n), source=SOURCE) for n in range(3000)))
    assert sorted(result.seq for result in results) == list(range(1, 3001))


async def test_proofs_verify_across_blocks(journal: Journal) -> None:
    await _fill(journal, 900)
    stored = await journal.read(0, 901)
    root = await journal.root(901)
    for seq in (0, 255, 256, 600, 900):
        proof = await journal.inclusion_proof(seq, 901)
        assert tree.verify_inclusion(leaf=stored[seq].leaf, index=seq, size=901, proof=proof, root=root)
    proof = await journal.consistency_proof(513, 901)
    assert tree.verify_consistency(
        old=513, new=901, old_root=await journal.root(513), new_root=root, proof=proof
    )


# --- frames ----------------------------------------------------------------------------------------------------


async def test_frames_carry_everything_once_within_limits(journal: Journal) -> None:
    await asyncio.gather(*(journal.append(said(n, size=(n * 977) % 9000), source=SOURCE) for n in range(200)))
    stored = await journal.read(0, 300)
    seen: list[tuple[bytes, bytes | None, bytes | None]] = []
    while frame := await journal.frame(len(seen)):
        assert frame.start == len(seen)
        assert len(frames.encode(frame)) <= frames.MAX_FRAME
        assert len(frame.entries) <= 64
        seen += frame.entries
        signed = Checkpoint.open(frame.checkpoint, journal=journal.id, public_key=journal.public_key)
        assert (signed.size, signed.root) == (
            len(seen),
            tree.root(entry.leaf for entry in stored[: len(seen)]),
        )
    assert seen == [(entry.header, entry.salt, entry.body) for entry in stored]


async def test_frame_of_the_largest_entries_fits(journal: Journal) -> None:
    files = tuple(FileRef(name=f"f{n}", sha256="ab" * 32, size=1) for n in range(30))
    await asyncio.gather(
        *(journal.append(said(n, size=28_500), source=SOURCE, files=files) for n in range(8))
    )
    frame = await journal.frame(0)
    assert frame is not None
    assert 2 <= len(frame.entries) <= 4
    assert len(frames.encode(frame)) <= frames.MAX_FRAME


async def test_erased_body_is_stated_as_absent(journal: Journal) -> None:
    await _fill(journal, 3)
    with closing(sqlite3.connect(journal.folder / "journal.db", isolation_level=None)) as db:
        db.execute("DELETE FROM body WHERE seq = 2")
    frame = await journal.frame(0)
    assert frame is not None
    assert frame.absent is not None
    assert Absent.open(frame.absent, journal=journal.id, public_key=journal.public_key).reasons == (
        (2, "erased"),
    )
    assert [body is None for _, _, body in frame.entries] == [False, False, True, False]


# --- doubt -----------------------------------------------------------------------------------------------------


async def _doubted(folder: Path) -> tuple[Journal, list[tuple[str, dict[str, Any]]]]:
    journal = open_journal(folder, identity=IDENTITY)
    entries = await journal.read(0, 1000)
    said_there = [
        (header.decode(entry.header).stream, json.loads(entry.body or b"null")) for entry in entries
    ]
    return journal, said_there


def _database(folder: Path) -> Path:
    return folder / "0001" / "journal.db"


async def test_rolled_back_database_is_kept_and_continued_by_a_successor(
    journal: Journal, folder: Path
) -> None:
    await _fill(journal, 10)
    with (
        closing(sqlite3.connect(_database(folder))) as db,
        closing(sqlite3.connect(folder / "yesterday")) as copy,
    ):
        db.backup(copy)
    await _fill(journal, 5)
    root = await journal.root(16)
    journal.close()
    for name in ("journal.db-wal", "journal.db-shm"):
        _database(folder).with_name(name).unlink(missing_ok=True)
    (folder / "yesterday").replace(_database(folder))
    rolled_back = _database(folder).read_bytes()

    successor, entries = await _doubted(folder)
    try:
        assert successor.id != journal.id
        assert entries[0][1]["predecessor"] == {"id": journal.id, "root": root.hex(), "size": 16}
        assert [stream for stream, _ in entries[1:]] == ["journal.recovered"] * 10 + ["journal.doubted"]
        assert entries[-1][1]["lost"] == [11, 12, 13, 14, 15]
        assert "rolled back" in entries[-1][1]["reason"]
        assert _database(folder).read_bytes() == rolled_back
    finally:
        successor.close()


async def test_recovered_entries_are_the_old_ones_byte_for_byte(journal: Journal, folder: Path) -> None:
    await _fill(journal, 2)
    files = (FileRef(name="front.jpg", sha256="ab" * 32, size=5),)
    await journal.append(said(3), source=SOURCE, files=files)
    old = await journal.read(0, 10)
    journal.close()
    (folder / "0001" / "head").write_bytes(b"torn")
    with closing(sqlite3.connect(_database(folder), isolation_level=None)) as db:
        db.execute("UPDATE head SET size = 3")
    successor, entries = await _doubted(folder)
    try:
        for entry, (stream, body) in zip(old[1:], entries[1:4], strict=True):
            assert stream == JournalRecovered.stream
            assert body["old"] == {"journal": journal.id, "leaf": entry.leaf.hex(), "seq": entry.seq}
            assert (body["header"], body["body"]) == (entry.header.decode(), (entry.body or b"").decode())
            assert bytes.fromhex(body["salt"]) == entry.salt
        assert (entries[4][0], entries[4][1]["lost_count"]) == (JournalDoubted.stream, 0)
        (again,) = await successor.read(3, 1)
        assert header.decode(again.header).files == files
        assert header.decode(again.header).source == SOURCE
    finally:
        successor.close()


@pytest.mark.parametrize(
    "damage",
    [
        "DROP TRIGGER entry_is_never_changed; UPDATE entry SET header = replace(header, 'lane1', 'lane2') WHERE seq = 2",
        "DROP TRIGGER entry_is_never_changed; UPDATE entry SET leaf = zeroblob(32) WHERE seq = 2",
        "DROP TRIGGER entry_is_never_removed; DELETE FROM entry WHERE seq = 2",
        "DROP TRIGGER entry_is_never_removed; DELETE FROM entry WHERE seq = 4",
        "DROP TRIGGER body_is_never_changed; UPDATE body SET body = x'7b7d' WHERE seq = 2",
        "UPDATE head SET frontier = zeroblob(8)",
        "UPDATE head SET checkpoint = replace(checkpoint, 'weighpost', 'weighpast')",
        "DELETE FROM head",
        "DROP TABLE body",
    ],
)
async def test_tampering_is_seen_at_open(journal: Journal, folder: Path, damage: str) -> None:
    await _fill(journal, 4)
    journal.close()
    with closing(sqlite3.connect(_database(folder), isolation_level=None)) as db:
        db.executescript(damage)
    successor, entries = await _doubted(folder)
    try:
        assert successor.id != journal.id
        assert entries[-1][0] == "journal.doubted"
        assert entries[-1][1]["recovered"] + entries[-1][1]["lost_count"] == 4
        assert (await successor.append(said(1), source=SOURCE)).seq == len(entries)
    finally:
        successor.close()


async def test_database_of_noise_and_a_lost_key_are_doubts_too(journal: Journal, folder: Path) -> None:
    await _fill(journal, 4)
    journal.close()
    _database(folder).write_bytes(b"noise" * 5000)
    second, entries = await _doubted(folder)
    assert entries[-1][1]["lost"] == [1, 2, 3, 4]
    second.close()
    (folder / "0002" / "journal.key").unlink()
    third, entries = await _doubted(folder)
    try:
        assert entries[0][1]["predecessor"]["id"] == second.id
        assert entries[-1][1]["recovered"] == 1
    finally:
        third.close()


async def test_what_was_saved_twice_keeps_its_first_identity(journal: Journal, folder: Path) -> None:
    await journal.append(said(1), source=SOURCE)
    await journal.append(said(2, size=25_000), source=SOURCE)
    await journal.append(msgspec.structs.replace(said(3), reference='"' * 13_000), source=SOURCE)
    for _ in range(2):
        journal.doubt("on trial")
        journal.close()
        journal, entries = await _doubted(folder)
    try:
        streams = [stream for stream, _ in entries]
        assert streams == ["journal.opened", *["journal.recovered"] * 3, "journal.doubted"]
        assert [body["old"]["seq"] for _, body in entries[1:4]] == [1, 2, 3]
        # The third was too full of quotation marks to be wrapped: the first successor has named it as lost.
        assert json.loads(entries[3][1]["body"])["lost"] == [3]
        assert len({body["old"]["journal"] for stream, body in entries[1:3]}) == 1
        assert journal.doubted is not None
        assert entries[1][1]["old"]["journal"] != journal.doubted.predecessor.id
        assert entries[-1][1]["reason"] == "on trial"
    finally:
        journal.close()


async def test_flipped_bits_are_never_silent(journal: Journal, folder: Path, quick_path: Path) -> None:
    await _fill(journal, 40)
    before = {entry.seq: entry for entry in await journal.read(0, 100)}
    journal.close()
    whole = _database(folder).read_bytes()
    chance = random.Random(18)
    doubted = 0
    for number in range(40):
        copy = quick_path / f"copy-{number}"
        shutil.copytree(folder, copy)
        broken = bytearray(whole)
        for _ in range(3):
            broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
        _database(copy).write_bytes(broken)
        again, entries = await _doubted(copy)
        again.close()
        if again.doubted is None:
            assert {entry.seq: entry for entry in await _all(copy)} == before
            continue
        doubted += 1
        recovered = {body["old"]["seq"]: body for stream, body in entries if stream == "journal.recovered"}
        lost = entries[-1][1]["lost"]
        assert sorted([*recovered, *lost]) == list(range(1, 41))
        for seq, body in recovered.items():
            assert (body["header"], body["old"]["leaf"]) == (
                before[seq].header.decode(),
                before[seq].leaf.hex(),
            )
            assert body["body"] in ((before[seq].body or b"").decode(), None)
    assert doubted > 20


async def _all(folder: Path) -> list[StoredEntry]:
    journal = open_journal(folder, identity=IDENTITY)
    try:
        return await journal.read(0, 1000)
    finally:
        journal.close()


async def test_missing_head_file_is_no_doubt(journal: Journal, folder: Path) -> None:
    await _fill(journal, 4)
    journal.close()
    (folder / "0001" / "head").unlink()
    again = open_journal(folder, identity=IDENTITY)
    again.close()
    assert again.id == journal.id


async def test_folder_left_by_a_crash_is_not_used(folder: Path) -> None:
    (folder / "0001").mkdir(parents=True)
    (folder / "0001" / "journal.key").write_text("half")
    journal = open_journal(folder, identity=IDENTITY)
    journal.close()
    assert journal.folder.name == "0002"
    assert (folder / "0001" / "journal.key").read_text() == "half"
