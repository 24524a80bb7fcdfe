"""One scale on one port, as `weighpost-sim scale` runs it: a row of the table of drivers, playing a scenario."""

from __future__ import annotations

import asyncio
import contextlib
import random
import struct
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Protocol

from edge.drivers import indicators, load_driver, weighers
from edge.drivers.readings import Passed
from edge.drivers.rows import Indicator, Weigher
from edge.drivers.scale.axl1.protocol import AckParser as AxlAcks
from edge.drivers.scale.wim_jz.protocol import AckParser as JzAcks
from edge.drivers.scale.wim_wj.protocol import Vehicle as WjVehicle
from kernel.clock import Clock
from kernel.errors import ConfigError
from kernel.settings import under
from simulators.driving import Drive, Vehicle
from simulators.faults import OF_INDICATORS, Sufferer
from simulators.indicator import IndicatorSim, told_options
from simulators.platform import ScaleSettings, shown_as
from simulators.ptys import DevicePort
from simulators.records import RecordSim
from simulators.scenario import Playing, Scenario
from simulators.traffic import Truck
from simulators.wim import WimSim, measured


class Port(DevicePort, Protocol):
    """A device's end that knows whether anybody listens."""

    @property
    def heard(self) -> bool: ...


_RECORD_AFTER_MS = 150
_SOME_MS = 1_790_000_000_000
_LOOK_MS = 50
# What the host says when it has a record, of the protocols in which it does.
_ACKS: dict[str, type[AxlAcks | JzAcks]] = {"axl1": AxlAcks, "wim-jz": JzAcks}


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """What is played: the protocol with its options as in the settings of a lane, and the scenario."""

    protocol: str
    options: object
    scenario: Scenario
    seed: int = 0
    unasked: bool = False


def playable() -> tuple[str, ...]:
    """The protocols that can be played, in the order of their names."""
    return tuple(sorted([row.name for row in indicators()] + [row.name for row in weighers()]))


def check(play: Play) -> None:
    """ConfigError, paths below `protocol`, `options` and `scenario`, for what cannot be played."""
    if play.protocol not in playable():
        raise ConfigError.one("protocol", f"no {play.protocol!r}; there are {', '.join(playable())}")
    row = load_driver(play.protocol)
    if not isinstance(row, Indicator):
        for n, fault in enumerate(play.scenario.fault):
            if fault.kind in OF_INDICATORS:
                problem = f"{fault.kind} is no fault of a weigher of moving axles"
                raise ConfigError.one(f"scenario.fault[{n}].kind", problem)
        _fits(row, _options(row, play.options), play)
        return
    _settings(play, _options(row, play.options))
    if play.unasked and row.write is None:
        raise ConfigError.one("unasked", f"{row.name} speaks only when it is asked")


