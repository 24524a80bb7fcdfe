"""Moving-axle weigher 动态轴重衡: a finished vehicle record in, one weighing out; the gross is the record's own sum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge.weighing.values import VehicleRecord, VehicleReversed, Weighed, WeighingEvent
from kernel.errors import ConfigError
from kernel.events import Axle, AxleGroup, VehicleFacts

Tyres = Literal["single", "dual"] | None

# Axles and tyres by type code 轴型代码 0..9; mixed groups and code 0 say no one thing about their tyres.
AXLES_OF_CODE = (4, 1, 1, 2, 2, 2, 3, 3, 3, 3)
TYRES_OF_CODE: tuple[Tyres, ...] = (
    None, "single", "dual", "single", None, "dual", "single", None, None, "dual"
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class MovingSettings:
    """How this weigher's records are judged.

    `tyres` says where the number of tyres is to be read: in the type code, in its high nibble (0 single), or nowhere.
    `flag_words` names the bits of the record's flag byte from bit 0; what they mean is in the device's papers.
    `stop_and_go` "refuse" takes no weight from a vehicle that stopped on the weigher, "flag" takes it and says so.
    A vehicle can take itself back for `reverse_within_ms` after its weighing.  `clock_tolerance_ms` is how far a
    trusted clock of the device may be from this one.
    """

    tyres: Literal["type_code", "high_nibble", "unknown"] = "unknown"
    flag_words: tuple[str, ...] = ()
    speed_min_dkmh: int = 5
    speed_max_dkmh: int = 400
    accel_max_mms2: int = 1_500
    axle_max_kg: int = 30_000
    stop_and_go: Literal["flag", "refuse"] = "flag"
    direction: str | None = None
    reverse_within_ms: int = 120_000
    clock_tolerance_ms: int = 10_000

    def __post_init__(self) -> None:
        faults = []
        if len(self.flag_words) > 8:
            faults.append(("flag_words", "names at most eight bits"))
        if not 0 <= self.speed_min_dkmh < self.speed_max_dkmh:
            faults.append(("speed_min_dkmh", f"must be below speed_max_dkmh ({self.speed_max_dkmh})"))
        faults += [
            (name, "must not be below 0")
            for name in ("reverse_within_ms", "clock_tolerance_ms")
            if getattr(self, name) < 0
        ]
        if faults:
            raise ConfigError(faults)


class MovingWeighing:
    """One record is one vehicle; the machine keeps nothing between them."""

    def __init__(self, settings: MovingSettings) -> None:
        self._settings = settings

    def feed(self, event: VehicleRecord | VehicleReversed) -> list[WeighingEvent]:
        return [event] if isinstance(event, VehicleReversed) else [self.record(event)]

    def record(self, record: VehicleRecord) -> Weighed:
        groups = _groups(record, self._settings.tyres)
        quality = _quality(record, groups, self._settings)
        stopped = "stop_and_go" in quality and self._settings.stop_and_go == "refuse"
        gross: int | None = sum(record.weights_kg)
        if gross == 0 or "lines_missing" in quality or stopped:
            gross = None
        return Weighed(
            gross_kg=gross,
            arrived_ms=None,
            left_ms=record.at_ms,
            mono_ms=record.mono_ms,
            quality=quality,
            facts=VehicleFacts() if "separator_fault" in quality else _facts(record, groups),
            axles=_axles(record, groups),
            groups=groups,
            speed_dkmh=record.speed_dkmh,
            accel_mms2=record.accel_mms2,
            direction=self._settings.direction,
            record_hex=record.raw.hex(),
            recorded_ms=record.recorded_ms,
            key=record.key,
        )


def _groups(record: VehicleRecord, tyres: str) -> tuple[AxleGroup, ...]:
    """The axle groups, or none when what is said of them does not add up to the axles of the record."""
    counts = _axles_of_groups(record)
    if not counts or sum(counts) != record.axle_count:
        return ()
    weights, at = list(record.weights_kg), 0
    if record.by == "axle":
        weights = []
        for count in counts:
            weights.append(sum(record.weights_kg[at : at + count]))
            at += count
    return tuple(
        AxleGroup(axles=count, group_kg=kg, tyres=tyre)
        for count, kg, tyre in zip(counts, weights, _tyres_of_groups(record, tyres), strict=True)
    )


def _axles_of_groups(record: VehicleRecord) -> tuple[int, ...]:
    if record.group_axles is not None:
        return record.group_axles
    if any(code > 9 for code in record.type_codes):
        return ()
    return tuple(AXLES_OF_CODE[code] for code in record.type_codes)


def _tyres_of_groups(record: VehicleRecord, where: str) -> tuple[Tyres, ...]:
    if record.group_axles is not None:
        dual = record.group_dual
        return (None,) * len(record.group_axles) if dual is None else tuple(map(_told, dual))
    flags = record.dual_flags or (0,) * len(record.type_codes)
    return tuple(_tyres(code, flag, where) for code, flag in zip(record.type_codes, flags, strict=True))


def _told(dual: bool) -> Tyres:
    return "dual" if dual else "single"


def _tyres(code: int, dual_flag: int, where: str) -> Tyres:
    if where == "type_code":
        return TYRES_OF_CODE[code]
    if where == "high_nibble":
        return _told(bool(dual_flag))
    return None


def _axles(record: VehicleRecord, groups: tuple[AxleGroup, ...]) -> tuple[Axle, ...]:
    """The single axles; none when the device weighs whole groups only."""
    if record.by == "group":
        return ()
    count = len(record.weights_kg)
    spacings: tuple[int | None, ...] = (None, *(record.spacings_mm or (None,) * (count - 1)))
    speeds: tuple[int | None, ...] = record.axle_speeds_dkmh or (None,) * count
    tyres = [group.tyres for group in groups for _ in range(group.axles)] or [None] * count
    return tuple(
        Axle(axle_kg=kg, spacing_mm=spacing, speed_dkmh=speed, tyres=tyre)
        for kg, spacing, speed, tyre in zip(record.weights_kg, spacings, speeds, tyres, strict=True)
    )


def _facts(record: VehicleRecord, groups: tuple[AxleGroup, ...]) -> VehicleFacts:
    """What the record proves: the axles, and that no axle behind the steering axle runs on single tyres."""
    behind = groups[1:]
    all_dual = bool(behind) and groups[0].axles == 1 and all(group.tyres == "dual" for group in behind)
    single = 0 if all_dual else None
    known = {"axle_count": record.axle_count, "single_tyre_axles": single}
    return VehicleFacts(
        axle_count=record.axle_count,
        single_tyre_axles=single,
        sources=tuple((name, "wire") for name, value in known.items() if value is not None),
    )


def _quality(
    record: VehicleRecord, groups: tuple[AxleGroup, ...], settings: MovingSettings
) -> tuple[str, ...]:
    per_axle = record.weights_kg if record.by == "axle" else ()
    told = bool(record.type_codes or record.group_axles)
    checks = {
        "groups_do_not_add_up": told and not groups,
        "groups_unknown": not told,
        "axles_unknown": record.axle_count is None,
        "groups_only": record.by == "group" and record.axle_count is not None,
        "speed_out_of_range": _speed_is_odd(record, settings),
        "stop_and_go": _stopped(record),
        "accelerating": abs(record.accel_mms2 or 0) > settings.accel_max_mms2,
        "axle_out_of_range": any(not 0 < kg <= settings.axle_max_kg for kg in per_axle),
        "no_weight": sum(record.weights_kg) == 0,
        "late_record": record.asked,
        "device_clock_off": _clock_is_off(record, settings),
    }
    words = (
        *record.words,
        *_flag_words(record.flags, settings.flag_words),
        *(word for word, holds in checks.items() if holds),
    )
    return tuple(dict.fromkeys(words))


def _speed_is_odd(record: VehicleRecord, settings: MovingSettings) -> bool:
    speed = record.speed_dkmh
    return speed is not None and not settings.speed_min_dkmh <= speed <= settings.speed_max_dkmh


def _stopped(record: VehicleRecord) -> bool:
    """A ratio needs no unit: one axle at less than half the speed of another."""
    speeds = record.axle_speed_raw
    return bool(speeds) and 2 * min(speeds) < max(speeds)


def _clock_is_off(record: VehicleRecord, settings: MovingSettings) -> bool:
    """A record out of the memory is older than now by rights, but never younger."""
    if record.recorded_ms is None:
        return False
    behind = record.at_ms - record.recorded_ms
    return behind < -settings.clock_tolerance_ms or (
        behind > settings.clock_tolerance_ms and not record.asked
    )


def _flag_words(flags: int, names: tuple[str, ...]) -> tuple[str, ...]:
    named = tuple(name for bit, name in enumerate(names) if name and flags >> bit & 1)
    unnamed = flags & ~sum(1 << bit for bit, name in enumerate(names) if name)
    return (*named, f"device_flags_{unnamed:02x}") if unnamed else named
