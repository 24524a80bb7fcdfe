"""Everything an operator can set on a staffed station."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import web.settings
from journal.settings import (
    Broker,
    Destination,
    Gate,
    Identity,
    Journal,
    Keeping,
    Limits,
    by_certificate,
    one_way,
)
from kernel.events import JointMode
from kernel.settings import must, once_each, refuse, token
from station.footage.settings import Footage
from web.settings import Plates

_SOURCE = re.compile(r"[a-z0-9-]+(/[a-z0-9-]+)+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """What people call this station; `id` is the device path that its sources begin with."""

    id: str  # such as yiyuan/s01
    name_zh: str
    name_en: str = ""

    def __post_init__(self) -> None:
        good = bool(_SOURCE.fullmatch(self.id))
        refuse(must(good, "id", f"must be a device path such as yiyuan/s01, is {self.id!r}"))

    def name(self, language: str) -> str:
        return self.name_zh if language == "zh" else self.name_en or self.name_zh


@dataclass(frozen=True, slots=True, kw_only=True)
class Store(Keeping):
    """What the station holds of its lanes' journals; its receipts are signed by this key.  It has no backup."""

    id: str  # changes after every restore from a backup
    key: str  # path of the .key file

    def __post_init__(self) -> None:
        refuse(token("id", self.id), *self.faults)


@dataclass(frozen=True, slots=True, kw_only=True)
class Web(web.settings.Web):
    """Where tablets find their page and lanes upload their files."""

    port: int = 8081
    session_hours: int = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """One lane that may speak here: its identity, its secret towards broker and uploads, where it stands."""

    name: str
    source: str  # device path, such as yiyuan/s01/lane2
    password: str | None = None  # None: it comes by certificate
    name_zh: str = ""
    name_en: str = ""
    platform: bool = False  # its scale sends the live weight that the tablet shows large

    def __post_init__(self) -> None:
        refuse(
            token("name", self.name),
            must(self.password != "", "password", "must not be empty"),
            must(bool(_SOURCE.fullmatch(self.source)), "source", "must be a device path"),
        )

    @property
    def lane(self) -> str:
        return self.source.rpartition("/")[2]

    def shown(self, language: str) -> str:
        return (self.name_zh if language == "zh" else self.name_en or self.name_zh) or self.lane


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One station."""

    data: str  # folder for journal, store, files and accounts
    station: Station
    box: Identity
    broker: Broker
    store: Store
    jurisdiction: str  # GB/T 2260, six digits: whose law must be in force here
    web: Web = field(default_factory=Web)
    gate: Gate | None = None  # None: lanes upload where tablets find their page, by password
    journal: Journal = field(default_factory=Journal)
    joint_mode: JointMode = "joint"  # who decides on what was found over the limit
    limits: Limits = field(default_factory=Limits)
    boxes: tuple[Box, ...] = ()
    destinations: tuple[Destination, ...] = ()
    plates: Plates = field(default_factory=Plates)
    footage: Footage | None = None  # None: no recorders are taken in here
    law: str | None = None  # path of a TOML with this site's own rows
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    def __post_init__(self) -> None:
        names = [box.name for box in self.boxes]
        where = [destination.name for destination in self.destinations]
        refuse(
            must(
                bool(re.fullmatch(r"\d{6}", self.jurisdiction, re.ASCII)),
                "jurisdiction",
                f"must be six digits (GB/T 2260), is {self.jurisdiction!r}",
            ),
            once_each("boxes", names),
            once_each("destinations", where),
            must(self.box.name not in names, "boxes", f"{self.box.name} is the station itself"),
            one_way(self.broker, [box.password for box in self.boxes]),
            by_certificate(self.box.tls, self.destinations),
            must(self.box.tls is not None or not self.certified, "box.tls", "is required without passwords"),
        )

    @property
    def folder(self) -> Path:
        return Path(self.data)

    @property
    def source(self) -> str:
        """Device path of the station itself, beside its lanes."""
        return f"{self.station.id}/station"

    @property
    def passwords(self) -> dict[str, str]:
        """Who may speak at the broker and upload files."""
        return {box.name: box.password for box in self.boxes if box.password is not None}

    @property
    def certified(self) -> bool:
        """Somebody comes by certificate."""
        return self.broker.certified or self.gate is not None

    def lane(self, box: str) -> Box | None:
        return next((lane for lane in self.boxes if lane.name == box), None)
