"""Whatever comes, in whatever order: a store only grows, by what the journal's key has signed, and says no more than it has."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journal.checking import inspect
from journal.custody import Custody
from journal.keys import SigningKey
from journal.stores import SqliteStore
from kernel.errors import ProtocolError
from kernel.evidence import frames
from kernel.evidence.texts import Receipt
from tests.journal.making import NOW, PaperJournal, TestClock, said
from tests.journal.receiver_contract import STORE_KEY, TRUST, lane, opened

LONG = 14
JOURNAL = lane()
JOURNAL.talk(LONG - 2)
JOURNAL.say_bytes(b'{"makes":"no sense"}', stream="weather.seen")

Message = tuple[str, int, int]
messages = st.tuples(
    st.sampled_from(["frame", "forged", "altered", "stripped", "other end", "hello"]),
    st.integers(0, LONG - 1),
    st.integers(1, 6),
)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as name:
        yield Path(name)


@pytest.mark.broad
@given(st.lists(messages, max_size=25))
@settings(max_examples=60, deadline=None)
def test_i5_i6_i9_i12_store_grows_by_what_was_signed_and_receipts_say_what_it_has(
    folder: Path, story: list[Message]
) -> None:
    for path in folder.iterdir():
        path.unlink()
    with closing(SqliteStore(folder / "store.db", store_id=STORE_KEY.name)) as store:
        custody = Custody(store, key=STORE_KEY, trust=TRUST, clock=TestClock())
        size = greeted(custody).size
        for message in story:
            said_ = sent(custody, message)
            stored = rows(store)
            if said_ is not None:
                assert said_.size == len(stored)
            assert len(stored) >= size
            assert stored == [(seq, *JOURNAL.entries[seq]) for seq in range(len(stored))]
            size = len(stored)
        while size < JOURNAL.size:
            size = take(custody, JOURNAL.wire(size, min(size + 5, JOURNAL.size))).size
        assert len(rows(store)) == JOURNAL.size


def greeted(custody: Custody) -> Receipt:
    welcome = custody.greet(JOURNAL.box, frames.decode_hello(JOURNAL.hello()))
    return opened(welcome.receipts[0][1])


def sent(custody: Custody, message: Message) -> Receipt | None:
    kind, start, count = message
    if kind == "hello":
        welcome = custody.greet(JOURNAL.box, frames.decode_hello(JOURNAL.hello(size=start)))
        return opened(welcome.receipts[0][1])
    try:
        return take(custody, wire(kind, start, min(start + count, JOURNAL.size)))
    except ProtocolError:
        return None


def wire(kind: str, start: int, end: int) -> bytes:
    frame = JOURNAL.frame(start, end)
    if kind == "forged":
        liar = forged(start)
        return liar.wire(start, liar.size)
    if kind == "altered":
        data = bytearray(frames.encode(frame))
        data[(start * 7919 + end * 104_729) % len(data)] ^= 1
        return bytes(data)
    if kind == "stripped":
        bare = tuple((head, None, None) for head, _salt, _body in frame.entries)
        return frames.encode(msgspec.structs.replace(frame, entries=bare))
    if kind == "other end":
        return frames.encode(msgspec.structs.replace(frame, checkpoint=JOURNAL.checkpoint(end - 1)))
    return frames.encode(frame)


def forged(start: int) -> PaperJournal:
    """Other entries in these places, signed by a key of the liar's own."""
    liar = JOURNAL.forked(start)
    liar.key = SigningKey.generate(kind="journal", name="liar")
    for number in range(3):
        liar.say(said(900 + number))
    return liar


def take(custody: Custody, data: bytes) -> Receipt:
    inspected = inspect(JOURNAL.box, JOURNAL.id, data, received_ms=NOW)
    [answer] = custody.take([inspected]).answers
    return opened(answer.receipt)


def rows(store: SqliteStore) -> list[tuple[int, bytes, bytes | None, bytes | None]]:
    query = "SELECT entry.seq, header, salt, body FROM entry LEFT JOIN body USING (journal, seq) ORDER BY entry.seq"
    return store._db.execute(query).fetchall()
