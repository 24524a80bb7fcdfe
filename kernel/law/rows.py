"""Rows of the law: every limit, tariff and allowance with its source, its dates and who approved it."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import product
from typing import Literal, get_args

from kernel.errors import ConfigError
from kernel.events import JointMode, RoadClass, WeighingGrade
from kernel.footage.bodies import Step as RecordedStep
from kernel.settings import Faults

Mark = Literal["S", "K", "K?", "U"]  # seen in a source, known, from memory, unsure
VehicleBody = Literal["rigid", "combination"]  # 货车 / 汽车列车
Tyres = Literal["single", "dual", "wide"]
Fraction = Literal["FLOOR", "CEIL", "PRO_RATA"]

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_JURISDICTION = re.compile(r"national|\d\d(?:\d\d){0,2}", re.ASCII)
_ID = re.compile(r"[a-z0-9]+(?:[-.][a-z0-9]+)*")


def is_day(text: str) -> bool:
    """Whether a text is a calendar day written YYYY-MM-DD."""
    if _DAY.fullmatch(text) is None:
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def china_day(at_ms: int) -> str:
    """The day in China (UTC+8, no summer time) of a UTC stamp: the day whose law applies to the act."""
    days = (at_ms + 8 * 3_600_000) // 86_400_000
    return date.fromordinal(date(1970, 1, 1).toordinal() + days).isoformat()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What every row has.  `effective_to` is the last day in force; `jurisdiction` a GB/T 2260 prefix."""

    id: str
    source: str
    effective_from: str
    approved_by: str
    mark: Mark
    jurisdiction: str = "national"
    effective_to: str | None = None

    def __post_init__(self) -> None:
        faults = self.faults()
        if faults:
            raise ConfigError(faults)

    def faults(self) -> Faults:
        return _row_faults(self)

    def keys(self) -> tuple[Hashable, ...]:
        """The questions this row answers; two rows in force together may not answer the same one."""
        return ((),)

    def in_force(self, on: str, jurisdiction: str) -> bool:
        if not self.effective_from <= on or (self.effective_to is not None and on > self.effective_to):
            return False
        return self.jurisdiction == "national" or jurisdiction.startswith(self.jurisdiction)

    @property
    def closeness(self) -> int:
        """How near to the place the row was made: the county goes before the province before the nation."""
        return 0 if self.jurisdiction == "national" else len(self.jurisdiction)


def _row_faults(row: Row) -> Faults:
    faults: Faults = []
    if _ID.fullmatch(row.id) is None:
        faults.append(("id", f"must be small letters, digits and hyphens, is {row.id!r}"))
    if _JURISDICTION.fullmatch(row.jurisdiction) is None:
        faults.append(("jurisdiction", f"must be national or 2, 4 or 6 digits, is {row.jurisdiction!r}"))
    for name in ("source", "approved_by"):
        if not getattr(row, name).strip():
            faults.append((name, "must not be empty"))
    return faults + _date_faults(row)


def _date_faults(row: Row) -> Faults:
    faults = [
        (name, f"must be a day YYYY-MM-DD, is {value!r}")
        for name, value in (("effective_from", row.effective_from), ("effective_to", row.effective_to))
        if value is not None and not is_day(value)
    ]
    if not faults and row.effective_to is not None and row.effective_to < row.effective_from:
        faults.append(("effective_to", f"is before effective_from {row.effective_from}"))
    return faults


def _not_positive(row: Row, *names: str) -> Faults:
    return [(name, "must be above zero") for name in names if getattr(row, name) <= 0]


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRow(Row):
    """A mass limit of Art. 3; `more_zh` and `more_en` name vehicles with more axles than `axles`."""

    body: VehicleBody
    axles: int
    limit_kg: int
    name_zh: str
    name_en: str
    cite_zh: str
    cite_en: str
    drive: Literal["any", "single", "several"] = "any"
    and_more: bool = False
    more_zh: str = ""
    more_en: str = ""

    def faults(self) -> Faults:
        faults = _row_faults(self) + _not_positive(self, "axles", "limit_kg")
        if self.and_more and not (self.more_zh and self.more_en):
            faults.append(("more_zh", "and more_en are required with and_more"))
        return faults

    def keys(self) -> tuple[Hashable, ...]:
        return ((self.body, self.axles, self.and_more, self.drive),)


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleTyreRow(Row):
    """What single tyres take off the limit, for each such axle or once for the vehicle."""

    less_kg: int
    counted: Literal["per_axle", "once"]
    cite_zh: str
    cite_en: str

    def faults(self) -> Faults:
        return _row_faults(self) + _not_positive(self, "less_kg")


