"""A moving-axle weigher that speaks "wj": takes each record once and lets the device forget it when told so."""

from __future__ import annotations

import hashlib
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

from edge.drivers.listening import FedParser, listen
from edge.drivers.pulse import Pulse
from edge.drivers.scale.wim_wj.protocol import (
    CHECK,
    DELETE,
    RESEND,
    Command,
    Message,
    Notice,
    Parser,
    Vehicle,
    WjFrameOptions,
)
from edge.weighing.values import ScaleEvent, VehicleRecord, VehicleReversed
from kernel.clock import Clock
from kernel.errors import ConfigError, LinkError, ProtocolError
from kernel.links import Link

log = logging.getLogger(__name__)

_RESENDS = 3
_ANSWER_MS = 1_000
_REMEMBERED = 256  # as many as there are serial numbers

_MM = {"cm": 10, "mm": 1}
_DKMH = {"kmh": 10, "dkmh": 1}
_MMS2 = {"dms2": 100, "cms2": 10, "mms2": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class WjOptions(WjFrameOptions):
    """The units are not in the protocol and no default would be more than a guess: read them in the device's papers.

    With "unknown" the values are left out and the weighing says so.  `fetch_cached` asks the device at every opening
    for records it still holds.
    """

    spacing_unit: Literal["cm", "mm", "unknown"]
    axle_speed_unit: Literal["kmh", "dkmh", "unknown"]
    accel_unit: Literal["dms2", "cms2", "mms2", "unknown"]
    fetch_cached: bool = True
    check_ms: int = 5_000

    def __post_init__(self) -> None:
        if not 0 < self.check_ms < self.silent_ms <= self.reopen_ms:
            raise ConfigError.one("check_ms", "check_ms < silent_ms <= reopen_ms must hold")


class WimWj:
    """edge.drivers.contract.ScaleDriver for the "wj" protocol."""

    method: Literal["static_platform", "moving_axles"] = "moving_axles"

    def __init__(self, options: WjOptions, *, device: str, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._link: Link | None = None
        self._seen: OrderedDict[str, Vehicle] = OrderedDict()
        self._released: set[str] = set()
        self._resends = 0
        self._held = 0  # records in the device's memory, as far as it told
        self._asked_mono: int | None = None
        self._checked_mono = 0
        self.pulse = Pulse(device=device, kind="scale", silent_ms=options.silent_ms, clock=clock)

    async def readings(self, link: Link) -> AsyncIterator[ScaleEvent]:
        self._link = link
        try:
            await self._greet()
            parser: FedParser[Message] = Parser(self._options.cmd)
            async for item in listen(link, parser, pulse=self.pulse, reopen_ms=self._options.reopen_ms):
                if item is None:
                    await self._check_if_due()
                elif isinstance(item, ProtocolError):
                    await self._damaged(item)
                else:
                    await self._heard()
                    event = await self._said(item)
                    if event is not None:
                        yield event
        finally:
            self._link = None

    async def release(self, key: str) -> None:
        """Let the device delete the record; while it is away, its next copy of it will be answered with this."""
        self._released.add(key)
        vehicle = self._seen.get(key)
        if vehicle is None:
            return
        try:
            await self._send(DELETE, vehicle.serial)
            self._held = max(self._held - 1, 0)
            await self._fetch_cached()
        except LinkError as error:
            log.info("record not deleted yet", extra={"device": self.pulse.device, "reason": str(error)})

    async def _greet(self) -> None:
        await self._check()
        if self._options.fetch_cached:
            await self._ask_again()

    async def _check(self) -> None:
        self._checked_mono = self._clock.mono_ms()
        self._resends = 0
        await self._send(CHECK)

    async def _check_if_due(self) -> None:
        if self._clock.mono_ms() - self._checked_mono >= self._options.check_ms:
            await self._check()
            await self._fetch_cached()

    async def _fetch_cached(self) -> None:
        """Ask for what the device holds beyond what we have and have not released yet."""
        if self._options.fetch_cached and self._held > len(self._seen.keys() - self._released):
            await self._ask_again()

    async def _ask_again(self) -> None:
        self._asked_mono = self._clock.mono_ms()
        await self._send(RESEND)

    async def _send(self, code: int, d0: int = 0) -> None:
        if self._link is None:
            raise LinkError(f"{self.pulse.device} is not connected")
        await self._link.write(Command(code=code, d0=d0).to_bytes())

    async def _heard(self) -> None:
        was = self.pulse.state
        self.pulse.beat()
        if was in ("silent", "noisy") and self.pulse.state == "up" and self._options.fetch_cached:
            await self._ask_again()  # what it said meanwhile is still in its memory

    async def _damaged(self, error: ProtocolError) -> None:
        self.pulse.skip(error.problem)
        # Whatever was damaged may have been a record, even where nothing of a frame is left.
        if self._resends < _RESENDS:
            self._resends += 1
            await self._send(RESEND)

    async def _said(self, message: Message) -> ScaleEvent | None:
        if isinstance(message, Vehicle):
            return await self._vehicle(message)
        if isinstance(message, Notice) and message.kind == "reverse":
            now, mono = self._clock.now_ms(), self._clock.mono_ms()
            return VehicleReversed(at_ms=now, mono_ms=mono, raw=message.to_bytes())
        return None

    async def _vehicle(self, vehicle: Vehicle) -> VehicleRecord | None:
        key = record_key(vehicle)
        asked = self._was_asked_for()
        self._held = vehicle.cached
        known = key in self._seen
        self._seen[key] = vehicle
        self._seen.move_to_end(key)
        if len(self._seen) > _REMEMBERED:
            self._released.discard(self._seen.popitem(last=False)[0])
        if not known:
            return self._record(vehicle, key, asked=asked)
        if key in self._released:
            await self.release(key)
        return None

    def _was_asked_for(self) -> bool:
        asked_mono, self._asked_mono = self._asked_mono, None
        return asked_mono is not None and self._clock.mono_ms() - asked_mono < _ANSWER_MS

    def _record(self, vehicle: Vehicle, key: str, *, asked: bool) -> VehicleRecord:
        options = self._options
        mm = _MM.get(options.spacing_unit)
        dkmh = _DKMH.get(options.axle_speed_unit)
        mms2 = _MMS2.get(options.accel_unit)
        units = {"spacing": mm, "axle_speed": dkmh, "accel": mms2}
        return VehicleRecord(
            key=key,
            serial=vehicle.serial,
            by=vehicle.by,
            axle_count=vehicle.axle_count,
            weights_kg=vehicle.weights_kg,
            type_codes=vehicle.type_codes,
            dual_flags=tuple(code >> 4 for code in vehicle.group_codes),
            flags=vehicle.flags,
            speed_dkmh=vehicle.speed_dkmh,
            axle_speed_raw=vehicle.axle_speed_raw,
            spacings_mm=None if mm is None else tuple(mm * raw for raw in vehicle.spacing_raw),
            axle_speeds_dkmh=None if dkmh is None else tuple(dkmh * raw for raw in vehicle.axle_speed_raw),
            accel_mms2=None if mms2 is None else mms2 * vehicle.accel_raw,
            cached=vehicle.cached,
            asked=asked,
            words=tuple(f"{name}_unit_unknown" for name, factor in units.items() if factor is None),
            raw=vehicle.raw,
            at_ms=self._clock.now_ms(),
            mono_ms=self._clock.mono_ms(),
        )


def record_key(vehicle: Vehicle) -> str:
    """The same for every copy of one record: all of it but the counter of cached records and the checksum."""
    raw = vehicle.raw
    return hashlib.sha256(raw[:5] + raw[6:-2]).hexdigest()[:32]
