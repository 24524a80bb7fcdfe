"""An instrument on a desk: a real journal or a list of entries, a clock that a test moves, and a display to be read."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from edge.instrument.book import Book, Fact
from edge.instrument.instrument import Instrument, Rules
from edge.instrument.settings import CheckSettings, ReferenceLoad
from edge.weighing.drift import DriftSettings
from edge.weighing.values import WeightReading
from journal.writer import Appended
from kernel.errors import FullError
from kernel.events import CheckKind, InstrumentCertificate, ScaleChecked, VehicleWeighed, WeighingGrade
from kernel.law.instruments import in_service_error_kg
from kernel.law.rows import china_day
from kernel.law.shipped import national
from tests.kernel.test_events_golden import golden

NOON = 1_795_406_400_000  # 12:00 in China
HOUR, DAY = 3_600_000, 86_400_000
D = 20
PAPER = InstrumentCertificate(
    number="JL-1",
    grades=("certified", "reweigh"),
    accuracy_class="III",
    division_kg=D,
    max_kg=100_000,
    min_kg=400,
    seals=("QF-1",),
    valid_from=china_day(NOON - 30 * DAY),
    valid_until=china_day(NOON + 300 * DAY),
    issued_by="计量所",
)
CHECKS = CheckSettings(
    shift_starts=("08:00",),
    references=(
        ReferenceLoad(name="weights", kg=20_000),
        ReferenceLoad(name="truck", kg=30_000, plate="鲁C·12345"),
    ),
)


class DeskClock:
    def __init__(self) -> None:
        self.ms = NOON

    def now_ms(self) -> int:
        return self.ms

    def mono_ms(self) -> int:
        return self.ms - NOON + 1_000_000

    async def sleep(self, seconds: float) -> None:
        self.ms += int(seconds * 1_000)
        await asyncio.sleep(0)


@dataclass
class Desk:
    """`facts` is what was written; `refuse` so many appends find no room."""

    grade: WeighingGrade = "certified"
    kinds: tuple[CheckKind, ...] = ("zero", "reference")
    checks: CheckSettings = CHECKS
    drift: DriftSettings = field(default_factory=DriftSettings)
    display_kg: int | None = None
    facts: list[Fact] = field(default_factory=list)
    keys: dict[str, int] = field(default_factory=dict)
    under: dict[str, Fact] = field(default_factory=dict)  # what was written under a key
    remembered: int = 0
    refuse: int = 0

    def __post_init__(self) -> None:
        self.clock = DeskClock()
        self.start()

    def start(self) -> None:
        """As after a restart: the book is read back from what was written."""
        self.book = Book("scale")
        for fact in self.facts:
            self.book.add(fact)
        self.instrument = Instrument(
            Rules(
                device="scale",
                grade=self.grade,
                checks=self.checks,
                drift=self.drift,
                kinds=self.kinds,
                error_kg=lambda paper, load, at: in_service_error_kg(
                    paper, load, law=national(), on=china_day(at), jurisdiction="370323"
                ),
                display_kg=self.display_kg,
            ),
            self.book,
            clock=self.clock,
            append=self.append,
            find=self.find,
            remember=self.remember,
        )
        self.instrument.begin()

    async def append(self, fact: Fact, key: str | None) -> Appended:
        if self.refuse:
            self.refuse -= 1
            raise FullError("no room")
        known = key is not None and key in self.keys
        if not known:
            self.facts.append(fact)
        seq = self.keys.setdefault(key, len(self.facts)) if key else len(self.facts)
        if key and not known:
            self.under[key] = fact
        return self.at(seq, known=known)

    def at(self, seq: int, *, known: bool) -> Appended:
        return Appended(
            journal="a" * 32,
            seq=seq,
            leaf_hex="0" * 64,
            at=self.clock.ms,
            durable_ms=self.clock.ms,
            known=known,
        )

    async def find(self, key: str) -> tuple[Appended, Fact] | None:
        return (self.at(self.keys[key], known=True), self.under[key]) if key in self.keys else None

    async def remember(self) -> None:
        self.remembered += 1

    # --- what a test does ------------------------------------------------------------------------------------------

    def shows(self, *kg: int | None, empty: bool = True, seconds: int = 10, **more: Any) -> None:
        """The display goes through these values, ten readings a second."""
        for number in range(seconds * 10):
            self.clock.ms += 100
            reading = WeightReading(
                kg=kg[number % len(kg)], stable=True, at_ms=self.clock.ms, mono_ms=self.clock.mono_ms()
            )
            self.instrument.reading(replace(reading, **more), empty=empty)

    def reads(self, rate: int, *kg: int, seconds: int = 6) -> None:
        """The empty platform on a line of so many readings a second."""
        start = self.clock.ms
        for number in range(seconds * rate):
            self.clock.ms = start + (number + 1) * 1_000 // rate
            reading = WeightReading(
                kg=kg[number % len(kg)], stable=True, at_ms=self.clock.ms, mono_ms=self.clock.mono_ms()
            )
            self.instrument.reading(reading, empty=True)

    async def say(self, act: str, *, by: str = "wang", **more: str) -> str:
        said = {"act": act, "id": f"id-{len(self.keys):08d}", "by": by} | more
        return await self.instrument.perform(said)

    async def certify(self, paper: InstrumentCertificate = PAPER) -> None:
        await self.say("certify", certificate=msgspec.json.encode(paper).decode())

    async def written(self, count: int) -> Sequence[Fact]:
        """What was seen and not said by anybody is written by the instrument's own task."""
        task = asyncio.create_task(self.instrument.run())
        try:
            async with asyncio.timeout(20):
                while len(self.facts) < count:
                    await asyncio.sleep(0)
        finally:
            task.cancel()
        return self.facts

    def crosses(
        self, gross_kg: int | None, *, tractor: str | None = None, more: tuple[str, ...] = ()
    ) -> VehicleWeighed:
        """A vehicle is weighed, flagged, and its plate read."""
        body = msgspec.structs.replace(
            msgspec.json.decode(golden("vehicle.weighed"), type=VehicleWeighed),
            gross_kg=gross_kg,
            quality=(*self.instrument.words(gross_kg), *more),
            instrument=self.instrument.in_force(gross_kg),
        )
        self.instrument.weighed(body)
        self.instrument.pictured(body, tractor)
        return body

    def due(self) -> tuple[str, ...]:
        [device] = self.instrument.health()
        return tuple(device.detail.split(", ")) if device.detail else ()

    @property
    def last_check(self) -> ScaleChecked:
        return [fact for fact in self.facts if isinstance(fact, ScaleChecked)][-1]