def _fits(row: Weigher, options: Any, play: Play) -> None:
    """ConfigError for a vehicle of which the protocol can make no record, were it only a little heavier."""
    for n, vehicle in enumerate(play.scenario.vehicle):
        heavier = replace(vehicle, axle_kg=tuple(kg * 21 // 20 for kg in vehicle.axle_kg))
        drive = Drive(heavier, platform_mm=play.scenario.platform_mm)
        try:
            if row.name == "wim-wj":
                _measured(drive, serial=1, seed=play.seed).to_bytes()
            else:
                row.write(passed_of(drive, seq=1, seed=play.seed, at_ms=_SOME_MS), options)
        except (ValueError, OverflowError, struct.error) as error:
            raise ConfigError.one(f"scenario.vehicle[{n}]", f"no record of {row.name}: {error}") from error


async def serve(play: Play, port: Port, *, clock: Clock, once: bool) -> None:
    """Begin when somebody listens; play the scenario once, or again and again until cancelled."""
    device = _device(play, port, clock)
    running = asyncio.create_task(device.run())
    try:
        while not port.heard:
            await clock.sleep(_LOOK_MS / 1000)
        for turn in count():
            await device.turn(turn)
            if once:
                return
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


def _device(play: Play, port: Port, clock: Clock) -> Turns:
    row = load_driver(play.protocol)
    playing = Playing(play.scenario, seed=play.seed)
    if isinstance(row, Indicator):
        return PlayedIndicator(play, row, playing, port, clock=clock)
    if row.name == "wim-wj":
        return PlayedWj(play, playing, port, clock=clock)
    return PlayedRecords(play, row, playing, port, clock=clock)


class Turns:
    """A device that lives through the scenario turn after turn, with the faults of the script."""

    device: IndicatorSim | WimSim | RecordSim

    def __init__(self, play: Play, playing: Playing, port: Port, *, clock: Clock) -> None:
        self._play = play
        self._playing = playing
        self._port = port
        self._clock = clock
        self._started_ms: int | None = None

    async def run(self) -> None:
        await self.device.run()

    async def turn(self, number: int) -> None:
        """The whole scenario once."""
        started = self._started_ms = self._clock.now_ms()
        sufferer = Sufferer(self._port, self.device)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._clock.sleep(self._playing.scenario.for_ms / 1000))
            tasks.create_task(self._say_records(started))
            for n, fault in enumerate(self._playing.scenario.fault):
                seed = self._play.seed + 1_000 * number + n
                tasks.create_task(sufferer.suffer(fault, started_ms=started, clock=self._clock, seed=seed))

    async def _say_records(self, started_ms: int) -> None:
        """A display has none."""


class PlayedIndicator(Turns):
    def __init__(self, play: Play, row: Indicator, playing: Playing, port: Port, *, clock: Clock) -> None:
        super().__init__(play, playing, port, clock=clock)
        options = _options(row, play.options)
        self.device = IndicatorSim(
            port,
            load_kg=self._load_kg,
            seen=lambda _at, _shown: None,
            clock=clock,
            row=row,
            options=options,
            settings=_settings(play, options),
            unasked=play.unasked,
        )

    def _load_kg(self, now_ms: int) -> float:
        return self._playing.load_kg(0 if self._started_ms is None else now_ms - self._started_ms)


class PlayedWeigher(Turns, ABC):
    """A weigher for moving axles makes one record of every vehicle that drives over it to the end."""

    async def _say_records(self, started_ms: int) -> None:
        for drive in sorted(_passed(self._playing.drives), key=_left_ms):
            due = started_ms + _left_ms(drive) + _RECORD_AFTER_MS
            await self._clock.sleep(max(0, due - self._clock.now_ms()) / 1000)
            await self._record(drive)

    @abstractmethod
    async def _record(self, drive: Drive) -> None:
        """Of a vehicle that has just left the weigher."""


class PlayedWj(PlayedWeigher):
    """Keeps its records until the host deletes them."""

    def __init__(self, play: Play, playing: Playing, port: Port, *, clock: Clock) -> None:
        super().__init__(play, playing, port, clock=clock)
        self.device: WimSim = WimSim(port, clock=clock)

    async def _record(self, drive: Drive) -> None:
        await self.device.vehicle(_measured(drive, serial=self.device.next_serial(), seed=self._play.seed))


class PlayedRecords(PlayedWeigher):
    """Sends a record again until it is acknowledged, where its protocol knows that."""

    def __init__(self, play: Play, row: Weigher, playing: Playing, port: Port, *, clock: Clock) -> None:
        super().__init__(play, playing, port, clock=clock)
        acks = _ACKS.get(row.name)
        self.device: RecordSim = RecordSim(
            port, row, _options(row, play.options), clock=clock, acknowledged=acks().feed if acks else None
        )
        self._seq = 0

    async def _record(self, drive: Drive) -> None:
        self._seq = self._seq % 255 + 1
        await self.device.vehicle(
            passed_of(drive, seq=self._seq, seed=self._play.seed, at_ms=self._clock.now_ms())
        )


def _measured(drive: Drive, *, serial: int, seed: int) -> WjVehicle:
    speeds = (drive.vehicle.speed_dkmh,) * len(drive.vehicle.axle_kg)
    return measured(truck_of(drive), serial=serial, axle_speeds_dkmh=speeds, seed=seed + serial)


def _passed(drives: Sequence[Drive]) -> list[Drive]:
    return [drive for drive in drives if drive.vehicle.leaves == "forward"]


def _left_ms(drive: Drive) -> int:
    return drive.left_ms or 0


def passed_of(drive: Drive, *, seq: int, seed: int, at_ms: int) -> Passed:
    """What a weigher finds of the vehicle: every axle a little off, in steps of 10 kg."""
    vehicle, dice = drive.vehicle, random.Random(seed + seq)
    return Passed(
        seq=seq,
        axle_kg=tuple(max(10, round(kg * dice.gauss(1, 0.008) / 10) * 10) for kg in vehicle.axle_kg),
        axles_of=vehicle.groups,
        dual=_dual(vehicle),
        spacing_mm=vehicle.spacing_mm,
        axle_speed_dkmh=(vehicle.speed_dkmh,) * len(vehicle.axle_kg),
        speed_dkmh=vehicle.speed_dkmh,
        at_ms=at_ms,
    )


def _dual(vehicle: Vehicle) -> tuple[bool, ...]:
    return (False, *(vehicle.dual_tyres for _ in vehicle.groups[1:]))


def truck_of(drive: Drive) -> Truck:
    """The vehicle of a scenario as the weigher's simulator knows vehicles."""
    vehicle = drive.vehicle
    return Truck(
        name=f"at {vehicle.at_ms} ms",
        axle_kg=vehicle.axle_kg,
        spacing_mm=vehicle.spacing_mm,
        groups=vehicle.groups,
        dual_tyres=_dual(vehicle),
        combination=len(vehicle.axle_kg) > 4,
        drive_axles=1,
        length_mm=sum(vehicle.spacing_mm) + 2_500,
    )


def _options(row: Indicator | Weigher, options: object) -> Any:
    try:
        return told_options(row, options)
    except ConfigError as error:
        raise under("options", error) from error


def _settings(play: Play, options: Any) -> ScaleSettings:
    """The scenario's scale, shown in the unit that the options say."""
    scale = replace(play.scenario.scale, seed=play.seed)
    if options.unit is None:
        return scale
    unit, decimals = shown_as(options.unit, division_kg=scale.division_kg, path="options.unit")
    return replace(scale, unit=unit, decimals=decimals)
