"""Puts the real parts of the station together; nothing here decides anything."""

from __future__ import annotations

import asyncio
import importlib.metadata
import logging
import sqlite3
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx
from fastapi import FastAPI
from starlette.applications import Starlette

from journal.access import AccessLog
from journal.brokers import Door
from journal.checking import Trust
from journal.clock import boot_id
from journal.console import read_law
from journal.cursors import Cursors
from journal.custody import unbounded
from journal.erasing import Erasing, finish_for_ever
from journal.files import FileStore
from journal.guests import Listed
from journal.intake import UP, Intake
from journal.keys import Identity, SigningKey
from journal.live import LARGEST
from journal.receiver import Receiver
from journal.receiving.blobs import BlobFolder
from journal.receiving.http import FileIntake
from journal.rehashing import rehash_nightly
from journal.renewing import Renewal
from journal.revoking import Issuer, RevokedList
from journal.timekeeping import clock_state
from journal.tls import Credentials
from journal.transport import Transport
from journal.uplink import Uplink
from journal.writer import Journal
from kernel.clock import Clock
from kernel.errors import ConfigError, ProtocolError
from kernel.evidence.header import ClockState
from kernel.evidence.notes import decode_base64
from kernel.law.law import Law
from station.acts import Officers
from station.docking.acknowledged import kept_by
from station.feed import Feed
from station.footage.index import FootageIndex
from station.footage.keeping import Rules
from station.footage.room import Around, FootageRoom, open_room
from station.footage.travelled import Travelled
from station.pages.links import FOOTAGE_LINKS, STATION_LINKS
from station.pages.routes import Pages
from station.pages.state import Centre
from station.parts import Parts
from station.plates import Corrections, Forgetting, Plates
from station.queries import Queries
from station.settings import Settings
from station.slips import Slips
from station.store import StationStore
from web.i18n import VOCABULARY
from web.labelled import LabelledFolder, label_for_ever
from web.live import Hub
from web.passwords import Passwords
from web.sessions import Lifetimes, Sessions, Visitor
from web.shell import HERE as WEB
from web.shell import Shell, Site, build_id
from web.sqlite_accounts import SqliteAccounts

log = logging.getLogger(__name__)

Run = Callable[[], Coroutine[Any, Any, None]]
T = TypeVar("T")

PAGES = Path(__file__).parent / "pages"
HOUR_S = 3_600.0
PATIENCE_S = 20.0
CLEAN_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Who the station is, what it signs receipts with, and whom it trusts to vouch for boxes."""

    identity: Identity
    store: SigningKey
    trust: Trust


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembled:
    """A station that is put together; every one of `tasks` runs for its life, `close` lets go of threads and files."""

    app: FastAPI
    gate: Starlette | None  # for lanes that come over HTTPS with their certificates
    parts: Parts
    tasks: dict[str, Run]
    close: Callable[[], None]


def load_keys(settings: Settings) -> Keys:
    """ConfigError with every key that is missing or wrong."""
    faults: list[tuple[str, str]] = []
    identity = _tried(partial(Identity.of, settings.box), faults)
    store = _tried(partial(_store_key, settings), faults)
    trust = _tried(partial(_trust, settings), faults)
    if identity is None or store is None or trust is None:
        raise ConfigError(faults)
    return Keys(identity=identity, store=store, trust=trust)


def load_law(settings: Settings, *, on: str) -> Law:
    """The shipped law, under this site's own rows; ConfigError when no limit is in force here that day."""
    law = read_law(settings.law)
    place = settings.jurisdiction
    if not law.in_force(lambda layer: layer.limit, on=on, jurisdiction=place):
        raise ConfigError.one("law", f"has no limit in force in {place} on {on}")
    return law


