"""What goes wrong on the wires, and when: noise, silence, garbage and pulled plugs by script."""

from __future__ import annotations

import asyncio
import random
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from kernel.clock import Clock
from kernel.errors import ConfigError
from kernel.settings import read
from simulators.lanes import LaneDevices
from simulators.links import garbled

FaultKind = Literal["noise", "silent", "unplug", "garbage"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """`device` is "<lane>.scale" or "<lane>.controller"; `at_ms` counts from the start of the traffic."""

    at_ms: int
    for_ms: int
    device: str
    kind: FaultKind
    share: float = 0.01  # noise: of the bytes that are hit

    def __post_init__(self) -> None:
        faults = []
        if self.at_ms < 0:
            faults.append(("at_ms", "must not be negative"))
        if self.for_ms <= 0:
            faults.append(("for_ms", "must be above 0"))
        if self.device.count(".") != 1:
            faults.append(("device", f'must be "<lane>.scale" or "<lane>.controller", is {self.device!r}'))
        if not 0 < self.share <= 1:
            faults.append(("share", "must be above 0 and at most 1"))
        if faults:
            raise ConfigError(faults)


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
    """Make every fault happen at its time and heal again; returns when the last is healed."""
    async with asyncio.TaskGroup() as tasks:
        for number, fault in enumerate(faults):
            tasks.create_task(_one(fault, lanes, started_ms, clock, seed + number), name=f"fault {number}")


async def _one(
    fault: Fault, lanes: Mapping[str, LaneDevices], started_ms: int, clock: Clock, seed: int
) -> None:
    lane, _, device = fault.device.partition(".")
    devices = lanes[lane]
    port = devices.ports[device]
    machine = devices.scale if device == "scale" else devices.controller
    await clock.sleep(max(0, started_ms + fault.at_ms - clock.now_ms()) / 1000)
    if fault.kind == "unplug":
        port.unplug()
        await clock.sleep(fault.for_ms / 1000)
        port.plug()
    elif fault.kind == "silent":
        machine.muted = True
        await clock.sleep(fault.for_ms / 1000)
        machine.muted = False
    else:
        before = port.bend
        dice = random.Random(seed)
        port.bend = (
            garbled(fault.share, seed=seed)
            if fault.kind == "noise"
            else lambda data: dice.randbytes(len(data))
        )
        await clock.sleep(fault.for_ms / 1000)
        port.bend = before
