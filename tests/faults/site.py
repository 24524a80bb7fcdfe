"""One county in a folder: a box, a broker and who receives, each a process that a case may end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from central.store.projections import Register
from journal.keys import Identity, SigningKey, issue
from journal.settings import Destination
from kernel.evidence.notes import encode_base64
from tests.faults import box, counting, receiving
from tests.faults.box import BoxOptions
from tests.faults.counting import Accepted
from tests.faults.machines import CLOCK, Keeper, Machine, Mosquitto, Work, until
from tests.faults.mutants import Mutant
from tests.faults.receiving import Kind, ReceivingOptions
from tests.faults.rows import Counts, Found
from tests.faults.scribe import Scribe
from tests.journal.making import County
from tests.support import naive
from tests.support.naive import NaiveBoxOptions, NaiveCentreOptions
from tests.support.ports import free_port

BOX = "s01-lane1"
OTHER = "s01-lane2"
PLACE = "yiyuan/s01/lane1"
STORE = "yiyuan-centre-1"
_WORK: dict[type, Work] = {
    BoxOptions: box.live,
    ReceivingOptions: receiving.live,
    NaiveCentreOptions: naive.live_centre,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How a case is to be played."""

    folder: Path
    dice: Random
    full: bool = False
    naive: bool = False
    mutant: Mutant | None = None

    def rounds(self, short: int, full: int) -> int:
        return full if self.full else short

    @property
    def patience_s(self) -> float:
        """How long to wait for what may never come."""
        if self.naive:
            return 2.5
        if self.mutant:
            return 5.0
        return 600.0 if self.full else 60.0

    async def calm(self, low_s: float = 0.1, high_s: float = 0.6) -> None:
        await CLOCK.sleep(self.dice.uniform(low_s, high_s))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Where things stand, when not in the site's folder; `mqtt` and `files`: how the box reaches them, when not directly."""

    kind: Kind = "centre"
    data: Path | None = None
    media: Path | None = None
    centre: Path | None = None
    mqtt: str | None = None
    files: str | None = None
    box: str = BOX
    access: bool = True  # the broker has rules
    netns: str | None = None
    reserve_mb: int = 0  # of the box
    certified_until_ms: int | None = None  # of the box; None: for long
    broker_port: int = 0  # 0: any
    files_port: int = 0


