"""The county as a schematic: roads as lines, stations as shapes; no map tiles, nothing fetched from anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kernel.errors import ConfigError
from kernel.events import RoadClass

WIDTH, HEIGHT = 1000, 620


@dataclass(frozen=True, slots=True, kw_only=True)
class Road:
    """One road: its name as people say it (G22 青兰高速) and its bends, x and y in thousandths of the width."""

    name: str
    grade: RoadClass = "county"  # draws it wider or narrower
    bends: tuple[str, ...]  # "x,y"

    def __post_init__(self) -> None:
        if len(self.bends) < 2:
            raise ConfigError.one("bends", "must name at least two points")
        for bend in self.bends:
            point(bend)

    @property
    def points(self) -> str:
        return " ".join(f"{x},{y}" for x, y in map(point, self.bends))

    @property
    def start(self) -> tuple[int, int]:
        return point(self.bends[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a station stands on the schematic."""

    station: str
    at: str  # "x,y"

    def __post_init__(self) -> None:
        point(self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class County:
    """Without roads and places the stations stand in a row along one line."""

    roads: tuple[Road, ...] = ()
    places: tuple[Place, ...] = ()

    def arrange(self, stations: Sequence[str]) -> dict[str, tuple[int, int]]:
        """A point for every station; those with no place of their own share the middle line."""
        known = {place.station: point(place.at) for place in self.places}
        unplaced = [station for station in stations if station not in known]
        step = WIDTH / (len(unplaced) + 1)
        row = {station: (round(step * (n + 1)), HEIGHT // 2) for n, station in enumerate(unplaced)}
        return {station: known.get(station) or row[station] for station in stations}


def trunk() -> Road:
    """What is drawn when nobody has drawn the county's roads."""
    return Road(name="", grade="national", bends=(f"40,{HEIGHT // 2}", f"{WIDTH - 40},{HEIGHT // 2}"))


def point(text: str) -> tuple[int, int]:
    """x and y of "x,y", or ConfigError."""
    x, _comma, y = text.partition(",")
    if not (x.strip().isascii() and y.strip().isascii() and x.strip().isdigit() and y.strip().isdigit()):
        raise ConfigError.one("at", f"must be x,y in whole numbers, is {text!r}")
    if int(x) > WIDTH or int(y) > HEIGHT:
        raise ConfigError.one("at", f"must be within {WIDTH},{HEIGHT}, is {text!r}")
    return int(x), int(y)
