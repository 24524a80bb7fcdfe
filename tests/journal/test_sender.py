"""The sender against brokers of every kind: what the writer said ends in the store, once, byte for byte."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from journal.clock import SystemClock
from journal.cursors import Cursor, Cursors
from journal.intake import Intake
from journal.keys import Identity, SigningKey
from journal.receiver import Receiver
from journal.sender import Heard, Sender
from journal.settings import Destination
from journal.stores import SqliteStore
from journal.writer import Journal
from kernel.errors import RestartError
from kernel.evidence.notes import encode_base64
from kernel.evidence.texts import Receipt
from tests.journal.brokers import Hostile, MemoryBroker
from tests.journal.making import County, open_journal, said
from tests.journal.receiver_contract import COUNTY, STORE_KEY, TRUST

BOX = "s01-lane1"
SOURCE = "yiyuan/s01/lane1"


@dataclass
class Site:
    """One box and one receiver with a broker between them."""

    journal: Journal
    cursors: Cursors
    store: SqliteStore
    broker: MemoryBroker
    identity: Identity

    def sender(
        self,
        *,
        name: str = "centre",
        broker: MemoryBroker | None = None,
        patience_ms: tuple[int, int] = (50, 200),
        command: Heard = lambda _payload, _nonce: None,
    ) -> Sender:
        return Sender(
            self.journal,
            self.cursors,
            identity=self.identity,
            destination=destination(name),
            transport=(broker or self.broker).transport(),
            software="test",
            clock=SystemClock(),
            patience_ms=patience_ms,
            command=command,
        )

    async def append(self, count: int) -> None:
        await asyncio.gather(*(self.journal.append(said(n), source=SOURCE) for n in range(count)))

    async def written(self) -> list[tuple[int, bytes, bytes, bytes | None, bytes | None]]:
        entries = await self.journal.read(0, self.journal.size)
        return [(e.seq, e.leaf, e.header, e.salt, e.body) for e in entries]

    def stored(self) -> list[tuple[int, bytes, bytes, bytes | None, bytes | None]]:
        return self.store._db.execute(
            "SELECT entry.seq, leaf, header, salt, body FROM entry JOIN body USING (journal, seq)"
            " WHERE entry.journal = ? ORDER BY entry.seq",
            (self.journal.id,),
        ).fetchall()


def destination(name: str = "centre") -> Destination:
    return Destination(
        name=name,
        mqtt="mqtt://127.0.0.1:1",
        password="secret",
        store_id=STORE_KEY.name,
        store_public=encode_base64(STORE_KEY.public),
    )


@pytest.fixture
def site(quick_path: Path) -> Iterator[Site]:
    identity = COUNTY.identity(BOX)
    with (
        closing(open_journal(quick_path / "journal", identity=identity.key)) as journal,
        closing(Cursors(quick_path)) as cursors,
        closing(SqliteStore(quick_path / "store.db", store_id=STORE_KEY.name)) as store,
    ):
        yield Site(journal, cursors, store, MemoryBroker(), identity)


@asynccontextmanager
async def receiving(site: Site, *, broker: MemoryBroker | None = None) -> AsyncIterator[Receiver]:
    receiver = Receiver(site.store, key=STORE_KEY, trust=TRUST, clock=SystemClock())
    intake = Intake((broker or site.broker).transport(), receiver)
    try:
        yield receiver
        await intake.stop()
    finally:
        receiver.close()


@asynccontextmanager
async def running(sender: Sender) -> AsyncIterator[Sender]:
    task = asyncio.create_task(sender.run())
    try:
        yield sender
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def reaches(sender: Sender, size: int, *, patience_s: float = 40) -> None:
    """Wait until the destination has receipted this much."""
    reached = asyncio.Event()
    sender.on_accepted(lambda accepted: reached.set() if accepted >= size else None)
    if sender.accepted < size:
        async with asyncio.timeout(patience_s):
            await reached.wait()


@contextmanager
def counting(site: Site, receiver: Receiver) -> Iterator[list[int]]:
    seqs: list[int] = []
    receiver.on_committed(lambda entries: seqs.extend(entry.seq for entry in entries))
    yield seqs


async def test_i5_everything_arrives_once_and_in_order(site: Site) -> None:
    await site.append(500)
    async with receiving(site) as receiver, running(site.sender()) as sender:
        with counting(site, receiver) as seqs:
            await reaches(sender, 501)
            await site.append(30)
            await reaches(sender, 531)
        assert seqs == list(range(531))
        assert site.stored() == await site.written()
        assert (sender.state.lag, sender.state.refused_receipts, sender.state.connected) == (0, 0, True)


async def test_append_wakes_the_sender_at_once(site: Site) -> None:
    async with receiving(site), running(site.sender(patience_ms=(60_000, 60_000))) as sender:
        await reaches(sender, 1)
        for size in range(2, 12):
            await site.append(1)
            await reaches(sender, size)
        # Nothing was ever sent twice: it was the append that woke the sender, not its patience.
        assert sum("/frame/" in topic for topic, _ in site.broker.seen) == 11


async def test_i11_hostile_broker_can_only_delay(site: Site) -> None:
    await site.append(400)
    site.broker.meddle = Hostile(seed=7)
    async with receiving(site) as receiver, running(site.sender()) as sender:
        with counting(site, receiver) as seqs:
            for size in range(401, 441, 4):
                await reaches(sender, size)
                await site.append(4)
            await reaches(sender, 441)
        assert seqs == list(range(441))
        assert site.stored() == await site.written()


async def test_i6_forged_replayed_and_foreign_receipts_move_nothing(site: Site) -> None:
    await site.append(10)
    topic = f"weighpost/v1/down/{BOX}/receipt/{site.journal.id}"
    root = await site.journal.root(11)
    thief = SigningKey.generate(kind="store", name=STORE_KEY.name)
    other = County().identity("other")

    def receipt(*, key: SigningKey = STORE_KEY, journal: str = site.journal.id, size: int = 11) -> bytes:
        said = Receipt(journal=journal, store=key.name, size=size, root=root, kept=size, time_ms=1)
        return said.signed(public_key=key.public, sign=key.sign).format().encode()

    elsewhere = SigningKey.generate(kind="store", name="another-store")
    async with running(site.sender()) as sender:
        await introduced(site)
        for forged in (
            receipt(key=thief),
            receipt(key=elsewhere),
            receipt(journal="0f" * 16),
            receipt(key=other.key),
            b"noise \xff",
            b"",
        ):
            site.broker.inject(topic, forged)
        await until(lambda: sender.state.refused_receipts == 6)
        assert (sender.accepted, sender.state.kept, sender.state.stopped) == (0, 0, None)


async def contradicted(site: Site, note: str, reason: str) -> None:
    """Its owner's process ends for this reason, and nothing more is sent."""
    sender = site.sender()
    running = asyncio.create_task(sender.run())
    await introduced(site)
    site.broker.inject(f"weighpost/v1/down/{BOX}/receipt/{site.journal.id}", note.encode())
    async with asyncio.timeout(40):
        with pytest.raises(RestartError, match=reason):
            await running
    assert reason in str(sender.state.stopped)