@dataclass(slots=True)
class Site:
    """Made by `site`; everything is up."""

    run: Run
    folder: Path
    ground: Ground
    county: County
    identity: Identity
    store_key: SigningKey
    command_key: SigningKey
    broker: Mosquitto
    port: int  # of uploads
    scribe: Scribe
    keeper: Keeper = field(default_factory=Keeper)
    recover_s: list[float] = field(default_factory=list)
    box: Machine = field(init=False)
    centre: Machine = field(init=False)

    @property
    def register(self) -> Register:
        return Register(centre="yiyuan-centre", sources={BOX: PLACE, OTHER: PLACE})

    @property
    def home(self) -> Path:
        """Of whoever receives."""
        return self.ground.centre or self.folder / "centre"

    @property
    def database(self) -> Path:
        return self.home / "store.db"

    @property
    def blobs(self) -> Path:
        return self.home / "files"

    @property
    def data(self) -> Path:
        """Of the box."""
        return self.ground.data or self.folder / "box"

    @property
    def media(self) -> Path:
        return self.ground.media or self.data / "files"

    # --- taking away and giving back ---------------------------------------------------------------------------

    async def cut(self, machine: Machine | Mosquitto, *, away_s: float = 0.1) -> None:
        """kill -9, and started again after a while; how long until a crossing gets through again is remembered."""
        begun_ms = CLOCK.mono_ms()
        await self.stop(machine)
        await CLOCK.sleep(away_s)
        await self.start(machine)
        if await self.through():
            self.recover_s.append(round((CLOCK.mono_ms() - begun_ms) / 1000, 2))

    async def cut_without_broker(self, machine: Machine) -> None:
        """The same while nothing leaves: what it has not sent is only there."""
        await self.stop(self.broker)
        await self.run.calm()
        await self.stop(machine)
        await self.start(self.broker)
        await self.cut(machine)

    async def stop(self, machine: Machine | Mosquitto, number: int = signal.SIGKILL) -> int:
        if isinstance(machine, Machine):
            self.keeper.forget(machine)
        return await machine.end(number)

    async def start(self, machine: Machine | Mosquitto) -> None:
        await machine.start()
        if isinstance(machine, Machine):
            self.keeper.mind(machine)

    # --- waiting -----------------------------------------------------------------------------------------------

    async def through(self) -> bool:
        """A crossing that is said now is at the receiver; False when that took too long."""
        said = await self.scribe.say()
        try:
            await until(lambda: self._is_there(said), "it is there", seconds=self.run.patience_s)
        except AssertionError:
            return False
        return True

    def _is_there(self, said: Accepted) -> bool:
        if self.run.naive:
            known = counting.rows_of(
                self.database, "SELECT passage FROM message ORDER BY rowid DESC LIMIT 20"
            )
            return (said.passage,) in known
        return counting.is_held(self.database, said)

    async def settle(self) -> None:
        """Until everything that was accepted is there with its files, or patience has run out."""
        deadline = CLOCK.mono_ms() + int(self.run.patience_s * 1000)
        while CLOCK.mono_ms() < deadline:
            if not self.run.naive and await asyncio.to_thread(self._is_settled):
                return
            await CLOCK.sleep(0.1)

    def _is_settled(self) -> bool:
        return counting.is_settled(self.scribe.accepted, counting.held(self.database), blobs=self.blobs)

    # --- what came of it ---------------------------------------------------------------------------------------

    def count(self) -> Counts:
        if self.run.naive:
            return counting.count_naive(
                self.scribe.accepted, database=self.database, blobs=self.blobs, files=self.media
            )
        wrong = counting.miscounted(self.database, self.register) if self.ground.kind == "centre" else 0
        found = counting.held(self.database)
        return counting.count(self.scribe.accepted, found, blobs=self.blobs, miscounted=wrong)

    async def found(self, rounds: int) -> Found:
        """Wait for the rest, and count."""
        await self.settle()
        assert not self.keeper.ended, "; ".join(self.keeper.ended)
        return Found(
            rounds=rounds, counts=await asyncio.to_thread(self.count), recover_s=tuple(self.recover_s)
        )

    # --- making ------------------------------------------------------------------------------------------------

    def destination(self, key: SigningKey | None = None) -> Destination:
        """`key`: of the store that the box is to believe, the site's own by default."""
        store = key or self.store_key
        return Destination(
            name="centre",
            mqtt=self.ground.mqtt or self.broker.url,
            password="x",
            store_id=store.name,
            store_public=encode_base64(store.public),
            files=self.ground.files or f"http://127.0.0.1:{self.port}",
            command_issuer=self.command_key.name,
            command_public=encode_base64(self.command_key.public),
            custody=True,
        )

    def make_box(self) -> Machine:
        if self.run.naive:
            options = NaiveBoxOptions(
                ready=self.folder / "box.ready",
                socket=self.folder / "box.sock",
                files=self.media,
                box=self.identity.box,
                mqtt=self.ground.mqtt or self.broker.url,
            )
            return self._machine("box", naive.live_box, options)
        return self._machine("box", box.live, self.box_options())

    def box_options(self, *, name: str = "box", key: SigningKey | None = None) -> BoxOptions:
        return BoxOptions(
            ready=self.folder / f"{name}.ready",
            socket=self.folder / f"{name}.sock",
            folder=self.data,
            files=self.media,
            key=self.folder / "box.key",
            certificates=(self.folder / "box.cert", self.folder / "enrolment.cert"),
            destinations=(self.destination(key),),
            reserve_mb=self.ground.reserve_mb,
            mutant=self.run.mutant,
        )

    def make_centre(self, *, name: str = "centre", key: SigningKey | None = None) -> Machine:
        if self.run.naive:
            options = NaiveCentreOptions(
                ready=self.folder / f"{name}.ready",
                database=self.database,
                files=self.blobs,
                mqtt=self.broker.url,
            )
            return self._machine(name, naive.live_centre, options)
        return self._machine(name, receiving.live, self.receiving_options(name=name, key=key))

    def receiving_options(
        self, *, name: str = "centre", key: SigningKey | None = None, home: Path | None = None, port: int = 0
    ) -> ReceivingOptions:
        home = home or self.home
        key_file = self.folder / f"{(key or self.store_key).name}.key"
        if not key_file.exists():
            (key or self.store_key).save(key_file)
        database = home / "store.db"
        return ReceivingOptions(
            ready=self.folder / f"{name}.ready",
            kind=self.ground.kind,
            database=str(database) if self.ground.kind == "station" else f"sqlite:///{database}",
            files=home / "files",
            key=key_file,
            root_name=self.county.root.name,
            root_public=self.county.root.public,
            mqtt=self.broker.url,
            port=port or self.port,
            boxes=((BOX, "x"), (OTHER, "x")),
            register=tuple(self.register.sources.items()),
        )

    def beside(self, name: str, options: BoxOptions | ReceivingOptions | NaiveCentreOptions) -> Machine:
        """One more process, or one in the place of another."""
        for kind, work in _WORK.items():
            if isinstance(options, kind):
                return self._machine(name, work, options)
        raise AssertionError(f"nobody lives by {options}")

    def _machine(self, name: str, work: Work, options: Any) -> Machine:
        netns = Path("/run/netns") / self.ground.netns if self.ground.netns else None
        return Machine(name, work, options, log=self.folder / f"{name}.log", netns=netns)


