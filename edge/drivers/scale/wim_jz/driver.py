"""A moving-axle weigher that speaks "jz"."""

from __future__ import annotations

import hashlib
from typing import ClassVar

from edge.drivers.acknowledged import AcknowledgedWeigher
from edge.drivers.rows import Weigher
from edge.drivers.scale.wim_jz.protocol import WEIGHER, JzOptions, Message, Vehicle
from edge.weighing.values import ScaleEvent, VehicleRecord, VehicleReversed

_DKMH = {"kmh": 10, "dkmh": 1}


class WimJz(AcknowledgedWeigher[Message, JzOptions]):
    """edge.drivers.contract.ScaleDriver for the "jz" protocol."""

    ROW: ClassVar[Weigher] = WEIGHER

    def _memory_ms(self) -> int:
        return self._options.memory_ms

    def _key(self, message: Message) -> str:
        if isinstance(message, Vehicle):
            return record_key(message)
        return f"reverse-{message.seq}" if message.kind == "reverse" else ""

    def _event(self, message: Message, *, key: str, asked: bool, words: tuple[str, ...]) -> ScaleEvent:
        now, mono = self._clock.now_ms(), self._clock.mono_ms()
        if not isinstance(message, Vehicle):
            return VehicleReversed(at_ms=now, mono_ms=mono, key=key, raw=message.raw)
        factor = _DKMH.get(self._options.speed_unit)
        return VehicleRecord(
            key=key,
            serial=message.seq,
            by="axle",
            axle_count=len(message.axle_kg),
            weights_kg=message.axle_kg,
            type_codes=tuple(code & 0x0F for code in message.group_codes),
            dual_flags=tuple(code >> 4 for code in message.group_codes),
            flags=message.status,
            speed_dkmh=None if factor is None else factor * message.speed_raw,
            asked=asked,
            words=words + self._words(message),
            raw=message.raw,
            at_ms=now,
            mono_ms=mono,
        )

    def _words(self, vehicle: Vehicle) -> tuple[str, ...]:
        unknown = ("speed_unit_unknown",) if self._options.speed_unit == "unknown" else ()
        differ = ("groups_differ",) if sum(vehicle.group_kg) != sum(vehicle.axle_kg) else ()
        return unknown + differ


def record_key(vehicle: Vehicle) -> str:
    """The same for every copy of one record, in whichever of its two forms."""
    shift = 0 if vehicle.flag is None else 1
    return hashlib.sha256(vehicle.raw[1:2] + vehicle.raw[5 + shift : -2]).hexdigest()[:32]