async def test_receipt_with_another_root_stops_and_the_next_start_opens_a_successor(
    site: Site, quick_path: Path
) -> None:
    await site.append(10)
    said = Receipt(journal=site.journal.id, store=STORE_KEY.name, size=5, root=bytes(32), kept=0, time_ms=1)
    note = said.signed(public_key=STORE_KEY.public, sign=STORE_KEY.sign).format()
    await contradicted(site, note, "another root at 5")
    site.journal.close()
    successor = open_journal(quick_path / "journal", identity=site.identity.key)
    successor.close()
    assert successor.doubted is not None
    assert successor.doubted.predecessor.id == site.journal.id


async def test_receipt_beyond_our_size_is_our_own_roll_back(site: Site) -> None:
    said = Receipt(journal=site.journal.id, store=STORE_KEY.name, size=99, root=bytes(32), kept=0, time_ms=1)
    note = said.signed(public_key=STORE_KEY.public, sign=STORE_KEY.sign).format()
    await contradicted(site, note, "99 entries")


async def introduced(site: Site) -> None:
    await until(lambda: any("/hello" in topic for topic, _ in site.broker.seen))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(40):
        while not condition():
            await asyncio.sleep(0)


async def test_broker_down_and_back(site: Site) -> None:
    async with receiving(site), running(site.sender()) as sender:
        await reaches(sender, 1)
        site.broker.cut()
        await site.append(300)
        assert not sender.state.connected
        assert sender.state.lag == 300
        site.broker.mend()
        await reaches(sender, 301)
    assert site.stored() == await site.written()


async def test_receiver_gone_and_back_without_the_broker_noticing(site: Site) -> None:
    async with receiving(site), running(site.sender()) as sender:
        await reaches(sender, 1)
    site.broker = MemoryBroker()
    async with running(site.sender()) as sender:
        await site.append(5)
        await until(lambda: any("/frame/" in topic or "/hello" in topic for topic, _ in site.broker.seen))
        async with receiving(site):
            await reaches(sender, 6)
    assert site.stored() == await site.written()


async def test_sender_starts_again_where_the_receiver_is(site: Site) -> None:
    await site.append(200)
    async with receiving(site):
        async with running(site.sender()) as sender:
            await reaches(sender, 201)
        frames_before = sum("/frame/" in topic for topic, _ in site.broker.seen)
        async with running(site.sender()) as again:
            await until(lambda: again.state.connected)
            assert again.accepted == 201
        assert sum("/frame/" in topic for topic, _ in site.broker.seen) == frames_before
    saved = site.cursors.cursor(journal=site.journal.id, destination="centre")
    assert saved == Cursor(store=STORE_KEY.name, sent=201, size=201, kept=0)


async def test_two_destinations_have_their_own_cursors(site: Site) -> None:
    far = MemoryBroker()
    far.cut()
    async with (
        receiving(site),
        running(site.sender()) as near,
        running(site.sender(name="far", broker=far)) as distant,
    ):
        await site.append(20)
        await reaches(near, 21)
        assert (distant.accepted, distant.state.lag) == (0, 21)
        assert distant.state.destination == "far"


async def test_nothing_beyond_the_window_is_under_way(site: Site) -> None:
    await site.append(1500)
    site.broker.meddle = lambda topic, payload: [] if "/frame/" in topic else [(topic, payload)]
    async with receiving(site), running(site.sender(patience_ms=(60_000, 60_000))) as sender:
        await until(lambda: sender.state.connected)
        await until(lambda: sum("/frame/" in topic for topic, _ in site.broker.seen) >= 8)
        await site.append(1)
        for _ in range(50):
            await asyncio.sleep(0)
        assert sum("/frame/" in topic for topic, _ in site.broker.seen) == 8
