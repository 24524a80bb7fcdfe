"""A moving-axle weigher that speaks "axl1"."""

from __future__ import annotations

import hashlib
from typing import ClassVar

from edge.drivers.acknowledged import AcknowledgedWeigher
from edge.drivers.rows import Weigher
from edge.drivers.scale.axl1.protocol import FLAG_WORDS, WEIGHER, AxlOptions, Message, Vehicle
from edge.weighing.values import ScaleEvent, VehicleRecord, VehicleReversed
from kernel.clock import Clock

_AHEAD_MS = {"utc": 0, "beijing": 8 * 3_600_000}
_NAMED = (1 << len(FLAG_WORDS)) - 1
_TYRE_FAULT = 1 << FLAG_WORDS.index("tyre_sensor_fault")


class Axl1(AcknowledgedWeigher[Message, AxlOptions]):
    """edge.drivers.contract.ScaleDriver for the "axl1" protocol."""

    ROW: ClassVar[Weigher] = WEIGHER

    def __init__(self, options: AxlOptions, *, device: str, clock: Clock) -> None:
        super().__init__(options, device=device, clock=clock)
        self._keys: dict[int, str] = {}  # of vehicles by their seq: a reversal names one

    def _memory_ms(self) -> int:
        return self._options.memory_ms

    def _key(self, message: Message) -> str:
        if isinstance(message, Vehicle):
            return hashlib.sha256(message.raw[:-2]).hexdigest()[:32]
        return f"reverse-{message.lane}-{message.seq}" if message.kind == "reverse" else ""

    def _event(self, message: Message, *, key: str, asked: bool, words: tuple[str, ...]) -> ScaleEvent:
        now, mono = self._clock.now_ms(), self._clock.mono_ms()
        if not isinstance(message, Vehicle):
            record = "" if message.value is None else self._keys.get(message.value, f"seq {message.value}")
            return VehicleReversed(at_ms=now, mono_ms=mono, record=record, key=key, raw=message.raw)
        self._keys[message.seq] = key
        return VehicleRecord(
            key=key,
            serial=message.seq,
            by="axle",
            axle_count=len(message.axle_kg),
            weights_kg=message.axle_kg,
            group_axles=message.group_axles,
            group_dual=None if message.flags & _TYRE_FAULT else message.group_dual,
            flags=message.flags & ~_NAMED,
            speed_dkmh=message.speed_dkmh,
            axle_speed_raw=message.axle_speed_kmh,
            spacings_mm=tuple(10 * cm for cm in message.spacing_cm),
            axle_speeds_dkmh=tuple(10 * kmh for kmh in message.axle_speed_kmh),
            accel_mms2=100 * message.accel_dms2,
            recorded_ms=self._recorded_ms(message),
            asked=asked,
            words=words + tuple(word for bit, word in enumerate(FLAG_WORDS) if message.flags >> bit & 1),
            raw=message.raw,
            at_ms=now,
            mono_ms=mono,
        )

    def _recorded_ms(self, vehicle: Vehicle) -> int | None:
        ahead = _AHEAD_MS.get(self._options.clock)
        if ahead is None or vehicle.time is None:
            return None
        return int(vehicle.time.timestamp()) * 1_000 + vehicle.time.microsecond // 1_000 - ahead