@dataclass(frozen=True, slots=True, kw_only=True)
class AirSuspensionRow(Row):
    """What air suspension of a twin-tyred drive axle adds."""

    body: VehicleBody
    axles: int
    more_kg: int
    cite_zh: str
    cite_en: str

    def faults(self) -> Faults:
        return _row_faults(self) + _not_positive(self, "axles", "more_kg")

    def keys(self) -> tuple[Hashable, ...]:
        return ((self.body, self.axles),)


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceRow(Row):
    """Whether the mass on the vehicle licence 核定总质量 is the limit, or only worth a note."""

    vehicles: Literal["two_axle", "low_speed"]
    effect: Literal["limit", "note"]
    cite_zh: str
    cite_en: str

    def keys(self) -> tuple[Hashable, ...]:
        return (self.vehicles,)


@dataclass(frozen=True, slots=True, kw_only=True)
class AxleLoadRow(Row):
    """The largest load of a single axle, tandem or tridem; spacing counts from `spacing_from_mm` up to below."""

    axles: Literal[1, 2, 3]
    tyres: tuple[Tyres, ...]
    limit_kg: int
    drive: tuple[bool, ...] = (True, False)
    trailer: tuple[bool, ...] = (True, False)
    air: tuple[bool, ...] = (True, False)
    spacing_from_mm: int = 0
    spacing_below_mm: int = 100_000

    def faults(self) -> Faults:
        faults = _row_faults(self) + _not_positive(self, "limit_kg")
        if self.spacing_from_mm >= self.spacing_below_mm:
            faults.append(("spacing_below_mm", "must be above spacing_from_mm"))
        return faults

    def keys(self) -> tuple[Hashable, ...]:
        spans = ((self.spacing_from_mm, self.spacing_below_mm),)
        return tuple(product((self.axles,), self.tyres, self.drive, self.trailer, self.air, spans))


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeLimitRow(Row):
    """The largest height, width or length."""

    quantity: Literal["height", "width", "length"]
    limit_mm: int

    def faults(self) -> Faults:
        return _row_faults(self) + _not_positive(self, "limit_mm")

    def keys(self) -> tuple[Hashable, ...]:
        return (self.quantity,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A part of the excess, in permille of the limit, and what a tonne of it costs."""

    from_permille: int
    fen_per_tonne: int
    to_permille: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A span of money that the law leaves to discretion 裁量, and when it applies."""

    from_fen: int
    to_fen: int
    when_zh: str
    when_en: str

    def __post_init__(self) -> None:
        if not 0 <= self.from_fen <= self.to_fen:
            raise ConfigError.one("to_fen", "must not be below from_fen")


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffRow(Row):
    """What excess mass costs on these roads in this mode; an empty list means all of them.

    per_tonne: a sum for each 1 000 kg, a warning up to `warning_to_kg`.  bands: sums by share of the limit,
    no sum up to `education_to_permille`.  range: spans left to discretion.  none: no fine here, `reason` says why.
    """

    kind: Literal["per_tonne", "bands", "range", "none"]
    cite_zh: str
    cite_en: str
    road_classes: tuple[RoadClass, ...] = ()
    joint_modes: tuple[JointMode, ...] = ()
    weighing_grades: tuple[WeighingGrade, ...] = ()
    reason: str = ""
    warning_to_kg: int = 0
    fen_per_tonne: int = 0
    cap_fen: int = 0
    education_to_permille: int = 0
    bands: tuple[Band, ...] = ()
    steps: tuple[Step, ...] = ()
    size_tariff: bool = False

    def faults(self) -> Faults:
        needed: dict[str, tuple[str, ...]] = {
            "per_tonne": ("fen_per_tonne", "cap_fen"),
            "bands": ("bands", "cap_fen"),
            "range": ("steps",),
            "none": ("reason",),
        }
        missing = [name for name in needed[self.kind] if not getattr(self, name)]
        return _row_faults(self) + [(name, f"is required for kind {self.kind}") for name in missing]

    def keys(self) -> tuple[Hashable, ...]:
        return tuple(
            product(
                self.road_classes or get_args(RoadClass),
                self.joint_modes or get_args(JointMode),
                self.weighing_grades or get_args(WeighingGrade),
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FractionRow(Row):
    """How a part of 1 000 kg counts, and whether the first 1 000 kg are free once there is a fine."""

    fraction: Fraction
    subtract_first_1000: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Bracket:
    """A span of money for vehicles up to these sizes; without sizes it is for all larger ones."""

    from_fen: int
    to_fen: int
    height_to_mm: int | None = None
    width_to_mm: int | None = None
    length_to_mm: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeTariffRow(Row):
    """What excess size costs: the first bracket that the vehicle fits in whole."""

    brackets: tuple[Bracket, ...]
    cite_zh: str
    cite_en: str

    def faults(self) -> Faults:
        faults = _row_faults(self)
        last = self.brackets[-1] if self.brackets else None
        if last is None or (last.height_to_mm, last.width_to_mm, last.length_to_mm) != (None, None, None):
            faults.append(("brackets", "must end with one that has no sizes"))
        return faults


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowanceRow(Row):
    """The maximum permissible error in service 使用中检验 of a class of weighing instruments."""

    device_class: str
    permille: int

    def faults(self) -> Faults:
        return _row_faults(self) + _not_positive(self, "permille")

    def keys(self) -> tuple[Hashable, ...]:
        return (self.device_class,)


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticErrorRow(Row):
    """The error in service of a class of static scales, in tenths of a division, for loads above one number of them."""

    device_class: str
    above_divisions: int
    to_divisions: int
    error_tenths: int

    def faults(self) -> Faults:
        faults = _row_faults(self) + _not_positive(self, "to_divisions", "error_tenths")
        if not 0 <= self.above_divisions < self.to_divisions:
            faults.append(("above_divisions", "must be from 0 to below to_divisions"))
        return faults

    def keys(self) -> tuple[Hashable, ...]:
        return ((self.device_class, self.above_divisions),)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionRow(Row):
    """How long footage of a category stays 保管期限: days after it was taken in, or after its case was closed, or for ever."""

    category: str
    counted_from: Literal["import", "case"] = "import"
    days: int | None = None
    permanent: bool = False

    def faults(self) -> Faults:
        faults = _row_faults(self)
        if (self.days is None) != self.permanent:
            faults.append(("days", "is required, unless permanent is true"))
        if self.days is not None and self.days < 1:
            faults.append(("days", "must be above zero"))
        if _ID.fullmatch(self.category.replace("_", "-")) is None:
            faults.append(("category", f"must be small letters, digits and _, is {self.category!r}"))
        return faults

    def keys(self) -> tuple[Hashable, ...]:
        return (self.category,)


@dataclass(frozen=True, slots=True, kw_only=True)
class MustRecordRow(Row):
    """Steps that must be on footage 应当记录的环节: of every case of this mode, and of those in which they are done.

    `before_release` are those of `steps` that come before the vehicle may go.
    """

    mode: JointMode
    steps: tuple[RecordedStep, ...]
    before_release: tuple[RecordedStep, ...] = ()
    when_done: tuple[RecordedStep, ...] = ()

    def faults(self) -> Faults:
        faults = _row_faults(self)
        if not set(self.before_release) <= set(self.steps):
            faults.append(("before_release", "must be among steps"))
        if set(self.when_done) & set(self.steps):
            faults.append(("when_done", "must not repeat steps"))
        return faults

    def keys(self) -> tuple[Hashable, ...]:
        return (self.mode,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One set of texts: the shipped one, or a site's own.  Also the form of each file."""

    limit: tuple[LimitRow, ...] = ()
    single_tyre: tuple[SingleTyreRow, ...] = ()
    air_suspension: tuple[AirSuspensionRow, ...] = ()
    licence: tuple[LicenceRow, ...] = ()
    axle_load: tuple[AxleLoadRow, ...] = ()
    size_limit: tuple[SizeLimitRow, ...] = ()
    tariff: tuple[TariffRow, ...] = ()
    fraction: tuple[FractionRow, ...] = ()
    size_tariff: tuple[SizeTariffRow, ...] = ()
    allowance: tuple[AllowanceRow, ...] = ()
    static_error: tuple[StaticErrorRow, ...] = ()
    retention: tuple[RetentionRow, ...] = ()
    must_record: tuple[MustRecordRow, ...] = ()

    def tables(self) -> Iterator[tuple[str, tuple[Row, ...]]]:
        for name in self.__slots__:
            yield name, getattr(self, name)
