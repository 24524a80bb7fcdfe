"""A scripted quarter of an hour of one scale: vehicles, weather, people and faults, from a TOML text and a seed."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from kernel.errors import ConfigError
from kernel.settings import must, read, refuse, under
from simulators.driving import DAY_MS, Drive, Vehicle
from simulators.faults import WireFault
from simulators.files import text_of
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
        refuse(
            must(0 < self.for_ms <= DAY_MS, "for_ms", f"must be 1 to {DAY_MS}"),
            must(0 < self.platform_mm <= 1_000_000, "platform_mm", "must be 1 to 1000000"),
            *(
                must(each.at_ms < self.for_ms, f"{kind}[{n}].at_ms", f"must be before the end, {self.for_ms}")
                for kind, happening in self._happening().items()
                for n, each in enumerate(happening)
            ),
        )

    def _happening(self) -> dict[str, Sequence[Vehicle | Weather | Hands | WireFault]]:
        return {"vehicle": self.vehicle, "weather": self.weather, "hands": self.hands, "fault": self.fault}


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
    except (ValueError, RecursionError) as error:  # of a number without an end, of tables without a bottom
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
    text = text_of(Path(name))
    try:
        return read_scenario(text)
    except ConfigError as error:
        raise under(name, error) from error
