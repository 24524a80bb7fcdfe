"""One lane's story: what the devices said, joined to crossings, judged, journalled, and only then shown."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from edge.passages import Complete, Opened, PassageAssembler, Passed, Step
from edge.reversals import Reversals, Weighing
from edge.sign import REVERSED, sign_colour, sign_lines
from edge.weighed import Site, weighed_body
from edge.weighing.values import Arrived, Settled, VehicleReversed, Weighed, WeighingEvent
from firmware_bridge.protocol import Colour
from journal.writer import Appended
from kernel.clock import Clock
from kernel.errors import FullError
from kernel.events import (
    Body,
    DeviceHealth,
    EntryRef,
    FileStored,
    InstrumentInForce,
    PassageCancelled,
    Picture,
    PlateRead,
    VehicleHints,
    VehiclePictured,
    VehicleWeighed,
)
from kernel.evidence.header import FileRef
from kernel.hinting import axle_count_differs
from kernel.plates import is_trailer

log = logging.getLogger(__name__)

TICK_S = 0.5
RETRY_S = 1.0
PICTURED_AT_ONCE = 8


class Appends(Protocol):
    async def append(
        self, body: Body, *, source: str, files: tuple[FileRef, ...] = (), key: str | None = None
    ) -> Appended: ...


class Vouches(Protocol):
    """The scale as a weighing instrument: what a weighing rests on, and what it learns from one.

    `made_ms` is when a `late` one was made, None where nobody knows.
    """

    def in_force(
        self, gross_kg: int | None, *, late: bool = False, made_ms: int | None = None
    ) -> InstrumentInForce: ...

    def words(
        self, gross_kg: int | None, *, late: bool = False, made_ms: int | None = None
    ) -> tuple[str, ...]: ...

    def weighed(self, body: VehicleWeighed) -> None: ...

    def pictured(self, body: VehicleWeighed, tractor: str | None) -> None: ...


class Puts(Protocol):
    async def put(self, named: Sequence[tuple[str, bytes | Path]]) -> tuple[FileRef, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the cameras have of one passage."""

    pictures: tuple[tuple[Picture, bytes], ...] = ()
    crops: tuple[tuple[str, bytes], ...] = ()
    plates: tuple[PlateRead, ...] = ()
    missing: tuple[str, ...] = ()
    hints: VehicleHints | None = None
    flags: tuple[str, ...] = ()  # of the pictures as a whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """One clip, cut and ready to be put."""

    name: str
    data: bytes | Path
    body: FileStored  # without passage, weighing and priority, which the lane knows


class Tape(Protocol):
    """What the scale's line said, kept with the weighings that somebody may ask about."""

    def of_passage(self, body: VehicleWeighed, *, arrived_mono: int | None) -> Cut | None: ...


class Eyes(Protocol):
    """Cameras, ring and plate reader as the lane needs them; None of it may ever hold up a weighing."""

    def opened(self, passage: str, at_ms: int) -> None:
        """A vehicle is there: lock the ring, begin the front burst."""
        ...

    def passed(self, passage: str, at_ms: int) -> None:
        """Its rear is in view."""
        ...

    async def seen(self, passage: str, *, left_ms: int | None = None) -> Seen:
        """Its pictures and plates; none that was taken after it had left."""
        ...

    async def cuts(self, passage: str) -> tuple[Cut, ...]:
        """The clips, after their post-roll."""
        ...

    def done(self, passage: str) -> None:
        """Its clips are durable: the ring may go."""
        ...

    def health(self) -> Iterable[DeviceHealth]: ...


