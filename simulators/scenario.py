"""A scripted quarter of an hour of one scale: vehicles, weather, people and faults, from a TOML text and a seed."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from kernel.errors import ConfigError
from kernel.settings import above_zero, read, refuse, under
from simulators.driving import Drive, Vehicle
from simulators.faults import WireFault
from simulators.platform import ScaleSettings
from simulators.weather import Hands, Weather

ENTRY_LOOP_MM = (-2_000, -500)  # past the near edge of the platform

_SHIPPED = resources.files("simulators.scenarios")


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """`says` is what happens, in one sentence.  `for_ms` is how long all of it takes."""

    says: str
    for_ms: int
    platform_mm: int = 18_000
    scale: ScaleSettings = field(default_factory=ScaleSettings)
    vehicle: tuple[Vehicle, ...] = ()
    weather: tuple[Weather, ...] = ()
    hands: tuple[Hands, ...] = ()
    fault: tuple[WireFault, ...] = ()

    def __post_init__(self) -> None:
        refuse(above_zero("for_ms", self.for_ms), above_zero("platform_mm", self.platform_mm))


class Playing:
    """A scenario with its dice thrown; times count from its start."""

    def __init__(self, scenario: Scenario, *, seed: int = 0) -> None:
        self.scenario = scenario
        self.drives: Sequence[Drive] = tuple(
            Drive(vehicle, platform_mm=scenario.platform_mm) for vehicle in scenario.vehicle
        )
        self._seed = seed

    def load_kg(self, at_ms: int) -> float:
        """Everything that lies on the platform at this moment."""
        scenario = self.scenario
        return (
            sum(drive.load_kg(at_ms) for drive in self.drives)
            + sum(each.load_kg(at_ms, seed=self._seed + n) for n, each in enumerate(scenario.weather))
            + sum(each.load_kg(at_ms) for each in scenario.hands)
        )

    def at_entry(self, at_ms: int) -> bool:
        """Whether the loop right before the platform is occupied."""
        return any(drive.covers(*ENTRY_LOOP_MM, at_ms) for drive in self.drives)


def read_scenario(text: str) -> Scenario:
    """Raises ConfigError with every fault and its path."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError.one("scenario", str(error)) from error
    return read(Scenario, table)


def shipped() -> dict[str, Scenario]:
    """By name, in the order of names."""
    names = sorted(each.name for each in _SHIPPED.iterdir() if each.name.endswith(".toml"))
    return {name.removesuffix(".toml"): read_scenario((_SHIPPED / name).read_text("utf-8")) for name in names}


def scenario_of(name: str) -> Scenario:
    """One of the shipped by its name, or a file; ConfigError for neither."""
    known = shipped()
    if name in known:
        return known[name]
    if not Path(name).is_file():
        raise ConfigError.one("scenario", f"no file, and none of {', '.join(known)}: {name!r}")
    try:
        return read_scenario(Path(name).read_text("utf-8"))
    except ConfigError as error:
        raise under(name, error) from error
