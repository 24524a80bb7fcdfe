"""A driver from its row in the settings."""

from __future__ import annotations

from edge.drivers import load_driver
from edge.drivers.contract import ScaleDriver
from edge.drivers.indicator import IndicatorDriver
from edge.drivers.rows import Indicator
from kernel.clock import Clock
from kernel.errors import ConfigError
from kernel.settings import read, under


def make_driver(name: str, options: object, *, device: str, clock: Clock) -> ScaleDriver:
    """Build the driver from its raw options table; raises ConfigError with every fault, paths below `options`."""
    kind = load_driver(name)
    try:
        if isinstance(kind, Indicator):
            return IndicatorDriver(kind, read(kind.options, options), device=device, clock=clock)
        driver: ScaleDriver = kind(read(kind.Options, options), device=device, clock=clock)
    except ConfigError as error:
        raise under("options", error) from error
    return driver


def is_seven_bit_text(name: str) -> bool:
    """Whether the eighth bit of its bytes says nothing, so that it can only be parity."""
    kind = load_driver(name)
    return isinstance(kind, Indicator) and not kind.high_bit
