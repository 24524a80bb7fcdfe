"""Everything an operator can set on a staffed station."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from journal.settings import TOKEN, Destination, Identity
from kernel.errors import ConfigError
from kernel.events import JointMode

_SOURCE = re.compile(r"[a-z0-9-]+(/[a-z0-9-]+)+")
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """What people call this station; `id` is the device path that its sources begin with."""

    id: str  # such as yiyuan/s01
    name_zh: str
    name_en: str = ""

    def __post_init__(self) -> None:
        if not _SOURCE.fullmatch(self.id):
            raise ConfigError.one("id", f"must be a device path such as yiyuan/s01, is {self.id!r}")

    def name(self, language: str) -> str:
        return self.name_zh if language == "zh" else self.name_en or self.name_zh


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """The embedded broker's own port, or the URL of one that runs elsewhere; user name is the station's box."""

    password: str
    host: str = "127.0.0.1"
    port: int = 1883
    url: str | None = None  # mqtt://host:port: then nothing is embedded

    def __post_init__(self) -> None:
        wrong_url = self.url is not None and not self.url.startswith(("mqtt://", "mqtts://"))
        _refuse(
            _port("port", self.port),
            ("url", f"must begin with mqtt:// or mqtts://, is {self.url!r}") if wrong_url else None,
            None if self.password else ("password", "must not be empty"),
        )

    @property
    def address(self) -> str:
        return self.url or f"mqtt://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """What the station holds of its lanes' journals; its receipts are signed by this key."""

    id: str  # changes after every restore from a backup
    key: str  # path of the .key file
    # A station has no backup of its own: what is older than this counts as kept.
    kept_after_days: int = 14
    file_limit_mb: int = 512

    def __post_init__(self) -> None:
        _refuse(
            _token("id", self.id),
            None if self.kept_after_days >= 0 else ("kept_after_days", "must not be below 0"),
            None if self.file_limit_mb > 0 else ("file_limit_mb", "must be above 0"),
        )

    @property
    def kept_after_ms(self) -> int:
        return self.kept_after_days * _DAY_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """Where tablets find their page and lanes upload their files."""

    host: str = "127.0.0.1"
    port: int = 8081
    session_hours: int = 12
    public_url: str | None = None  # what people type; decides the cookie's Secure flag

    def __post_init__(self) -> None:
        _refuse(
            _port("port", self.port),
            None
            if self.session_hours > 0
            else ("session_hours", f"must be above 0, is {self.session_hours}"),
        )

    @property
    def tls(self) -> bool:
        return (self.public_url or "").startswith("https://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """One lane that may speak here: its identity, its secret towards broker and uploads, where it stands."""

    name: str
    password: str
    source: str  # device path, such as yiyuan/s01/lane2
    name_zh: str = ""
    name_en: str = ""
    platform: bool = False  # its scale sends the live weight that the tablet shows large

    def __post_init__(self) -> None:
        _refuse(
            _token("name", self.name),
            None if self.password else ("password", "must not be empty"),
            None if _SOURCE.fullmatch(self.source) else ("source", "must be a device path"),
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
    joint_mode: JointMode = "joint"  # who decides on what was found over the limit
    boxes: tuple[Box, ...] = ()
    destinations: tuple[Destination, ...] = ()
    law: str | None = None  # path of a TOML with this site's own rows
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    def __post_init__(self) -> None:
        names = [box.name for box in self.boxes]
        where = [destination.name for destination in self.destinations]
        _refuse(
            None
            if re.fullmatch(r"\d{6}", self.jurisdiction, re.ASCII)
            else ("jurisdiction", f"must be six digits (GB/T 2260), is {self.jurisdiction!r}"),
            _doubled("boxes", names),
            _doubled("destinations", where),
            ("boxes", f"{self.box.name} is the station itself") if self.box.name in names else None,
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
        return {box.name: box.password for box in self.boxes}

    def lane(self, box: str) -> Box | None:
        return next((lane for lane in self.boxes if lane.name == box), None)


def _refuse(*faults: tuple[str, str] | None) -> None:
    found = [fault for fault in faults if fault is not None]
    if found:
        raise ConfigError(found)


def _doubled(path: str, names: list[str]) -> tuple[str, str] | None:
    doubled = sorted({name for name in names if names.count(name) > 1})
    return (path, f"named twice: {', '.join(doubled)}") if doubled else None


def _token(path: str, value: str) -> tuple[str, str] | None:
    if TOKEN.fullmatch(value):
        return None
    return path, f"must be 3 to 40 of a-z, 0-9 and -, is {value!r}"


def _port(path: str, value: int) -> tuple[str, str] | None:
    return None if 0 <= value <= 65_535 else (path, f"must be 0 to 65535, is {value}")
