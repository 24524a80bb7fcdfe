"""How much waits is no matter of memory: not for the writer, not for the sender."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Coroutine
from contextlib import closing, suppress
from pathlib import Path

import pytest

from journal.clock import SystemClock
from journal.cursors import Cursors
from journal.keys import SigningKey
from journal.sender import Sender
from journal.settings import Destination, Succession
from journal.writer import Journal
from kernel.evidence import frames
from kernel.evidence.notes import encode_base64
from kernel.evidence.texts import Receipt
from tests.journal.brokers import MemoryBroker
from tests.journal.making import County, said

pytestmark = [pytest.mark.wire, pytest.mark.timeout(300)]

IDENTITY = County().identity()
STORE = SigningKey.generate(kind="store", name="yiyuan-centre-1")
FEW, MANY = 1_000, 50_000
ALLOWED = 1_000_000


async def writes(folder: Path, count: int) -> None:
    """Ten journals, so that several closed ones wait as well."""
    journal = Journal.open(
        folder,
        box=IDENTITY.box,
        process="edge",
        software="test",
        identity=IDENTITY.key,
        clock=SystemClock(),
        boot="0123456789abcdef",
        succession=Succession(entries=count // 10),
    )
    with closing(journal):
        for first in range(0, count, 200):
            several = range(first, first + 200)
            await asyncio.gather(*(journal.append(said(n, size=300), source="a/b") for n in several))


class Answering:
    """A store that takes whatever continues what it has, and keeps only how much that is."""

    def __init__(self, broker: MemoryBroker, journal: Journal) -> None:
        self._sizes: dict[str, int] = {}
        self._journal = journal
        self._broker = broker
        self.taken = 0
        self._tasks: set[asyncio.Task[None]] = set()
        transport = broker.transport()
        transport.subscribe("weighpost/v1/up/+/hello", lambda _topic, data: self._start(self._hello(data)))
        transport.subscribe("weighpost/v1/up/+/frame/+", lambda _topic, data: self._start(self._frame(data)))

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _hello(self, data: bytes) -> None:
        for said_one in frames.decode_hello(data).journals:
            await self._receipt(said_one.checkpoint.splitlines()[0].rpartition("/")[2])

    async def _frame(self, data: bytes) -> None:
        frame = frames.decode(data)
        if frame.start == self._sizes.get(frame.journal, 0):
            self._sizes[frame.journal] = frame.end
            self.taken += len(frame.entries)
        await self._receipt(frame.journal)

    async def _receipt(self, journal: str) -> None:
        size = self._sizes.get(journal, 0)
        volume = next(one for one in self._journal.volumes if one.id == journal)
        root = await volume.root(size)
        said_there = Receipt(journal=journal, store=STORE.name, size=size, root=root, kept=0, time_ms=1)
        note = said_there.signed(public_key=STORE.public, sign=STORE.sign).format()
        self._broker.carry(f"weighpost/v1/down/{IDENTITY.box}/receipt/{journal}", note.encode())


async def peak_of(folder: Path, count: int) -> int:
    """Bytes at the worst moment of writing so much, opening it again and sending all of it."""
    tracemalloc.start()
    try:
        await writes(folder, count)
        broker = MemoryBroker()
        journal = Journal.open(
            folder,
            box=IDENTITY.box,
            process="edge",
            software="test",
            identity=IDENTITY.key,
            clock=SystemClock(),
            boot="0123456789abcdef",
        )
        with closing(journal), closing(Cursors(folder)) as cursors:
            store = Answering(broker, journal)
            sender = Sender(
                journal,
                cursors,
                identity=IDENTITY,
                destination=Destination(
                    name="centre",
                    mqtt="mqtt://127.0.0.1:1",
                    password="x",
                    store_id=STORE.name,
                    store_public=encode_base64(STORE.public),
                ),
                transport=broker.transport(),
                software="test",
                clock=SystemClock(),
            )
            task = asyncio.create_task(sender.run())
            async with asyncio.timeout(200):
                while sender.state.lag or not sender.state.connected:
                    broker.seen.clear()  # what the test's own broker remembers is not the sender's
                    await asyncio.sleep(0.01)  # a loop that spins keeps the threads from their work
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            assert store.taken >= count
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


async def test_i13_memory_of_writer_and_sender_does_not_grow_with_the_backlog(tmp_path: Path) -> None:
    few = await peak_of(tmp_path / "few", FEW)
    many = await peak_of(tmp_path / "many", MANY)
    assert many - few < ALLOWED, (few, many)
