"""The weighing instrument of a lane: what it may be used for now, what is due, and the acts and checks that say so.

Everything it knows it has from entries; every act and every alarm is an entry before it counts.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from edge.instrument.book import Awaited, Book, Fact, shift_began_ms
from edge.instrument.settings import CheckSettings, ReferenceLoad
from edge.instrument.steady import Steady
from edge.weighing.drift import Drift, DriftSettings, DriftWatch
from edge.weighing.values import WeightReading
from journal.writer import Appended
from kernel.clock import Clock
from kernel.errors import FullError, RefusedError
from kernel.events import (
    CheckKind,
    DeviceHealth,
    InstrumentCertificate,
    InstrumentCertified,
    InstrumentChanged,
    InstrumentInForce,
    ScaleChecked,
    ScaleDrifted,
    ShiftOpened,
    VehicleWeighed,
    WeighingGrade,
)
from kernel.law.instrument_acts import AT_THE_BOX, CHANGES, Saying, saying_of
from kernel.law.instruments import History, Standing, contradiction, newest, standing, unchanged
from kernel.law.rows import china_day
from kernel.plates import normalise

log = logging.getLogger(__name__)

AHEAD_MS = 60_000  # clocks of two machines differ; nothing else is said of the future
RETRY_S = 1.0
EXPIRES_MS = 30 * 86_400_000  # a certificate that ends within this is due for renewal
_BY_LANE = "lane"
SETTINGS = "settings"  # says the certificate of the lane's own settings

Append = Callable[[Fact, str | None], Awaitable[Appended]]
Find = Callable[[str], Awaitable[tuple[Appended, Fact | None] | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a site has set.  `kinds` are the checks of a shift; `error_kg` is what the class allows in service."""

    device: str
    grade: WeighingGrade
    checks: CheckSettings
    drift: DriftSettings
    kinds: tuple[CheckKind, ...]
    error_kg: Callable[[InstrumentCertificate, int, int], int | None]  # certificate, load, moment
    display_kg: int | None = None  # the division that its platform is read in; None: it has no display


@dataclass(frozen=True, slots=True, kw_only=True)
class _Awaited:
    """A reference that will cross the scale; its check becomes the entry of `key`."""

    load: ReferenceLoad
    key: str
    by: str
    until_mono_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Folded:
    """What a history comes to, from a moment until before another."""

    history: History
    from_ms: int
    until_ms: int
    standing: Standing


