"""What an indicator shows 显示值, as the wire said it: a number, its unit if it was sent, and what vouches for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, Protocol, TypeVar, runtime_checkable

import msgspec

from kernel.errors import ProtocolError

Kind = Literal["gross", "net", "tare", "displayed", "unknown"]
T_co = TypeVar("T_co", covariant=True)

_TYPE_CODES = {(1, False): 1, (1, True): 2, (2, False): 3, (2, True): 5, (3, False): 6, (3, True): 9}


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """One displayed value: mantissa x 10^exponent in `unit`.

    None means that the protocol, or this frame, does not say: no number (`mantissa`), no `unit`, no motion flag
    (`stable`).  Kind "displayed" is gross or net, whichever the operator chose at the indicator.
    `valid` is false for what must not be used as a weight.  `checked`: a checksum vouched for it.  `confirmed`: that,
    or the frame before it said exactly the same.  `doubt` names an option that must be set before this may be used.
    `words` are machine words for the weighing, see docs/scales.md.

    A Struct, as one is made for every frame: a frozen dataclass costs five times as much.
    """

    mantissa: int | None
    exponent: int = 0
    unit: str | None = None
    kind: Kind | None = "displayed"
    stable: bool | None = None
    valid: bool = True
    over_range: bool = False
    under_range: bool = False
    checked: bool = False
    confirmed: bool = False
    doubt: str = ""
    words: tuple[str, ...] = ()
    raw: bytes = b""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What a device answers besides weights: done, refused, not understood.  `problem` is for the operator to solve."""

    status: str
    problem: str = ""
    raw: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Display:
    """What an indicator shows at one moment, for whoever plays one; `mantissa` carries the sign."""

    mantissa: int
    exponent: int = 0
    unit: str = "kg"
    net: bool = False
    tare: int = 0
    stable: bool = True
    at_zero: bool = False
    over_range: bool = False
    under_range: bool = False
    power_up: bool = False
    increment: int = 1  # of the last place: 1, 2 or 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """What a weigher found of one vehicle, for whoever plays one.  `axles_of` and `dual` say it group by group."""

    seq: int
    axle_kg: tuple[int, ...]
    axles_of: tuple[int, ...]
    dual: tuple[bool, ...]
    spacing_mm: tuple[int, ...]  # one less than axles
    axle_speed_dkmh: tuple[int, ...]
    speed_dkmh: int
    accel_mms2: int = 0
    flags: int = 0
    lane: int = 1
    at_ms: int = 0  # by the device's clock

    @property
    def group_kg(self) -> tuple[int, ...]:
        ends = [sum(self.axles_of[: n + 1]) for n in range(len(self.axles_of))]
        return tuple(
            sum(self.axle_kg[end - count : end]) for end, count in zip(ends, self.axles_of, strict=True)
        )

    @property
    def type_codes(self) -> tuple[int, ...]:
        """轴型代码 of the groups; 0 for those that have none."""
        return tuple(_TYPE_CODES.get(each, 0) for each in zip(self.axles_of, self.dual, strict=True))


class FedParser(Protocol[T_co]):
    """Fed with whatever the wire gave; the answer is the same for every split of the bytes."""

    def feed(self, data: bytes, /) -> Sequence[T_co | ProtocolError]: ...

    def finish(self) -> Sequence[T_co | ProtocolError]:
        """No more bytes will come: what could only be decided by them is decided now."""
        ...


@runtime_checkable
class AskingParser(Protocol):
    """A parser that numbers its questions, or takes only what answers the last one."""

    def ask(self) -> bytes:
        """The next question."""
        ...


def decimal_text(mantissa: int, exponent: int) -> str:
    """The number as it was displayed: 12.340, -20, 1500."""
    return format(Decimal(mantissa).scaleb(exponent), "f")


def described(reading: Reading) -> dict[str, object]:
    """A reading as one JSON object; a protocol adds what only it says."""
    weight = None if reading.mantissa is None else decimal_text(reading.mantissa, reading.exponent)
    return {
        "weight": weight,
        "unit": reading.unit,
        "kind": reading.kind,
        "stable": reading.stable,
        "valid": reading.valid,
        "checksum": "ok" if reading.checked else "none",
    }


def described_reply(reply: Reply) -> dict[str, object]:
    return {"status": reply.status}


def number(text: bytes, *, point: bytes = b".") -> tuple[int, int]:
    """(mantissa, exponent) of digits with at most one point: b"012.50" is (1250, -2).  ProtocolError if it is none."""
    whole, _, places = text.partition(point)
    digits = whole + places
    if not digits.isdigit():  # of bytes: 0-9 only
        raise ProtocolError("not a number", text)
    return int(digits), -len(places)
