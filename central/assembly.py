"""Puts the real parts of the centre together; nothing here decides anything."""

from __future__ import annotations

import asyncio
import importlib.metadata
import logging
import shutil
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette

from central import alarms
from central.acts.closing import Closings
from central.acts.desk import Desk
from central.app import Mount, create_app
from central.enrolment.admission import Admission
from central.enrolment.certifying import Certifier
from central.enrolment.http import EnrolmentGate
from central.enrolment.own import OwnRenewal
from central.enrolment.service import Enrolment, Root
from central.evidence.journal import JournalExports
from central.evidence.package import ShownKey
from central.ingest.cases import CasesAtStations
from central.ingest.chains import keep_chains
from central.ingest.commanding import Commanding
from central.ingest.cosigning import Cosigning
from central.ingest.declaring import Declaring
from central.ingest.downlink import Downlink, relay_glimpses
from central.ingest.holds import HoldsAtBoxes
from central.ingest.instruments import InstrumentsAtBoxes
from central.ingest.own import OwnJournal
from central.ingest.requests import FileRequests
from central.keeping.housekeeping import Keeping
from central.keyring import CentreKeys
from central.live import Bus, Change
from central.packaging import Packages
from central.parts import Parts
from central.recounting import Recounting
from central.settings import Settings
from central.slips import Slips
from central.store.accounts import CentreAccounts
from central.store.belonging import Belonging
from central.store.cases import Cases
from central.store.counters import Counters
from central.store.custody import CustodyStore
from central.store.engines import Database
from central.store.findings import Findings
from central.store.hiding import hide_earlier
from central.store.holds import Holds
from central.store.instruments import Instruments
from central.store.keeping import Keeper
from central.store.partitions import make_ahead
from central.store.queries import Queries
from central.store.readings import Readings
from central.store.receiving import CentreStore
from central.store.requests import Requested
from central.store.speakers import Speakers
from central.views import Alarm
from journal.access import AccessLog
from journal.checking import Trust
from journal.clock import boot_id
from journal.custody import Welcome
from journal.erasing import Erasing, finish_for_ever
from journal.intake import Intake
from journal.keys import Identity
from journal.receiver import Receiver
from journal.receiving.blobs import BlobFolder
from journal.receiving.http import FileIntake
from journal.rehashing import rehash_nightly
from journal.tls import Credentials
from journal.transport import Transport
from journal.witnessing import Cosigner, WitnessClient
from journal.writer import Journal
from kernel.clock import Clock
from kernel.evidence.frames import Hello
from kernel.evidence.notes import decode_base64
from kernel.law.shipped import national
from web.labelled import LabelledFolder, label_for_ever
from web.sessions import Lifetimes, Sessions

log = logging.getLogger(__name__)

Run = Callable[[], Coroutine[Any, Any, None]]

