"""A driver from its row in the settings."""

from __future__ import annotations

from typing import Any

from edge.drivers import load_driver, named
from edge.drivers.contract import ScaleDriver
from edge.drivers.indicator import IndicatorDriver
from edge.drivers.rows import Indicator, Weigher
from kernel.clock import Clock
from kernel.errors import ConfigError
from kernel.settings import read, under


def make_driver(name: str, options: object, *, device: str, clock: Clock) -> ScaleDriver:
    """Build the driver from its raw options table; raises ConfigError with every fault, paths below `options`."""
    kind = load_driver(name)
    try:
        if isinstance(kind, Indicator):
            return IndicatorDriver(kind, read_options(kind, options), device=device, clock=clock)
        if isinstance(kind, Weigher):
            maker: Any = named(kind.driver)
            weigher: ScaleDriver = maker(read(settings_of(kind), options), device=device, clock=clock)
            return weigher
        driver: ScaleDriver = kind(read(kind.Options, options), device=device, clock=clock)
    except ConfigError as error:
        raise under("options", error) from error
    return driver


def read_options(row: Indicator | Weigher, options: object) -> Any:
    """A row's options from their raw table, with what the files say that they name; ConfigError."""
    told = read(row.options, options)
    return named(row.completed)(told) if isinstance(row, Indicator) and row.completed else told


def settings_of(row: Weigher) -> Any:
    """The options of a lane that has this weigher."""
    return named(row.settings) if row.settings else row.options


def is_seven_bit_text(name: str) -> bool:
    """Whether the eighth bit of its bytes says nothing, so that it can only be parity."""
    kind = load_driver(name)
    return isinstance(kind, Indicator) and not kind.high_bit
