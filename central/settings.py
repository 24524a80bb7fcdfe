"""Everything an operator can set on the centre."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from central.pages.county import County
from central.store.projections import Register
from kernel.errors import ConfigError

_TOKEN = re.compile(r"[a-z0-9-]{3,40}")
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """Where the pages, the API and the uploads listen."""

    host: str = "127.0.0.1"
    port: int = 8080
    session_hours: int = 10
    public_url: str | None = None  # what people type; decides the cookie's Secure flag

    def __post_init__(self) -> None:
        _refuse(
            _port("port", self.port),
            None
            if self.session_hours > 0
            else ("session_hours", f"must be above 0, is {self.session_hours}"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """The embedded broker's own port, or the URL of one that runs elsewhere."""

    host: str = "127.0.0.1"
    port: int = 1883
    url: str | None = None  # mqtt://host:port: then nothing is embedded
    user: str = "centre"
    password: str

    def __post_init__(self) -> None:
        wrong_url = self.url is not None and not self.url.startswith(("mqtt://", "mqtts://"))
        _refuse(
            _port("port", self.port),
            ("url", f"must begin with mqtt:// or mqtts://, is {self.url!r}") if wrong_url else None,
            None if self.password else ("password", "must not be empty"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """SQLite in the data folder, or PostgreSQL by URL."""

    url: str | None = None  # postgresql+psycopg://..., sqlite:///...

    def __post_init__(self) -> None:
        if self.url is not None and not self.url.startswith(("sqlite:///", "postgresql+psycopg://")):
            raise ConfigError.one(
                "url", f"must begin with sqlite:/// or postgresql+psycopg://, is {self.url!r}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """The county's root key: who may enrol boxes."""

    name: str
    public: str  # base64


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Folder of the centre's own keys, made by `weighpost-central enrol`."""

    folder: str
    root: Root
    cosigner: str | None = None  # its name; the centre's own if not given
    command: str | None = None  # whose commands boxes obey; the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """One enrolled process: its identity, its secret towards broker and uploads, where it stands."""

    name: str
    password: str
    source: str  # device path or its beginning, such as yiyuan/s01/lane1

    def __post_init__(self) -> None:
        _refuse(_token("name", self.name), None if self.password else ("password", "must not be empty"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """What people call a station; `id` is the beginning of its sources."""

    id: str
    name_zh: str
    name_en: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """Somebody else who signs what the centre signed, after checking that nothing was rewritten."""

    name: str
    url: str
    public: str  # base64

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise ConfigError.one("url", f"must begin with http:// or https://, is {self.url!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Custody:
    """What the centre promises about what it holds."""

    # Without a backup, what is older than this counts as kept and boxes may evict it; the alarm stands.
    kept_after_days: int = 14
    backup: bool = False
    file_limit_mb: int = 512

    def __post_init__(self) -> None:
        _refuse(
            None if self.kept_after_days >= 0 else ("kept_after_days", "must not be below 0"),
            None if self.file_limit_mb > 0 else ("file_limit_mb", "must be above 0"),
        )

    @property
    def kept_after_ms(self) -> int:
        return self.kept_after_days * _DAY_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One centre."""

    box: str  # the centre's own identity in its own journal, such as yiyuan-centre
    store_id: str  # changes after every restore from a backup
    data: str  # folder for database, files and the centre's journal
    keys: Keys
    broker: Broker
    web: Web = field(default_factory=Web)
    database: Database = field(default_factory=Database)
    custody: Custody = field(default_factory=Custody)
    boxes: tuple[Box, ...] = ()
    stations: tuple[Station, ...] = ()
    county: County = field(default_factory=County)
    witnesses: tuple[Witness, ...] = ()
    source: str = "centre"
    disk_low_mb: int = 1024
    log_level: str = "INFO"

    def __post_init__(self) -> None:
        names = [box.name for box in self.boxes]
        doubled = sorted({name for name in names if names.count(name) > 1})
        _refuse(
            _token("box", self.box),
            _token("store_id", self.store_id),
            ("boxes", f"named twice: {', '.join(doubled)}") if doubled else None,
            ("boxes", f"{self.box} is the centre itself") if self.box in names else None,
        )

    @property
    def folder(self) -> Path:
        return Path(self.data)

    @property
    def database_url(self) -> str:
        return self.database.url or f"sqlite:///{self.folder / 'centre.db'}"

    @property
    def cosigner(self) -> str:
        return self.keys.cosigner or self.box

    @property
    def command(self) -> str:
        return self.keys.command or self.box

    @property
    def register(self) -> Register:
        """Where each box stands; the centre itself included."""
        sources = {box.name: box.source for box in self.boxes}
        return Register(centre=self.box, sources=sources | {self.box: self.source})


def _refuse(*faults: tuple[str, str] | None) -> None:
    found = [fault for fault in faults if fault is not None]
    if found:
        raise ConfigError(found)


def _token(path: str, value: str) -> tuple[str, str] | None:
    if _TOKEN.fullmatch(value):
        return None
    return path, f"must be 3 to 40 of a-z, 0-9 and -, is {value!r}"


def _port(path: str, value: int) -> tuple[str, str] | None:
    return None if 0 <= value <= 65_535 else (path, f"must be 0 to 65535, is {value}")
