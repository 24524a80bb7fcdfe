"""What goes wrong on the wires and in the devices, and when: noise, silence, pulled plugs, reboots by script."""

from __future__ import annotations

import asyncio
import random
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Literal, TypeVar

from kernel.clock import Clock
from kernel.errors import ConfigError
from kernel.settings import must, read, refuse
from simulators.driving import DAY_MS
from simulators.indicator import IndicatorSim
from simulators.lanes import Device, LaneDevices
from simulators.links import Bend, cut, garbled, glued, lossy, stolen
from simulators.ptys import DevicePort
from simulators.uart import Line, heard

FaultKind = Literal[
    "noise", "drop", "garbage", "truncate", "glue", "second_host", "wrong_baud", "silent", "unplug",
    "freeze", "shift", "over_range", "reboot",
]  # fmt: skip
T = TypeVar("T")
OF_INDICATORS = {"freeze", "shift", "over_range", "reboot"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WireFault:
    """What happens to one device from `at_ms` of its script on, and for how long.

    `share` is of the bytes or frames that are hit.  `kg` is what a shifted display is off by.  `baud` is what a host
    listens at to a device that speaks at 9600.
    """

    at_ms: int
    for_ms: int
    kind: FaultKind
    share: float = 0.01
    kg: int = 0
    baud: int = 4_800

    def __post_init__(self) -> None:
        refuse(*self._faults())

    def _faults(self) -> tuple[tuple[str, str] | None, ...]:
        return (
            must(self.at_ms >= 0, "at_ms", "must not be negative"),
            must(0 < self.for_ms <= DAY_MS, "for_ms", f"must be 1 to {DAY_MS}"),
            must(0 < self.share <= 1, "share", "must be above 0 and at most 1"),
            must(100 <= self.baud <= 1_000_000, "baud", "must be 100 to 1000000"),
            must(abs(self.kg) <= 1_000_000, "kg", "must be at most 1000000"),
            must(self.kind != "shift" or self.kg != 0, "kg", "is required: what the display is off by"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault(WireFault):
    """`device` is "<lane>.scale" or "<lane>.controller"; `at_ms` counts from the start of the traffic."""

    device: str

    def __post_init__(self) -> None:
        named = self.device.count(".") == 1
        refuse(
            *self._faults(),
            must(named, "device", f'must be "<lane>.scale" or "<lane>.controller", is {self.device!r}'),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Script:
    fault: tuple[Fault, ...] = ()


def read_faults(text: str) -> tuple[Fault, ...]:
    """The faults of a TOML script with tables [[fault]], by time; raises ConfigError."""
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError.one("faults", str(error)) from error
    return tuple(sorted(read(_Script, table).fault, key=lambda fault: fault.at_ms))


async def inflict(
    faults: tuple[Fault, ...],
    lanes: Mapping[str, LaneDevices],
    *,
    started_ms: int,
    clock: Clock,
    seed: int = 0,
) -> None:
    """Make every fault happen at its time and heal again; returns when the last is healed.

    ConfigError, before anything happens, for a fault that its device cannot have.
    """
    for fault in faults:
        if fault.kind in OF_INDICATORS and not isinstance(_device(fault, lanes), IndicatorSim):
            raise ConfigError.one("kind", f"{fault.device} is no indicator and cannot have {fault.kind}")
    sufferers = {fault.device: _sufferer(fault, lanes) for fault in faults}
    async with asyncio.TaskGroup() as tasks:
        for number, fault in enumerate(faults):
            suffering = sufferers[fault.device].suffer(
                fault, started_ms=started_ms, clock=clock, seed=seed + number
            )
            tasks.create_task(suffering, name=f"fault {number}")


def _sufferer(fault: Fault, lanes: Mapping[str, LaneDevices]) -> Sufferer:
    lane, _, role = fault.device.partition(".")
    return Sufferer(lanes[lane].ports[role], _device(fault, lanes))


def _device(fault: Fault, lanes: Mapping[str, LaneDevices]) -> Device:
    lane, _, role = fault.device.partition(".")
    return lanes[lane].scale if role == "scale" else lanes[lane].controller


class Sufferer:
    """A device on its wire: what they are like at any moment follows from all the faults that last then."""

    def __init__(self, port: DevicePort, device: Device) -> None:
        self._port = port
        self._device = device
        self._sound = port.bend
        self._lasting: list[WireFault] = []
        self._bends: list[Bend] = []

    async def suffer(self, fault: WireFault, *, started_ms: int, clock: Clock, seed: int) -> None:
        """Wait for the fault's time, let it last, and heal it."""
        await clock.sleep(max(0, started_ms + fault.at_ms - clock.now_ms()) / 1000)
        bends = [_BENDS[fault.kind](fault, seed)] if fault.kind in _BENDS else []
        self._begin(fault, bends)
        try:
            await clock.sleep(fault.for_ms / 1000)
        finally:
            self._end(fault, bends)

    def _begin(self, fault: WireFault, bends: list[Bend]) -> None:
        if fault.kind == "unplug" and not self._has("unplug"):
            self._port.unplug()
        if fault.kind == "reboot" and isinstance(self._device, IndicatorSim):
            self._device.scale.reboot()
        self._lasting.append(fault)
        self._bends += bends
        self._follow(fault)

    def _end(self, fault: WireFault, bends: list[Bend]) -> None:
        _take_out(self._lasting, fault)
        for bend in bends:
            _take_out(self._bends, bend)
        if fault.kind == "unplug" and not self._has("unplug"):
            self._port.plug()
        self._follow(fault)

    def _follow(self, fault: WireFault) -> None:
        """Make the device and its wire what they are now that `fault` has come or gone."""
        if fault.kind in _BENDS:
            self._port.bend = _one_after_the_other((self._sound, *self._bends))
        elif fault.kind == "silent":
            self._device.muted = self._has("silent")
        elif isinstance(self._device, IndicatorSim):
            scale = self._device.scale
            scale.frozen = self._has("freeze")
            scale.offset_kg = sum(_offset_kg(one, scale.settings.capacity_kg) for one in self._lasting)

    def _has(self, kind: FaultKind) -> bool:
        return any(one.kind == kind for one in self._lasting)


def _take_out(things: list[T], thing: T) -> None:
    """This one, and not one that is equal to it."""
    del things[next(n for n, one in enumerate(things) if one is thing)]


def _one_after_the_other(bends: Sequence[Bend]) -> Bend:
    return lambda data: reduce(lambda bent, bend: bend(bent), bends, data)


def _offset_kg(fault: WireFault, capacity_kg: int) -> int:
    return {"shift": fault.kg, "over_range": 2 * capacity_kg}.get(fault.kind, 0)


def _garbage(_fault: WireFault, seed: int) -> Bend:
    dice = random.Random(seed)
    return lambda data: dice.randbytes(len(data))


def _misheard(fault: WireFault, _seed: int) -> Bend:
    return lambda data: heard(data, sent=Line(), read=Line(baud=fault.baud))


_BENDS: dict[str, Callable[[WireFault, int], Bend]] = {
    "noise": lambda fault, seed: garbled(fault.share, seed=seed),
    "drop": lambda fault, seed: lossy(fault.share, seed=seed),
    "garbage": _garbage,
    "truncate": lambda fault, seed: cut(fault.share, seed=seed),
    "glue": lambda _fault, _seed: glued(),
    "second_host": lambda fault, seed: stolen(fault.share, seed=seed),
    "wrong_baud": _misheard,
}