class Instrument:
    """`append` writes an entry under a key, once, `find` tells what it says; `remember` is called for a book that changed."""

    def __init__(
        self,
        rules: Rules,
        book: Book,
        *,
        clock: Clock,
        append: Append,
        find: Find,
        remember: Callable[[], Awaitable[None]],
    ) -> None:
        self._rules = rules
        self._book = book
        self._clock = clock
        self._append = append
        self._find = find
        self._remember = remember
        self._steady = Steady()
        self._watch = DriftWatch(rules.drift)
        self._awaited: _Awaited | None = None
        self._folded: _Folded | None = None
        self._reference_is_on = False
        self._seen: asyncio.Queue[tuple[Fact, str | None]] = asyncio.Queue()  # and the key of its entry
        self._due: tuple[str, ...] = ()
        self._since_ms = clock.now_ms()

    def begin(self) -> None:
        """The book has been read back: what drifted before drifts still."""
        for drift in self._book.drifting():
            self._watch.begun(
                Drift(kind=drift.kind, begun=True, measured_kg=drift.measured_kg, limit_kg=drift.limit_kg)
            )

    async def wait_on(self) -> None:
        """For the reference that was awaited before, unless its time is over or it has crossed."""
        awaited = self._book.awaited
        if awaited is None:
            return
        load, key = self._load(awaited.reference), _key(awaited.id)
        left_ms = awaited.until_ms - self._clock.now_ms()
        if load is not None and left_ms > 0 and await self._find(key) is None:
            self._awaited = self._waiting(load, key=key, by=awaited.by, left_ms=left_ms)

    async def run(self) -> None:
        """Writes what was seen, however long there is no room for it."""
        while True:
            fact, key = await self._seen.get()
            while True:
                try:
                    await self._write(fact, key=key)
                    break
                except FullError as error:
                    log.error("no room for a word on the scale", extra={"reason": str(error)})  # noqa: TRY400
                    await self._clock.sleep(RETRY_S)

    # --- what the scale shows --------------------------------------------------------------------------------------

    def reading(self, reading: WeightReading, *, empty: bool) -> None:
        """Every reading of a platform, and whether nothing is on it."""
        self._steady.feed(reading, empty=empty)
        if not empty:
            self._watch.occupied()
            return
        division = self.division_kg
        if division is None or reading.kg is None or reading.net or not reading.confirmed:
            return
        for drift in self._watch.empty(reading.kg, mono_ms=reading.mono_ms, division_kg=division):
            self._tell(drift)

    def standing(self, gross_kg: int | None = None, *, at_ms: int | None = None) -> Standing:
        """Of now, or of a moment before."""
        if gross_kg is None and at_ms is None:
            return self._of_now()
        at_ms = self._clock.now_ms() if at_ms is None else at_ms
        return standing(self._book.history, grade=self._rules.grade, at_ms=at_ms, gross_kg=gross_kg)

    def _of_now(self) -> Standing:
        """Asked at every reading, and worked out once for each thing said and each day."""
        now_ms, history, folded = self._clock.now_ms(), self._book.history, self._folded
        if folded is None or folded.history is not history or not folded.from_ms <= now_ms < folded.until_ms:
            from_ms, until_ms = unchanged(history, at_ms=now_ms)
            found = standing(history, grade=self._rules.grade, at_ms=now_ms)
            folded = _Folded(history=history, from_ms=from_ms, until_ms=until_ms, standing=found)
            self._folded = folded
        return folded.standing

    @property
    def division_kg(self) -> int | None:
        certificate = self.standing().certificate
        return self._rules.drift.division_kg if certificate is None else certificate.division_kg

    def in_force(
        self, gross_kg: int | None, *, late: bool = False, made_ms: int | None = None
    ) -> InstrumentInForce:
        """As it is written into a weighing of now, or into a `late` one of `made_ms` (None: nobody knows when)."""
        found = self.standing(gross_kg, at_ms=made_ms if late else None)
        unknown = late and made_ms is None
        paper = found.certificate
        return InstrumentInForce(
            device=self._rules.device,
            evidence=found.evidence and not unknown,
            reasons=(*found.reasons, *(("moment_unknown",) if unknown else ())),
            certificate=paper.number if paper else None,
            accuracy_class=paper.accuracy_class if paper else None,
            division_kg=paper.division_kg if paper else None,
            min_kg=paper.min_kg if paper else None,
            max_kg=paper.max_kg if paper else None,
            seals=paper.seals if paper else (),
            valid_until=paper.valid_until if paper else None,
        )

    def words(
        self, gross_kg: int | None, *, late: bool = False, made_ms: int | None = None
    ) -> tuple[str, ...]:
        """Flags of such a weighing that come from the instrument."""
        reasons = self.standing(gross_kg, at_ms=made_ms if late else None).reasons
        checks = {
            "over_capacity": "over_capacity" in reasons,
            "below_capacity": "below_capacity" in reasons,
            "shift_not_checked": bool(self.unchecked),
            "rezero_needed": self._watch.rezero_needed,
            "scale_drifts": any(kind != "zero" for kind in self._watch.since),
            "reference_check": not late and (self._reference_is_on or self._is_awaited()),
        }
        return tuple(word for word, holds in checks.items() if holds)

    # --- what follows from a vehicle -------------------------------------------------------------------------------

    def weighed(self, body: VehicleWeighed) -> None:
        """A weighing is durable: it may have been the reference that was waited for, unless it is one of before."""
        if "late_record" in body.quality:
            return
        self._reference_is_on = False
        awaited = self._awaited
        if body.gross_kg is None or awaited is None or not self._is_awaited():
            return
        self._awaited = self._book.awaited = None  # the file lets go of it with the entry
        self._compare(
            "reference", awaited.load, body.gross_kg, by=awaited.by, passage=body.passage, key=awaited.key
        )

    def pictured(self, body: VehicleWeighed, tractor: str | None) -> None:
        """Its plate was read: a vehicle of known mass is a check at every passage."""
        load = next((one for one in self._rules.checks.references if _carries(one, tractor)), None)
        if load is None or body.gross_kg is None or {"reference_check", "late_record"} & set(body.quality):
            return
        self._compare("known_vehicle", load, body.gross_kg, by=_BY_LANE, passage=body.passage)

    # --- what is due -----------------------------------------------------------------------------------------------

    @property
    def shift_ms(self) -> int | None:
        starts, opened_ms = self._rules.checks.shift_starts, self._book.opened_ms
        return shift_began_ms(self._clock.now_ms(), starts=starts, opened_ms=opened_ms)

    @property
    def unchecked(self) -> tuple[CheckKind, ...]:
        """Checks that this shift still owes."""
        return self._book.unchecked(self._rules.kinds, self.shift_ms)

    def due(self) -> tuple[str, ...]:
        """Machine words for what a person must do."""
        found = self.standing()
        drifts = tuple(f"{kind}_drifts" for kind in self._watch.since if kind != "zero")
        return (
            *found.reasons,
            *(("certificate_ends_soon",) if self._ends_soon(found) else ()),
            *(("shift_not_checked",) if self.unchecked else ()),
            *(("rezero_needed",) if self._watch.rezero_needed else ()),
            *drifts,
        )

    def health(self) -> Iterable[DeviceHealth]:
        due = self.due()
        if bool(due) != bool(self._due):
            self._since_ms = self._clock.now_ms()
        self._due = due
        yield DeviceHealth(
            name="instrument",
            kind="instrument",
            state="due" if due else "up",
            since_ms=self._since_ms,
            detail=", ".join(due),
        )

    def _ends_soon(self, found: Standing) -> bool:
        paper = found.certificate
        return (
            found.evidence
            and paper is not None
            and paper.valid_until < china_day(self._clock.now_ms() + EXPIRES_MS)
        )

    # --- acts ------------------------------------------------------------------------------------------------------

    async def check(self, arguments: Mapping[str, str]) -> bool:
        """Of a command.  RefusedError: not like this, not now, or not from afar."""
        saying = saying_of(arguments)
        if saying.act in AT_THE_BOX:
            raise RefusedError(f"{saying.act} is said at the box")
        self._planned(saying)
        return True

    async def act(self, arguments: Mapping[str, str]) -> None:
        """Twice is as good as once."""
        await self.perform(arguments)

    async def perform(self, arguments: Mapping[str, str]) -> str:
        """What to tell who said it, also when it was done before.  RefusedError, FullError: nothing was done."""
        saying = saying_of(arguments)
        if (before := await self._find(_key(saying.id))) is not None:
            appended, fact = before
            return _answer(fact, appended)
        planned = self._planned(saying)
        if isinstance(planned, _Awaited):
            await self._await(planned, saying)
            return f"waiting for {planned.load.name} to cross the scale"
        appended = await self._write(planned, key=_key(saying.id))
        if isinstance(planned, ScaleChecked) and not appended.known:
            self._reference_is_on = planned.kind == "reference"
            self._learn(planned)
        return _answer(planned, appended)

    async def take_into_use(self, certificate: InstrumentCertificate) -> None:
        """The certificate of the settings, unless it was the last word, of anybody or of the settings.

        RefusedError: it contradicts what was said of it.
        """
        certified = self._book.history.certified
        if certificate not in (newest(certified), newest(one for one in certified if one.by == SETTINGS)):
            self._refuse_certificate(certificate)
            fact = InstrumentCertified(
                device=self._rules.device, at_ms=self._clock.now_ms(), certificate=certificate, by=SETTINGS
            )
            await self._write(fact, key=None)

    def _planned(self, saying: Saying) -> Fact | _Awaited:
        now_ms = self._clock.now_ms()
        at_ms = now_ms if saying.at_ms is None else saying.at_ms
        if at_ms > now_ms + AHEAD_MS:
            raise RefusedError("at_ms is in the future")
        device = self._rules.device
        for change in CHANGES:
            if saying.act == change:
                return InstrumentChanged(
                    device=device,
                    at_ms=at_ms,
                    change=change,
                    by=saying.by,
                    seal=saying.seal,
                    note=saying.note,
                )
        if saying.at_ms is not None:
            raise RefusedError(f"{saying.act} counts from now on: it takes no at_ms")
        if saying.act == "open_shift":
            return ShiftOpened(device=device, at_ms=now_ms, by=saying.by)
        if saying.certificate is not None:
            self._refuse_certificate(saying.certificate)
            return InstrumentCertified(
                device=device, at_ms=now_ms, certificate=saying.certificate, by=saying.by, note=saying.note
            )
        return self._zero(saying) if saying.act == "check_zero" else self._reference(saying)

    def _refuse_certificate(self, certificate: InstrumentCertificate) -> None:
        if (why := contradiction(certificate, self._book.history)) is not None:
            raise RefusedError(why)
        if (other := self._book.elsewhere.get(certificate.number)) is not None:
            raise RefusedError(f"certificate {certificate.number} was taken into use for {other}")
        shown_kg = self._rules.display_kg
        for_us = self._rules.grade in certificate.grades
        if for_us and shown_kg is not None and shown_kg != certificate.division_kg:
            raise RefusedError(
                f"its division is {certificate.division_kg} kg, and the settings of the lane say {shown_kg} kg: "
                "set the division and this certificate there together"
            )
        if self._rules.error_kg(certificate, certificate.max_kg, self._clock.now_ms()) is None:
            raise RefusedError(
                f"no row of the law says what class {certificate.accuracy_class} may be off in service"
            )

    def _zero(self, saying: Saying) -> ScaleChecked:
        division = self._division()
        if self._steady.occupied:
            raise RefusedError("something is on the platform")
        shown = self._shown(division)
        limit = self._rules.checks.zero_divisions * division
        return self._checked("zero", expected_kg=0, shown_kg=shown, limit_kg=limit, by=saying.by)

    def _reference(self, saying: Saying) -> ScaleChecked | _Awaited:
        load = self._load(saying.reference)
        if load is None:
            names = ", ".join(one.name for one in self._rules.checks.references) or "none"
            raise RefusedError(f"no such reference: {saying.reference}; the settings name {names}")
        limit = self._limit_kg(load)
        if not self._steady.occupied:
            wait_ms = self._rules.checks.wait_s * 1_000
            return self._waiting(load, key=_key(saying.id), by=saying.by, left_ms=wait_ms)
        shown = self._shown(self._division())
        return self._checked(
            "reference",
            expected_kg=load.kg,
            shown_kg=shown,
            limit_kg=limit,
            by=saying.by,
            reference=load.name,
        )

    def _load(self, name: str) -> ReferenceLoad | None:
        return next((one for one in self._rules.checks.references if one.name == name), None)

    def _waiting(self, load: ReferenceLoad, *, key: str, by: str, left_ms: int) -> _Awaited:
        """No clock that was set makes it longer than the settings say."""
        left_ms = min(left_ms, self._rules.checks.wait_s * 1_000)
        return _Awaited(load=load, key=key, by=by, until_mono_ms=self._clock.mono_ms() + left_ms)

    async def _await(self, planned: _Awaited, saying: Saying) -> None:
        self._awaited = planned
        self._book.awaited = Awaited(
            reference=planned.load.name,
            id=saying.id,
            by=planned.by,
            until_ms=self._clock.now_ms() + self._rules.checks.wait_s * 1_000,
        )
        await self._remember()

    def _division(self) -> int:
        division = self.division_kg
        if division is None:
            raise RefusedError("there is no certificate in use, so no division to check against")
        return division

    def _shown(self, division_kg: int) -> int:
        shown = self._steady.kg(mono_ms=self._clock.mono_ms(), division_kg=division_kg)
        if shown is None:
            raise RefusedError("the display does not stand still, or says nothing")
        return shown

    def _limit_kg(self, load: ReferenceLoad) -> int:
        error = self._error_kg(load.kg)
        if error is None:
            raise RefusedError("there is no certificate in use, so no class to check against")
        return error * self._rules.checks.within_permille // 1_000

    def _error_kg(self, load_kg: int) -> int | None:
        certificate = self.standing().certificate
        return (
            None if certificate is None else self._rules.error_kg(certificate, load_kg, self._clock.now_ms())
        )

    # --- saying it -------------------------------------------------------------------------------------------------

    def _is_awaited(self) -> bool:
        return self._awaited is not None and self._clock.mono_ms() <= self._awaited.until_mono_ms

    def _compare(
        self,
        kind: CheckKind,
        load: ReferenceLoad,
        shown_kg: int,
        *,
        by: str,
        passage: str,
        key: str | None = None,
    ) -> None:
        error = self._error_kg(load.kg)
        if error is None:
            return
        limit = error * self._rules.checks.within_permille // 1_000
        checked = self._checked(
            kind,
            expected_kg=load.kg,
            shown_kg=shown_kg,
            limit_kg=limit,
            by=by,
            reference=load.name,
            passage=passage,
        )
        self._seen.put_nowait((checked, key))
        self._learn(checked)

    def _checked(
        self,
        kind: CheckKind,
        *,
        expected_kg: int,
        shown_kg: int,
        limit_kg: int,
        by: str,
        reference: str = "",
        passage: str | None = None,
    ) -> ScaleChecked:
        return ScaleChecked(
            device=self._rules.device,
            at_ms=self._clock.now_ms(),
            kind=kind,
            expected_kg=expected_kg,
            shown_kg=shown_kg,
            limit_kg=limit_kg,
            within=abs(shown_kg - expected_kg) <= limit_kg,
            by=by,
            reference=reference,
            shift_ms=self.shift_ms,
            passage=passage,
        )

    def _learn(self, checked: ScaleChecked) -> None:
        """A known mass tells of drift too."""
        error = self._error_kg(checked.expected_kg)
        if checked.kind == "zero" or error is None:
            return
        for drift in self._watch.known(checked.shown_kg - checked.expected_kg, error_kg=error):
            self._tell(drift)

    def _tell(self, drift: Drift) -> None:
        log.warning("scale drifts" if drift.begun else "scale drifts no more", extra={"kind": drift.kind})
        drifted = ScaleDrifted(
            device=self._rules.device,
            at_ms=self._clock.now_ms(),
            kind=drift.kind,
            state="begun" if drift.begun else "over",
            measured_kg=drift.measured_kg,
            limit_kg=drift.limit_kg,
        )
        self._seen.put_nowait((drifted, None))

    async def _write(self, fact: Fact, *, key: str | None) -> Appended:
        appended = await self._append(fact, key)
        if not appended.known:
            self._book.add(fact)
            await self._remember()
        return appended


def _carries(load: ReferenceLoad, plate: str | None) -> bool:
    return load.plate is not None and plate is not None and normalise(load.plate) == normalise(plate)


def _key(order: str) -> str:
    return f"instrument/{order}"


def _answer(fact: Fact | None, appended: Appended) -> str:
    return f"{_told(fact) if fact else 'done before'}: {appended.journal}/{appended.seq}"


def _told(fact: Fact) -> str:
    if isinstance(fact, ScaleChecked):
        outcome = "within" if fact.within else "NOT within"
        return f"{fact.kind}: {fact.shown_kg} kg for {fact.expected_kg} kg, {outcome} {fact.limit_kg} kg"
    return fact.stream


def checks_of(method: str, checks: CheckSettings, *, attended: bool) -> tuple[CheckKind, ...]:
    """What a shift owes: a moving-axle weigher shows no empty platform to anybody."""
    if checks.wanted == "never" or (checks.wanted == "attended" and not attended):
        return ()
    needed: Sequence[CheckKind] = ("zero", "reference") if method == "static_platform" else ("reference",)
    return tuple(needed)
