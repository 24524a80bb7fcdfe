"""Composition root of a lane: the only place that picks real parts."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import signal
import sqlite3
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from edge import camera_verbs, capture_verb, orders, plate_verbs
from edge.controller import LaneController, LoopEvent
from edge.desk import ScaleDesk, TimedJournal
from edge.drivers import DRIVERS
from edge.drivers.contract import ScaleDriver
from edge.drivers.making import make_driver
from edge.health import DiskProbe, HealthBoard, Probe
from edge.heap import keep_small
from edge.instrument import memory
from edge.instrument import verb as instrument_verb
from edge.instrument.book import Book, Fact
from edge.instrument.instrument import Instrument, Rules, checks_of
from edge.instrument.memory import Memory
from edge.keeping.custody import Custody
from edge.keeping.holding import Holding
from edge.keeping.housekeeping import Housekeeping
from edge.keeping.listing import lines, report
from edge.keeping.relieving import Disk
from edge.lane import Lane
from edge.lights import follow
from edge.lines import Lines
from edge.logbook import JournalProbe
from edge.orders import Orders, by_act
from edge.resume import resume
from edge.settings import Scale, Settings
from edge.supervise import supervise
from edge.taping import Taped
from edge.technician import verbs as scale_verbs
from edge.weighed import Site
from firmware_bridge.protocol import Colour
from journal import enrol_verb, renew_verb
from journal.clock import SystemClock, boot_id
from journal.commands import Kind
from journal.console import Console, end, read_law, read_settings, write
from journal.cursors import Cursors
from journal.disk import on_one_disk, room_of
from journal.erasing import Erasing
from journal.files import FileStore
from journal.keys import Identity
from journal.leaving import remove_closed
from journal.logs import log_as_json
from journal.rehashing import rehash_nightly
from journal.renewing import Renewal, credentials, learn_time
from journal.reserve import Reserve
from journal.timekeeping import check_clock, clock_state
from journal.tls import Credentials, TlsTime
from journal.uplink import Uplink
from journal.writer import Appended, Journal
from kernel.clock import Clock
from kernel.errors import ConfigError, FullError, RefusedError, WeighpostError
from kernel.events import DeviceHealth, InstrumentCertificate, LaneHealth, Method
from kernel.evidence.commands import HOLD, INSTRUMENT
from kernel.law.instruments import in_service_error_kg
from kernel.law.law import Law
from kernel.law.rows import china_day
from kernel.settings import must, refuse, under

if TYPE_CHECKING:
    from edge.eyes import CameraEyes

log = logging.getLogger(__name__)


def software() -> str:
    try:
        return f"weighpost {version('weighpost')}"
    except PackageNotFoundError:
        return "weighpost from source"


class LaneProcess:
    """Everything of one lane, wired.  `run()` until cancelled."""

    def __init__(self, settings: Settings, *, law: Law, clock: Clock, boot: str) -> None:
        self._settings = settings
        self._law = law
        self._clock = clock
        self._boot = boot
        self._folder = Path(settings.data)
        self._signs: asyncio.Queue[tuple[tuple[str, ...], Colour]] = asyncio.Queue()
        self._releases: asyncio.Queue[str] = asyncio.Queue()
        self._uplinks: list[Uplink] = []
        self._lines = Lines(settings, clock=clock)
        self._tls: Credentials | None = None

    async def run(self) -> None:
        """ConfigError and RefusedError: why it cannot start; RestartError, in a group: why it must start anew."""
        settings = self._settings
        identity = Identity.of(settings.box)
        self._tls = open_tls(settings, identity, clock=self._clock)
        home = self._folder / "journal"
        reserve = await asyncio.to_thread(Reserve.beside, home, mb=settings.keeping.reserve_mb)
        await asyncio.to_thread(reserve.make)
        journal = await asyncio.to_thread(
            Journal.open,
            home,
            box=settings.box.name,
            process="edge",
            software=software(),
            identity=identity.key,
            clock=self._clock,
            boot=self._boot,
            source_clock=clock_state,
            succession=settings.journal,
            reserve=reserve,
            destinations=tuple(each.name for each in settings.destinations),
        )
        try:
            if self._tls is not None:
                await learn_time(journal, self._tls.time)
            await self._with_journal(journal, identity, reserve)
        finally:
            await asyncio.to_thread(journal.close)

    async def _with_journal(self, journal: Journal, identity: Identity, reserve: Reserve) -> None:
        files = FileStore(self._folder / "files", clock=self._clock, may_write=lambda: reserve.held)
        cursors = Cursors(journal.home)
        instrument = await self._instrument(journal)
        holding = Holding(append=partial(journal.append, source=self._settings.lane.source))
        self._uplinks = [
            Uplink(
                journal,
                files,
                cursors,
                identity=identity,
                destination=destination,
                source=self._settings.lane.source,
                software=software(),
                clock=self._clock,
                tls=self._tls,
                kinds={
                    HOLD: Kind(check=holding.check, act=holding.act),
                    INSTRUMENT: Kind(check=instrument.check, act=instrument.act),
                },
            )
            for destination in self._settings.destinations
        ]
        eyes = await self._eyes(reserve)
        housekeeping = self._housekeeping(journal, files, cursors, reserve, eyes)
        try:
            await self._tasks(journal, files, eyes, identity, reserve, housekeeping, instrument)
        finally:
            self._lines.close()
            if eyes is not None:
                await eyes.close()
            cursors.close()

    @cached_property
    def _drivers(self) -> list[ScaleDriver]:
        return make_drivers(self._settings.scale, clock=self._clock)

    async def _instrument(self, journal: Journal) -> Instrument:
        """With its book read back, and the certificate of the settings in use; ConfigError: that contradicts the book."""
        settings, scale = self._settings, self._settings.scale
        book = Book(scale.name)
        remembered = Memory(self._folder / memory.NAME, book)

        async def append(fact: Fact, key: str | None) -> Appended:
            return await journal.append(fact, source=settings.lane.source, key=key)

        instrument = Instrument(
            Rules(
                device=scale.name,
                grade=settings.lane.weighing_grade,
                checks=scale.checks,
                drift=scale.drift,
                kinds=checks_of(self._drivers[0].method, scale.checks, attended=settings.lane.attended),
                error_kg=self._error_kg,
                display_kg=display_of(scale, self._drivers[0])[1],
            ),
            book,
            clock=self._clock,
            append=append,
            find=partial(memory.said_under, journal=journal),
            remember=remembered.keep,
        )
        await remembered.recall(journal.volumes)
        instrument.begin()
        await instrument.wait_on()
        await self._certify(instrument, remembered)
        return instrument

    async def _certify(self, instrument: Instrument, remembered: Memory) -> None:
        certificate = self._settings.scale.certificate
        if certificate is None:
            return
        if not remembered.whole:
            # A broken seal may be among what was lost: only a person can say that the certificate still holds.
            log.error("certificate not taken into use: what was said of the scale before is lost")
            return
        try:
            await instrument.take_into_use(certificate.paper)
        except RefusedError as error:
            raise ConfigError.one("scale.certificate", str(error)) from error
        except FullError as error:
            log.error("no room for the certificate", extra={"reason": str(error)})  # noqa: TRY400

    def _error_kg(self, certificate: InstrumentCertificate, load_kg: int, at_ms: int) -> int | None:
        return in_service_error_kg(
            certificate,
            load_kg,
            law=self._law,
            on=china_day(at_ms),
            jurisdiction=self._settings.lane.jurisdiction,
        )

    async def _eyes(self, reserve: Reserve) -> CameraEyes | None:
        """The heavy packages are loaded only for a lane that has cameras."""
        vision = self._settings.vision
        if vision is None:
            return None
        from edge.eyes import open_eyes

        lane = self._settings.lane
        return await open_eyes(
            vision,
            clock=self._clock,
            station=lane.station,
            lane=lane.name,
            may_write=lambda: reserve.held or not self._records_beside_the_journal,
            home=self._folder / camera_verbs.REFERENCES,
        )

    @property
    def _records_beside_the_journal(self) -> bool:
        """Footage takes room that the journal could need."""
        vision = self._settings.vision
        return bool(vision and vision.recorder and on_one_disk(Path(vision.recorder.folder), self._folder))

    def _housekeeping(
        self,
        journal: Journal,
        files: FileStore,
        cursors: Cursors,
        reserve: Reserve,
        eyes: CameraEyes | None,
    ) -> Housekeeping:
        source, folder = self._settings.lane.source, self._folder
        [uplink] = [one for one in self._uplinks if one.destination.custody]
        ring = eyes.footage if eyes is not None else None
        footage = ring if self._records_beside_the_journal else None
        return Housekeeping(
            append=lambda body: journal.append(body, source=source),
            by=self._settings.box.name,
            erasing=Erasing(journal, source=source, files=files, cursors=cursors),
            custody=Custody(
                cursors,
                destination=uplink.destination.name,
                takes_files=uplink.destination.files is not None,
                told_ms=lambda: uplink.state.receipt_ms,
                clock=self._clock,
            ),
            files=files,
            disk=Disk(room=lambda: room_of(folder), reserve=reserve, footage=footage),
            ring=ring,
            leave=lambda is_needed: remove_closed(
                journal,
                cursors,
                destinations=self._settings.destinations,
                source=source,
                is_needed=is_needed,
            ),
            settings=self._settings.keeping,
            register=folder / "keeping.db",
            clock=self._clock,
        )

    async def _tasks(
        self,
        journal: Journal,
        files: FileStore,
        eyes: CameraEyes | None,
        identity: Identity,
        reserve: Reserve,
        housekeeping: Housekeeping,
        instrument: Instrument,
    ) -> None:
        settings, drivers = self._settings, self._drivers
        controller = self._controller()
        timed = TimedJournal(journal, clock=self._clock)
        board = self._board(
            journal,
            timed,
            lambda: desk.health(one.pulse.snapshot() for one in drivers),
            controller,
            eyes,
            reserve,
        )
        board.ask(housekeeping.health)
        board.ask(instrument.health)
        lane = self._lane(timed, files, eyes, instrument, missing=lambda: board.missing)
        desk = ScaleDesk(settings.scale, lane, live=self._live, instrument=instrument)
        said_here = self._orders(timed, files, instrument)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(journal.watch(), name="journal")
            nightly = rehash_nightly(journal, hour=settings.journal.rehash_hour, clock=self._clock)
            tasks.create_task(nightly, name="rehash")
            tasks.create_task(lane.run(), name="lane")
            tasks.create_task(instrument.run(), name="instrument")
            tasks.create_task(said_here.run(), name="orders")
            tasks.create_task(
                resume(journal.current, lane, eyes, until=journal.size, before=journal.volumes[:-1]),
                name="resume",
            )
            tasks.create_task(board.run(), name="health")
            tasks.create_task(housekeeping.run(), name="housekeeping")
            tasks.create_task(self._check_clock(journal), name="clock")
            self._read_scale(desk, tasks)
            if controller is not None:
                self._drive(controller, desk, eyes, tasks)
            for uplink in self._uplinks:
                tasks.create_task(uplink.run(), name=f"uplink {uplink.destination.name}")
            if self._tls is not None:
                tasks.create_task(self._renewal(identity, self._tls).run(), name="certificates")

    def _lane(
        self,
        journal: TimedJournal,
        files: FileStore,
        eyes: CameraEyes | None,
        instrument: Instrument,
        *,
        missing: Callable[[], tuple[str, ...]],
    ) -> Lane:
        settings = self._settings
        return Lane(
            Site(
                lane=settings.lane,
                scale=settings.scale,
                method=method_of(settings.scale, self._drivers[0]),
                law=self._law,
                allowance=settings.allowance,
            ),
            prefix=f"{settings.box.name}-{self._boot[:6]}",
            journal=journal,
            files=files,
            eyes=eyes,
            clock=self._clock,
            show=lambda lines, colour: self._signs.put_nowait((lines, colour)),
            announce=self._live,
            missing=missing,
            confirm=self._releases.put_nowait,
            tapes=self._lines.scales,
            instrument=instrument,
        )

    def _orders(self, journal: TimedJournal, files: FileStore, instrument: Instrument) -> Orders:
        """What somebody at the lane says by a command."""
        taped = Taped(self._lines.all, files=files, journal=journal, source=self._settings.lane.source)
        return Orders(
            self._folder / orders.FOLDER,
            perform=by_act({capture_verb.ACT: taped.perform}, otherwise=instrument.perform),
            clock=self._clock,
        )

    def _read_scale(self, desk: ScaleDesk, tasks: asyncio.TaskGroup) -> None:
        """Every deck on its own line."""
        for scale, driver in zip(self._settings.scale.indicators, self._drivers, strict=True):
            tasks.create_task(
                supervise(
                    driver,
                    open_link=partial(self._lines.scale, scale, driver),
                    take=partial(desk.take, deck=scale.name),
                    clock=self._clock,
                ),
                name=scale.name,
            )
        tasks.create_task(self._release(self._drivers[0]), name="releases")

    def _renewal(self, identity: Identity, tls: Credentials) -> Renewal:
        return Renewal(
            self._settings.box,
            identity=identity,
            tls=tls,
            clock=self._clock,
            shut_out=lambda: not any(uplink.state.connected for uplink in self._uplinks),
        )

    def _drive(
        self,
        controller: LaneController,
        desk: ScaleDesk,
        eyes: CameraEyes | None,
        tasks: asyncio.TaskGroup,
    ) -> None:
        settings = self._settings.controller
        assert settings is not None  # noqa: S101 - there is a controller only with its settings
        at_scale = settings.loop_at_scale

        def take(event: LoopEvent) -> None:
            if event.loop == at_scale:
                desk.loop(occupied=event.occupied, mono_ms=event.mono_ms)

        tasks.create_task(
            supervise(
                controller, open_link=partial(self._lines.controller, settings), take=take, clock=self._clock
            ),
            name=settings.name,
        )
        tasks.create_task(self._show(controller), name="sign")
        if eyes is not None and eyes.follows_light:
            tasks.create_task(follow(eyes, controller, clock=self._clock), name="light")

    async def _show(self, controller: LaneController) -> None:
        """The newest text wins; a sign that does not answer holds up nothing."""
        while True:
            lines, colour = await self._signs.get()
            while not self._signs.empty():
                lines, colour = self._signs.get_nowait()
            await controller.show_sign(lines, colour=colour)

    async def _release(self, driver: ScaleDriver) -> None:
        while True:
            await driver.release(await self._releases.get())

    async def _check_clock(self, journal: Journal) -> None:
        """At the start and once an hour: what the kernel says of this clock and its error."""
        while True:
            try:
                await journal.append(check_clock(), source=self._settings.lane.source)
            except FullError as error:  # vehicles wait for room, this does not
                log.error("no room for the clock's state", extra={"reason": str(error)})  # noqa: TRY400
            await self._clock.sleep(3600)

    def _controller(self) -> LaneController | None:
        settings = self._settings.controller
        if settings is None:
            return None
        return LaneController(settings.options, device=settings.name, clock=self._clock)

    def _board(
        self,
        journal: Journal,
        timed: TimedJournal,
        scales: Probe,
        controller: LaneController | None,
        eyes: CameraEyes | None,
        reserve: Reserve,
    ) -> HealthBoard:
        health, source = self._settings.health, self._settings.lane.source
        disk = DiskProbe(
            self._folder,
            low_mb=health.disk_low_mb,
            clock=self._clock,
            keeping=self._settings.keeping,
            reserved=lambda: reserve.held,
        )
        probes: list[Probe] = [
            scales,
            disk,
            JournalProbe(journal, clock=self._clock),
        ]
        if controller is not None:
            probes.append(lambda: [controller.pulse.snapshot()])
        if eyes is not None:
            probes.append(eyes.health)
        probes += [uplink.health for uplink in self._uplinks]

        def frame(devices: tuple[DeviceHealth, ...]) -> LaneHealth:
            return LaneHealth(
                devices=devices,
                disk_free_kb=disk.free_kb,
                sqlite_version=sqlite3.sqlite_version,
                software=software(),
                append_p95_us=timed.p95_us,
                waiting=max((uplink.state.lag for uplink in self._uplinks), default=0),
            )

        async def append(body: LaneHealth) -> None:
            try:
                await timed.append(body, source=source)
            except FullError as error:
                log.error("no room for a heartbeat", extra={"reason": str(error)})  # noqa: TRY400

        return HealthBoard(probes, settings=health, clock=self._clock, append=append, frame=frame)

    def _live(self, name: str, value: object) -> None:
        for uplink in self._uplinks:
            uplink.live(name, value)


def open_tls(settings: Settings, identity: Identity, *, clock: Clock) -> Credentials | None:
    """A lane's clock is believed about the certificates of others only while somebody keeps it right."""
    time = TlsTime(clock=clock, kept=lambda: clock_state().state == "ok")
    return credentials(settings.box, identity, time=time)


