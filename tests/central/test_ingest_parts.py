"""Requests, commands, cosignatures and the bus, each without a wire."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from central.ingest.chains import keep_chains
from central.ingest.commanding import AGAIN_MS, Commanding
from central.ingest.cosigning import Cosigning
from central.ingest.downlink import Downlink, relay_glimpses
from central.ingest.holds import HoldsAtBoxes
from central.ingest.requests import FileRequests
from central.live import Bus, Change
from central.store.counters import Counters
from central.store.custody import CustodyStore, Newest
from central.store.engines import Database
from central.store.holds import Holds
from central.store.queries import Queries
from central.store.receiving import CentreStore
from central.store.requests import Requested
from journal.access import AccessLog
from journal.checking import Trust, inspect
from journal.custody import Custody
from journal.keys import SigningKey
from journal.live import LARGEST
from journal.store import Accepted, Head, HeadState
from journal.witnessing import Cosigner, RootAt
from kernel.events import Body, CommandAccepted, FileRequested, RecordAccessed, RecordHeld
from kernel.evidence import frames, notes, tree
from kernel.evidence.commands import Command
from tests.central.made import NOON_MS, REGISTER, Made, clip, clip_file, weighed
from tests.central.world import StillClock
from tests.journal.brokers import MemoryBroker
from tests.journal.making import NOW, County, PaperJournal, TestClock

COMMAND_KEY = SigningKey.generate(kind="command", name="yiyuan-command")
COSIGNER_KEY = SigningKey.generate(kind="cosigner", name="yiyuan-centre")
NONCE = bytes(range(16))
NEXT_NONCE = bytes(range(1, 17))


@dataclass
class Asking:
    """File requests and holds over a real store, with what they appended and sent."""

    database: Database
    appended: list[Body] = field(default_factory=list)
    sent: list[Command] = field(default_factory=list)
    nonce: bytes = NONCE
    clock: TestClock = field(default_factory=TestClock)

    def __post_init__(self) -> None:
        self.store = CentreStore(self.database, store_id="centre-1", register=REGISTER)
        self.lane = Made()
        self.own = Made(journal="e" * 32, box="yiyuan-centre", source="yiyuan/centre")
        self.start()

    def start(self) -> None:
        """The centre's process, which remembers nothing of one before it."""
        self.commanding = Commanding(
            Counters(self.database), send=self.send, key=COMMAND_KEY, clock=self.clock
        )
        self.requests = FileRequests(
            Queries(self.database, register=REGISTER),
            Requested(self.database),
            append=self.append,
            commanding=self.commanding,
        )
        self.holds = HoldsAtBoxes(Holds(self.database), commanding=self.commanding, clock=self.clock)

    def register(self, state: HeadState = "open") -> None:
        """The lane's journal is known, and open."""
        head = Head(
            journal=self.lane.journal,
            box=self.lane.box,
            process="edge",
            public_key=bytes(32),
            state=state,
            size=0,
            frontier=b"",
            root=bytes(32),
            kept=0,
            checkpoint="",
        )
        with self.store.begin() as transaction:
            transaction.save_head(head)

    def take(self, *entries: Accepted) -> None:
        with self.store.begin() as transaction:
            transaction.insert(entries[0].header.journal, entries)

    async def append(self, body: Body) -> None:
        self.appended.append(body)
        self.take(self.own.add(body))

    def send(self, box: str, note: str, *, counter: int) -> None:
        opened = Command.open(
            note, box=box, issuer="yiyuan-command", public_key=COMMAND_KEY.public, nonce=self.nonce
        )
        assert opened.counter == counter
        self.sent.append(opened)

    async def hello(self, box: str = "lane1-box") -> None:
        self.commanding.greeted(box, self.nonce)
        while self.commanding._greetings:
            await asyncio.gather(*self.commanding._greetings)

    async def again(self, box: str = "lane1-box") -> list[dict[str, Any]]:
        """What the box is told in its next session."""
        sent = len(self.sent)
        self.nonce = bytes([self.nonce[0] + 1]) * 16
        await self.hello(box)
        return [each.args for each in self.sent[sent:]]

    async def hold(
        self, act: str = "held", *, until_ms: int | None = None, reason: str = "复议"
    ) -> RecordHeld:
        """As the desk does it: the entry, then the order."""
        body = held(act, until_ms=until_ms, reason=reason)
        await self.append(body)
        await self.holds.order("lane1-box", body)
        return body


