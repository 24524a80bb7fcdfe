"""A centre that a browser can visit: the real pages, API and store over stored entries, as a process of its own.

`python -m tests.browser.centre_site FOLDER` prints one line of JSON with its address and serves until it is ended.
POST /test/weigh makes a vehicle cross, POST /test/doubt one whose plate is not read for certain; they exist only here.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from central.alarms import State, alarms
from central.app import create_app
from central.live import Change
from central.pages.county import County as Map
from central.pages.county import Place, Road
from central.pages.routes import mount
from central.parts import Parts
from central.store.custody import CustodyStore
from central.store.queries import Filter, Queries
from central.store.readings import Readings
from central.store.receiving import CentreStore
from central.views import Alarm
from journal.access import AccessLog
from journal.clock import SystemClock
from journal.store import Accepted
from kernel.evidence.notes import Note, cosign
from tests.browser.traffic import LANES, REGISTER, STATIC, STATIONS, County
from tests.central.made import open_database
from tests.central.world import OnePackage, World
from web.accounts import Account
from web.passwords import Cost, Passwords
from web.sessions import Sessions
from web.times import day_start_ms

PASSWORD = "overload-2026"
PLACES = (
    ("yiyuan/s01", "330,300"),
    ("yiyuan/s02", "120,150"),
    ("yiyuan/s03", "800,470"),
    ("yiyuan/s04", "640,180"),
)
MAP = Map(
    roads=(
        Road(name="G22 青兰高速", grade="expressway", bends=("0,440", "260,400", "560,430", "1000,330")),
        Road(name="G233", grade="national", bends=("60,60", "330,300", "470,620")),
        Road(name="S231", grade="provincial", bends=("120,150", "330,300", "640,180", "1000,130")),
        Road(name="S229", grade="provincial", bends=("640,180", "800,470", "860,620")),
        Road(name="", grade="county", bends=("120,150", "40,330", "120,560")),
    ),
    places=tuple(Place(station=station, at=at) for station, at in PLACES),
)


@dataclass
class Site:
    """The process's parts, and what its traffic does to them."""

    world: World
    parts: Parts
    county: County
    clock: SystemClock

    def take(self, *entries: Accepted) -> None:
        self.world.take(*entries)
        while self.county.kept:
            box, digest = self.county.kept.pop()
            self.world.store.file_stored(box, digest, at_ms=self.clock.now_ms())
        made = self.county.journals[entries[0].box]
        with self.world.store.begin() as transaction:
            transaction.save_head(made.head(kept=max(0, len(made.leaves) - 4)))

    def weigh(self, box: str = STATIC, *, pictured: bool = True, truck: int | None = None) -> list[Accepted]:
        entries = self.county.vehicle(box, self.clock.now_ms(), pictured=pictured, truck=truck)
        self.take(*entries)
        return entries

    def film(self, weighed: Accepted) -> None:
        self.take(*self.county.filmed(weighed, weighed.header.at))

    def tell(self, entries: list[Accepted]) -> None:
        row = self.parts.queries.passages(Filter(), limit=1).rows[0]
        self.parts.bus.publish(
            Change(kind="passage", key=(entries[0].box, row.passage), at_ms=self.clock.now_ms())
        )

    def alarms(self) -> tuple[Alarm, ...]:
        now_ms = self.clock.now_ms()
        return alarms(
            State(
                now_ms=now_ms,
                sources=self.parts.queries.sources(now_ms),
                journals=self.parts.queries.journals(),
                quarantined=self.parts.queries.quarantined(),
                witnesses=0,
                backed_up=True,
                disk_free_kb=90_000_000,
                disk_low_kb=1_000_000,
            )
        )


