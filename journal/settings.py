"""Settings that every process with a journal has: who it is, and who takes its entries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kernel.settings import Fault, above_zero, must, port, public_key, refuse, token, url

_DAY_MS = 86_400_000
_FEWEST = 100  # entries of one journal: a new one with every few is a mistake
_PLAIN = "is required without TLS (mqtts://, https://)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Who it is on the wire.  Key and certificate lie in one file, so that a renewal replaces both at once."""

    certificate: str  # path of the .tls.pem, which holds the private key too
    authority: str  # path of the county's ca.pem


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One token, one key, the chain that vouches for it, and the root that it trusts."""

    name: str  # the box: user name at brokers, CN in certificates
    key: str  # path of the .key file
    certificates: tuple[str, ...]  # paths: its own first, then the enrolment's
    root_name: str
    root_public: str  # base64; the pin
    tls: Tls | None = None  # needed where a destination or the own broker has no password
    renewal: str | None = None  # https://host:port of the centre's gate; None: renewed by hand
    renew_days: int = 60  # so long before the end

    def __post_init__(self) -> None:
        refuse(
            token("name", self.name),
            public_key("root_public", self.root_public),
            url("renewal", self.renewal, "https://"),
            above_zero("renew_days", self.renew_days),
            must(self.renewal is None or self.tls is not None, "tls", "is required with renewal"),
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
    """Who takes our entries: brokers, store key and upload addresses."""

    name: str
    mqtt: str  # mqtt:// or mqtts://host:port; several with commas, the first is preferred
    store_id: str
    store_public: str  # base64; receipts are signed by this key
    password: str | None = None  # None: by certificate, over TLS
    files: str | None = None  # http:// or https://host:port, several with commas; None: files do not go there
    command_issuer: str | None = None
    command_public: str | None = None  # base64; who may send commands
    custody: bool = False  # its `kept` decides what may be evicted
    live: bool = False  # live values go there, and the newest entries while it lags
    upload_kbit_s: int = 0  # of the link; 0: measured

    def __post_init__(self) -> None:
        refuse(
            *(url("mqtt", each, "mqtt://", "mqtts://") for each in listed(self.mqtt) or ("",)),
            must(
                len({each.partition(":")[0] for each in listed(self.mqtt)}) <= 1,
                "mqtt",
                "all of them with TLS, or none",
            ),
            *(url("files", each, "http://", "https://") for each in listed(self.files or "")),
            must(self.password != "", "password", "must not be empty"),
            must(self.password is not None or self.encrypted, "password", _PLAIN),
            token("store_id", self.store_id),
            public_key("store_public", self.store_public),
            public_key("command_public", self.command_public),
            must(
                (self.command_issuer is None) == (self.command_public is None),
                "command_public",
                "goes with command_issuer",
            ),
        )

    @property
    def encrypted(self) -> bool:
        brokers = all(each.startswith("mqtts://") for each in listed(self.mqtt))
        return brokers and all(each.startswith("https://") for each in listed(self.files or ""))


def listed(addresses: str) -> tuple[str, ...]:
    """Addresses of one destination, in order of preference."""
    return tuple(each.strip() for each in addresses.split(",") if each.strip())


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """The embedded broker's own port, or the URL of one that runs elsewhere.

    With a password boxes come with theirs, without TLS; without one they come by certificate.
    """

    password: str | None = None
    host: str = "127.0.0.1"
    port: int = 1883
    url: str | None = None  # mqtt:// or mqtts://host:port: then nothing is embedded

    def __post_init__(self) -> None:
        plain = self.password is None and self.url is not None and not self.url.startswith("mqtts://")
        refuse(
            port("port", self.port),
            url("url", self.url, "mqtt://", "mqtts://"),
            must(self.password != "", "password", "must not be empty"),
            must(not plain, "password", _PLAIN),
        )

    @property
    def certified(self) -> bool:
        """Whoever comes shows a certificate."""
        return self.password is None

    @property
    def address(self) -> str:
        """Where we ourselves connect."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104 - the loopback is part of it
        return self.url or f"{'mqtts' if self.certified else 'mqtt'}://{host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Where boxes come over HTTPS with their certificates: files; at the centre enrolment and renewal too."""

    host: str = "127.0.0.1"
    port: int = 8443

    def __post_init__(self) -> None:
        refuse(port("port", self.port))


def by_certificate(tls: Tls | None, destinations: Sequence[Destination]) -> Fault:
    """A destination without a password needs a certificate to show."""
    names = [one.name for one in destinations if one.password is None]
    return must(tls is not None or not names, "box.tls", f"is required by {', '.join(names)}: no password")


def one_way(broker: Broker, passwords: Sequence[str | None]) -> Fault:
    """An embedded broker takes passwords or certificates, not both."""
    wrong = broker.url is None and any((one is None) != broker.certified for one in passwords)
    problem = "have no password where the broker has none, and one where it has one"
    return must(not wrong, "boxes", problem)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one box may send a second; a burst of four seconds of it may come at once."""

    frames_per_s: int = 400
    hellos_per_s: int = 5

    def __post_init__(self) -> None:
        refuse(above_zero("frames_per_s", self.frames_per_s), above_zero("hellos_per_s", self.hellos_per_s))


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """How long what is received counts as not yet kept, and what files are taken."""

    # Without a backup, what is older than this counts as kept and boxes may evict it.
    kept_after_days: int = 14
    file_limit_mb: int = 512
    # What one box may have begun to upload and not finished.
    unfinished_limit_mb: int = 2048

    def __post_init__(self) -> None:
        refuse(*self.faults)

    @property
    def faults(self) -> tuple[Fault, ...]:
        return (
            must(self.kept_after_days >= 0, "kept_after_days", "must not be below 0"),
            above_zero("file_limit_mb", self.file_limit_mb),
            above_zero("unfinished_limit_mb", self.unfinished_limit_mb),
        )

    @property
    def kept_after_ms(self) -> int:
        return self.kept_after_days * _DAY_MS