def load(path: Path) -> tuple[Settings, Law]:
    """Read the settings and the law's rows; ConfigError has every fault."""
    settings = read_settings(Settings, path)
    try:
        driver = make_drivers(settings.scale, clock=SystemClock())[0]
    except ConfigError as error:
        raise under("scale", error) from error
    law = read_law(settings.law)
    _check_allowance(settings, law)
    _check_certificate(settings, law)
    _check_division(settings, driver)
    return settings, law


def make_drivers(scale: Scale, *, clock: Clock) -> list[ScaleDriver]:
    """One for each deck; ConfigError, paths below `scale`, also for a device that cannot be read as it is set to."""
    made = []
    for number, one in enumerate(scale.indicators):
        try:
            made.append(make_driver(one.driver, one.options, device=one.name, clock=clock))
        except ConfigError as error:
            raise under(f"deck[{number - 1}]", error) if number else error from error
    if any(one.method != "static_platform" for one in made):
        refuse(
            must(not scale.deck, "deck", f"{scale.driver} records whole vehicles and has no decks"),
            must(scale.weighing == "static", "weighing", f"{scale.driver} records whole vehicles itself"),
        )
    return made


def method_of(scale: Scale, driver: ScaleDriver) -> Method:
    """How a vehicle is weighed here, as its entry says it."""
    return "axle_by_axle" if scale.weighing == "axlewise" else driver.method