ShowSign = Callable[[tuple[str, ...], Colour], None]
Announce = Callable[[str, object], None]
Fact = tuple[Literal["loop", "scale"], object, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Glimpse:
    """Live and never journalled: what tablets see before the entry arrives there."""

    passage: str
    state: Literal["arrived", "settled", "weighed"]
    gross_kg: int | None
    at_ms: int


class Lane:
    """Facts go in from any task of the loop, in the order in which they happened; entries come out."""

    def __init__(
        self,
        site: Site,
        *,
        prefix: str,
        journal: Appends,
        files: Puts,
        eyes: Eyes | None,
        clock: Clock,
        show: ShowSign,
        announce: Announce,
        missing: Callable[[], tuple[str, ...]],
        confirm: Callable[[str], None] = lambda _key: None,
        tapes: Sequence[Tape] = (),
        instrument: Vouches | None = None,
    ) -> None:
        self._site = site
        self._journal = journal
        self._files = files
        self._eyes = eyes
        self._clock = clock
        self._show = show
        self._announce = announce
        self._missing = missing
        self._confirm = confirm
        self._tapes = tuple(tapes)
        self._instrument = instrument
        self._source = site.lane.source
        self._assembler: PassageAssembler[Weighed] = PassageAssembler(
            prefix=prefix, patience_ms=site.lane.result_patience_ms
        )
        self._reversals = Reversals(within_ms=site.scale.moving.reverse_within_ms)
        self._facts: asyncio.Queue[Fact] = asyncio.Queue()  # unbounded: what was measured is never dropped
        self._pictures = asyncio.Semaphore(PICTURED_AT_ONCE)

    def loop(self, *, occupied: bool, mono_ms: int) -> None:
        """The loop at the scale changed."""
        self._facts.put_nowait(("loop", occupied, mono_ms))

    def scale(self, event: WeighingEvent) -> None:
        """The weighing said something."""
        self._facts.put_nowait(("scale", event, event.mono_ms))

    def standing(self, mono_ms: int) -> None:
        """The scale shows a load."""
        self._assembler.still_there(mono_ms)

    async def run(self) -> None:
        """For ever; cancelled with the process, and a bug in a picture ends it as any other bug."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tick(), name="lane tick")
            while True:
                kind, fact, mono_ms = await self._facts.get()
                if isinstance(fact, VehicleReversed):
                    await self._reversed(fact)
                for step in self._steps(kind, fact, mono_ms):
                    await self._take(step, tasks)

    async def _tick(self) -> None:
        while True:
            await self._clock.sleep(TICK_S)
            self._facts.put_nowait(("loop", None, self._clock.mono_ms()))

    def _steps(self, kind: str, fact: object, mono_ms: int) -> list[Step[Weighed]]:
        if kind == "loop":
            if fact is None:
                return self._assembler.tick(mono_ms)
            return self._assembler.loop(occupied=bool(fact), mono_ms=mono_ms)
        match fact:
            case Arrived():
                return self._assembler.presence(mono_ms)
            case Weighed() if _late(fact):
                return self._assembler.late(fact, mono_ms=mono_ms)
            case Weighed():
                return self._assembler.result(fact, mono_ms=mono_ms)
            case Settled() as settled:
                self._glimpse("settled", settled.gross_kg, settled.at_ms)
        return []

    async def _take(self, step: Step[Weighed], tasks: asyncio.TaskGroup) -> None:
        match step:
            case Opened():
                if self._eyes:
                    self._eyes.opened(step.passage, self._utc(step.mono_ms))
                self._glimpse("arrived", None, self._utc(step.mono_ms))
            case Passed():
                if self._eyes:
                    self._eyes.passed(step.passage, self._utc(step.mono_ms))
            case Complete():
                await self._weighed(step, tasks)

    async def _weighed(self, done: Complete[Weighed], tasks: asyncio.TaskGroup) -> None:
        gross_kg = done.result.gross_kg if done.result else None
        late, made_ms = done.result is not None and _late(done.result), _made_ms(done.result)
        body = weighed_body(
            done,
            self._site,
            now_ms=self._clock.now_ms(),
            now_mono_ms=self._clock.mono_ms(),
            missing=self._missing(),
            instrument=self._instrument.in_force(gross_kg, late=late, made_ms=made_ms)
            if self._instrument
            else None,
            words=self._instrument.words(gross_kg, late=late, made_ms=made_ms) if self._instrument else (),
        )
        record = done.result.key if done.result else ""
        appended = await self._append(body, key=f"weighed:{record or body.passage}")
        if done.result is not None:
            self._reversals.weighed(_weighing(body, appended, done.result))
        if record:
            self._confirm(record)
            if appended.known:  # the device kept what was journalled before a restart
                log.info("record is known already", extra={"passage": body.passage, "seq": appended.seq})
                if self._eyes:
                    self._eyes.done(body.passage)
                return
        if self._instrument:
            self._instrument.weighed(body)
        if not late:  # the driver it would speak to has gone
            self._tell(body, appended)
            self._keep_line(done, body, appended, tasks)
        if self._eyes:
            tasks.create_task(self._picture(body, appended, self._eyes), name=f"pictures {body.passage}")

    async def _reversed(self, event: VehicleReversed) -> None:
        """A vehicle took itself back: an entry that names the weighing it takes with it, and never an erasure."""
        found, quality = self._reversals.cancel(event)
        body = PassageCancelled(
            passage=found.passage if found else None,
            weighed=found.ref if found else None,
            device=self._site.scale.name,
            quality=quality,
            record_hex=event.raw.hex(),
        )
        key = f"cancelled:{found.ref.journal}:{found.ref.seq}" if found else None
        await self._append(body, key=key)
        log.info("vehicle rolled back", extra={"lane": self._source, "quality": quality})
        if event.key:
            self._confirm(event.key)
        if found is not None:
            self._show(REVERSED, "amber")

    def _tell(self, body: VehicleWeighed, appended: Appended) -> None:
        """Sign and tablets, now that the entry is durable."""
        self._show(sign_lines(body), sign_colour(body))
        self._announce(
            "passage",
            Glimpse(passage=body.passage, state="weighed", gross_kg=body.gross_kg, at_ms=appended.durable_ms),
        )

    def _keep_line(
        self,
        done: Complete[Weighed],
        body: VehicleWeighed,
        weighed: Appended,
        tasks: asyncio.TaskGroup,
    ) -> None:
        """Cut now, as the next vehicle pushes it out of memory; written beside everything else."""
        scale_mono = done.result.arrived_mono_ms if done.result else None
        known = [mono for mono in (done.arrived_mono_ms, scale_mono) if mono is not None]
        for tape in self._tapes:
            cut = tape.of_passage(body, arrived_mono=min(known, default=None))
            if cut is not None:
                tasks.create_task(self._clip(body, weighed.ref, cut), name=f"capture {body.passage}")

    async def _picture(self, body: VehicleWeighed, weighed: Appended, eyes: Eyes) -> None:
        async with self._pictures:
            seen = await eyes.seen(body.passage, left_ms=body.left_ms)
            await self._pictured(body, weighed.ref, weighed.durable_ms, seen)
            for cut in await eyes.cuts(body.passage):
                await self._clip(body, weighed.ref, cut)
            eyes.done(body.passage)

    async def after_restart(
        self, body: VehicleWeighed, weighed: EntryRef, *, seen: Seen | None, cuts: Sequence[Cut]
    ) -> None:
        """What the process had not finished of this passage when it ended; `seen` None: the pictures were done."""
        if seen is not None:
            await self._pictured(body, weighed, None, seen)
        for cut in cuts:
            await self._clip(body, weighed, cut)

    async def _pictured(
        self, body: VehicleWeighed, weighed: EntryRef, durable_ms: int | None, seen: Seen
    ) -> None:
        named: list[tuple[str, bytes | Path]] = [(picture.name, data) for picture, data in seen.pictures]
        named += seen.crops
        refs, missing = await self._put(named)
        pictures = tuple(picture for picture, _ in seen.pictures) if refs else ()
        tractor = _tractor(seen.plates)
        await self._append(
            VehiclePictured(
                passage=body.passage,
                weighed=weighed,
                weighed_durable_ms=durable_ms,
                plates=seen.plates,
                tractor=tractor,
                trailer=_trailer(seen.plates),
                pictures=pictures,
                missing=(*seen.missing, *missing),
                priority=0 if body.verdict.outcome != "within" else 2,
                hints=seen.hints,
                flags=(*seen.flags, *("axle_count_differs",) * axle_count_differs(seen.hints, body)),
            ),
            files=refs,
            key=f"pictured:{body.passage}",
        )
        if self._instrument:
            self._instrument.pictured(body, tractor)

    async def _clip(self, body: VehicleWeighed, weighed: EntryRef, cut: Cut) -> None:
        refs, missing = await self._put([(cut.name, cut.data)])
        if missing:
            log.error("clip not kept", extra={"passage": body.passage, "reason": missing[0]})
            return
        compliant = body.verdict.outcome == "within"
        await self._append(
            _belonging(cut.body, body.passage, weighed, compliant=compliant),
            files=refs,
            key=f"clip:{cut.name}",
        )

    async def _put(
        self, named: Sequence[tuple[str, bytes | Path]]
    ) -> tuple[tuple[FileRef, ...], tuple[str, ...]]:
        """Files durable, or the reason why they are not: pictures may be lost to a full disk, entries may not."""
        if not named:
            return (), ()
        try:
            return await self._files.put(named), ()
        except FullError as error:
            log.error("no room for files", extra={"reason": str(error)})  # noqa: TRY400 - the disk is at fault
            return (), ("pictures: disk full",)

    async def _append(self, body: Body, *, files: tuple[FileRef, ...] = (), key: str | None) -> Appended:
        """Durable, however long the disk is full; whoever waits behind it waits too."""
        said = False
        while True:
            try:
                return await self._journal.append(body, source=self._source, files=files, key=key)
            except FullError as error:
                if not said:
                    log.error("journal has no room", extra={"reason": str(error)})  # noqa: TRY400
                said = True
                await self._clock.sleep(RETRY_S)

    def _glimpse(self, state: Literal["arrived", "settled"], gross_kg: int | None, at_ms: int) -> None:
        passage = self._assembler.current or ""
        self._announce("passage", Glimpse(passage=passage, state=state, gross_kg=gross_kg, at_ms=at_ms))

    def _utc(self, mono_ms: int) -> int:
        return self._clock.now_ms() - (self._clock.mono_ms() - mono_ms)


def _weighing(body: VehicleWeighed, appended: Appended, result: Weighed) -> Weighing:
    return Weighing(
        record=result.key,
        passage=None if appended.known else body.passage,
        ref=appended.ref,
        mono_ms=result.mono_ms,
    )


def _late(weighed: Weighed) -> bool:
    """It came out of the device's memory, at a time that says nothing about its vehicle."""
    return "late_record" in weighed.quality


def _made_ms(result: Weighed | None) -> int | None:
    """When the device says that it was, by a clock that is right."""
    return None if result is None or "device_clock_off" in result.quality else result.recorded_ms


def _text(plates: tuple[PlateRead, ...], role: str) -> str | None:
    return next((plate.text for plate in plates if plate.role == role and plate.text), None)


def _tractor(plates: tuple[PlateRead, ...]) -> str | None:
    """In front, or by the camera that sees nothing but the plate."""
    return _text(plates, "front") or _text(plates, "plate")


def _trailer(plates: tuple[PlateRead, ...]) -> str | None:
    """The rear plate when it is a trailer's 挂; a rigid truck carries its own plate behind too."""
    text = _text(plates, "rear")
    return text if text is not None and is_trailer(text) else None


def _belonging(body: FileStored, passage: str, weighed: EntryRef, *, compliant: bool) -> FileStored:
    """The file's entry, with what only the lane knows.

    A capture is small, and a package is not whole without it: it never waits to be asked for.
    """
    return msgspec.structs.replace(
        body,
        passage=passage,
        weighed=weighed,
        upload="on_demand" if compliant and body.kind != "capture" else "now",
        priority=2 if compliant else 1,
    )
