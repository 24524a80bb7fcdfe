"""Everything an operator can set on a lane."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from edge.cameras.settings import VisionSettings
from edge.controller import ControllerOptions
from edge.instrument.settings import CertificateSettings, CheckSettings
from edge.keeping.settings import KeepingSettings
from edge.links.devices import SerialSettings
from edge.links.urls import check_url
from edge.weighing.axlewise import AxlewiseSettings
from edge.weighing.drift import DriftSettings
from edge.weighing.moving import MovingSettings
from edge.weighing.static import StaticSettings
from journal.settings import Destination, Identity, Journal, by_certificate
from kernel.events import JointMode, RoadClass, WeighingGrade
from kernel.law.verdict import Allowance
from kernel.settings import above_zero, must, once_each, refuse

Capture = Literal["never", "flagged", "always"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """Where this lane is and what its weighings count as."""

    source: str  # device path, such as yiyuan/s01/lane1
    jurisdiction: str  # GB/T 2260, six digits
    road_class: RoadClass
    weighing_grade: WeighingGrade
    joint_mode: JointMode
    attended: bool
    direction: str | None = None
    result_patience_ms: int = 2_500  # how long after the loop's release a weight may still come

    def __post_init__(self) -> None:
        path = re.fullmatch(r"[a-z0-9-]+(/[a-z0-9-]+)+", self.source)
        code = re.fullmatch(r"\d{6}", self.jurisdiction, re.ASCII)
        refuse(
            must(path is not None, "source", "must be a device path"),
            must(code is not None, "jurisdiction", "must be six digits (GB/T 2260)"),
        )

    @property
    def name(self) -> str:
        return self.source.rpartition("/")[2]

    @property
    def station(self) -> str:
        """The part of the source that names the station."""
        return self.source.rpartition("/")[0].rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deck:
    """A further deck 秤台 of the scale, with an indicator of its own; what is not said is as on the first."""

    name: str
    url: str
    driver: str | None = None
    options: dict[str, Any] | None = None
    serial: SerialSettings | None = None

    def __post_init__(self) -> None:
        check_url(self.url)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """The indicator or axle weigher, its line, and what its makers leave open (docs/scales.md)."""

    driver: str
    url: str
    name: str = "scale"
    options: dict[str, Any] = field(default_factory=dict)  # the driver's own table
    serial: SerialSettings = field(default_factory=SerialSettings)
    weighing: Literal["static", "axlewise"] = "static"  # how readings of a platform become a weighing
    capture: Capture = "flagged"  # which weighings keep the bytes that they were made of
    platform: StaticSettings = field(default_factory=StaticSettings)  # of a static platform
    axlewise: AxlewiseSettings = field(default_factory=AxlewiseSettings)  # of a short one, at walking pace
    deck: tuple[Deck, ...] = ()  # the further ones, in order
    deck_skew_ms: int = 300  # what the decks show belongs together when it is no further apart
    moving: MovingSettings = field(default_factory=MovingSettings)  # of a moving-axle weigher
    certificate: CertificateSettings | None = (
        None  # 检定证书: taken into use at the start (docs/instruments.md)
    )
    checks: CheckSettings = field(default_factory=CheckSettings)
    drift: DriftSettings = field(default_factory=DriftSettings)

    def __post_init__(self) -> None:
        refuse(
            above_zero("deck_skew_ms", self.deck_skew_ms),
            once_each("deck", self.deck_names),
            must(
                not self.deck or self.weighing == "static",
                "weighing",
                "must be static for a scale of several decks",
            ),
        )
        check_url(self.url)

    @property
    def deck_names(self) -> tuple[str, ...]:
        return (self.name, *(deck.name for deck in self.deck))

    @property
    def indicators(self) -> tuple[Scale, ...]:
        """One for each deck, as if it were the only one."""
        return (self, *(self._alone(deck) for deck in self.deck))

    def _alone(self, deck: Deck) -> Scale:
        return replace(
            self,
            deck=(),
            name=deck.name,
            url=deck.url,
            driver=deck.driver or self.driver,
            options=self.options if deck.options is None else deck.options,
            serial=deck.serial or self.serial,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Controller:
    """The lane controller: loops and sign (docs/lane-controller.md)."""

    url: str
    name: str = "controller"
    loop_at_scale: int = 1
    serial: SerialSettings = field(default_factory=lambda: SerialSettings(baud=115200))
    options: ControllerOptions = field(default_factory=ControllerOptions)

    def __post_init__(self) -> None:
        check_url(self.url)


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    every_s: int = 60
    disk_low_mb: int = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One lane."""

    data: str  # folder of journal, files and ring
    lane: Lane
    box: Identity
    scale: Scale
    destinations: tuple[Destination, ...]
    controller: Controller | None = None
    vision: VisionSettings | None = None
    allowance: Allowance = field(default_factory=Allowance)
    law: str | None = None  # path of a TOML with this site's own rows
    health: Health = field(default_factory=Health)
    journal: Journal = field(default_factory=Journal)
    keeping: KeepingSettings = field(default_factory=KeepingSettings)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    def __post_init__(self) -> None:
        custodians = [d.name for d in self.destinations if d.custody]
        problem = f"exactly one must have custody, found {custodians}"
        refuse(
            must(len(custodians) == 1, "destinations", problem),
            by_certificate(self.box.tls, self.destinations),
        )
