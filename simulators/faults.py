"""What goes wrong on the wires and in the devices, and when: noise, silence, pulled plugs, reboots by script."""

from __future__ import annotations

import asyncio
import random
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Literal

from kernel.clock import Clock
from kernel.errors import ConfigError
from kernel.settings import must, read, refuse
from simulators.indicator import IndicatorSim
from simulators.lanes import Device, LaneDevices
from simulators.links import Bend, cut, garbled, glued, lossy, stolen
from simulators.ptys import DevicePort
from simulators.uart import Line, heard

FaultKind = Literal[
    "noise", "drop", "garbage", "truncate", "glue", "second_host", "wrong_baud", "silent", "unplug",
    "freeze", "shift", "over_range", "reboot",
]  # fmt: skip
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
            must(self.for_ms > 0, "for_ms", "must be above 0"),
            must(0 < self.share <= 1, "share", "must be above 0 and at most 1"),
            must(self.baud > 0, "baud", "must be above 0"),
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
    except tomllib.TOMLDecodeError as error:
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
    async with asyncio.TaskGroup() as tasks:
        for number, fault in enumerate(faults):
            lane, _, role = fault.device.partition(".")
            tasks.create_task(
                suffer(
                    fault,
                    port=lanes[lane].ports[role],
                    device=_device(fault, lanes),
                    started_ms=started_ms,
                    clock=clock,
                    seed=seed + number,
                ),
                name=f"fault {number}",
            )


def _device(fault: Fault, lanes: Mapping[str, LaneDevices]) -> Device:
    lane, _, role = fault.device.partition(".")
    return lanes[lane].scale if role == "scale" else lanes[lane].controller


async def suffer(
    fault: WireFault, *, port: DevicePort, device: Device, started_ms: int, clock: Clock, seed: int
) -> None:
    """Wait for the fault's time, let it last, and heal it."""
    await clock.sleep(max(0, started_ms + fault.at_ms - clock.now_ms()) / 1000)
    with _lasting(fault, port, device, seed):
        await clock.sleep(fault.for_ms / 1000)


def _lasting(fault: WireFault, port: DevicePort, device: Device, seed: int) -> AbstractContextManager[None]:
    if fault.kind in _BENDS:
        return _bent(port, _BENDS[fault.kind](fault, seed))
    if fault.kind == "unplug":
        return _unplugged(port)
    if isinstance(device, IndicatorSim) and fault.kind in OF_INDICATORS:
        return _inside(device, fault)
    return _muted(device)


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


@contextmanager
def _bent(port: DevicePort, bend: Bend) -> Iterator[None]:
    before, port.bend = port.bend, bend
    try:
        yield
    finally:
        port.bend = before


@contextmanager
def _unplugged(port: DevicePort) -> Iterator[None]:
    port.unplug()
    try:
        yield
    finally:
        port.plug()


@contextmanager
def _muted(device: Device) -> Iterator[None]:
    device.muted = True
    try:
        yield
    finally:
        device.muted = False


@contextmanager
def _inside(device: IndicatorSim, fault: WireFault) -> Iterator[None]:
    scale = device.scale
    if fault.kind == "reboot":
        scale.reboot()
    elif fault.kind == "freeze":
        scale.frozen = True
    else:
        scale.offset_kg = fault.kg if fault.kind == "shift" else 2 * scale.settings.capacity_kg
    try:
        yield
    finally:
        scale.frozen, scale.offset_kg = False, 0