def _check_allowance(settings: Settings, law: Law) -> None:
    """A device class that no row knows would take nothing off."""
    allowance = settings.allowance
    if allowance.mode != "MPE_CLASS":
        return
    known = sorted({row.device_class for layer in law.layers for row in layer.allowance})
    if allowance.device_class not in known:
        raise ConfigError.one(
            "allowance.device_class", f"must be one of {', '.join(known)}, is {allowance.device_class!r}"
        )


def _check_certificate(settings: Settings, law: Law) -> None:
    """Of a class that no row knows nobody could say when the scale is out of it."""
    certificate = settings.scale.certificate
    if certificate is None:
        return
    moving = {row.device_class for layer in law.layers for row in layer.allowance}
    static = {row.device_class for layer in law.layers for row in layer.static_error}
    known = sorted(moving | static)
    if certificate.accuracy_class not in known:
        raise ConfigError.one(
            "scale.certificate.accuracy_class",
            f"must be one of {', '.join(known)}, is {certificate.accuracy_class!r}",
        )


def _check_division(settings: Settings, driver: ScaleDriver) -> None:
    """A platform is read in divisions of its display; those of another scale would be no evidence for this grade."""
    certificate = settings.scale.certificate
    if certificate is None or settings.lane.weighing_grade not in certificate.grades:
        return
    table, set_kg = display_of(settings.scale, driver)
    if set_kg is not None and set_kg != certificate.division_kg:
        raise ConfigError.one(
            f"scale.{table}.division_kg",
            f"must be that of the certificate, {certificate.division_kg}, is {set_kg}",
        )