_HOUR_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the composition root picked."""

    settings: Settings
    keys: CentreKeys
    database: Database
    transport: Transport
    http: httpx.AsyncClient
    clock: Clock
    admission: Admission
    certifier: Certifier | None = None
    tls: Credentials | None = None
    broker_refused: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True, kw_only=True)
class Centre:
    """A centre that is put together; every one of `tasks` runs for its life, `close` lets go of threads and files.

    `gate` is for boxes, where they come over HTTPS with their certificates.
    """

    app: FastAPI
    gate: Starlette | None
    parts: Parts
    receiver: Receiver
    tasks: dict[str, Run]
    close: Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ingest:
    """The parts that take things in."""

    store: CentreStore
    findings: Findings
    recounting: Recounting
    receiver: Receiver
    blobs: BlobFolder
    intake: FileIntake
    bus: Bus
    inlet: Intake
    downlink: Downlink
    own: OwnJournal
    custody: CustodyStore
    cosigner: Cosigner
    cosigning: Cosigning


def software() -> str:
    return importlib.metadata.version("weighpost")


def assemble(given: Given, *, mounts: Sequence[Mount] = ()) -> Centre:
    """Open journal, files and store, and connect everything.  RefusedError: another process has the journal."""
    ingest = _take_in(given)
    queries = Queries(given.database, register=given.admission.register)
    enrolment = _enrolment(given, ingest)
    commanding = Commanding(
        Counters(given.database), send=ingest.downlink.send, key=given.keys.command, clock=given.clock
    )
    ingest.receiver.on_hello(lambda box, hello, _welcome: commanding.greeted(box, hello.nonce))
    parts = _parts(given, ingest, queries, commanding, enrolment)
    app = create_app(parts, mounts=mounts)
    gate = None
    if given.settings.gate is None:
        app.router.routes.extend(ingest.intake.routes())
    else:
        gate = Starlette(routes=[*ingest.intake.routes(), *_enrolment_gate(given, enrolment).routes()])
    return Centre(
        app=app,
        gate=gate,
        parts=parts,
        receiver=ingest.receiver,
        tasks={
            "downlink": ingest.downlink.run,
            "own journal": partial(_own, ingest),
            "journal's health": ingest.own.journal.watch,
            "journal hashed again": partial(
                rehash_nightly,
                ingest.own.journal,
                hour=given.settings.journal.rehash_hour,
                clock=given.clock,
            ),
            "erasing": partial(
                finish_for_ever,
                Erasing(ingest.own.journal, source=given.settings.source),
                clock=given.clock,
            ),
            "cosigning": ingest.cosigning.run,
            "declaring": Declaring(ingest.findings, ingest.own.append, clock=given.clock).run,
            "housekeeping": partial(_keep_house, given, parts, ingest.recounting),
            "keeping": parts.keeping.run,
            **_of_plates(given, parts),
            "enrolment": enrolment.run,
            **_own_renewal(given),
        },
        close=partial(_close, ingest),
    )


def _take_in(given: Given) -> _Ingest:
    settings, keys, clock = given.settings, given.keys, given.clock
    bus = Bus()
    store = CentreStore(
        given.database, store_id=settings.store_id, register=given.admission.register, told=_telling(bus)
    )
    trust = Trust(root_name=keys.root_name, root_public=keys.root_public)
    receiver = Receiver(
        store,
        key=keys.store,
        trust=trust,
        clock=clock,
        kept_after_ms=settings.custody.kept_by_time_ms,
        bound=given.admission.bound,
        centre=settings.box,
    )
    blobs = BlobFolder(settings.folder / "files")
    custody = CustodyStore(given.database)
    # Beside the database and never restored with it: a cosigner must not forget what it signed.
    cosigner = Cosigner(_folder(settings, "cosigner") / "heads.db", key=keys.cosigner, clock=clock)
    cosigner.adopt(custody.cosigned_notes())
    cosigning = Cosigning(custody, cosigner, _witnesses(given), clock=clock)
    receiver.on_committed(cosigning.committed)
    relay_glimpses(given.transport, bus, clock=clock)
    receiver.on_hello(_keeping_chains(custody, trust, clock))
    return _Ingest(
        store=store,
        findings=Findings(given.database),
        recounting=Recounting(given.database, register=settings.register),
        receiver=receiver,
        blobs=blobs,
        intake=_intake(given, store, blobs),
        bus=bus,
        inlet=Intake(given.transport, receiver, limits=settings.limits, certificates=given.keys.store_certs),
        downlink=Downlink(given.transport, clock=clock),
        own=_open_own(given, receiver),
        custody=custody,
        cosigner=cosigner,
        cosigning=cosigning,
    )


def _of_plates(given: Given, parts: Parts) -> dict[str, Run]:
    """What the settings ask to be done with plates beside taking them in."""
    settings, key = given.settings.plates, given.admission.register.plate_key
    tasks: dict[str, Run] = {}
    if settings.labels is not None:
        tasks["labels"] = partial(
            label_for_ever,
            parts.readings.labels,
            LabelledFolder(Path(settings.labels)),
            parts.files.path,
            faults=(SQLAlchemyError, OSError),
            clock=given.clock,
        )
    if key is not None:
        tasks["hiding plates"] = partial(hide_earlier, given.database, key=key, clock=given.clock)
    return tasks


def _parts(
    given: Given, ingest: _Ingest, queries: Queries, commanding: Commanding, enrolment: Enrolment
) -> Parts:
    settings, clock = given.settings, given.clock
    accounts, instruments = CentreAccounts(given.database), Instruments(given.database)
    cases = asyncio.Lock()
    lifetimes = Lifetimes(person_s=settings.web.session_hours * 3600)
    return Parts(
        settings=settings,
        clock=clock,
        queries=queries,
        readings=Readings(given.database, register=given.admission.register),
        accounts=accounts,
        sessions=Sessions(accounts, clock=clock, lifetimes=lifetimes),
        access=AccessLog(ingest.own.append, clock=clock),
        bus=ingest.bus,
        law=national(),
        files=ingest.blobs,
        requests=FileRequests(
            queries, Requested(given.database), append=ingest.own.append, commanding=commanding
        ),
        alarms=partial(_alarms, given, queries, ingest),
        desk=_desk(given, ingest, queries, commanding, cases),
        closings=_closings(given, ingest, queries, commanding, cases),
        instruments=instruments,
        keeping=Keeping(
            Keeper(given.database),
            queries,
            ingest.blobs,
            retention=settings.retention,
            by=settings.box,
            write=ingest.own.act,
            clock=clock,
            told=_telling(ingest.bus),
        ),
        packages=Packages(
            Belonging(given.database), ingest.custody, ingest.blobs, keys=_shown_keys(given), clock=clock
        ),
        exports=JournalExports(given.database, ingest.custody),
        slips=Slips(queries, ingest.custody, write=ingest.own.act),
        healthy=partial(_healthy, given, ingest, enrolment),
    )


def _desk(
    given: Given, ingest: _Ingest, queries: Queries, commanding: Commanding, cases: asyncio.Lock
) -> Desk:
    clock, instruments = given.clock, Instruments(given.database)
    return Desk(
        queries,
        instruments,
        write=ingest.own.act,
        holds=HoldsAtBoxes(Holds(given.database), commanding=commanding, clock=clock),
        scales=InstrumentsAtBoxes(instruments, commanding=commanding, clock=clock),
        clock=clock,
        cases=cases,
        must_record=national() if given.settings.must_record else None,
    )


def _closings(
    given: Given, ingest: _Ingest, queries: Queries, commanding: Commanding, cases: asyncio.Lock
) -> Closings:
    known = Cases(given.database, register=given.admission.register)
    return Closings(
        queries,
        Instruments(given.database),
        write=ingest.own.act,
        stations=CasesAtStations(known, commanding=commanding),
        clock=given.clock,
        cases=cases,
    )


def _telling(bus: Bus) -> Callable[[Sequence[Change]], None]:
    """From the threads that commit, onto the loop."""
    loop = asyncio.get_running_loop()

    def publish(changes: Sequence[Change]) -> None:
        for change in changes:
            bus.publish(change)

    def told(changes: Sequence[Change]) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(publish, tuple(changes))

    return told


def _keeping_chains(
    custody: CustodyStore, trust: Trust, clock: Clock
) -> Callable[[str, Hello, Welcome], None]:
    tasks: set[asyncio.Task[None]] = set()

    def greeted(box: str, hello: Hello, welcome: Welcome) -> None:
        work = asyncio.to_thread(keep_chains, box, hello, welcome, custody=custody, trust=trust, clock=clock)
        task = asyncio.ensure_future(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    return greeted


def _intake(given: Given, store: CentreStore, blobs: BlobFolder) -> FileIntake:
    custody = given.settings.custody
    return FileIntake(
        store=store,
        blobs=blobs,
        key=given.keys.store,
        secrets=given.settings.passwords,
        guests=given.admission,
        clock=given.clock,
        kept=not custody.backup and custody.kept_after_days == 0,
        kept_after_ms=custody.kept_by_time_ms,
        largest=custody.file_limit_mb << 20,
        unfinished=custody.unfinished_limit_mb << 20,
    )


def _enrolment(given: Given, ingest: _Ingest) -> Enrolment:
    return Enrolment(
        Speakers(given.database),
        given.admission,
        certifier=given.certifier,
        root=Root(name=given.keys.root_name, public=given.keys.root_public),
        append=ingest.own.append,
        clock=given.clock,
    )


def _enrolment_gate(given: Given, enrolment: Enrolment) -> EnrolmentGate:
    return EnrolmentGate(enrolment, given.admission, command=given.keys.command)


def _own_renewal(given: Given) -> dict[str, Run]:
    if given.tls is None:
        return {}
    renewal = OwnRenewal(
        Path(given.settings.keys.folder),
        identity=given.keys.identity,
        tls=given.tls,
        certifier=given.certifier,
        clock=given.clock,
    )
    return {"certificates": renewal.run}


def open_journal(settings: Settings, identity: Identity, *, clock: Clock) -> Journal:
    """The centre's own journal.  RefusedError: another process has it."""
    return Journal.open(
        _folder(settings, "journal"),
        box=identity.box,
        process="central",
        software=software(),
        identity=identity.key,
        clock=clock,
        boot=boot_id(),
        succession=settings.journal,
    )


