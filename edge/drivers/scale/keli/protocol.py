"""Keli XK3118 and D2008 class 柯力, pure: Yaohua's continuous frame, or Yaohua's command mode with Keli's differences.

In command mode the answers write a point among their six digits; B is gross, C tare, D net; H sets zero, I takes the
tare off, both answered with the command itself.  G clears the records that the indicator keeps: it is not offered.
Source: XK3118K9-R p.9-10; the stored copies of the D2008 and D39 manuals stop before their protocol page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from edge.drivers.readings import FedParser
from edge.drivers.rows import Doubt, Indicator, IndicatorOptions, check_times
from edge.drivers.scale.yaohua_command.protocol import (
    Dialect,
    Server,
    address_fault,
    answer_parser,
    describe,
    framed,
)
from edge.drivers.scale.yaohua_cont12 import protocol as continuous
from kernel.errors import RefusedError
from kernel.settings import refuse

DIALECT = Dialect(
    roles={"B": "gross", "C": "tare", "D": "net"},
    acks={letter: letter for letter in "AGHI"},
    orders={"zero": "H", "tare-off": "I"},
    pointed=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeliOptions(IndicatorOptions):
    """What the indicator is set to.

    `mode` is "continuous", where it speaks unasked, or "command", where it answers.  In command mode `address` is its
    own on the bus, 1 to 26, and `command` the question: B for the gross weight, D for the net weight.
    """

    mode: Literal["continuous", "command"] = "continuous"
    address: int = 1
    command: Literal["B", "D"] = "B"

    def __post_init__(self) -> None:
        check_times(self)
        refuse(address_fault(self.address))


def parser(options: KeliOptions) -> FedParser[Any]:
    if options.mode == "continuous":
        return continuous.parser(options)
    return answer_parser(DIALECT, options.address)


def poll(options: KeliOptions) -> bytes:
    return framed(options.address, options.command.encode()) if options.mode == "command" else b""


def serve(options: KeliOptions) -> Server:
    return Server(DIALECT, options.address)


def _order(what: str) -> Callable[[KeliOptions], bytes]:
    def command(options: KeliOptions) -> bytes:
        if options.mode == "continuous":
            raise RefusedError("the indicator takes commands in command mode only")
        return framed(options.address, DIALECT.orders[what].encode())

    return command


INDICATOR = Indicator(
    name="keli",
    title="Keli XK3118, D2008 class 柯力",
    makers="Keli XK3118K9 and its relatives; D2008 and D39 by likeness, their protocol page was not at hand",
    frame="12 bytes unasked, 14 in command mode",
    lines=("9600 8N1", "4800 8N1", "2400 8N1", "1200 8N1", "600 8N1"),
    says=frozenset({"checksum"}),
    options=KeliOptions,
    parser=parser,
    describe=describe,
    write=continuous.write,
    poll=poll,
    serve=serve,
    orders={what: _order(what) for what in DIALECT.orders},
    doubts=(
        Doubt(option="unit", why="no frame sends it"),
        Doubt(option="displayed", why="unasked, gross and net look the same"),
        Doubt(option="mode", why="the indicator is set to speak unasked or to answer"),
    ),
    kin=frozenset({"yaohua-cont12", "yaohua-command"}),
    wiring="RS-232: RXD, TXD, GND; in command mode also RS-485: A, B",
    source="XK3118K9-R p.9-10",
)
