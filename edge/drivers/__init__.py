"""Device drivers by name.  To add the protocol of an indicator:

1. edge/drivers/scale/<name>/protocol.py    bytes to values and back, pure, and its INDICATOR row
2. a row in DRIVERS below
3. nothing: simulators/indicator.py plays every row that can write or serve
4. tests/edge/drivers/scale/test_<name>.py  its vectors or, where there are none, its documented examples
5. nothing: catalogue, detection, bench and the driver contract test take every row of the table

A device with behaviour of its own (records, memory, acknowledgements) has a driver.py with a class instead.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from edge.drivers.rows import Indicator
from kernel.errors import ConfigError

DRIVERS = {
    "toledo-continuous": "edge.drivers.scale.toledo_continuous.protocol:INDICATOR",
    "wim-wj": "edge.drivers.scale.wim_wj.driver:WimWj",
    "yaohua-cont12": "edge.drivers.scale.yaohua_cont12.protocol:INDICATOR",
}


def load_driver(name: str) -> Any:
    """The row or class of a driver, imported only when it is needed; ConfigError names those that are known."""
    if name not in DRIVERS:
        raise ConfigError.one("driver", f"unknown {name!r}; known here: {', '.join(sorted(DRIVERS))}")
    module, _, attribute = DRIVERS[name].partition(":")
    return getattr(import_module(module), attribute)


@cache
def indicators() -> tuple[Indicator, ...]:
    """Every row, in the order of their names."""
    loaded = (load_driver(name) for name in sorted(DRIVERS))
    return tuple(each for each in loaded if isinstance(each, Indicator))
