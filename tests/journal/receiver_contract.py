"""What holds for a receiver over any store: import these tests and provide a fixture `make_store`.

`make_store` is a Callable[[str], ContractStore]: a new, empty store with this store id.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Protocol

import msgspec
import pytest

from journal.checking import Trust
from journal.keys import SigningKey
from journal.receiver import Receiver
from journal.store import Accepted, ReceiverStore
from kernel.events import FileStored
from kernel.evidence import canonical, frames, header, tree
from kernel.evidence.frames import Hello, HelloJournal
from kernel.evidence.header import FileRef
from kernel.evidence.notes import Signature
from kernel.evidence.texts import Absent, Receipt
from tests.journal.making import NOW, County, PaperJournal, TestClock, said

COUNTY = County()
STORE_KEY = SigningKey.generate(kind="store", name="yiyuan-centre-1")
TRUST = Trust(root_name=COUNTY.root.name, root_public=COUNTY.root.public)
DAY = 86_400_000
FOREIGN = (
    Signature(name="yiyuan-centre", key_id=b"lots", payload=bytes(72)),
    Signature(name="yiyuan-witness", key_id=b"room", payload=bytes(200)),
)


class ContractStore(ReceiverStore, Protocol):
    """The store, and what the tests must see of its insides."""

    def rows(self, journal: str) -> list[tuple[int, bytes, bytes, bytes | None, bytes | None]]:
        """(seq, leaf, header, salt, body) of every entry, in order."""
        ...

    def quarantined(self, journal: str) -> list[int]: ...

    def forks(self, journal: str) -> list[tuple[str, str]]: ...


MakeStore = Callable[[str], ContractStore]


@asynccontextmanager
async def receiving(
    store: ReceiverStore, *, clock: TestClock | None = None, centre: str | None = None
) -> AsyncIterator[Receiver]:
    receiver = Receiver(store, key=STORE_KEY, trust=TRUST, clock=clock or TestClock(), centre=centre)
    try:
        yield receiver
    finally:
        receiver.close()


def opened(receipt: str | None) -> Receipt:
    assert receipt is not None
    return Receipt.open(receipt, store="yiyuan-centre-1", public_key=STORE_KEY.public)


async def welcomed(receiver: Receiver, journal: PaperJournal) -> Receipt:
    welcome = await receiver.hello(journal.box, journal.hello())
    assert welcome.refused == ()
    assert [name for name, _ in welcome.receipts] == [journal.id]
    return opened(welcome.receipts[0][1])


def same(store: ContractStore, journal: PaperJournal, size: int | None = None) -> None:
    """Byte for byte."""
    end = journal.size if size is None else size
    expected = [(seq, journal.leaves[seq], *journal.entries[seq]) for seq in range(end)]
    assert store.rows(journal.id) == expected


def lane(box: str = "s01-lane1") -> PaperJournal:
    return PaperJournal(COUNTY.identity(box))


async def test_i5_store_has_what_the_writer_said_byte_for_byte(make_store: MakeStore) -> None:
    store, journal = make_store("yiyuan-centre-1"), lane()
    journal.talk(40)
    async with receiving(store) as receiver:
        assert (await welcomed(receiver, journal)).size == 0
        for start in range(0, 41, 10):
            answer = await receiver.accept(journal.box, journal.id, journal.wire(start, min(start + 10, 41)))
            assert answer.refused is None
        receipt = opened(answer.receipt)
    assert (receipt.size, receipt.root) == (41, tree.root(journal.leaves))
    same(store, journal)


async def test_i6_receipt_is_signed_only_after_the_commit(make_store: MakeStore) -> None:
    store, journal = make_store("yiyuan-centre-1"), lane()
    async with receiving(store) as receiver:
        await welcomed(receiver, journal)
        for size in range(1, 6):
            answer = await receiver.accept(journal.box, journal.id, journal.wire(size - 1, size))
            assert opened(answer.receipt).size == len(store.rows(journal.id)) == size
            journal.talk(1)


async def test_i8_repeated_and_overlapping_frames_count_once(make_store: MakeStore) -> None:
    store, journal = make_store("yiyuan-centre-1"), lane()
    journal.talk(30)
    told: list[int] = []
    async with receiving(store) as receiver:
        receiver.on_committed(lambda entries: told.extend(entry.seq for entry in entries))
        await welcomed(receiver, journal)
        pieces = [(0, 10), (0, 10), (5, 15), (0, 20), (12, 31), (0, 31), (30, 31)]
        answers = await asyncio.gather(
            *(receiver.accept(journal.box, journal.id, journal.wire(*piece)) for piece in pieces)
        )
        assert [answer.refused for answer in answers] == [None] * len(pieces)
    assert told == list(range(31))
    same(store, journal)


async def test_frame_from_beyond_is_dropped_and_answered_with_the_size(make_store: MakeStore) -> None:
    store, journal = make_store("yiyuan-centre-1"), lane()
    journal.talk(20)
    async with receiving(store) as receiver:
        await welcomed(receiver, journal)
        await receiver.accept(journal.box, journal.id, journal.wire(0, 5))
        answer = await receiver.accept(journal.box, journal.id, journal.wire(6, 10))
        assert (answer.refused, opened(answer.receipt).size) == (None, 5)
    same(store, journal, 5)


async def test_unknown_journal_and_foreign_box_are_refused_and_counted(make_store: MakeStore) -> None:
    store, journal = make_store("yiyuan-centre-1"), lane()
    other = lane("s01-lane2")
    async with receiving(store) as receiver:
        answer = await receiver.accept(journal.box, journal.id, journal.wire())
        assert (answer.receipt, answer.refused) == (None, "not a journal of this box")
        await welcomed(receiver, journal)
        answer = await receiver.accept("s01-lane2", journal.id, journal.wire())
        assert (answer.receipt, answer.refused) == (None, "not a journal of this box")
        answer = await receiver.accept("s01-lane1", other.id, journal.wire())
        assert answer.refused is not None
        assert receiver.refused == {"s01-lane1": 2, "s01-lane2": 1}
    assert store.rows(journal.id) == []


async def test_i9_bytes_that_the_key_did_not_sign_are_refused(make_store: MakeStore) -> None:
    store, journal = make_store("yiyuan-centre-1"), lane()
    journal.talk(3)
    thief = lane()
    altered = journal.forked(2)
    altered.say(said(999))
    altered.talk(1)
    unsigned = msgspec.structs.replace(altered.frame(), checkpoint=journal.checkpoint())
    altered.key = thief.key
    async with receiving(store) as receiver:
        await welcomed(receiver, journal)
        for hostile in (frames.encode(unsigned), altered.wire()):
            answer = await receiver.accept(journal.box, journal.id, hostile)
            assert answer.refused is not None
            assert opened(answer.receipt).size == 0
        assert (await receiver.accept(journal.box, journal.id, journal.wire())).refused is None
    same(store, journal)


async def test_stripped_body_is_refused_and_a_stated_absence_is_taken(make_store: MakeStore) -> None:
    store, journal = make_store("yiyuan-centre-1"), lane()
    journal.talk(3)
    frame = journal.frame()
    stripped = msgspec.structs.replace(
        frame, entries=(*frame.entries[:2], (frame.entries[2][0], None, None), frame.entries[3])
    )
    saltless = msgspec.structs.replace(
        frame,
        entries=(*frame.entries[:2], (frame.entries[2][0], None, frame.entries[2][2]), frame.entries[3]),
    )
    forger = Absent(journal=journal.id, reasons=((2, "erased"),)).signed(
        public_key=journal.key.public, sign=STORE_KEY.sign
    )
    elsewhere = Absent(journal=journal.id, reasons=((3, "erased"),)).signed(
        public_key=journal.key.public, sign=journal.key.sign
    )
    stated = Absent(journal=journal.id, reasons=((2, "erased"),)).signed(
        public_key=journal.key.public, sign=journal.key.sign
    )
    async with receiving(store) as receiver:
        await welcomed(receiver, journal)
        for hostile in (
            stripped,
            saltless,
            msgspec.structs.replace(stripped, absent=forger.format()),
            msgspec.structs.replace(stripped, absent=elsewhere.format()),
        ):
            answer = await receiver.accept(journal.box, journal.id, frames.encode(hostile))
            assert answer.refused is not None
        assert store.rows(journal.id) == []
        honest = msgspec.structs.replace(stripped, absent=stated.format())
        assert (await receiver.accept(journal.box, journal.id, frames.encode(honest))).refused is None
    journal.entries[2] = (journal.entries[2][0], None, None)
    same(store, journal)


async def test_i12_custody_takes_what_makes_no_sense(make_store: MakeStore) -> None:
    store, journal = make_store("yiyuan-centre-1"), lane()
    journal.say_bytes(b'{"no":"such"}', stream="weather.seen")
    journal.say_bytes(b'{"reference":7}', stream="clock.checked")
    journal.say_bytes(b"not json at all \xff\x00", stream="clock.checked")
    journal.say_bytes(b"[" * 20_000, stream="vehicle.weighed")
    journal.talk(1)
    async with receiving(store) as receiver:
        await welcomed(receiver, journal)
        answer = await receiver.accept(journal.box, journal.id, journal.wire())
        assert (answer.refused, opened(answer.receipt).size) == (None, 6)
    same(store, journal)
    assert store.quarantined(journal.id) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"seq":1', b'"seq":1,"seq":1'),
        (b'"mono_ms":1', b'"mono_ms":1.0'),
        (b'"mono_ms":1', b'"mono_ms":9007199254740993'),
        (b'"seq":1', b'"seq":2'),
        (b'"v":1', b'"v":2'),
        (b'"stream":"clock.checked"', b'"stream":"' + b"x" * 4096 + b'"'),
    ],
)
async def test_header_that_is_not_strict_refuses_the_frame(
    make_store: MakeStore, old: bytes, new: bytes
) -> None:
    store, journal, other = make_store("yiyuan-centre-1"), lane(), lane("s01-lane2")
    journal.talk(1)
    poisoned = journal.forked(1)
    head, salt, body = journal.entries[1]
    assert old in head
    poisoned.entries.append((head.replace(old, new, 1), salt, body))
    poisoned.leaves.append(header.leaf(poisoned.entries[1][0]))
    data = msgspec.msgpack.encode(poisoned.frame())
    async with receiving(store) as receiver:
        await welcomed(receiver, journal)
        await welcomed(receiver, other)
        assert (await receiver.accept(journal.box, journal.id, data)).refused is not None
        assert (await receiver.accept(other.box, other.id, other.wire())).refused is None
    assert store.rows(journal.id) == []
    same(store, other)


@pytest.mark.parametrize(
    "bomb",
    [
        b"",
        b"\xdf\xff\xff\xff\xff",
        b"\x81\xa7entries\xdd\xff\xff\xff\xff",
        b"\x91" * 90_000,
        bytes(10_000_000),
    ],
)
async def test_bombs_are_refused_and_others_go_on(make_store: MakeStore, bomb: bytes) -> None:
    store, journal = make_store("yiyuan-centre-1"), lane()
    async with receiving(store) as receiver:
        await welcomed(receiver, journal)
        assert (await receiver.accept(journal.box, journal.id, bomb)).refused is not None
        assert (await receiver.hello(journal.box, bomb)).refused != ()
        assert (await receiver.accept(journal.box, journal.id, journal.wire())).refused is None
    same(store, journal)


# --- registration ----------------------------------------------------------------------------------------------


async def test_journal_is_registered_once_with_its_box(make_store: MakeStore) -> None:
    store, journal = make_store("yiyuan-centre-1"), lane()
    met: list[tuple[str, str, str, str | None]] = []
    async with receiving(store) as receiver:
        receiver.on_registered(
            lambda head: met.append((head.journal, head.box, head.process, head.predecessor))
        )
        for _ in range(3):
            await welcomed(receiver, journal)
    assert met == [(journal.id, "s01-lane1", "edge", None)]


async def test_i4_journal_that_the_root_does_not_vouch_for_is_refused(make_store: MakeStore) -> None:
    store = make_store("yiyuan-centre-1")
    stranger = PaperJournal(County().identity("s01-lane1"))
    mine, hers = lane(), COUNTY.identity("s01-lane2")
    async with receiving(store) as receiver:
        for box, hello in (
            (stranger.box, stranger.hello()),
            (mine.box, mine.hello(genesis_too=False)),
            ("s01-lane2", mine.hello()),
        ):
            welcome = await receiver.hello(box, hello)
            assert (welcome.receipts, len(welcome.refused)) == ((), 1)
        mine.identity = hers
        assert (await receiver.hello("s01-lane2", mine.hello())).receipts == ()
        assert receiver.refused["s01-lane2"] == 2
    assert store.rows(mine.id) == []


async def test_journal_of_a_centre_is_taken_from_the_stores_own_box_alone(make_store: MakeStore) -> None:
    """Who calls himself the centre could say of everybody's records that they were erased."""
    store = make_store("yiyuan-centre-1")
    own, thief = (PaperJournal(COUNTY.identity(box), process="central") for box in ("centre", "s01-lane1"))
    async with receiving(store, centre="centre") as receiver:
        welcome = await receiver.hello(thief.box, thief.hello())
        assert (welcome.receipts, welcome.refused) == ((), ("s01-lane1 is not the centre",))
        answer = await receiver.accept(thief.box, thief.id, thief.wire(0, 1))
        assert answer.refused == "not a journal of this box"
        assert (await welcomed(receiver, own)).size == 0
        assert (await welcomed(receiver, lane())).size == 0
    async with receiving(store) as station:
        other = PaperJournal(COUNTY.identity("centre-2"), process="central")
        assert (await station.hello(other.box, other.hello())).refused == ("centre-2 is not the centre",)


