"""Several journals of one process go to their destinations whole and one after the other, whatever gets lost."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import pytest

from journal.clock import SystemClock
from journal.cursors import Cursors
from journal.custody import Bound, unbounded
from journal.intake import Intake
from journal.keys import Identity
from journal.leaving import remove_closed
from journal.receiver import Receiver
from journal.sender import Sender
from journal.settings import Destination, Succession
from journal.shelf import order_doubt, order_renewal
from journal.stores import SqliteStore
from journal.writer import Journal
from kernel.errors import RefusedError, RestartError
from kernel.evidence import header
from kernel.evidence.frames import decode_hello
from kernel.evidence.notes import Note, encode_base64
from kernel.evidence.texts import Checkpoint, Receipt
from tests.journal.brokers import Hostile, MemoryBroker
from tests.journal.making import said
from tests.journal.receiver_contract import COUNTY, STORE_KEY, TRUST

pytestmark = pytest.mark.broad

SOURCE = "yiyuan/s01/lane1"


@dataclass
class Site:
    """One box with several journals."""

    folder: Path
    identity: Identity
    journal: Journal
    cursors: Cursors

    async def append(self, count: int) -> None:
        await asyncio.gather(*(self.journal.append(said(n), source=SOURCE) for n in range(count)))

    async def renew(self, count: int) -> None:
        """So many entries, and then the next journal."""
        volumes = len(self.journal.volumes)
        await self.append(count - 1)
        order_renewal(self.folder)
        await self.append(1)
        async with asyncio.timeout(20):
            while len(self.journal.volumes) == volumes:
                await asyncio.sleep(0)

    async def written(self) -> dict[str, list[bytes]]:
        return {
            volume.id: [entry.leaf for entry in await volume.read(0, volume.size)]
            for volume in self.journal.volumes
        }

    def start_again(self) -> None:
        self.journal.close()
        self.journal = opened(self.folder, self.identity)


def opened(folder: Path, identity: Identity) -> Journal:
    return Journal.open(
        folder,
        box=identity.box,
        process="edge",
        software="test",
        identity=identity.key,
        clock=SystemClock(),
        boot="0123456789abcdef",
        succession=Succession(),
    )


class Place:
    """A destination: store, receiver, broker."""

    def __init__(
        self, path: Path, name: str, *, kept_after_ms: int = 14 * 86_400_000, bound: Bound = unbounded
    ) -> None:
        self.name = name
        self.broker = MemoryBroker()
        self.store = SqliteStore(path / f"{name}.db", store_id=STORE_KEY.name)
        self.receiver = Receiver(
            self.store,
            key=STORE_KEY,
            trust=TRUST,
            clock=SystemClock(),
            kept_after_ms=kept_after_ms,
            bound=bound,
        )
        self.intake = Intake(self.broker.transport(), self.receiver)

    @property
    def destination(self) -> Destination:
        return Destination(
            name=self.name,
            mqtt="mqtt://127.0.0.1:1",
            password="secret",
            store_id=STORE_KEY.name,
            store_public=encode_base64(STORE_KEY.public),
            custody=self.name == "centre",
        )

    def held(self) -> dict[str, list[bytes]]:
        rows = self.store._db.execute("SELECT journal, leaf FROM entry ORDER BY journal, seq").fetchall()
        held: dict[str, list[bytes]] = {}
        for journal, leaf in rows:
            held.setdefault(journal, []).append(leaf)
        return held

    def states(self, journals: Sequence[str]) -> list[str]:
        with self.store.begin() as transaction:
            heads = transaction.heads(journals)
        return [heads[journal].state for journal in journals if journal in heads]

    async def close(self) -> None:
        await self.intake.stop()
        self.receiver.close()
        self.store.close()


@pytest.fixture
def site(quick_path: Path) -> Iterator[Site]:
    identity = COUNTY.identity("s01-lane1")
    folder = quick_path / "journal"
    with closing(Cursors(quick_path)) as cursors:
        site = Site(folder, identity, opened(folder, identity), cursors)
        yield site
        site.journal.close()


def sender_of(site: Site, place: Place) -> Sender:
    return Sender(
        site.journal,
        site.cursors,
        identity=site.identity,
        destination=place.destination,
        transport=place.broker.transport(),
        software="test",
        clock=SystemClock(),
        patience_ms=(50, 200),
    )


@asynccontextmanager
async def sending(site: Site, place: Place) -> AsyncIterator[Sender]:
    sender = sender_of(site, place)
    task = asyncio.create_task(sender.run())
    try:
        yield sender
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def drained(sender: Sender) -> None:
    async with asyncio.timeout(40):
        while sender.state.lag or not sender.state.connected:
            await asyncio.sleep(0)


async def test_i5_closed_journals_go_first_and_the_next_is_not_mentioned_before(
    site: Site, quick_path: Path
) -> None:
    for count in (150, 3, 70):
        await site.renew(count)
    await site.append(20)
    place = Place(quick_path, "centre")
    async with sending(site, place) as sender:
        await drained(sender)
    assert place.held() == await site.written()
    ids = [volume.id for volume in site.journal.volumes]
    assert place.states(ids) == ["closed", "closed", "closed", "open"]
    said_first = [journals(payload) for topic, payload in place.broker.seen if topic.endswith("/hello")]
    assert [one for one, _ in groupby(said_first)] == [ids[:1], ids[:2], ids[:3], ids]
    frames = [topic.rpartition("/")[2] for topic, _ in place.broker.seen if "/frame/" in topic]
    assert frames == sorted(frames, key=ids.index)
    await place.close()


def journals(payload: bytes) -> list[str]:
    said = decode_hello(payload).journals
    return [Checkpoint.parse(Note.parse(one.checkpoint).text).journal for one in said]


async def test_a_succession_in_mid_stream_is_followed(site: Site, quick_path: Path) -> None:
    place = Place(quick_path, "centre")
    async with sending(site, place) as sender:
        for _ in range(4):
            await site.renew(40)
        await site.append(5)
        await drained(sender)
        assert place.held() == await site.written()
        assert sender.state.size == site.journal.size
    await place.close()


@pytest.mark.parametrize("seed", range(3))
async def test_i11_a_hostile_broker_only_delays_a_line_of_journals(
    site: Site, quick_path: Path, seed: int
) -> None:
    for count in (80, 30):
        await site.renew(count)
    place = Place(quick_path, "centre")
    place.broker.meddle = Hostile(seed=seed, chance=0.2)
    async with sending(site, place) as sender:
        await site.renew(50)
        await drained(sender)
    assert place.held() == await site.written()
    await place.close()


async def test_lost_receipts_starts_and_two_destinations_at_different_places(
    site: Site, quick_path: Path
) -> None:
    near, far = Place(quick_path, "station"), Place(quick_path, "centre")
    chance = random.Random(5)
    for place in (near, far):
        place.broker.meddle = lambda topic, payload: (
            [] if "/receipt/" in topic and chance.random() < 0.3 else [(topic, payload)]
        )
    await site.renew(90)
    async with sending(site, near) as sender:
        await drained(sender)
    await site.renew(60)
    site.start_again()
    async with sending(site, near) as first, sending(site, far) as second:
        await site.renew(30)
        await drained(first)
        await drained(second)
    assert near.held() == far.held() == await site.written()
    for place in (near, far):
        await place.close()


async def test_a_store_that_was_put_back_gets_the_closed_journals_again(site: Site, quick_path: Path) -> None:
    """Under the same name, which is the worst case: its receipts must be believed again."""
    await site.renew(60)
    place = Place(quick_path, "centre")
    async with sending(site, place) as sender:
        await drained(sender)
    await place.close()
    (quick_path / "centre.db").unlink()
    with suppress(FileNotFoundError):
        (quick_path / "cursor.db").unlink()
    site.cursors = Cursors(quick_path)
    again = Place(quick_path, "centre")
    async with sending(site, again) as sender:
        await site.append(5)
        await drained(sender)
    assert again.held() == await site.written()
    await again.close()
    site.cursors.close()


async def test_a_doubted_journal_that_nobody_met_does_not_bar_its_successor(
    site: Site, quick_path: Path
) -> None:
    place = Place(quick_path, "centre")
    async with sending(site, place) as sender:
        await site.append(5)
        await drained(sender)
    for _ in range(2):  # doubted twice over before anybody is reached
        site.journal.doubt("on trial")
        site.start_again()
    async with sending(site, place) as sender:
        await drained(sender)
    held = place.held()
    assert {key: held[key] for key in (site.journal.id,)} == await site.written()
    await place.close()


async def test_i7_a_closed_journal_leaves_only_when_it_is_kept_and_says_so_first(
    site: Site, quick_path: Path
) -> None:
    await site.renew(60)
    await site.renew(40)
    first, second = site.journal.volumes[:2]
    far, near = Place(quick_path, "centre", kept_after_ms=0), Place(quick_path, "station")
    destinations = [far.destination, near.destination]

    async def removed() -> list[str]:
        gone = await remove_closed(site.journal, site.cursors, destinations=destinations, source=SOURCE)
        return [one.journal.id for one in gone]

    assert await removed() == []
    async with sending(site, far) as sender:
        await drained(sender)
    assert await removed() == []  # the station has nothing yet
    async with sending(site, near) as sender:
        await drained(sender)
    assert [site.cursors.cursor(journal=one.id, destination="centre").kept for one in (first, second)] == [
        first.size,
        second.size,
    ]
    async with sending(site, near) as sender, sending(site, far) as other:
        await drained(other)
        assert await removed() == [first.id, second.id]
        assert await removed() == []
        await drained(sender)
    assert not first.folder.exists()
    told = [entry.body for entry in await site.journal.read(1, 2)]
    assert [first.id in (told[0] or b"").decode(), second.id in (told[1] or b"").decode()] == [True, True]
    site.start_again()
    assert len(site.journal.volumes) == 1
    for place in (far, near):
        await place.close()


async def test_a_closed_journal_goes_first_also_when_the_next_was_doubted(
    site: Site, quick_path: Path
) -> None:
    await site.renew(30)
    await site.append(5)
    closed, doubted = site.journal.volumes
    site.journal.doubt("on trial")
    site.start_again()
    place = Place(quick_path, "centre")
    async with sending(site, place) as sender:
        await drained(sender)
    assert place.held() == await site.written()
    assert [volume.id for volume in site.journal.volumes] == [closed.id, site.journal.id]
    assert place.states([closed.id, doubted.id, site.journal.id]) == ["closed", "closed", "open"]
    await place.close()


@pytest.mark.parametrize("closed_before", [False, True])
async def test_i4_a_revoked_journal_is_continued_under_a_new_key_and_nothing_is_missing(
    site: Site, quick_path: Path, closed_before: bool
) -> None:
    revoked = site.journal.id
    place = Place(quick_path, "centre", bound=lambda _box, journal: 21 if journal == revoked else None)
    await site.append(20)
    async with sending(site, place) as sender:
        await drained(sender)
    await site.append(9)
    if closed_before:
        await site.renew(3)
    order_doubt(site.folder, "its key was stolen", journal=revoked if closed_before else None)
    site.start_again()
    await site.append(1)
    async with sending(site, place) as sender:
        await drained(sender)
    assert place.states([revoked, site.journal.id]) == ["closed", "open"]
    assert len(place.held()[revoked]) == 21
    assert place.held()[site.journal.id] == (await site.written())[site.journal.id]
    told = [header.decode(entry.header).stream for entry in await site.journal.read(0, 100)]
    assert told.count("journal.recovered") == (32 if closed_before else 29)
    with pytest.raises(RefusedError, match="continued already"):
        order_doubt(site.folder, "again", journal=revoked)
    for journal, reason in ((None, " "), ("f" * 32, "unknown")):
        with pytest.raises(RefusedError):
            order_doubt(site.folder, reason, journal=journal)
    await place.close()


async def test_another_story_of_a_closed_journal_ends_the_process_and_its_entries_are_told_again(
    site: Site, quick_path: Path
) -> None:
    await site.renew(30)
    closed = site.journal.volumes[0]
    place = Place(quick_path, "centre")
    said_there = Receipt(journal=closed.id, store=STORE_KEY.name, size=9, root=bytes(32), kept=0, time_ms=1)
    note = said_there.signed(public_key=STORE_KEY.public, sign=STORE_KEY.sign).format()
    topic = f"weighpost/v1/down/{site.identity.box}/receipt/{closed.id}"
    place.broker.meddle = lambda topic_up, payload: (
        [(topic, note.encode())] if topic_up.endswith("/hello") else []
    )
    sender = sender_of(site, place)
    async with asyncio.timeout(20):
        with pytest.raises(RestartError, match="another root at 9"):
            await sender.run()
    site.start_again()
    assert (site.journal.doubted, len(site.journal.volumes)) == (None, 1)
    entries = await site.journal.read(0, 100)
    streams = [header.decode(entry.header).stream for entry in entries]
    assert (streams.count("journal.recovered"), streams[-1]) == (closed.size - 1, "journal.doubted")
    await place.close()