def _open_own(given: Given, receiver: Receiver) -> OwnJournal:
    identity = given.keys.identity
    return OwnJournal(
        open_journal(given.settings, identity, clock=given.clock),
        receiver,
        identity=identity,
        source=given.settings.source,
        software=software(),
        clock=given.clock,
    )


def _witnesses(given: Given) -> list[WitnessClient]:
    return [
        WitnessClient(
            name=witness.name, public_key=decode_base64(witness.public), url=witness.url, http=given.http
        )
        for witness in given.settings.witnesses
    ]


def _shown_keys(given: Given) -> list[ShownKey]:
    keys, settings = given.keys, given.settings
    shown = [
        ShownKey(role="root", name=keys.root_name, public=keys.root_public),
        ShownKey(role="centre", name=keys.cosigner.name, public=keys.cosigner.public),
    ]
    return shown + [
        ShownKey(role="witness", name=witness.name, public=decode_base64(witness.public))
        for witness in settings.witnesses
    ]


def _alarms(given: Given, queries: Queries, ingest: _Ingest) -> tuple[Alarm, ...]:
    settings, now_ms = given.settings, given.clock.now_ms()
    custody = settings.custody
    return alarms.alarms(
        alarms.State(
            now_ms=now_ms,
            sources=queries.sources(now_ms),
            journals=queries.journals(),
            quarantined=queries.quarantined(),
            witnesses=len(settings.witnesses),
            backed_up=custody.backup or custody.standby,
            disk_free_kb=shutil.disk_usage(settings.folder).free // 1024,
            disk_low_kb=settings.disk_low_mb * 1024,
            refusals=dict(ingest.receiver.refusals),
            backup_ms=ingest.findings.newest_backup_ms(),
            backup_late_ms=custody.backup_late_hours * 3_600_000 if custody.backup else None,
            hours_differing=len(ingest.recounting.differences),
        )
    )