async def test_i4_box_that_overheard_a_checkpoint_owns_nothing_of_another_box(make_store: MakeStore) -> None:
    store, journal = make_store("yiyuan-centre-1"), lane("s01-lane2")
    journal.talk(3)
    thief = COUNTY.identity("s01-lane1")
    claim = journal.claimed_by(thief, checkpoint=journal.checkpoint())
    met: list[str] = []
    async with receiving(store) as receiver:
        receiver.on_registered(lambda head: met.append(head.box))
        assert (await receiver.hello(thief.box, claim)).refused == ()
        for wire in (journal.wire(), journal.wire(0, 1)):
            replayed = await receiver.accept(thief.box, journal.id, wire)
            assert replayed.refused is not None
            assert "the genesis of edge of box s01-lane2" in replayed.refused
        assert (await welcomed(receiver, journal)).size == 0
        assert (await receiver.accept(journal.box, journal.id, journal.wire(0, 1))).refused is None
        assert (await receiver.hello(thief.box, claim)).receipts == ()
        assert (await receiver.accept(journal.box, journal.id, journal.wire(1))).refused is None
    assert met == ["s01-lane1", "s01-lane2"]
    same(store, journal)


async def test_i4_first_entry_opens_this_journal_of_this_process_of_this_box(make_store: MakeStore) -> None:
    """Whatever its key signed: what verifiers read first is what the journal was registered by."""
    store, journal = make_store("yiyuan-centre-1"), lane()
    bare = journal.forked(0)
    bare.talk(1)
    hostile = [bare]
    for body in (
        b"{}",
        b"not json",
        canonical.encode(journal.opened_by(journal.identity, process="recorder")),
        canonical.encode(journal.opened_by(COUNTY.identity("s01-lane2"))),
        canonical.encode(lane().opened_by(journal.identity)),
    ):
        hostile.append(journal.forked(0))
        hostile[-1].say_bytes(body, stream="journal.opened")
    async with receiving(store) as receiver:
        await welcomed(receiver, journal)
        for other in hostile:
            assert (await receiver.accept(journal.box, journal.id, other.wire())).refused is not None
        assert store.rows(journal.id) == []
        assert (await receiver.accept(journal.box, journal.id, journal.wire())).refused is None
    same(store, journal)


