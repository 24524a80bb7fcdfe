"""Maps of registers from files: those that are shipped, and one that a person wrote for another device."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Literal

from edge.drivers.scale.modbus.registers import ModbusOptions, Register, Window
from kernel.errors import ConfigError
from kernel.settings import read, under

LARGEST = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class MapFile:
    """One device.  What its papers leave open stands in `doubts`, and `source` says what they are."""

    title: str
    source: str
    map: dict[str, Register]
    unit: Literal["kg", "t", "g", "lb"] | None = None
    start: int | None = None
    decimals: int = 0
    doubts: tuple[str, ...] = field(default=())


@cache
def shipped() -> dict[str, MapFile]:
    """By name, as the option `device` has it."""
    folder = resources.files("edge.drivers.scale.modbus").joinpath("devices")
    files = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name
    )
    return {file.name.removesuffix(".toml"): _parsed(file.read_text(encoding="utf-8")) for file in files}


def completed(options: ModbusOptions) -> ModbusOptions:
    """The options with the map that they name; what they say themselves counts.  ConfigError."""
    if options.map or not (options.device or options.map_file):
        return options
    found = _of_device(options.device) if options.device else _of_file(options.map_file)
    return replace(
        options,
        map=found.map,
        unit=options.unit or found.unit,
        start=found.start if options.start is None else options.start,
        decimals=found.decimals if options.decimals is None else options.decimals,
    )


def _of_device(name: str) -> MapFile:
    known = shipped()
    if name not in known:
        raise ConfigError.one("device", f"unknown {name!r}; known here: {', '.join(known)}; or give map_file")
    return known[name]


def _of_file(path: str) -> MapFile:
    try:
        return _parsed(_text(Path(path)))
    except ConfigError as error:
        raise under("map_file", error) from error
    except (OSError, ValueError, RecursionError) as error:  # NUL and surrogates are no OSErrors
        raise ConfigError.one("map_file", f"{path!r} cannot be read: {error}") from error


def _text(path: Path) -> str:
    """OSError and ValueError; devices and pipes, which may have no end, are not opened."""
    if path.exists() and not path.is_file():
        raise ValueError("it is no file")
    with path.open("rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise ValueError(f"it is larger than {LARGEST} bytes")
    return data.decode()


def _parsed(text: str) -> MapFile:
    found = read(MapFile, tomllib.loads(text))
    Window.of(ModbusOptions(map=found.map, start=found.start, decimals=found.decimals))
    return found
