"""The centre's web application over a real database, with what is outside of it played."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from fastapi import FastAPI

from central.acts.closing import Closings
from central.acts.desk import Desk
from central.api.callers import new_token
from central.app import create_app
from central.evidence.journal import JournalExports
from central.keeping.housekeeping import Keeping
from central.keeping.rules import Retention
from central.live import Bus
from central.parts import Parts
from central.settings import Broker, Keys, Root, Settings
from central.slips import Slips
from central.store.accounts import CentreAccounts
from central.store.custody import CustodyStore
from central.store.engines import Database
from central.store.instruments import Instruments
from central.store.keeping import Keeper
from central.store.queries import Queries
from central.store.readings import Readings
from central.store.receiving import CentreStore
from journal.access import AccessLog
from journal.store import Accepted
from kernel.errors import RefusedError
from kernel.events import Body, EntryRef, InstrumentOrdered, RecordHeld
from kernel.law.shipped import national
from tests.central.made import NOON_MS, REGISTER, Made
from web.accounts import Account, Role
from web.passwords import Cost, Passwords
from web.sessions import Sessions

PASSWORD = "correct horse"


@dataclass
class StillClock:
    """A clock that a test moves."""

    at_ms: int = NOON_MS

    def now_ms(self) -> int:
        return self.at_ms

    def mono_ms(self) -> int:
        return self.at_ms - NOON_MS

    async def sleep(self, seconds: float) -> None:
        self.at_ms += int(seconds * 1000)


@dataclass
class FolderOfFiles:
    folder: Path

    def path(self, sha256: str) -> Path | None:
        path = self.folder / sha256
        return path if path.exists() else None

    def erase(self, sha256: str) -> None:
        (self.folder / sha256).unlink(missing_ok=True)


@dataclass
class Requested:
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def request(self, sha256: str, *, by: str) -> bool:
        self.asked.append((sha256, by))
        return True


@dataclass
class Ordered:
    """Holds that boxes are told of."""

    told: list[tuple[str, RecordHeld]] = field(default_factory=list)

    async def order(self, box: str, body: RecordHeld) -> None:
        self.told.append((box, body))


@dataclass
class Spoken:
    """What boxes are told of their scales."""

    told: list[InstrumentOrdered] = field(default_factory=list)

    async def say(self, body: InstrumentOrdered) -> None:
        self.told.append(body)


@dataclass
class Informed:
    """Cases that stations are told of."""

    told: list[str] = field(default_factory=list)

    async def tell(self, case: str) -> None:
        self.told.append(case)


@dataclass
class OnePackage:
    """Packages of one passage only, or of every one, unless there is a reason against it."""

    passage: str | None
    zip_: bytes = b"PK"
    refusal: str | None = None

    def write(self, box: str, passage: str, path: Path) -> None:
        if self.refusal or self.passage not in (None, passage):
            raise RefusedError(self.refusal or "not weighed yet")
        path.write_bytes(self.zip_)

    def write_case(self, case: str, path: Path) -> None:
        self.write("", case, path)


class World:
    """Parts with a real store; `entries` is what went into the centre's own journal."""

    def __init__(
        self,
        database: Database,
        folder: Path,
        *,
        retention: Retention | None = None,
        must_record: bool = False,
    ) -> None:
        self.clock = StillClock()
        self.database = database
        self.own = Made(journal="f" * 32, box="yiyuan-centre", source="yiyuan/centre")
        self.keys: dict[str, EntryRef] = {}
        self.store = CentreStore(database, store_id="centre-1", register=REGISTER)
        self.entries: list[Body] = []
        self.refuse: Exception | None = None
        self.requested = Requested()
        self.ordered = Ordered()
        self.spoken = Spoken()
        self.informed = Informed()
        self.packages = OnePackage("p1")
        self.folder = folder
        self.files = FolderOfFiles(folder)
        self.keeping = Keeping(
            Keeper(database),
            Queries(database, register=REGISTER),
            self.files,
            retention=retention or Retention(),
            by="yiyuan-centre",
            write=self.act,
            clock=self.clock,
        )
        self.parts = self._parts(must_record=must_record)

    def _parts(self, *, must_record: bool) -> Parts:
        database, accounts = self.database, CentreAccounts(self.database)
        queries, instruments = Queries(database, register=REGISTER), Instruments(database)
        cases = asyncio.Lock()
        return Parts(
            settings=settings(),
            clock=self.clock,
            queries=queries,
            readings=Readings(database, register=REGISTER),
            accounts=accounts,
            sessions=Sessions(accounts, clock=self.clock, passwords=Passwords(Cost(memory_kib=8, passes=1))),
            access=AccessLog(self._append, clock=self.clock),
            bus=Bus(),
            law=national(),
            files=self.files,
            requests=self.requested,
            packages=self.packages,
            exports=JournalExports(database, CustodyStore(database)),
            slips=Slips(queries, CustodyStore(database), write=self.act),
            desk=Desk(
                queries,
                instruments,
                write=self.act,
                holds=self.ordered,
                scales=self.spoken,
                clock=self.clock,
                cases=cases,
                must_record=national() if must_record else None,
            ),
            closings=Closings(
                queries,
                instruments,
                write=self.act,
                stations=self.informed,
                clock=self.clock,
                cases=cases,
            ),
            instruments=instruments,
            keeping=self.keeping,
            alarms=lambda: (),
            healthy=lambda: {"frames": 0},
        )

    @cached_property
    def app(self) -> FastAPI:
        return create_app(self.parts)

    async def _append(self, body: Body) -> None:
        if self.refuse is not None:
            raise self.refuse
        self.entries.append(body)

    async def act(self, body: Body, *, key: str | None = None) -> EntryRef:
        """As the centre's own journal does: durable, and received by the store."""
        if key is not None and key in self.keys:
            return self.keys[key]
        await self._append(body)
        now_ms = self.clock.now_ms()
        entry = self.own.add(body, at_ms=now_ms, received_ms=now_ms)
        self.take(entry)
        ref = EntryRef(journal=self.own.journal, seq=entry.seq, leaf=entry.leaf.hex())
        if key is not None:
            self.keys[key] = ref
        return ref

    def take(self, *entries: Accepted) -> None:
        with self.store.begin() as transaction:
            transaction.insert(entries[0].header.journal, entries)

    def token(self, name: str = "program", *, role: Role = "viewer") -> dict[str, str]:
        """The header that a program sends."""
        secret, token = new_token(name, role=role, now_ms=self.clock.now_ms())
        self.parts.accounts.save_token(token)
        return {"Authorization": f"Bearer {secret}"}

    def account(self, name: str = "li", *, role: Role = "operator") -> None:
        hashed = Passwords(Cost(memory_kib=8, passes=1)).hash(PASSWORD)
        self.parts.accounts.save_account(Account(name=name, shown="李", role=role, password_hash=hashed))

    def put_file(self, digest: str, data: bytes) -> None:
        (self.folder / digest).write_bytes(data)


def settings() -> Settings:
    return Settings(
        box="yiyuan-centre",
        store_id="centre-1",
        data="data",
        keys=Keys(folder="keys", root=Root(name="yiyuan-root", public="AAAA")),
        broker=Broker(password="secret"),
    )