async def test_i4_second_open_journal_must_name_the_first(make_store: MakeStore) -> None:
    store, identity = make_store("yiyuan-centre-1"), COUNTY.identity("s01-lane1")
    first = PaperJournal(identity)
    first.talk(4)
    unrelated = PaperJournal(identity)
    successor = PaperJournal(identity, predecessor=first.predecessor())
    beside = PaperJournal(identity, process="recorder")
    async with receiving(store) as receiver:
        await welcomed(receiver, first)
        await receiver.accept(first.box, first.id, first.wire(0, 3))
        welcome = await receiver.hello(first.box, unrelated.hello())
        assert (welcome.receipts, len(welcome.refused)) == ((), 1)
        await welcomed(receiver, successor)
        await welcomed(receiver, beside)
        assert (await receiver.accept(first.box, successor.id, successor.wire())).refused is None
        first.talk(1)
        late = await receiver.accept(first.box, first.id, first.wire(3, 6))
        assert (late.refused, opened(late.receipt).size) == ("the journal is closed", 3)
    same(store, first, 3)
    same(store, successor)


async def test_closed_journal_takes_what_is_missing_of_it_and_nothing_beyond(make_store: MakeStore) -> None:
    """Also where the successor was met first, as by a store that was put back from an old backup."""
    store, identity = make_store("yiyuan-centre-1"), COUNTY.identity("s01-lane1")
    first = PaperJournal(identity)
    first.talk(4)
    successor = PaperJournal(identity, predecessor=first.predecessor())
    first.talk(2)
    async with receiving(store) as receiver:
        await welcomed(receiver, first)
        await receiver.accept(first.box, first.id, first.wire(0, 2))
        await welcomed(receiver, successor)
    async with receiving(store) as receiver:
        assert (await welcomed(receiver, first)).size == 2
        assert opened((await receiver.accept(first.box, first.id, first.wire(2, 5))).receipt).size == 5
        beyond = await receiver.accept(first.box, first.id, first.wire(5, 7))
        assert (beyond.refused, opened(beyond.receipt).size) == ("the journal is closed", 5)
        assert (await receiver.accept(first.box, successor.id, successor.wire())).refused is None
    same(store, first, 5)
    same(store, successor)


