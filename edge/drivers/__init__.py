"""Device drivers by name.  To add the protocol of an indicator:

1. edge/drivers/scale/<name>/protocol.py    bytes to values and back, pure, and its INDICATOR row
2. a row in DRIVERS below
3. nothing: simulators/indicator.py plays every row that can write or serve
4. tests/edge/drivers/scale/test_<name>.py  its vectors or, where there are none, its documented examples
5. nothing: catalogue, detection, bench and the driver contract test take every row of the table

A weigher that sends one record a vehicle has a WEIGHER row and, as it may acknowledge and remember, a driver.py.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from edge.drivers.rows import Indicator, Weigher
from kernel.errors import ConfigError

DRIVERS = {
    "axl1": "edge.drivers.scale.axl1.protocol:WEIGHER",
    "modbus-rtu": "edge.drivers.scale.modbus_rtu.protocol:INDICATOR",
    "modbus-tcp": "edge.drivers.scale.modbus_tcp.protocol:INDICATOR",
    "nmea-axle": "edge.drivers.scale.nmea_axle.protocol:WEIGHER",
    "toledo-continuous": "edge.drivers.scale.toledo_continuous.driver:ToledoContinuous",
    "wim-jz": "edge.drivers.scale.wim_jz.protocol:WEIGHER",
    "wim-wj": "edge.drivers.scale.wim_wj.protocol:WEIGHER",
    "yaohua-cont12": "edge.drivers.scale.yaohua_cont12.protocol:INDICATOR",
}


def load_driver(name: str) -> Any:
    """The row or class of a driver, imported only when it is needed; ConfigError names those that are known."""
    if name not in DRIVERS:
        raise ConfigError.one("driver", f"unknown {name!r}; known here: {', '.join(sorted(DRIVERS))}")
    return named(DRIVERS[name])


def named(where: str) -> Any:
    """What "module:NAME" names."""
    module, _, attribute = where.partition(":")
    return getattr(import_module(module), attribute)


@cache
def indicators() -> tuple[Indicator, ...]:
    """Every row of a display, in the order of their names."""
    loaded = (load_driver(name) for name in sorted(DRIVERS))
    return tuple(each for each in loaded if isinstance(each, Indicator))


@cache
def weighers() -> tuple[Weigher, ...]:
    """Every row of a device that sends records, in the order of their names."""
    loaded = (load_driver(name) for name in sorted(DRIVERS))
    return tuple(each for each in loaded if isinstance(each, Weigher))
