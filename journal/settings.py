"""Settings that every process with a journal has: who it is, and who takes its entries."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kernel.errors import ConfigError

TOKEN = re.compile(r"[a-z0-9-]{3,40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One token, one key, the chain that vouches for it, and the root that it trusts."""

    name: str  # the box: user name at brokers, CN in certificates
    key: str  # path of the .key file
    certificates: tuple[str, ...]  # paths: its own first, then the enrolment's
    root_name: str
    root_public: str  # base64; the pin

    def __post_init__(self) -> None:
        if not TOKEN.fullmatch(self.name):
            raise ConfigError.one("name", f"must be 3 to 40 of a-z, 0-9 and -, is {self.name!r}")


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
        faults = []
        if not self.mqtt.startswith(("mqtt://", "mqtts://")):
            faults.append(("mqtt", f"must begin with mqtt:// or mqtts://, is {self.mqtt!r}"))
        if self.files is not None and not self.files.startswith(("http://", "https://")):
            faults.append(("files", f"must begin with http:// or https://, is {self.files!r}"))
        if (self.command_issuer is None) != (self.command_public is None):
            faults.append(("command_public", "goes with command_issuer"))
        if faults:
            raise ConfigError(faults)
