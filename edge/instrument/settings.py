"""What an operator sets of the instrument: its certificate, and how each shift holds it against what is known."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Literal

from kernel.errors import ConfigError
from kernel.events import InstrumentCertificate, WeighingGrade
from kernel.law.instruments import certificate_faults
from kernel.settings import above_zero, filled, must, once_each, refuse

_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
_NAME = re.compile(r"[\w-]{1,40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateSettings:
    """The verification certificate 检定证书, as it reads.  Days are days in China, the last one counts."""

    number: str
    grades: tuple[WeighingGrade, ...]
    accuracy_class: str  # of the vehicle's mass: III, or 0.2 to 15
    division_kg: int
    max_kg: int
    min_kg: int
    seals: tuple[str, ...]
    valid_from: str
    valid_until: str
    issued_by: str
    axle_class: str = ""
    group_class: str = ""

    def __post_init__(self) -> None:
        faults = certificate_faults(self.paper)
        if faults:
            raise ConfigError(faults)

    @property
    def paper(self) -> InstrumentCertificate:
        return InstrumentCertificate(**asdict(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceLoad:
    """Test weights 砝码, or a vehicle of known mass 标准车; with a plate, its passages count as checks too."""

    name: str
    kg: int
    plate: str | None = None

    def __post_init__(self) -> None:
        refuse(
            must(bool(_NAME.fullmatch(self.name)), "name", "must be 1 to 40 letters, digits, _ and -"),
            above_zero("kg", self.kg),
            filled("plate", "none" if self.plate is None else self.plate),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSettings:
    """When a shift 班次 begins, and what is within.  Without start times it begins with `shift.opened` alone.

    `wanted` "attended" asks for checks where officers are; an unattended lane has nobody to make them.
    """

    wanted: Literal["attended", "always", "never"] = "attended"
    shift_starts: tuple[str, ...] = ("08:00", "20:00")  # in China
    references: tuple[ReferenceLoad, ...] = ()
    zero_divisions: int = 1  # how far from zero the empty platform may be
    within_permille: int = 1_000  # of the error in service: how far a reference may be off
    wait_s: int = 1_800  # for the reference to cross the scale

    def __post_init__(self) -> None:
        plates = [one.plate for one in self.references if one.plate is not None]
        refuse(
            *(
                must(bool(_CLOCK.fullmatch(at)), "shift_starts", f"not a time: {at!r}")
                for at in self.shift_starts
            ),
            once_each("references", [one.name for one in self.references]),
            once_each("references", plates),
            *(
                above_zero(name, getattr(self, name))
                for name in ("zero_divisions", "within_permille", "wait_s")
            ),
        )