class Assembly:
    """Made on the running loop: receiver and journal speak to it."""

    def __init__(
        self,
        settings: Settings,
        *,
        keys: Keys,
        law: Law,
        transport: Transport,
        clock: Clock,
        passwords: Passwords | None = None,
        tls: Credentials | None = None,
        door: Door | None = None,
        guests: Listed | None = None,
        source_clock: Callable[[], ClockState] = clock_state,
    ) -> None:
        folder = settings.folder
        self._settings = settings
        self._keys = keys
        self._clock = clock
        self._source_clock = source_clock
        self._tls = tls
        self._door = door or Door(passwords=settings.passwords)
        self._revoked = self._revocations(guests or Listed(settings.passwords))
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._journal = self._open_journal(folder / "journal")
        append = partial(self._journal.append, source=settings.source)
        self._access = AccessLog(append, clock=clock)
        self._store = StationStore(
            folder / "station.db", store_id=settings.store.id, on_file=self._file_stored
        )
        self._queries = Queries(folder / "station.db")
        self._receiver = self._make_receiver()
        self._accounts = SqliteAccounts(folder / "accounts.db")
        self._cursors = Cursors(self._journal.home)
        self._blobs = BlobFolder(folder / "files")
        self._own_files = FileStore(folder / "own-files", clock=self._clock)
        self._erasing = Erasing(
            self._journal, source=settings.source, files=self._own_files, cursors=self._cursors
        )
        self._footage = self._make_footage(folder, law)
        self._uplinks = self._destinations()
        self._sessions = self._make_sessions(passwords)
        self._shell = self._make_shell()
        self._feed = self._make_feed()
        self._officers = self._make_officers(law)
        self._plates = Plates(folder / "station.db")
        self._intake = Intake(transport, self._receiver, limits=settings.limits)
        self._receiver.on_committed(self._feed.committed)
        transport.subscribe(f"{UP}/+/live/+", self._live)

    def assemble(self) -> Assembled:
        settings = self._settings
        parts = Parts(
            settings=settings,
            clock=self._clock,
            source_clock=self._vouched,
            shell=self._shell,
            feed=self._feed,
            queries=self._queries,
            officers=self._officers,
            plates=self._plates,
            corrections=Corrections(self._officers, self._queries, told=self._feed.changed),
            access=self._access,
            slips=Slips(self._journal, self._queries, source=settings.source),
            files=self._blobs,
            healthy=self.healthy,
            footage=self._footage,
        )
        app = FastAPI(title="Weighpost station", docs_url=None, redoc_url=None, openapi_url=None)
        Pages(parts).install(app)
        gate = None
        if settings.gate is None:
            app.router.routes.extend(self._file_intake().routes())
        else:
            gate = Starlette(routes=self._file_intake().routes())
        return Assembled(app=app, gate=gate, parts=parts, tasks=self._tasks(), close=self.close)

    async def catch_up(self) -> None:
        await self._officers.catch_up()
        if self._footage is not None:
            await self._footage.catch_up()

    def centres(self) -> Sequence[Centre]:
        return [
            Centre(
                name=uplink.destination.name,
                connected=uplink.state.connected and uplink.state.stopped is None,
                waiting=uplink.state.lag,
            )
            for uplink in self._uplinks
        ]

    def healthy(self) -> dict[str, object]:
        """Counters for whoever watches the process; nothing personal."""
        return {
            "station": self._settings.station.id,
            "software": software(),
            "broker": self._transport.connected,
            "entries": self._receiver.committed,
            "refused": dict(self._receiver.refused),
            "dropped": self._intake.dropped,
            "broker_refused": dict(self._door.refused),
            "handshakes_refused": self._tls.refused if self._tls else 0,
            "browsers": self._shell.hub.clients,
            "own": self._journal.size,
            "footage": list(self._worries()),
            "destinations": [
                {"name": centre.name, "connected": centre.connected, "waiting": centre.waiting}
                for centre in self.centres()
            ],
        }

    def close(self) -> None:
        if self._footage is not None:
            self._footage.docking.close()
        self._receiver.close()
        self._journal.close()
        self._store.close()
        self._accounts.close()
        self._cursors.close()

    # --- inside -----------------------------------------------------------------------------------------------

    def _tasks(self) -> dict[str, Run]:
        forgetting = Forgetting(
            self._plates, self._erasing, self._store.forgotten, by=self._settings.box.name
        )
        uplinks = {f"uplink {uplink.destination.name}": uplink.run for uplink in self._uplinks}
        own: dict[str, Run] = {
            "sessions": self._forget_sessions,
            "journal": self._journal.watch,
            "rehash": partial(
                rehash_nightly, self._journal, hour=self._settings.journal.rehash_hour, clock=self._clock
            ),
            "erasing": self._clean,
            "own erasures": partial(finish_for_ever, self._erasing, clock=self._clock),
            "corrections": partial(forgetting.run, self._clock),
        }
        if self._settings.plates.labels is not None:
            folder = LabelledFolder(Path(self._settings.plates.labels))
            own["labels"] = partial(
                label_for_ever,
                self._plates.labels,
                folder,
                self._blobs.path,
                faults=(sqlite3.Error, OSError),
                clock=self._clock,
            )
        if self._tls is not None:
            own["certificates"] = self._renewal(self._tls).run
        if self._revoked is not None:
            own["revocations"] = partial(self._watch, self._revoked)
        footage = self._footage.tasks() if self._footage else {}
        return {"tablets": self._feed.run, **own, **footage, **uplinks}

    def _revocations(self, guests: Listed) -> RevokedList | None:
        """What the centre's command key says, where there is a gate to ask at."""
        for destination in self._settings.destinations:
            name, public = destination.command_issuer, destination.command_public
            if name and public and self._tls is not None and self._settings.box.renewal:
                issuer = Issuer(name=name, public_key=decode_base64(public))
                return RevokedList(self._settings.folder / "revoked", issuer=issuer, door=guests)
        return None

    async def _watch(self, revoked: RevokedList) -> None:
        assert self._tls and self._settings.box.renewal  # noqa: S101, PT018 - there is a list only with both
        async with httpx.AsyncClient(verify=self._tls.client(), timeout=PATIENCE_S) as http:
            await revoked.run(self._settings.box.renewal, http=http, clock=self._clock)

    def _renewal(self, tls: Credentials) -> Renewal:
        return Renewal(
            self._settings.box,
            identity=self._keys.identity,
            tls=tls,
            clock=self._clock,
            shut_out=lambda: not any(centre.connected for centre in self.centres()),
        )

    async def _forget_sessions(self) -> None:
        while True:
            try:
                await self._sessions.forget_expired()
            except sqlite3.Error as error:  # a full disk: they are no longer good, only still there
                log.warning("sessions not tidied", extra={"reason": str(error)})
            await self._clock.sleep(HOUR_S)

    async def _clean(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self._store.clean, self._blobs.erase)
            except (sqlite3.Error, OSError) as error:  # a full disk: it is gone for everybody who asks
                log.warning("erased bytes are still there", extra={"reason": str(error)})
            await self._clock.sleep(CLEAN_S)

    def _open_journal(self, folder: Path) -> Journal:
        return Journal.open(
            folder,
            box=self._settings.box.name,
            process="station",
            software=software(),
            identity=self._keys.identity.key,
            clock=self._clock,
            boot=boot_id(),
            source_clock=self._source_clock,
            succession=self._settings.journal,
            destinations=tuple(each.name for each in self._settings.destinations),
        )

    def _make_receiver(self) -> Receiver:
        return Receiver(
            self._store,
            key=self._keys.store,
            trust=self._keys.trust,
            clock=self._clock,
            kept_after_ms=self._settings.store.kept_after_ms,
            bound=self._revoked.bound if self._revoked else unbounded,
        )

    def _make_sessions(self, passwords: Passwords | None) -> Sessions:
        return Sessions(
            self._accounts,
            clock=self._clock,
            passwords=passwords,
            lifetimes=Lifetimes(person_s=self._settings.web.session_hours * 3_600),
        )

    def _make_feed(self) -> Feed:
        return Feed(
            self._settings,
            self._queries,
            hub=self._shell.hub,
            catalogues=self._shell.catalogues,
            centres=self.centres,
            clock=self._clock,
            footage=self._worries,
        )

    def _worries(self) -> Sequence[str]:
        return self._footage.keeping.worries() if self._footage else ()

    def _make_officers(self, law: Law) -> Officers:
        return Officers(
            self._journal,
            self._store,
            self._queries,
            law=law,
            source=self._settings.source,
            joint_mode=self._settings.joint_mode,
            told=self._feed.changed,
            keeps=self._footage.steps.keep_it if self._footage else lambda _detail: False,
        )

    def _make_footage(self, folder: Path, law: Law) -> FootageRoom | None:
        settings = self._settings
        if settings.footage is None:
            return None
        rules = Rules(
            law=law,
            jurisdiction=settings.jurisdiction,
            outcome=self._queries.outcome,
            held=self._queries.held,
            knows=self._queries.knows_passage,
        )
        around = Around(
            data=folder,
            journal=self._journal,
            source=settings.source,
            box=settings.box.name,
            clock=self._clock,
            rules=rules,
            queries=self._queries,
            own_files=self._own_files,
            clips=self._blobs,
            clip=self._queries.clip,
            source_clock=self._vouched,
            travels=partial(self._travelled, folder),
            acknowledged=kept_by(self._cursors, [each.name for each in settings.destinations]),
        )
        return open_room(settings.footage, around)

    def _vouched(self) -> ClockState:
        """How good our clock is: by the kernel, or by whoever keeps it right without the kernel's knowing."""
        footage = self._settings.footage
        if footage is None or not footage.clock_err_ms:
            return self._source_clock()
        return ClockState(err_ms=footage.clock_err_ms, state="ok")

    def _travelled(self, folder: Path, index: FootageIndex) -> Travelled:
        return Travelled(
            index,
            self._erasing,
            files=self._own_files,
            folder=folder / "own-files",
            cursors=self._cursors,
            destinations=[each.name for each in self._settings.destinations],
        )

    def _destinations(self) -> list[Uplink]:
        return [
            Uplink(
                self._journal,
                self._own_files,
                self._cursors,
                identity=self._keys.identity,
                destination=destination,
                source=self._settings.source,
                software=software(),
                clock=self._clock,
                tls=self._tls,
                kinds=self._footage.kinds() if self._footage else None,
            )
            for destination in self._settings.destinations
        ]

    def _make_shell(self) -> Shell:
        settings = self._settings
        folders = [PAGES / "templates", PAGES / "static", PAGES / "locales", VOCABULARY]
        build = build_id([*folders, WEB / "templates", WEB / "static", WEB / "locales"], software())
        site = Site(
            name="station",
            title_zh=settings.station.name_zh,
            title_en=settings.station.name_en,
            home="/tablet",
            links=(*STATION_LINKS, *(FOOTAGE_LINKS if settings.footage else ())),
            templates=(PAGES / "templates",),
            locales=(VOCABULARY, PAGES / "locales"),
            static=(("station", PAGES / "static"),),
            tls=settings.web.tls,
            software=software(),
        )
        hub = Hub(build=build, clock=self._clock)
        return Shell(site, sessions=self._sessions, hub=hub, clock=self._clock, on_live=self._on_live)

    def _file_intake(self) -> FileIntake:
        return FileIntake(
            store=self._store,
            blobs=self._blobs,
            key=self._keys.store,
            secrets=self._settings.passwords,
            guests=self._door.guests,
            clock=self._clock,
            kept_after_ms=self._settings.store.kept_after_ms,
            largest=self._settings.store.file_limit_mb << 20,
            unfinished=self._settings.store.unfinished_limit_mb << 20,
        )

    async def _on_live(self, visitor: Visitor) -> None:
        await self._access.looked(by=visitor.account.name, what="live")

    def _live(self, topic: str, payload: bytes) -> None:
        _, _, _, box, _, name = topic.split("/")
        if len(payload) <= LARGEST:
            self._feed.live(box, name, payload)

    def _file_stored(self, box: str, sha256: str) -> None:
        """In the thread that stored it."""
        passages = self._queries.passages_of_file(box, sha256)
        for passage in passages:
            self._loop.call_soon_threadsafe(self._feed.changed, box, passage)


def software() -> str:
    return f"weighpost {importlib.metadata.version('weighpost')}"


def _store_key(settings: Settings) -> SigningKey:
    key = SigningKey.load(Path(settings.store.key), kind="store")
    if key.name != settings.store.id:
        raise ConfigError.one("store.key", f"is the key of {key.name}, this is {settings.store.id}")
    return key


def _trust(settings: Settings) -> Trust:
    try:
        public = decode_base64(settings.box.root_public)
    except ProtocolError:
        public = b""
    if len(public) != 32:
        raise ConfigError.one("box.root_public", "is not an Ed25519 public key in base64")
    return Trust(root_name=settings.box.root_name, root_public=public)


def _tried(load: Callable[[], T], faults: list[tuple[str, str]]) -> T | None:
    try:
        return load()
    except ConfigError as error:
        faults += error.faults
        return None