async def test_hello_answers_with_the_size_of_each_journal(make_store: MakeStore) -> None:
    store, journal = make_store("yiyuan-centre-1"), lane()
    journal.talk(9)
    async with receiving(store) as receiver:
        await welcomed(receiver, journal)
        await receiver.accept(journal.box, journal.id, journal.wire(0, 7))
    async with receiving(store) as receiver:
        receipt = await welcomed(receiver, journal)
        assert (receipt.size, receipt.root) == (7, tree.root(journal.leaves[:7]))


# --- forks -----------------------------------------------------------------------------------------------------


async def test_rolled_back_box_is_proven_forked_at_hello(make_store: MakeStore) -> None:
    store, journal = make_store("yiyuan-centre-1"), lane()
    journal.talk(9)
    again = journal.forked(5)
    again.say(said(999))
    async with receiving(store) as receiver:
        await welcomed(receiver, journal)
        await receiver.accept(journal.box, journal.id, journal.wire())
        receipt = await welcomed(receiver, again)
        assert receipt.size == 10
        assert store.forks(journal.id) == [(journal.checkpoint(), again.checkpoint())]
        answer = await receiver.accept(journal.box, journal.id, again.wire())
        assert answer.refused == "the journal is forked"
        successor = PaperJournal(journal.identity, predecessor=again.predecessor())
        await welcomed(receiver, successor)
        assert (await receiver.accept(journal.box, successor.id, successor.wire())).refused is None
    same(store, journal)


