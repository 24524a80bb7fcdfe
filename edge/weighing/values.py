"""What scales say and what a weighing yields, in the units of the contract."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from kernel.errors import ProtocolError
from kernel.events import Axle, AxleGroup, DeckMass, VehicleFacts

_KG_PER_LB_E8 = 45_359_237
_EXPONENT = {"kg": 0, "g": -3, "t": 3, "lb": -8}  # of a kilogram, pounds after _KG_PER_LB_E8


@dataclass(frozen=True, slots=True, kw_only=True)
class DeckReading:
    """What one deck 秤台 of a scale shows, and the frame that said so."""

    deck: str
    kg: int
    raw: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightReading:
    """One displayed value of a static platform.

    `kg` is None when the display shows no usable weight: out of its range, or not zeroed since it was switched on;
    `over_range` then tells that something heavy is there.
    `stable` is the device's own motion flag, None when it has none.  `confirmed` is false while a single frame
    without a checksum is all that says so.
    """

    kg: int | None
    stable: bool | None
    at_ms: int
    mono_ms: int
    confirmed: bool = True
    over_range: bool = False
    net: bool = False
    words: tuple[str, ...] = ()
    raw: bytes = b""  # the frame that said so
    decks: tuple[DeckReading, ...] = ()  # of a scale with several; `kg` is their sum

    @property
    def says_nothing(self) -> bool:
        """Neither a weight nor that something heavy is there."""
        return self.kg is None and not self.over_range


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleRecord:
    """One vehicle as a moving-axle weigher recorded it.

    `key` is the same for the same record however often it is sent; "" where the device sends each once and cannot be
    told that it arrived.  Speeds, spacings and acceleration are None when they or their unit are not known.
    `axle_count` is None where a weight may be that of an axle or of a group.  Groups are told by `type_codes`, or by
    the device itself in `group_axles` and `group_dual`.  `asked` is true for a record that came from the device's
    memory: when the vehicle passed is then not known, unless `recorded_ms` says it, by a device clock that is trusted.
    """

    key: str
    serial: int
    by: Literal["axle", "group"]
    axle_count: int | None
    weights_kg: tuple[int, ...]
    flags: int
    speed_dkmh: int | None
    at_ms: int
    mono_ms: int
    raw: bytes
    type_codes: tuple[int, ...] = ()
    dual_flags: tuple[int, ...] = ()
    group_axles: tuple[int, ...] | None = None
    group_dual: tuple[bool, ...] | None = None
    axle_speed_raw: tuple[int, ...] = ()
    spacings_mm: tuple[int, ...] | None = None
    axle_speeds_dkmh: tuple[int, ...] | None = None
    accel_mms2: int | None = None
    cached: int = 0
    asked: bool = False
    recorded_ms: int | None = None
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleReversed:
    """The device says that a vehicle rolled back off the weigher 倒车: the record `record`, or the last if it names none.

    `key` is what the device is told of it once that is safe; "" where it need not be told.
    """

    at_ms: int
    mono_ms: int
    record: str = ""
    key: str = ""
    raw: bytes = b""


ScaleEvent = WeightReading | VehicleRecord | VehicleReversed


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A vehicle is on the scale."""

    at_ms: int
    mono_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The display stands still at `gross_kg`; a later one replaces it."""

    gross_kg: int
    at_ms: int
    mono_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """The vehicle has left the scale and this is its weighing; `gross_kg` None means no weight may be used.

    `mono_ms` is the moment of leaving.  `quality` are machine words, see docs/scales.md.  `zero_kg` is what the empty
    scale showed at rest before it.  `frames` are those that gave the weight, in hex.
    """

    gross_kg: int | None
    arrived_ms: int | None
    left_ms: int
    mono_ms: int
    arrived_mono_ms: int | None = None
    quality: tuple[str, ...] = ()
    facts: VehicleFacts = field(default_factory=VehicleFacts)
    axles: tuple[Axle, ...] = ()
    groups: tuple[AxleGroup, ...] = ()
    speed_dkmh: int | None = None
    accel_mms2: int | None = None
    direction: str | None = None
    trace: tuple[tuple[int, int], ...] = ()
    record_hex: str = ""
    recorded_ms: int | None = None  # by the device's own clock
    key: str = ""
    zero_kg: int | None = None
    frames: tuple[str, ...] = ()
    decks: tuple[DeckMass, ...] = ()


WeighingEvent = Arrived | Settled | Weighed | VehicleReversed


def whole_kg(
    mantissa: int, exponent: int, unit: str, *, allow_lb: bool = False
) -> tuple[int, tuple[str, ...]]:
    """The displayed value in kg, and machine words for what the conversion did.

    A fraction of a kilogram is cut off, towards the lighter weight.  Pounds raise ProtocolError unless allowed: a
    scale that enforces the law shows kilograms, so pounds mean a wrong setting.  So does anything that is no mass.
    """
    if unit not in _EXPONENT:
        raise ProtocolError(f"the indicator shows {unit!r}, which is no mass")
    if unit == "lb" and not allow_lb:
        raise ProtocolError("the indicator shows pounds: set it to kg, or allow_lb if that is meant")
    exponent += _EXPONENT[unit]
    number, divisor = abs(mantissa) * 10 ** max(exponent, 0), 10 ** max(-exponent, 0)
    if unit == "lb":
        number *= _KG_PER_LB_E8
    kg, rest = divmod(number, divisor)
    words = (("converted_from_lb",) if unit == "lb" else ()) + (("fraction_cut",) if rest else ())
    return (-kg if mantissa < 0 else kg), words
