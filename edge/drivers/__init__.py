"""Device drivers by name.  To add one:

1. edge/drivers/<kind>/<name>/protocol.py   bytes to values and back, pure
2. edge/drivers/<kind>/<name>/driver.py     behaviour over a Link, with its Options
3. a row in DRIVERS below
4. simulators/<device>.py                   the device's side, over the same protocol module
5. tests/edge/drivers/<kind>/               vectors, round trip, splits, noise; a row in the driver contract test
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from edge.drivers.contract import ScaleDriver
from kernel.clock import Clock
from kernel.errors import ConfigError
from kernel.settings import read

DRIVERS = {
    "toledo-continuous": "edge.drivers.scale.toledo_continuous.driver:ToledoContinuous",
    "wim-wj": "edge.drivers.scale.wim_wj.driver:WimWj",
}


def load_driver(name: str) -> type[Any]:
    """Import the driver class only when it is configured: a missing SDK stays somebody else's problem."""
    if name not in DRIVERS:
        raise ConfigError.one("driver", f"unknown {name!r}; known here: {', '.join(sorted(DRIVERS))}")
    module, _, attribute = DRIVERS[name].partition(":")
    loaded: type[Any] = getattr(import_module(module), attribute)
    return loaded


def make_driver(name: str, options: object, *, device: str, clock: Clock) -> ScaleDriver:
    """Build the driver from its raw options table; raises ConfigError with every fault, paths below `options`."""
    kind = load_driver(name)
    try:
        settings = read(kind.Options, options)
    except ConfigError as error:
        raise ConfigError([(f"options.{path}", problem) for path, problem in error.faults]) from error
    driver: ScaleDriver = kind(settings, device=device, clock=clock)
    return driver