async def test_overlap_that_differs_is_proof_only_when_signed(make_store: MakeStore) -> None:
    store, journal = make_store("yiyuan-centre-1"), lane()
    journal.talk(9)
    liar = journal.forked(5)
    liar.say(said(999))
    forged = msgspec.structs.replace(liar.frame(), checkpoint=journal.checkpoint(6))
    async with receiving(store) as receiver:
        await welcomed(receiver, journal)
        await receiver.accept(journal.box, journal.id, journal.wire())
        answer = await receiver.accept(journal.box, journal.id, frames.encode(forged))
        assert answer.refused == "entries differ from those stored in their place"
        assert store.forks(journal.id) == []
        assert (await receiver.accept(journal.box, journal.id, liar.wire())).refused is not None
        assert store.forks(journal.id) == [(journal.checkpoint(), liar.checkpoint())]
    same(store, journal)


async def test_of_a_checkpoint_only_the_line_of_its_journal_is_kept(make_store: MakeStore) -> None:
    store, journal = make_store("yiyuan-centre-1"), lane()
    journal.talk(9)
    liar = journal.forked(5)
    liar.say(said(999))
    lines = (*FOREIGN, Signature(name=header.origin(journal.id), key_id=b"else", payload=bytes(64)))
    spoilt = [
        msgspec.structs.replace(each.frame(), checkpoint=each.padded_checkpoint(*lines))
        for each in (journal, liar)
    ]
    async with receiving(store) as receiver:
        await welcomed(receiver, journal)
        for frame in spoilt:
            await receiver.accept(journal.box, journal.id, frames.encode(frame))
    assert store.forks(journal.id) == [(journal.checkpoint(), liar.checkpoint())]


