"""A centre that dies after its last backup, with a box that has made room meanwhile: what is lost then, and what not.

The box is a real journal with a real sender; the centre is a real store over SQLite with its own verbs for backup and
restore.  Only the broker is played.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from central import keyring
from central.backups.making import Made, make
from central.backups.restoring import Restored, restore
from central.keyring import CentreKeys
from central.settings import Settings
from central.store import schema
from central.store.engines import Database, connect
from central.store.migrate import migrate
from central.store.receiving import CentreStore
from journal.checking import Trust
from journal.clock import SystemClock
from journal.console import read_settings
from journal.cursors import Cursors
from journal.intake import Intake
from journal.keys import Identity
from journal.receiver import Receiver
from journal.sender import Sender
from journal.settings import Destination
from journal.witnessing import Cosigner
from journal.writer import Journal
from kernel.evidence.notes import encode_base64
from tests.journal.brokers import MemoryBroker
from tests.journal.making import said

BOX, SOURCE = "lane1-box", "yiyuan/s01/lane1"
EvictBy = Literal["kept", "size"]

_CENTRE = """
box = "yiyuan-centre"
store_id = "{store}"
data = "{folder}/data"
source = "yiyuan/centre"
[keys]
folder = "{folder}/keys"
[keys.root]
name = "yiyuan-root"
public = "{root}"
[broker]
password = "centre-secret"
[custody]
backup = true
[[boxes]]
name = "lane1-box"
password = "lane1-secret"
source = "yiyuan/s01/lane1"
"""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Of what `append` had promised: bodies that are nowhere, and entries that the restored store has twice or not."""

    accepted: int
    evicted: int
    lost: int
    doubled: int
    store: str
    refused_receipts: int


class Site:
    """A centre's folder, keys and settings, and one enrolled box."""

    def __init__(self, folder: Path, *, database: str | None = None) -> None:
        self.folder = folder
        self.url = database
        self.clock = SystemClock()
        keys, now_ms = folder / "keys", self.clock.now_ms()
        self._root = encode_base64(keyring.new_root(keys, name="yiyuan-root", now_ms=now_ms).public_key)
        keyring.enrol(keys, kind="box", name="yiyuan-centre", now_ms=now_ms)
        keyring.enrol(keys, kind="box", name=BOX, now_ms=now_ms)
        keyring.enrol(keys, kind="cosigner", name="yiyuan-centre", now_ms=now_ms)
        keyring.enrol(keys, kind="command", name="yiyuan-centre", now_ms=now_ms)
        self.become("centre-1")

    def become(self, store: str) -> None:
        """Enrol a key under this name and set it."""
        keyring.enrol(self.folder / "keys", kind="store", name=store, now_ms=self.clock.now_ms())
        text = _CENTRE.format(folder=self.folder, store=store, root=self._root)
        if self.url is not None:
            text += f'[database]\nurl = "{self.url}"\n'
        (self.folder / "central.toml").write_text(text)

    @property
    def settings(self) -> Settings:
        return read_settings(Settings, self.folder / "central.toml")

    @property
    def keys(self) -> CentreKeys:
        return keyring.load(self.settings)

    @property
    def vault(self) -> Path:
        return self.folder / "backups"

    @contextmanager
    def database(self) -> Iterator[Database]:
        database = connect(self.settings.database_url)
        migrate(database)
        try:
            yield database
        finally:
            database.close()

    @property
    def destination(self) -> Destination:
        """As the box has pinned it on its first day."""
        keys = self.keys
        return Destination(
            name="centre",
            mqtt="mqtt://memory",
            password="lane1-secret",
            store_id="centre-1",
            store_public=encode_base64(keys.store.public),
        )

    @property
    def identity(self) -> Identity:
        keys, centre = self.folder / "keys", self.keys
        return Identity.load(
            keys / f"{BOX}.key", certificates=(keys / f"{BOX}.cert", keys / "enrolment.cert")
        ).pinning(centre.root_name, centre.root_public)

    def backed_up(self, *, keep_last: int = 7) -> Made:
        with self.database() as database:
            return make(
                self.vault,
                settings=self.settings,
                keys=self.keys,
                database=database,
                software="test",
                now_ms=self.clock.now_ms(),
                keep_last=keep_last,
            )

    def lose_disk(self) -> None:
        """All but the cosigner's memory, which lies on another."""
        self.cosigner().close()
        for path in (self.folder / "data").iterdir():
            if path.is_dir() and path.name != "cosigner":
                shutil.rmtree(path)
            elif path.name != "cosigner":
                path.unlink()

    def put_back(self, *, backup: str | None = None) -> Restored:
        return restore(
            self.vault,
            name=backup,
            settings=self.settings,
            keys=self.keys,
            software="test",
            clock=self.clock,
        )

    def cosigner(self) -> Cosigner:
        (self.folder / "data" / "cosigner").mkdir(parents=True, exist_ok=True)
        return Cosigner(
            self.folder / "data" / "cosigner" / "heads.db", key=self.keys.cosigner, clock=self.clock
        )

    @asynccontextmanager
    async def receiving(self, broker: MemoryBroker) -> AsyncIterator[Receiver]:
        """The centre at its broker."""
        settings, keys = self.settings, self.keys
        with self.database() as database:
            store = CentreStore(database, store_id=settings.store_id, register=settings.register)
            receiver = Receiver(
                store,
                key=keys.store,
                trust=Trust(root_name=keys.root_name, root_public=keys.root_public),
                clock=self.clock,
                kept_after_ms=settings.custody.kept_by_time_ms,
                centre=settings.box,
            )
            intake = Intake(broker.transport(), receiver, certificates=keys.store_certs)
            try:
                yield receiver
                await intake.stop()
            finally:
                receiver.close()