def held(act: str = "held", *, passage: str | None = "p1", **changes: Any) -> RecordHeld:
    said = {"act": act, "passage": passage, "by": "li", "reason": "复议"} | changes
    return msgspec.convert(said, RecordHeld)


@pytest.fixture
def asking(database: Database) -> Asking:
    asking = Asking(database)
    asking.take(asking.lane.add(weighed()), asking.lane.add(clip(on_demand=True), files=clip_file()))
    return asking


async def test_a_request_is_an_entry_before_it_is_a_command(asking: Asking) -> None:
    await asking.hello()
    assert await asking.requests.request("d" * 64, by="li")
    [entry] = asking.appended
    assert isinstance(entry, FileRequested)
    assert (entry.box, entry.by, entry.stored.seq) == ("lane1-box", "li", 1)
    assert [(each.kind, each.args) for each in asking.sent] == [("fetch-file", {"sha256": "d" * 64})]


async def test_a_box_that_is_away_is_asked_in_each_session_until_the_file_is_here(asking: Asking) -> None:
    assert await asking.requests.request("d" * 64, by="li")
    assert asking.sent == []
    for number in range(3):
        asking.nonce = bytes([number]) * 16
        for _ in range(3):  # a hello a minute is no new session
            await asking.hello()
    assert len(asking.sent) == 3
    asking.clock.ms += AGAIN_MS
    await asking.hello()
    assert len(asking.sent) == 4
    counters = [each.counter for each in asking.sent]
    assert counters == sorted(set(counters))
    asking.store.file_stored("lane1-box", "d" * 64, at_ms=NOON_MS)
    asking.nonce = NEXT_NONCE
    await asking.hello()
    assert len(asking.sent) == 4
    assert not await asking.requests.request("d" * 64, by="li")


@pytest.mark.parametrize(
    ("accepted", "asked_again"),
    [
        ({}, False),
        ({"issuer": "s01-command"}, True),
        ({"kind": "hold"}, True),
        ({"args": (("sha256", "e" * 64),)}, True),
    ],
)
async def test_a_box_that_has_accepted_is_left_alone(
    asking: Asking, accepted: dict[str, Any], asked_again: bool
) -> None:
    asking.register()
    await asking.requests.request("d" * 64, by="li")
    await asking.hello()
    said = {"issuer": "yiyuan-command", "kind": "fetch-file", "args": (("sha256", "d" * 64),)} | accepted
    asking.take(asking.lane.add(CommandAccepted(counter=asking.sent[0].counter, **said)))
    asking.nonce = NEXT_NONCE
    await asking.hello()
    assert len(asking.sent) == (2 if asked_again else 1)
    assert await asking.requests.request("d" * 64, by="li")  # a person may ask once more
    assert len(asking.sent) == (3 if asked_again else 2)


async def test_asking_twice_is_one_entry_and_what_nobody_named_is_not_asked_for(asking: Asking) -> None:
    await asking.hello()
    for _ in range(2):
        assert await asking.requests.request("d" * 64, by="li")
    assert len(asking.appended) == 1
    assert len(asking.sent) == 2
    assert not await asking.requests.request("0" * 64, by="li")
    await asking.hello("s01-box")
    assert len(asking.sent) == 2


async def test_commands_wait_for_the_broker_and_keep_their_order() -> None:
    broker = MemoryBroker()
    downlink = Downlink(broker.transport(), clock=TestClock())
    broker.cut()
    for counter in (5, 6, 7):
        downlink.send("lane1-box", f"note {counter}", counter=counter)
    running = asyncio.create_task(downlink.run())
    await asyncio.sleep(0)
    assert broker.seen == []
    broker.mend()
    while len(broker.seen) < 3:
        await asyncio.sleep(0)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    topic = "weighpost/v1/down/lane1-box/command"
    assert broker.seen == [(topic, b"note 5"), (topic, b"note 6"), (topic, b"note 7")]