async def test_of_a_checkpoint_in_a_hello_too(make_store: MakeStore) -> None:
    store, journal = make_store("yiyuan-centre-1"), lane()
    journal.talk(9)
    liar = journal.forked(5)
    liar.say(said(999))
    told = HelloJournal(checkpoint=liar.padded_checkpoint(*FOREIGN), genesis=None)
    hello = Hello(nonce=bytes(16), software="paper", journals=(told,), certs=journal.identity.certs)
    async with receiving(store) as receiver:
        await welcomed(receiver, journal)
        await receiver.accept(journal.box, journal.id, journal.wire())
        await receiver.hello(journal.box, frames.encode_hello(hello))
    assert store.forks(journal.id) == [(journal.checkpoint(), liar.checkpoint())]


async def test_old_checkpoint_of_the_same_story_is_no_fork(make_store: MakeStore) -> None:
    store, journal = make_store("yiyuan-centre-1"), lane()
    journal.talk(9)
    async with receiving(store) as receiver:
        await welcomed(receiver, journal)
        await receiver.accept(journal.box, journal.id, journal.wire())
        welcome = await receiver.hello(journal.box, journal.hello(size=4))
        assert opened(welcome.receipts[0][1]).size == 10
        assert store.forks(journal.id) == []


# --- files, time, load -----------------------------------------------------------------------------------------


async def test_file_is_declared_by_an_accepted_entry_of_its_box_only(make_store: MakeStore) -> None:
    store, journal = make_store("yiyuan-centre-1"), lane()
    digest = sha256(b"clip").hexdigest()
    journal.say(
        FileStored(passage=None, weighed=None, kind="clip"),
        files=(FileRef(name="clip.mp4", sha256=digest, size=4),),
    )
    async with receiving(store) as receiver:
        await welcomed(receiver, journal)
        assert store.declared(journal.box, digest) is None
        await receiver.accept(journal.box, journal.id, journal.wire())
    found = store.declared(journal.box, digest)
    assert found is not None
    assert (found.sha256, found.size, found.journal, found.seq, found.name) == (
        digest,
        4,
        journal.id,
        1,
        "clip.mp4",
    )
    assert store.declared("s01-lane2", digest) is None
    store.file_stored(journal.box, digest, at_ms=NOW)
    assert store.declared(journal.box, digest) is not None