def _healthy(given: Given, ingest: _Ingest, enrolment: Enrolment) -> dict[str, object]:
    return {
        "software": software(),
        "store": given.settings.store_id,
        "broker_connected": given.transport.connected,
        "entries_committed": ingest.receiver.committed,
        "frames_refused": {box: count for box, count in ingest.receiver.refused.items() if count},
        "frames_dropped": ingest.inlet.dropped,
        "uploads_refused": dict(ingest.intake.refused),
        "broker_refused": dict(given.broker_refused),
        "certificates_refused": dict(enrolment.refused),
        "handshakes_refused": given.tls.refused if given.tls else 0,
        "own_journal": ingest.own.journal.id,
        "not_cosigned": dict(ingest.cosigning.failing),
    }


async def _own(ingest: _Ingest) -> None:
    heads = await asyncio.to_thread(ingest.custody.heads)
    await ingest.own.declare(heads)
    await ingest.own.run()


async def _keep_house(given: Given, parts: Parts, recounting: Recounting) -> None:
    while True:
        try:
            await parts.sessions.forget_expired()
            await asyncio.to_thread(make_ahead, given.database, now_ms=given.clock.now_ms())
            await asyncio.to_thread(recounting.look, now_ms=given.clock.now_ms())
        except SQLAlchemyError as error:
            log.warning("house not kept", extra={"reason": str(error)})
        await parts.clock.sleep(_HOUR_S)


def _close(ingest: _Ingest) -> None:
    ingest.receiver.close()
    ingest.own.journal.close()
    ingest.cosigner.close()


def _folder(settings: Settings, name: str) -> Path:
    folder = settings.folder / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder
