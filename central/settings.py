"""Everything an operator can set on the centre."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import journal.settings
import web.settings
from central.keeping.rules import Retention
from central.pages.county import County
from central.store.projections import Register
from journal.settings import Gate, Keeping, Limits, one_way
from kernel.settings import above_zero, must, once_each, refuse, token, url
from web.settings import Web


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker(journal.settings.Broker):
    """The embedded broker's own port, or the URL of one that runs elsewhere.

    `user` is the centre there; by certificate it is the box's own name.
    """

    user: str = "centre"


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """SQLite in the data folder, or PostgreSQL by URL."""

    url: str | None = None  # postgresql+psycopg://..., sqlite:///...

    def __post_init__(self) -> None:
        refuse(url("url", self.url, "sqlite:///", "postgresql+psycopg://"))


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
    source: str  # device path or its beginning, such as yiyuan/s01/lane1
    password: str | None = None  # None: it comes by certificate

    def __post_init__(self) -> None:
        empty = self.password == ""
        refuse(token("name", self.name), must(not empty, "password", "must not be empty"))


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
        refuse(url("url", self.url, "http://", "https://"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Custody(Keeping):
    """What the centre promises about what it holds; without a backup or a standby the alarm stands."""

    backup: bool = False  # what a finished backup holds is kept, and nothing else
    standby: bool = False  # the database commits on a synchronous standby too: every entry is kept at once
    backup_late_hours: int = 48  # an older one is an alarm

    def __post_init__(self) -> None:
        refuse(*self.faults, above_zero("backup_late_hours", self.backup_late_hours))

    @property
    def kept_by_time_ms(self) -> int | None:
        """How long after its receipt an entry counts as kept; None: its age says nothing."""
        if self.standby:
            return 0
        return None if self.backup else self.kept_after_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Plates(web.settings.Plates):
    """And how plates of vehicles within their limit are kept: as texts, or as hashes under a key."""

    hash_key: str | None = None  # path of a file with 32 random bytes or more; None: plates are kept as texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One centre."""

    box: str  # the centre's own identity in its own journal, such as yiyuan-centre
    store_id: str  # changes after every restore from a backup
    data: str  # folder for database, files and the centre's journal
    keys: Keys
    broker: Broker
    web: Web = field(default_factory=Web)
    gate: Gate | None = None  # None: boxes upload where people find their pages, by password
    database: Database = field(default_factory=Database)
    custody: Custody = field(default_factory=Custody)
    limits: Limits = field(default_factory=Limits)
    plates: Plates = field(default_factory=Plates)
    retention: Retention = field(default_factory=Retention)
    journal: journal.settings.Journal = field(default_factory=journal.settings.Journal)
    boxes: tuple[Box, ...] = ()
    stations: tuple[Station, ...] = ()
    county: County = field(default_factory=County)
    witnesses: tuple[Witness, ...] = ()
    source: str = "centre"
    disk_low_mb: int = 1024
    must_record: bool = False  # a passage is part of a case only when its steps are on footage, or explained
    log_level: str = "INFO"

    def __post_init__(self) -> None:
        names = [box.name for box in self.boxes]
        refuse(
            token("box", self.box),
            token("store_id", self.store_id),
            once_each("boxes", names),
            must(self.box not in names, "boxes", f"{self.box} is the centre itself"),
            one_way(self.broker, [box.password for box in self.boxes]),
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
    def certified(self) -> bool:
        """Somebody comes by certificate."""
        return self.broker.certified or self.gate is not None

    @property
    def user(self) -> str:
        """Who the centre is at its broker."""
        return self.box if self.broker.certified else self.broker.user

    @property
    def passwords(self) -> dict[str, str]:
        """Boxes that come by password."""
        return {box.name: box.password for box in self.boxes if box.password is not None}

    @property
    def register(self) -> Register:
        """Where each box stands; the centre itself included."""
        sources = {box.name: box.source for box in self.boxes}
        return Register(centre=self.box, sources=sources | {self.box: self.source})