async def test_i15_wrong_clocks_change_nothing(make_store: MakeStore) -> None:
    store, journal = make_store("yiyuan-centre-1"), lane()
    for at in (0, 4_070_908_800_000, NOW - DAY, -1):
        journal.say(said(1), at=at)
    clock = TestClock()
    async with receiving(store, clock=clock) as receiver:
        await welcomed(receiver, journal)
        clock.ms -= 3_600_000
        assert (await receiver.accept(journal.box, journal.id, journal.wire())).refused is None
    same(store, journal)


async def test_many_journals_at_once_each_in_its_own_order(make_store: MakeStore) -> None:
    store = make_store("yiyuan-centre-1")
    journals = [lane(f"s01-lane{number}") for number in range(4)]
    for journal in journals:
        journal.talk(20)
    chance = random.Random(5)
    async with receiving(store) as receiver:
        for journal in journals:
            await welcomed(receiver, journal)
        pieces = [(journal, start) for start in range(21) for journal in journals]
        sent: Sequence[tuple[PaperJournal, int]] = pieces + chance.choices(pieces, k=20)
        await asyncio.gather(
            *(receiver.accept(one.box, one.id, one.wire(start, start + 1)) for one, start in sent)
        )
    for journal in journals:
        same(store, journal)


async def test_hostile_order_loss_and_repetition_end_in_the_same_store(make_store: MakeStore) -> None:
    """I11: a broker that loses, doubles, reorders, replays, alters and strips can only delay."""
    store, journal = make_store("yiyuan-centre-1"), lane()
    journal.talk(60)
    chance = random.Random(11)
    counted: list[int] = []
    async with receiving(store) as receiver:
        receiver.on_committed(lambda entries: counted.extend(entry.seq for entry in entries))
        size = (await welcomed(receiver, journal)).size
        rounds = 0
        while size < journal.size:
            rounds += 1
            assert rounds < 200
            ends = [min(start + chance.randint(1, 9), journal.size) for start in range(size, journal.size, 5)]
            batch = [journal.wire(max(end - 7, 0), end) for end in ends]
            answers = await asyncio.gather(
                *(receiver.accept(journal.box, journal.id, each) for each in hostile(batch, chance))
            )
            sizes = [opened(answer.receipt).size for answer in answers if answer.receipt]
            assert sizes == sorted(sizes)
            size = max([size, *sizes])
    assert counted == list(range(61))
    same(store, journal)


def hostile(batch: Sequence[bytes], chance: random.Random) -> list[bytes]:
    """What a broker may make of a batch of frames."""
    out: list[bytes] = []
    for data in batch:
        fate = chance.random()
        if fate < 0.1:
            continue
        if fate < 0.2:
            out.append(data)
        elif fate < 0.3:
            at = chance.randrange(len(data))
            out.append(data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :])
        elif fate < 0.4:
            frame = frames.decode(data)
            out.append(
                frames.encode(
                    msgspec.structs.replace(
                        frame, entries=tuple((head, None, None) for head, _, _ in frame.entries)
                    )
                )
            )
        out.append(data)
    if chance.random() < 0.5:
        chance.shuffle(out)
    return out


async def test_committed_entries_are_told_in_the_loop(make_store: MakeStore) -> None:
    store, journal = make_store("yiyuan-centre-1"), lane()
    told: list[Accepted] = []
    async with receiving(store) as receiver:
        receiver.on_committed(told.extend)
        await welcomed(receiver, journal)
        await receiver.accept(journal.box, journal.id, journal.wire())
        assert [(entry.box, entry.seq, entry.received_ms) for entry in told] == [(journal.box, 0, NOW)]
        assert receiver.committed == 1