def display_of(scale: Scale, driver: ScaleDriver) -> tuple[str, int | None]:
    """The table that sets how a platform is read, and in which division; a moving-axle weigher has none."""
    if driver.method != "static_platform":
        return "moving", None
    if scale.weighing == "axlewise":
        return "axlewise", scale.axlewise.division_kg
    return "platform", scale.platform.division_kg


async def serve(process: LaneProcess) -> None:
    """Until SIGINT or SIGTERM, or until a bug ends it."""
    task = asyncio.create_task(process.run(), name="lane process")
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="weighpost-edge", description="One lane of a weigh station.")
    verbs = parser.add_subparsers(required=True, metavar="VERB", dest="verb")
    run = verbs.add_parser("run", help="run the lane until stopped")
    run.add_argument("settings", type=Path, metavar="lane.toml")
    enrol_verb.add(verbs)
    check = verbs.add_parser("check", help="read the settings and say every fault in them")
    check.add_argument("settings", type=Path, metavar="lane.toml")
    renew = verbs.add_parser(
        "renew-journal", help="close the journal and open the next, soon or at the next start"
    )
    renew.add_argument("settings", type=Path, metavar="lane.toml")
    renew_verb.options(renew)
    keep = verbs.add_parser("keep", help="say what would leave the disk now and why, and what is on hold")
    keep.add_argument("settings", type=Path, metavar="lane.toml")
    keep.add_argument("--json", action="store_true")
    plate_verbs.add(verbs)
    camera_verbs.add(verbs)
    instrument_verb.add(verbs, load_lane=load)
    drivers = verbs.add_parser("drivers", help="list the scale drivers")
    drivers.add_argument("--json", action="store_true")
    capture_verb.add(scale_verbs.add(verbs))
    given = parser.parse_args(arguments)
    if given.verb == "drivers":
        write(json.dumps(sorted(DRIVERS)) if given.json else "\n".join(sorted(DRIVERS)))
        return 0
    try:
        if given.verb in ("camera", "enrol", "instrument", "plate", "scale"):
            return int(given.run(given, Console(clock=SystemClock())))
        if given.verb == "renew-journal":
            return _renew(given)
        if given.verb == "keep":
            return _keep(given.settings, as_json=given.json)
        return _run(given.settings, check=given.verb == "check")
    except (WeighpostError, ExceptionGroup) as error:
        return end(error, program="weighpost-edge")


def _renew(given: argparse.Namespace) -> int:
    settings, _law = load(given.settings)
    write(renew_verb.order(Path(settings.data) / "journal", given))
    return 0


def _keep(path: Path, *, as_json: bool) -> int:
    """Beside the running process or without it: it only reads."""
    settings, _law = load(path)
    found = asyncio.run(report(settings, clock=SystemClock()))
    if as_json:
        write(msgspec.json.format(msgspec.json.encode(found)).decode())
    else:
        write("\n".join(lines(found)))
    return 0


def _run(path: Path, *, check: bool) -> int:
    settings, law = load(path)
    open_tls(settings, Identity.of(settings.box), clock=SystemClock())
    if check:
        write(f"{path}: no faults")
        return 0
    log_as_json(settings.log_level)
    if settings.vision is not None:
        keep_small()
    process = LaneProcess(settings, law=law, clock=SystemClock(), boot=boot_id())
    asyncio.run(serve(process))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