def build(folder: Path) -> tuple[Site, FastAPI]:
    files = folder / "files"
    files.mkdir(parents=True, exist_ok=True)
    database = open_database(folder)
    world = World(database, files)
    world.store = CentreStore(database, store_id="centre-1", register=REGISTER)
    clock = SystemClock()
    passwords = Passwords(Cost(memory_kib=64, passes=1))
    site = Site(world=world, parts=world.parts, county=County(files=files), clock=clock)
    site.parts = replace(
        world.parts,
        clock=clock,
        settings=replace(world.parts.settings, stations=STATIONS, county=MAP),
        queries=Queries(database, register=REGISTER),
        readings=Readings(database, register=REGISTER),
        sessions=Sessions(world.parts.accounts, clock=clock, passwords=passwords),
        access=AccessLog(world._append, clock=clock),
        alarms=site.alarms,
        packages=OnePackage(None),
    )
    _accounts(site, passwords)
    _yesterday(site, CustodyStore(database))
    app = create_app(site.parts, mounts=[mount])

    @app.post("/test/weigh")
    async def weigh(pictured: bool = True, truck: int | None = None, filmed: bool = False) -> dict[str, int]:
        entries = await asyncio.to_thread(site.weigh, pictured=pictured, truck=truck)
        if filmed:
            await asyncio.to_thread(site.film, entries[0])
        site.tell(entries)
        return {"seq": entries[0].seq}

    @app.post("/test/doubt")
    async def doubt() -> dict[str, int]:
        entries = await asyncio.to_thread(site.county.doubted, "s01-lane1", clock.now_ms())
        await asyncio.to_thread(site.take, *entries)
        return {"seq": entries[0].seq}

    return site, app


def _accounts(site: Site, passwords: Passwords) -> None:
    hashed = passwords.hash(PASSWORD)
    for account in (
        Account(name="wang", shown="王磊", role="reviewer", password_hash=hashed),
        Account(name="look", shown="值班席", role="viewer", password_hash=hashed),
        Account(name="audit", shown="审计员", role="auditor", password_hash=hashed),
        Account(name="wall-1", shown="监控大屏", role="viewer", kind="device", password_hash=hashed),
    ):
        site.parts.accounts.save_account(account)


def _yesterday(site: Site, custody: CustodyStore) -> None:
    """Since midnight a vehicle now and then; the last minutes on all lanes, one camera down, one lane silent."""
    now_ms = site.clock.now_ms()
    boxes = list(LANES)
    first_ms = max(day_start_ms(now_ms), now_ms - 20 * 3_600_000)
    gap_ms = max(60_000, (now_ms - first_ms) // 90)
    for number, at_ms in enumerate(range(first_ms, now_ms - 90_000, gap_ms)):
        site.take(*site.county.vehicle(boxes[number % 4], at_ms, pictured=number % 5 != 3 or number > 60))
    entries = site.weigh(STATIC, truck=2)
    site.take(site.county.decided(entries[0], now_ms))
    site.take(site.county.health("s01-lane1", now_ms))
    site.take(site.county.health(STATIC, now_ms))
    site.take(site.county.health("s02-lane1", now_ms, camera="down"))
    site.take(site.county.health("s03-lane1", now_ms - 900_000))
    site.take(site.county.unreadable("s03-lane1", now_ms))
    for box, made in site.county.journals.items():
        size = len(made.leaves) - (0 if box == STATIC else 2)
        custody.save_note(made.journal, _note(made.journal, size, now_ms), size=size, witnessed=True)


def _note(journal: str, size: int, now_ms: int) -> str:
    """A checkpoint with the two lines whose names and times a page shows."""
    text = f"weighpost/{journal}\n{size}\n{'A' * 43}=\n"
    note = Note(text=text, signatures=())
    for name in ("yiyuan-centre", "county-witness"):
        key = bytes([len(name)]) * 32
        note = note.with_signature(
            cosign(text, name=name, public_key=key, sign=lambda _data: bytes(64), at_s=now_ms // 1000)
        )
    return note.format()


def main() -> None:
    _site, app = build(Path(sys.argv[1]))
    listening = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    sys.stdout.write(json.dumps({"url": address, "pid": os.getpid()}) + "\n")
    sys.stdout.flush()
    config = uvicorn.Config(app, log_level="warning", ws_per_message_deflate=False)
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
