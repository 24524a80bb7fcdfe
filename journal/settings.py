"""Settings that every process with a journal has: who it is, and who takes its entries."""

from __future__ import annotations

from dataclasses import dataclass

from kernel.settings import Fault, above_zero, filled, must, port, public_key, refuse, token, url

_DAY_MS = 86_400_000
_FEWEST = 100  # entries of one journal: a new one with every few is a mistake


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One token, one key, the chain that vouches for it, and the root that it trusts."""

    name: str  # the box: user name at brokers, CN in certificates
    key: str  # path of the .key file
    certificates: tuple[str, ...]  # paths: its own first, then the enrolment's
    root_name: str
    root_public: str  # base64; the pin

    def __post_init__(self) -> None:
        refuse(
            token("name", self.name),
            public_key("root_public", self.root_public),
            must(len(self.certificates) == 2, "certificates", "must be its own and the enrolment's"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Succession:
    """When a journal is closed and the next one opened, at the first quiet moment."""

    entries: int = 1_000_000
    days: int = 365

    def __post_init__(self) -> None:
        refuse(*self.faults)

    @property
    def faults(self) -> tuple[Fault, Fault]:
        return (
            must(self.entries >= _FEWEST, "entries", f"must be {_FEWEST} or more, is {self.entries}"),
            above_zero("days", self.days),
        )

    def is_due(self, *, entries: int, age_ms: int) -> bool:
        return entries >= self.entries or age_ms >= self.days * _DAY_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal(Succession):
    """The journal of this process: when the next one begins, and when all of it is hashed again."""

    rehash_hour: int = 3  # of the day in China

    def __post_init__(self) -> None:
        good = 0 <= self.rehash_hour <= 23
        refuse(*self.faults, must(good, "rehash_hour", f"must be 0 to 23, is {self.rehash_hour}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Who takes our entries: broker, store key and upload address."""

    name: str
    mqtt: str  # mqtt://host:port
    password: str
    store_id: str
    store_public: str  # base64; receipts are signed by this key
    files: str | None = None  # http://host:port; None: files do not go there
    command_issuer: str | None = None
    command_public: str | None = None  # base64; who may send commands
    custody: bool = False  # its `kept` decides what may be evicted
    live: bool = False  # live values go there
    upload_kbit_s: int = 0  # of the link; 0: measured

    def __post_init__(self) -> None:
        refuse(
            url("mqtt", self.mqtt, "mqtt://", "mqtts://"),
            url("files", self.files, "http://", "https://"),
            filled("password", self.password),
            token("store_id", self.store_id),
            public_key("store_public", self.store_public),
            public_key("command_public", self.command_public),
            must(
                (self.command_issuer is None) == (self.command_public is None),
                "command_public",
                "goes with command_issuer",
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """The embedded broker's own port, or the URL of one that runs elsewhere."""

    password: str
    host: str = "127.0.0.1"
    port: int = 1883
    url: str | None = None  # mqtt://host:port: then nothing is embedded

    def __post_init__(self) -> None:
        refuse(
            port("port", self.port),
            url("url", self.url, "mqtt://", "mqtts://"),
            filled("password", self.password),
        )

    @property
    def address(self) -> str:
        return self.url or f"mqtt://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """How long what is received counts as not yet kept, and what files are taken."""

    # Without a backup, what is older than this counts as kept and boxes may evict it.
    kept_after_days: int = 14
    file_limit_mb: int = 512

    def __post_init__(self) -> None:
        refuse(*self.faults)

    @property
    def faults(self) -> tuple[Fault, Fault]:
        return (
            must(self.kept_after_days >= 0, "kept_after_days", "must not be below 0"),
            above_zero("file_limit_mb", self.file_limit_mb),
        )

    @property
    def kept_after_ms(self) -> int:
        return self.kept_after_days * _DAY_MS
