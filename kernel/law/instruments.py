"""Which certificate a weighing instrument 称重设备 stood under at a moment, and whether it yields evidence for a case.

Compulsory verification 强制检定 and that unverified instruments prove nothing: 计量法 Art. 9; 行政处罚法 Art. 41.
Days are days in China; a day is in force whole, the last one included.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kernel.events import (
    Body,
    InstrumentCertificate,
    InstrumentCertified,
    InstrumentChanged,
    VehicleWeighed,
    WeighingGrade,
)
from kernel.law.law import Law
from kernel.law.rows import StaticErrorRow, china_day, is_day
from kernel.settings import Faults

# What a change does to the certificate until the instrument is verified anew; putting on a seal does nothing.
VOIDS = {
    "seal_broken": "seal_broken",
    "load_cell_replaced": "load_cell_replaced",
    "repaired": "repaired_unverified",
}

_DAY_MS = 86_400_000
_CHINA_MS = 8 * 3_600_000
HEAVIEST_KG = 10_000_000  # no scale for vehicles weighs more
MOST_SEALS = 50
LONGEST = 100  # characters of a text of a certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What was said of one instrument, in any order."""

    certified: tuple[InstrumentCertified, ...] = ()
    changes: tuple[InstrumentChanged, ...] = ()

    @classmethod
    def of(cls, device: str, facts: Sequence[Body]) -> History:
        """Only what is said of `device`."""
        return cls(
            certified=tuple(f for f in facts if isinstance(f, InstrumentCertified) and f.device == device),
            changes=tuple(f for f in facts if isinstance(f, InstrumentChanged) and f.device == device),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The certificate that counts, and every reason why its weighings are no evidence; none: they are."""

    certificate: InstrumentCertificate | None
    reasons: tuple[str, ...]

    @property
    def evidence(self) -> bool:
        return not self.reasons


def standing(history: History, *, grade: WeighingGrade, at_ms: int, gross_kg: int | None = None) -> Standing:
    """Of the certificates in use by then the newest without a fault, or the newest; `gross_kg` None: not weighed yet.

    Each certificate counts as it was said last by then: a correction replaces the figures of before.
    """
    used = _uses(one for one in history.certified if one.at_ms <= at_ms)
    if not used:
        return Standing(certificate=None, reasons=("no_certificate",))
    judged = [
        Standing(
            certificate=use.last.certificate,
            reasons=(
                *_of_paper(use.last.certificate, grade=grade, on=china_day(at_ms)),
                *voided(use.first, history.changes, at_ms=at_ms),
                *_of_mass(use.last.certificate, gross_kg),
            ),
        )
        for use in used
    ]
    return next((one for one in judged if one.evidence), judged[0])


def unchanged(history: History, *, at_ms: int) -> tuple[int, int]:
    """From when until before when the standing of `at_ms` holds: no day ends, and nothing that was said begins to count."""
    day_ms = (at_ms + _CHINA_MS) // _DAY_MS * _DAY_MS - _CHINA_MS
    said = [*(one.at_ms for one in history.certified), *(one.at_ms for one in history.changes)]
    moments = (day_ms, day_ms + _DAY_MS, *said)
    return max(one for one in moments if one <= at_ms), min(one for one in moments if one > at_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Use:
    """One certificate: as it was taken into use, and as it was said last."""

    first: InstrumentCertified
    last: InstrumentCertified


def _uses(certified: Iterable[InstrumentCertified]) -> list[_Use]:
    """One for each number, the newest first; of two of the same moment the one that was told later."""
    uses: dict[str, _Use] = {}
    for one in sorted(certified, key=_said_ms):
        number = one.certificate.number
        known = uses.pop(number, None)
        uses[number] = _Use(first=known.first if known else one, last=one)
    return list(reversed(uses.values()))


def newest(certified: Iterable[InstrumentCertified]) -> InstrumentCertificate | None:
    """What was said last, whatever it says."""
    found = max(enumerate(certified), key=lambda one: (one[1].at_ms, one[0]), default=None)
    return found[1].certificate if found else None


def _said_ms(certified: InstrumentCertified) -> int:
    return certified.at_ms


def voided(
    first: InstrumentCertified | None, changes: Sequence[InstrumentChanged], *, at_ms: int
) -> tuple[str, ...]:
    """What was done to the instrument up to then that its certificate does not cover; `first` took that into use."""
    reasons = [
        VOIDS[change.change]
        for change in changes
        if change.change in VOIDS and change.at_ms <= at_ms and not _covers(first, change)
    ]
    return tuple(dict.fromkeys(reasons))


def _covers(first: InstrumentCertified | None, change: InstrumentChanged) -> bool:
    """Only a verification of that day or later, taken into use afterwards, has seen what was done.

    To correct its figures afterwards is no verification.
    """
    if first is None or first.at_ms <= change.at_ms:
        return False
    return first.certificate.valid_from >= china_day(change.at_ms)


def _of_paper(certificate: InstrumentCertificate, *, grade: WeighingGrade, on: str) -> tuple[str, ...]:
    checks = {
        "certificate_not_for_grade": grade not in certificate.grades,
        "certificate_not_yet_valid": on < certificate.valid_from,
        "certificate_expired": on > certificate.valid_until,
    }
    return tuple(word for word, holds in checks.items() if holds)


def _of_mass(certificate: InstrumentCertificate, gross_kg: int | None) -> tuple[str, ...]:
    if gross_kg is None:
        return ()
    checks = {
        "over_capacity": gross_kg > certificate.max_kg,
        "below_capacity": gross_kg < certificate.min_kg,
    }
    return tuple(word for word, holds in checks.items() if holds)


def objections(weighed: VehicleWeighed, history: History, *, at_ms: int) -> tuple[str, ...]:
    """Why a weighing of `at_ms` is no evidence: what its lane said then, and what is known of the instrument since.

    One that came late counts as of when its device says that it was made.
    """
    if "late_record" in weighed.quality and weighed.recorded_ms is not None:
        at_ms = weighed.recorded_ms
    said = weighed.instrument
    number = said.certificate if said is not None else weighed.device_certificate
    reasons = said.reasons if said is not None else _of_earlier(weighed, on=china_day(at_ms))
    first = next(
        (use.first for use in _uses(history.certified) if use.first.certificate.number == number), None
    )
    return tuple(dict.fromkeys((*reasons, *voided(first, history.changes, at_ms=at_ms))))


def _of_earlier(weighed: VehicleWeighed, *, on: str) -> tuple[str, ...]:
    """A weighing of software that said no more of the instrument than a number and a day."""
    if weighed.device_certificate is None:
        return ("no_certificate",)
    until = weighed.device_certificate_until
    return ("certificate_expired",) if until is not None and on > until else ()


def contradiction(certificate: InstrumentCertificate, history: History) -> str | None:
    """Why it cannot be taken into use: a number belongs to one verification, whose figures may be corrected."""
    same = [one.certificate for one in history.certified if one.certificate.number == certificate.number]
    if any(one.valid_from != certificate.valid_from for one in same):
        return f"certificate {certificate.number} is of {same[0].valid_from}: another verification has another number"
    return None


def certificate_faults(certificate: InstrumentCertificate) -> Faults:
    """What a certificate must say before it can be taken into use."""
    faults: Faults = [
        (name, "must not be empty")
        for name in ("number", "grades", "accuracy_class", "seals", "issued_by")
        if not getattr(certificate, name)
    ]
    faults += [
        (name, f"must be from 1 to {HEAVIEST_KG}, is {getattr(certificate, name)}")
        for name in ("division_kg", "max_kg")
        if not 1 <= getattr(certificate, name) <= HEAVIEST_KG
    ]
    if not 0 <= certificate.min_kg < certificate.max_kg:
        faults.append(("min_kg", f"must be from 0 to below max_kg ({certificate.max_kg})"))
    return faults + _length_faults(certificate) + _day_faults(certificate)


def _length_faults(certificate: InstrumentCertificate) -> Faults:
    """It must fit into an entry."""
    faults: Faults = [
        (name, f"must be at most {LONGEST} characters")
        for name in ("number", "accuracy_class", "axle_class", "group_class", "issued_by")
        if len(getattr(certificate, name)) > LONGEST
    ]
    if len(certificate.seals) > MOST_SEALS:
        faults.append(("seals", f"must be at most {MOST_SEALS}, are {len(certificate.seals)}"))
    if any(not 0 < len(seal.strip()) <= LONGEST for seal in certificate.seals):
        faults.append(("seals", f"must be of 1 to {LONGEST} characters each"))
    if len(set(certificate.grades)) < len(certificate.grades):
        faults.append(("grades", "must be named once each"))
    return faults


def _day_faults(certificate: InstrumentCertificate) -> Faults:
    faults: Faults = [
        (name, f"must be a day such as 2027-06-30, is {getattr(certificate, name)!r}")
        for name in ("valid_from", "valid_until")
        if not is_day(getattr(certificate, name))
    ]
    if not faults and certificate.valid_until < certificate.valid_from:
        faults.append(("valid_until", f"is before valid_from {certificate.valid_from}"))
    return faults


def in_service_error_kg(
    certificate: InstrumentCertificate, load_kg: int, *, law: Law, on: str, jurisdiction: str
) -> int | None:
    """The error 使用中检验最大允许误差 that its class may have at this load, rounded down; None: no row knows the class."""
    moving = law.in_force(lambda layer: layer.allowance, on=on, jurisdiction=jurisdiction)
    row = moving.get(certificate.accuracy_class)
    if row is not None:
        return load_kg * row.permille // 1_000
    static = law.in_force(lambda layer: layer.static_error, on=on, jurisdiction=jurisdiction)
    fitting = [row for row in static.values() if _is_of(row, certificate, load_kg)]
    return fitting[0].error_tenths * certificate.division_kg // 10 if fitting else None


def _is_of(row: StaticErrorRow, certificate: InstrumentCertificate, load_kg: int) -> bool:
    if row.device_class != certificate.accuracy_class:
        return False
    low, high = row.above_divisions * certificate.division_kg, row.to_divisions * certificate.division_kg
    return low < max(load_kg, 1) <= high
