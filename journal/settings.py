"""Settings that every process with a journal has: who it is, and who takes its entries."""

from __future__ import annotations

from dataclasses import dataclass

from kernel.settings import Fault, above_zero, filled, must, port, public_key, refuse, token, url

_DAY_MS = 86_400_000


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
class Destination:
    """Who takes our entries: brokers, store key and upload addresses."""

    name: str
    mqtt: str  # mqtt://host:port; several with commas, the first is preferred
    password: str
    store_id: str
    store_public: str  # base64; receipts are signed by this key
    files: str | None = None  # http://host:port, several with commas; None: files do not go there
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


def listed(addresses: str) -> tuple[str, ...]:
    """Addresses of one destination, in order of preference."""
    return tuple(each.strip() for each in addresses.split(",") if each.strip())


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