@asynccontextmanager
async def site(run: Run, ground: Ground | None = None) -> AsyncIterator[Site]:
    """Broker, receiver and box, up and minded; all of them are gone at the end."""
    ground = ground or Ground()
    here = _laid_out(run, ground)
    for folder in (here.home, here.blobs, here.data):
        folder.mkdir(parents=True, exist_ok=True)
    here.centre = here.make_centre()
    here.box = here.make_box()
    here.keeper.watch(here.box)
    keeping = asyncio.ensure_future(here.keeper.run())
    try:
        await here.broker.start()
        await here.start(here.centre)
        await here.start(here.box)
        yield here
        _fail_with(keeping)
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        here.scribe.close()
        for machine in (here.box, here.centre, here.broker):
            await machine.end()


def _laid_out(run: Run, ground: Ground) -> Site:
    county = County(now_ms=CLOCK.now_ms())
    identity = county.identity(ground.box)
    identity.key.save(run.folder / "box.key")
    certificates = (_certified(county, identity, ground.certified_until_ms), county.enrolment_cert)
    for name, note in zip(("box", "enrolment"), certificates, strict=True):
        (run.folder / f"{name}.cert").write_text(note)
    return Site(
        run=run,
        folder=run.folder,
        ground=ground,
        county=county,
        identity=identity,
        store_key=SigningKey.generate(kind="store", name=STORE),
        command_key=SigningKey.generate(kind="command", name="yiyuan-command"),
        broker=Mosquitto(
            run.folder, port=ground.broker_port or free_port(), access=ground.access, netns=ground.netns
        ),
        port=ground.files_port or free_port(),
        scribe=Scribe(run.folder / "accepted.jsonl", socket=run.folder / "box.sock"),
    )


def _certified(county: County, identity: Identity, until_ms: int | None) -> str:
    if until_ms is None:
        return identity.certs[0]
    return issue(
        kind="box",
        name=identity.box,
        public_key=identity.key.public,
        issuer=county.enrolment,
        not_before_ms=0,
        not_after_ms=until_ms,
    )


def _fail_with(task: asyncio.Future[None]) -> None:
    if task.done():
        task.result()
