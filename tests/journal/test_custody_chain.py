"""Writer, real broker, receiver: broker lost and back, receiver killed and back, nothing lost, nothing doubled."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from journal.broker import EmbeddedBroker
from journal.checking import Trust
from journal.clock import SystemClock
from journal.cursors import Cursors
from journal.intake import Intake
from journal.keys import Identity, SigningKey
from journal.mqtt import PahoTransport
from journal.receiver import Receiver
from journal.sender import Sender
from journal.settings import Destination
from journal.stores import SqliteStore
from journal.writer import Journal
from kernel.evidence.notes import encode_base64
from tests.journal.making import County, open_journal, said
from tests.support.ports import free_port

pytestmark = [pytest.mark.wire, pytest.mark.timeout(240)]

BOX = "s01-lane1"
USERS = {BOX: "lane-secret", "ingest": "ingest-secret"}
STORE_KEY = SigningKey.generate(kind="store", name="yiyuan-centre-1")

RECEIVING = """
import asyncio, json, sys
from pathlib import Path
from journal.checking import Trust
from journal.clock import SystemClock
from journal.intake import Intake
from journal.keys import SigningKey
from journal.mqtt import PahoTransport
from journal.receiver import Receiver
from journal.stores import SqliteStore
from kernel.evidence.notes import decode_base64

async def main(options):
    folder = Path(options["folder"])
    key = SigningKey.load(folder / "store.key")
    store = SqliteStore(folder / "store.db", store_id=key.name)
    trust = Trust(root_name=options["root"], root_public=decode_base64(options["public"]))
    receiver = Receiver(store, key=key, trust=trust, clock=SystemClock())
    transport = PahoTransport(options["url"], user="ingest", password="ingest-secret")
    intake = Intake(transport, receiver)
    await transport.start()
    print("up", flush=True)
    await asyncio.Event().wait()

asyncio.run(main(json.loads(sys.argv[1])))
"""


@dataclass
class Chain:
    """One box on one broker."""

    folder: Path
    county: County
    identity: Identity
    journal: Journal
    cursors: Cursors
    port: int

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    async def append(self, count: int) -> None:
        for number in range(count):
            await self.journal.append(said(number), source="yiyuan/s01/lane1")

    async def same(self) -> None:
        written = [
            (e.seq, e.leaf, e.header, e.salt, e.body) for e in await self.journal.read(0, self.journal.size)
        ]
        with closing(sqlite3.connect(self.folder / "store.db")) as db:
            stored = db.execute(
                "SELECT entry.seq, leaf, header, salt, body FROM entry JOIN body USING (journal, seq)"
                " WHERE entry.journal = ? ORDER BY entry.seq",
                (self.journal.id,),
            ).fetchall()
        assert stored == written


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    # The county's certificates are of the tests' own time; these processes have the machine's clock.
    county = County(now_ms=SystemClock().now_ms())
    identity = county.identity(BOX)
    STORE_KEY.save(tmp_path / "store.key")
    with (
        closing(open_journal(tmp_path / "journal", identity=identity.key)) as journal,
        closing(Cursors(tmp_path)) as cursors,
    ):
        yield Chain(tmp_path, county, identity, journal, cursors, free_port())


@asynccontextmanager
async def broker(chain: Chain) -> AsyncIterator[None]:
    running = EmbeddedBroker(host="127.0.0.1", port=chain.port, users=USERS, services=("ingest",))
    await running.start()
    try:
        yield
    finally:
        await running.stop()


@asynccontextmanager
async def sending(chain: Chain) -> AsyncIterator[Sender]:
    transport = PahoTransport(chain.url, user=BOX, password=USERS[BOX])
    sender = Sender(
        chain.journal,
        chain.cursors,
        identity=chain.identity,
        destination=Destination(
            name="centre",
            mqtt=chain.url,
            password=USERS[BOX],
            store_id=STORE_KEY.name,
            store_public=encode_base64(STORE_KEY.public),
        ),
        transport=transport,
        software="test",
        clock=SystemClock(),
    )
    await transport.start()
    task = asyncio.create_task(sender.run())
    try:
        yield sender
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await transport.stop()


@asynccontextmanager
async def receiving(chain: Chain) -> AsyncIterator[Receiver]:
    trust = Trust(root_name=chain.county.root.name, root_public=chain.county.root.public)
    with closing(SqliteStore(chain.folder / "store.db", store_id=STORE_KEY.name)) as store:
        receiver = Receiver(store, key=STORE_KEY, trust=trust, clock=SystemClock())
        transport = PahoTransport(chain.url, user="ingest", password=USERS["ingest"])
        intake = Intake(transport, receiver)
        await transport.start()
        try:
            yield receiver
            await intake.stop()
        finally:
            await transport.stop()
            receiver.close()


async def until(condition: Callable[[], bool], *, patience_s: float = 40) -> None:
    async with asyncio.timeout(patience_s):
        while not condition():
            await asyncio.sleep(0.01)


async def test_live_entries_are_receipted_well_under_a_second(chain: Chain) -> None:
    committed_ms: dict[int, int] = {}
    clock = SystemClock()
    async with broker(chain), receiving(chain) as receiver, sending(chain) as sender:
        receiver.on_committed(
            lambda entries: committed_ms.update({entry.seq: clock.mono_ms() for entry in entries})
        )
        await until(lambda: sender.accepted == 1)
        durable_ms: dict[int, int] = {}
        for number in range(40):
            appended = await chain.journal.append(said(number), source="yiyuan/s01/lane1")
            durable_ms[appended.seq] = clock.mono_ms()
            await asyncio.sleep(0.02)
        await until(lambda: sender.accepted == 41)
    delays = sorted(committed_ms[seq] - durable_ms[seq] for seq in durable_ms)
    assert delays[int(len(delays) * 0.95)] < 1_000
    await chain.same()


async def test_broker_lost_and_back_during_traffic(chain: Chain) -> None:
    counted: list[int] = []
    async with sending(chain) as sender, receiving(chain) as receiver:
        receiver.on_committed(lambda entries: counted.extend(entry.seq for entry in entries))
        for _ in range(2):
            async with broker(chain):
                await chain.append(30)
                await until(lambda: sender.accepted == chain.journal.size)
            await chain.append(30)
            assert sender.state.lag == 30
        async with broker(chain):
            await until(lambda: sender.accepted == chain.journal.size)
    assert counted == list(range(121))
    await chain.same()


async def test_receiver_killed_again_and_again_during_traffic(chain: Chain) -> None:
    options = json.dumps(
        {
            "folder": str(chain.folder),
            "root": chain.county.root.name,
            "public": encode_base64(chain.county.root.public),
            "url": chain.url,
        }
    )
    async with broker(chain), sending(chain) as sender:
        for _ in range(4):
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-c", RECEIVING, options, stdout=-1, env={**os.environ, "PYTHONPATH": "."}
            )
            assert child.stdout is not None
            assert await child.stdout.readline() == b"up\n"
            before = sender.accepted
            traffic = asyncio.create_task(chain.append(60))
            await until(lambda wanted=before + 20: sender.accepted >= wanted)  # type: ignore[misc]
            child.send_signal(signal.SIGKILL)
            await child.wait()
            await traffic
        async with receiving(chain):
            await until(lambda: sender.accepted == chain.journal.size)
    assert chain.journal.size == 241
    await chain.same()
