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
    "ad-like": "edge.drivers.scale.ad_like.protocol:INDICATOR",
    "ad-std": "edge.drivers.scale.ad_std.protocol:INDICATOR",
    "axl1": "edge.drivers.scale.axl1.protocol:WEIGHER",
    "cardinal": "edge.drivers.scale.cardinal.protocol:INDICATOR",
    "cas-22": "edge.drivers.scale.cas_22.protocol:INDICATOR",
    "keli": "edge.drivers.scale.keli.protocol:INDICATOR",
    "modbus-rtu": "edge.drivers.scale.modbus_rtu.protocol:INDICATOR",
    "modbus-tcp": "edge.drivers.scale.modbus_tcp.protocol:INDICATOR",
    "mt-sics": "edge.drivers.scale.mt_sics.protocol:INDICATOR",
    "nmea-axle": "edge.drivers.scale.nmea_axle.protocol:WEIGHER",
    "ohaus-like": "edge.drivers.scale.ohaus_like.protocol:INDICATOR",
    "ricelake-stream": "edge.drivers.scale.ricelake_stream.protocol:INDICATOR",
    "rinstrum-fmt1": "edge.drivers.scale.rinstrum_fmt1.protocol:INDICATOR",
    "rinstrum-fmt2": "edge.drivers.scale.rinstrum_fmt2.protocol:INDICATOR",
    "sartorius-sbi": "edge.drivers.scale.sartorius_sbi.protocol:INDICATOR",
    "sma": "edge.drivers.scale.sma.protocol:INDICATOR",
    "text": "edge.drivers.scale.text.protocol:INDICATOR",
    "toledo-continuous": "edge.drivers.scale.toledo_continuous.protocol:INDICATOR",
    "wim-jz": "edge.drivers.scale.wim_jz.protocol:WEIGHER",
    "wim-wj": "edge.drivers.scale.wim_wj.protocol:WEIGHER",
    "yaohua-a12-text": "edge.drivers.scale.yaohua_a12_text.protocol:INDICATOR",
    "yaohua-a12e": "edge.drivers.scale.yaohua_a12e.protocol:INDICATOR",
    "yaohua-command": "edge.drivers.scale.yaohua_command.protocol:INDICATOR",
    "yaohua-cont12": "edge.drivers.scale.yaohua_cont12.protocol:INDICATOR",
    "yaohua-eq-fwd": "edge.drivers.scale.yaohua_eq_fwd.protocol:INDICATOR",
    "yaohua-eq-rev": "edge.drivers.scale.yaohua_eq_rev.protocol:INDICATOR",
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