async def test_glimpses_reach_who_looks_and_giants_do_not() -> None:
    broker, bus = MemoryBroker(), Bus()
    relay_glimpses(broker.transport(), bus, clock=StillClock())
    with bus.listen() as listener:
        broker.inject("weighpost/v1/up/lane1-box/live/weight", bytes(LARGEST + 1))
        broker.inject("weighpost/v1/up/lane1-box/live/weight", b'{"kg":1}')
        change = await listener.get()
    assert (change.kind, change.key, change.data) == ("live", ("lane1-box", "weight"), b'{"kg":1}')


async def test_a_slow_listener_loses_the_oldest_and_knows_it() -> None:
    bus = Bus()
    with bus.listen(2) as listener:
        for number in range(5):
            bus.publish(Change(kind="journal", key=(str(number),), at_ms=0))
        assert listener.dropped == 3
        assert [(await listener.get()).key for _ in range(2)] == [("3",), ("4",)]
    bus.publish(Change(kind="journal", key=("6",), at_ms=0))
    assert bus.listeners == []


async def test_a_look_that_could_not_be_written_is_not_remembered_as_written() -> None:
    written: list[Body] = []
    working = [False, True]

    async def append(body: Body) -> None:
        if not working.pop(0):
            raise OSError("disk full")
        written.append(body)

    log = AccessLog(append, clock=StillClock())
    with pytest.raises(OSError, match="disk full"):
        await log.looked(by="li", what="list")
    await log.looked(by="li", what="list")
    assert [(body.by, body.what) for body in written if isinstance(body, RecordAccessed)] == [("li", "list")]


# --- whose a journal is ------------------------------------------------------------------------------------------


def test_the_chain_kept_is_of_the_box_whose_journal_it_is(vouching: Vouching) -> None:
    custody = vouching.custody
    trust = Trust(root_name=vouching.county.root.name, root_public=vouching.county.root.public)
    late = PaperJournal(vouching.county.identity("s01-lane2"))
    thief = vouching.county.identity("s01-lane3")
    claim = late.claimed_by(thief, checkpoint=late.checkpoint())

    def greet(box: str, payload: bytes) -> None:
        hello = frames.decode_hello(payload)
        welcome = vouching.receiving.greet(box, hello)
        keep_chains(box, hello, welcome, custody=custody, trust=trust, clock=vouching.clock)

    greet(thief.box, claim)
    assert custody.chain(late.id) == thief.certs
    greet(late.box, late.hello())
    assert custody.chain(late.id) == late.identity.certs
    frame = inspect(late.box, late.id, late.wire(), received_ms=NOW)
    assert vouching.receiving.take([frame]).answers[0].refused is None
    greet(thief.box, claim)
    assert custody.chain(late.id) == late.identity.certs


# --- cosigning -------------------------------------------------------------------------------------------------


@dataclass
class Vouching:
    """A journal that grows at the centre, and the centre's cosigner."""

    custody: CustodyStore
    receiving: Custody
    cosigner: Cosigner
    journal: PaperJournal
    clock: TestClock
    county: County

    def grow(self, count: int) -> None:
        start = self.journal.size if self.custody.newest(self.journal.id) else 0
        self.journal.talk(count)
        frame = inspect(self.journal.box, self.journal.id, self.journal.wire(start), received_ms=NOW)
        assert self.receiving.take([frame]).answers[0].refused is None

    async def round(self) -> None:
        """One turn of the task."""
        cosigning = Cosigning(self.custody, self.cosigner, (), clock=_OneRound())
        with suppress(asyncio.CancelledError):
            await cosigning.run()


class _OneRound(TestClock):
    async def sleep(self, seconds: float) -> None:
        raise asyncio.CancelledError


@pytest.fixture
async def vouching(database: Database, tmp_path: Path) -> AsyncIterator[Vouching]:
    county, key = County(), SigningKey.generate(kind="store", name="centre-1")
    store = CentreStore(database, store_id="centre-1", register=REGISTER)
    trust = Trust(root_name=county.root.name, root_public=county.root.public)
    clock = TestClock()
    receiving = Custody(store, key=key, trust=trust, clock=clock)
    journal = PaperJournal(county.identity())
    receiving.greet(journal.box, frames.decode_hello(journal.hello()))
    cosigner = Cosigner(tmp_path / "heads.db", key=COSIGNER_KEY, clock=clock)
    yield Vouching(CustodyStore(database), receiving, cosigner, journal, clock, county)
    cosigner.close()


