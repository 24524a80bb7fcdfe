"""One row a protocol: everything that driver, detection, simulator, catalogue and tests need to know of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from edge.drivers.readings import Display, FedParser, Passed
from kernel.settings import must, refuse

Says = Literal["checksum", "unit", "stable", "gross_net", "zero", "range", "tare"]
Tells = Literal["checksum", "sequence", "axles", "groups", "tyres", "spacing", "speed", "time"]


@dataclass(frozen=True, slots=True, kw_only=True)
class IndicatorOptions:
    """What every indicator can be told, besides its protocol's own options.

    `unit` is what the display shows, for protocols that do not send it.  `displayed` says which mass that is where the
    wire does not.  `confirm`: without a checksum a reading counts only when the one before it said the same.
    `allow_lb` lets pounds be converted.  `poll_ms` is how often a device is asked that speaks only then.
    Nothing valid for `silent_ms` and it counts as silent, for `reopen_ms` and the line is opened anew.
    """

    unit: Literal["kg", "t", "g", "lb"] | None = None
    displayed: Literal["gross", "net", "unknown"] = "unknown"
    confirm: bool = True
    allow_lb: bool = False
    poll_ms: int = 200
    silent_ms: int = 2_000
    reopen_ms: int = 10_000

    def __post_init__(self) -> None:
        check_times(self)


def check_times(options: IndicatorOptions) -> None:
    """For the __post_init__ of options that check more; ConfigError."""
    refuse(
        must(
            0 < options.silent_ms <= options.reopen_ms,
            "silent_ms",
            f"must be from 1 to reopen_ms ({options.reopen_ms})",
        ),
        must(
            20 <= options.poll_ms <= options.silent_ms,
            "poll_ms",
            f"must be from 20 to silent_ms ({options.silent_ms})",
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WeigherOptions:
    """What every weigher can be told: nothing valid for `silent_ms` and it is silent, for `reopen_ms` and the line is
    opened anew.  A quiet road is silence too for a device without a heartbeat: then these must be long.
    """

    silent_ms: int = 16_000
    reopen_ms: int = 30_000

    def __post_init__(self) -> None:
        refuse(
            must(
                0 < self.silent_ms <= self.reopen_ms,
                "silent_ms",
                f"must be from 1 to reopen_ms ({self.reopen_ms})",
            )
        )


class Server(Protocol):
    """The device's side of a protocol that answers."""

    def feed(self, data: bytes, shown: Display, /) -> bytes:
        """What the device sends in answer to the host's bytes while it shows this; b"" for none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """What documents contradict each other about, or one frame cannot tell: a setting, never a guess."""

    option: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Indicator:
    """The protocol of an indicator 称重显示器.

    `parser` gives Readings, Replies and what else the protocol says; `describe` makes one JSON object of each.
    `write` is the frame that the device sends for what it shows; None where it only speaks when asked.  `poll` is the
    question for the weight, harmless to any device that takes it for something else, and b"" where these options mean
    one that speaks unasked; `serve` plays the device that answers.  `orders` are what the host may want done: zero, tare.
    `high_bit` is true where the eighth bit carries meaning and must not be taken for parity.
    `kin`: rows whose frames cannot be told from these by looking at bytes.
    """

    name: str
    title: str
    makers: str
    frame: str  # its length or form, in words
    lines: tuple[str, ...]  # usual settings of the line, the most usual first
    says: frozenset[Says]
    options: type[IndicatorOptions]
    parser: Callable[[Any], FedParser[Any]]
    describe: Callable[[Any], Mapping[str, object]]
    write: Callable[[Display, Any], bytes] | None = None
    poll: Callable[[Any], bytes] | None = None
    serve: Callable[[Any], Server] | None = None
    orders: Mapping[str, Callable[[Any], bytes]] = field(default_factory=dict)
    doubts: tuple[Doubt, ...] = ()
    kin: frozenset[str] = frozenset()
    high_bit: bool = False
    example: Mapping[str, object] = field(
        default_factory=dict
    )  # options of a device that weighs, beside `unit`
    completed: str = ""  # "module:FUNCTION" that adds to the options what files say that they name
    wiring: str = "RS-232: RXD, TXD, GND; three wires"
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weigher:
    """The protocol of a weigher that sends one finished record a vehicle 动态轴重衡.

    `options` decide how bytes are read; `settings`, options themselves, also hold what a lane must say before its
    records may be used (None: nothing more).  `write` is what the device sends for one vehicle.  `driver` is the class
    that takes the records, as "module:CLASS", imported by who runs a lane.
    """

    name: str
    title: str
    makers: str
    frame: str
    lines: tuple[str, ...]
    says: frozenset[Tells]
    options: type[WeigherOptions]
    parser: Callable[[Any], FedParser[Any]]
    describe: Callable[[Any], Mapping[str, object]]
    write: Callable[[Passed, Any], bytes]
    driver: str
    settings: str = ""  # "module:CLASS" too
    doubts: tuple[Doubt, ...] = ()
    high_bit: bool = False
    wiring: str = "RS-232: RXD, TXD, GND; three wires"
    source: str = ""
