"""What the URL of a link says; checked when settings are read, so that a slip of the pen does not wait for the wire."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from kernel.errors import ConfigError

Scheme = Literal["device", "hwgrep", "socket", "rfc2217", "tcp-server"]

FORMS = (
    "a device path such as /dev/serial/by-path/..., socket://host:port (dialled), rfc2217://host:port, "
    "tcp-server://address:port (the adapter dials) or hwgrep://expression"
)
_NETWORK: dict[str, Scheme] = {"socket": "socket", "rfc2217": "rfc2217", "tcp-server": "tcp-server"}
# What people write instead, and what they mean.
_MEANT = {
    "tcp": "socket://host:port where we dial the adapter, tcp-server://address:port where it dials us",
    "telnet": "rfc2217://host:port",
    "serial": "the device path alone",
    "file": "the device path alone",
}
_QUERIES = ("", "ign_set_control")  # servers that never answer what DTR and RTS should be


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a link leads.  `path` of a device; `pattern` of its description; `host` and `port` of the rest."""

    scheme: Scheme
    path: str = ""
    pattern: str = ""
    host: str = ""
    port: int = 0


def parse(url: str) -> Address:
    """ConfigError says what could be meant.  hwgrep's expression is matched against name, description and USB ids."""
    if not url.isprintable():
        raise ConfigError.one("url", f"must not hold control characters, is {url!r}")
    if url.startswith("/"):
        return Address(scheme="device", path=url)
    if url.startswith("hwgrep://"):
        return _hardware(url.removeprefix("hwgrep://"))
    parts = _parts(url)
    scheme = _NETWORK.get(parts.scheme)
    if scheme is None:
        raise ConfigError.one("url", f"must be {_meant(url, parts)}, is {url!r}")
    return _network(scheme, url, parts)


def check_url(url: str) -> None:
    """Raise ConfigError unless `url` is one that open_link can open."""
    parse(url)


def _hardware(pattern: str) -> Address:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ConfigError.one("url", f"hwgrep:// needs a regular expression: {error}") from error
    if not pattern:
        raise ConfigError.one("url", "must say after hwgrep:// which port is meant")
    return Address(scheme="hwgrep", pattern=pattern)


def _parts(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as error:
        raise ConfigError.one("url", f"must be {FORMS}, is {url!r}: {error}") from error


def _network(scheme: Scheme, url: str, parts: SplitResult) -> Address:
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    odd = parts.path or parts.fragment or parts.username or parts.query not in _QUERIES
    if not host or not port or odd or (parts.query and scheme != "rfc2217"):
        shape = "address:port, 0.0.0.0 for every interface" if scheme == "tcp-server" else "host:port"
        raise ConfigError.one("url", f"must be {scheme}://{shape}, is {url!r}")
    return Address(scheme=scheme, host=host, port=port)


def _meant(url: str, parts: SplitResult) -> str:
    if re.fullmatch(r"(tty\w+|pts/\d+|serial/.+)", url):
        return f"a whole path, such as /dev/{url}"
    return _MEANT.get(parts.scheme, FORMS)