async def test_what_has_grown_is_cosigned_and_the_note_speaks_of_its_entries(vouching: Vouching) -> None:
    await vouching.round()
    assert vouching.custody.vouched(vouching.journal.id) is None
    vouching.grow(100)
    await vouching.round()
    held = vouching.custody.vouched(vouching.journal.id)
    assert held is not None
    assert (held.size, held.witnessed_size) == (101, 0)
    note = notes.Note.parse(held.note)
    assert notes.cosigned_at(note, name="yiyuan-centre", public_key=COSIGNER_KEY.public) == NOW // 1000
    assert held.speaking_of(10, 100) == held.note
    assert held.speaking_of(101, 101) is None
    vouching.grow(5)
    await vouching.round()
    again = vouching.custody.vouched(vouching.journal.id)
    assert again is not None
    assert again.size == 106


SPOILING = notes.Signature(
    name="yiyuan-centre",
    key_id=notes.key_id("yiyuan-centre", COSIGNER_KEY.public, algorithm=notes.COSIGNATURE_V1),
    payload=bytes(72),
)


async def test_a_box_cannot_spoil_its_own_cosignatures(vouching: Vouching) -> None:
    journal = vouching.journal
    frame = msgspec.structs.replace(journal.frame(), checkpoint=journal.padded_checkpoint(SPOILING))
    taken = inspect(journal.box, journal.id, frames.encode(frame), received_ms=NOW)
    assert vouching.receiving.take([taken]).answers[0].refused is None
    newest = vouching.custody.newest(journal.id)
    assert newest is not None
    assert newest.checkpoint == journal.checkpoint()
    await vouching.round()
    assert cosigned_ms(vouching) == NOW


async def test_a_spoilt_checkpoint_that_is_held_is_cosigned_as_its_journal_signed_it(
    vouching: Vouching, database: Database
) -> None:
    class Before(CustodyStore):
        def newest(self, journal: str) -> Newest | None:
            found = super().newest(journal)
            spoilt = vouching.journal.padded_checkpoint(SPOILING)
            return replace(found, checkpoint=spoilt) if found else None

    vouching.grow(3)
    vouching.custody = Before(database)
    await vouching.round()
    assert cosigned_ms(vouching) == NOW


def cosigned_ms(vouching: Vouching) -> int:
    held = vouching.custody.vouched(vouching.journal.id)
    assert held is not None
    note = notes.Note.parse(held.note)
    assert [each.name for each in note.signatures] == [f"weighpost/{vouching.journal.id}", "yiyuan-centre"]
    return (notes.cosigned_at(note, name="yiyuan-centre", public_key=COSIGNER_KEY.public) or 0) * 1000


async def test_a_cosigner_that_remembers_another_history_signs_nothing(vouching: Vouching) -> None:
    vouching.grow(10)
    other = vouching.journal.forked(5)
    other.talk(1)
    other.say_bytes(b"{}", stream="weather.seen")
    vouching.cosigner.cosign(other.checkpoint(), root_at=lambda size: tree.root(other.leaves[:size]))
    await vouching.round()
    assert vouching.custody.vouched(vouching.journal.id) is None


async def test_a_cosigner_without_room_is_said_and_asked_again(vouching: Vouching) -> None:
    class Full(Cosigner):
        def cosign(self, checkpoint: str, *, root_at: RootAt) -> notes.Signature:
            raise sqlite3.OperationalError("database or disk is full")

    good = vouching.cosigner
    vouching.cosigner = full = Full(Path(":memory:"), key=COSIGNER_KEY, clock=vouching.clock)
    vouching.grow(10)
    cosigning = Cosigning(vouching.custody, full, (), clock=_OneRound())
    with suppress(asyncio.CancelledError):
        await cosigning.run()
    assert cosigning.failing == {"cosigner": "database or disk is full"}
    assert vouching.custody.vouched(vouching.journal.id) is None
    full.close()
    vouching.cosigner = good
    await vouching.round()
    assert vouching.custody.vouched(vouching.journal.id) is not None