async def restored_after_evictions(
    folder: Path, *, evict_by: EvictBy, before: int = 30, after: int = 20
) -> Outcome:
    """Backup after `before` entries, `after` more, evictions, the disk dies, the backup is put back, the box speaks."""
    site, broker = Site(folder), MemoryBroker()
    identity, destination = site.identity, site.destination
    journal = opened(folder / "box", identity, site.clock)
    with closing(journal), closing(Cursors(folder / "box")) as cursors:
        sender = Sender(
            journal,
            cursors,
            identity=identity,
            destination=destination,
            transport=broker.transport(),
            software="test",
            clock=site.clock,
            patience_ms=(200, 1_000),
        )
        sending = asyncio.create_task(sender.run())
        try:
            async with site.receiving(broker):
                await talk(journal, before)
                await reaches(sender, journal.size)
                site.backed_up()
                await talk(journal, after)
                await reaches(sender, journal.size)
                await hears_kept(sender, broker, before + 1)
            evicted = evict(journal, sender.state.kept if evict_by == "kept" else sender.state.size)
            broker.cut()
            site.lose_disk()
            site.become("centre-2")
            restored = await asyncio.to_thread(site.put_back)
            async with site.receiving(broker):
                broker.mend()
                await talk(journal, 1)
                await reaches(sender, journal.size)
            with site.database() as database:
                lost, doubled = counted(database, journal)
            return Outcome(
                accepted=journal.size,
                evicted=evicted,
                lost=lost,
                doubled=doubled,
                store=restored.store,
                refused_receipts=sender.state.refused_receipts,
            )
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


def opened(folder: Path, identity: Identity, clock: SystemClock) -> Journal:
    return Journal.open(
        folder / "journal",
        box=identity.box,
        process="edge",
        software="test",
        identity=identity.key,
        clock=clock,
        boot="0123456789abcdef",
    )


async def talk(journal: Journal, count: int) -> None:
    for number in range(count):
        await journal.append(said(number), source=SOURCE)


async def reaches(sender: Sender, size: int) -> None:
    async with asyncio.timeout(20):
        while sender.accepted != size:
            await asyncio.sleep(0.01)


async def hears_kept(sender: Sender, broker: MemoryBroker, kept: int) -> None:
    """The next session's first receipt says what the backup has changed."""
    async with asyncio.timeout(20):
        while sender.state.kept < kept:
            broker.mend()
            await asyncio.sleep(0.05)


def evict(journal: Journal, below: int) -> int:
    """Bodies of entries that the rule lets go; how many."""
    with closing(sqlite3.connect(journal.folder / "journal.db", timeout=10)) as db:
        gone = db.execute("DELETE FROM body WHERE seq > 0 AND seq < ?", (below,)).rowcount
        db.commit()
    return gone


def counted(database: Database, journal: Journal) -> tuple[int, int]:
    """Entries whose body is at neither, and entries that the store has not exactly once."""
    with database.reader.connect() as connection:
        body, entry = schema.body, schema.entry
        bodies = set(
            connection.execute(
                body.select().with_only_columns(body.c.seq).where(body.c.journal == journal.id)
            ).scalars()
        )
        seqs = list(
            connection.execute(
                entry.select().with_only_columns(entry.c.seq).where(entry.c.journal == journal.id)
            ).scalars()
        )
    with closing(sqlite3.connect(journal.folder / "journal.db")) as db:
        here = {row[0] for row in db.execute("SELECT seq FROM body")}
    lost = set(range(journal.size)) - bodies - here
    return len(lost), len(seqs) - len(set(seqs)) + len(set(range(journal.size)) ^ set(seqs))
