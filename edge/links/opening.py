"""Opens a link by its URL: a device path, or socket://host:port."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import termios
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import serial
from serial.urlhandler.protocol_socket import Serial as SocketPort

from edge.links.holding import Claim, holders
from edge.links.port import Port, PortLink
from kernel.errors import ConfigError, LinkError

_PARITY = {"none": serial.PARITY_NONE, "even": serial.PARITY_EVEN, "odd": serial.PARITY_ODD}
_WAKE_S = 0.2  # how long the reader thread may sit in one read before it looks whether the link was closed


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialSettings:
    """Line settings.  Some indicators reset when DTR or RTS rise at open, some adapters are powered by them."""

    baud: int = 9600
    bits: Literal[7, 8] = 8
    parity: Literal["none", "even", "odd"] = "none"
    stop: Literal[1, 2] = 1
    dtr: bool = False
    rts: bool = False
    patience_ms: int = 500

    def __post_init__(self) -> None:
        faults = []
        if self.baud not in serial.Serial.BAUDRATES:
            faults.append(("baud", f"must be a usual line speed, is {self.baud}"))
        if self.patience_ms < 10:
            faults.append(("patience_ms", f"must be at least 10, is {self.patience_ms}"))
        if faults:
            raise ConfigError(faults)


def check_url(url: str) -> None:
    """Raise ConfigError unless `url` is one that open_link can open."""
    parts = urlsplit(url)
    if parts.scheme == "socket":
        with contextlib.suppress(ValueError):
            if parts.hostname and parts.port:
                return
        raise ConfigError.one("url", f"must be socket://host:port, is {url!r}")
    if not url.startswith("/"):
        raise ConfigError.one("url", f"must be a device path or socket://host:port, is {url!r}")


async def open_link(url: str, *, line: SerialSettings, holder: str, locks: Path | None = None) -> PortLink:
    """Open `url` for this process alone; raises LinkError with the reason, and who holds the port if somebody does.

    `holder` is how this process calls itself in that message to the next one.
    """
    check_url(url)
    if not url.startswith("/"):
        return _link(await asyncio.to_thread(_open_socket, url), url, line, lambda: None)
    claim = await asyncio.to_thread(_claim, Path(url), holder, locks)
    try:
        port = await asyncio.to_thread(_open_device, Path(url), line)
    except LinkError:
        claim.release()
        raise
    return _link(port, url, line, claim.release)


def _link(port: Port, url: str, line: SerialSettings, on_close: Callable[[], None]) -> PortLink:
    return PortLink(port, name=url, patience_s=line.patience_ms / 1000, on_close=on_close)


def _claim(path: Path, holder: str, locks: Path | None) -> Claim:
    if not path.exists():
        raise LinkError(f"{path} is not there: unplugged?")
    try:
        return Claim(path, holder=holder, folder=locks)
    except OSError as error:
        raise LinkError(f"{path}: cannot lock: {error}") from error


def _open_socket(url: str) -> Port:
    try:
        port: Port = SocketPort(url, timeout=_WAKE_S)
    except OSError as error:
        raise LinkError(str(error)) from error
    return port


def _open_device(path: Path, line: SerialSettings) -> Port:
    port = serial.Serial()
    port.port = str(path)
    port.baudrate, port.bytesize, port.stopbits = line.baud, line.bits, line.stop
    port.parity = _PARITY[line.parity]
    port.timeout, port.write_timeout = _WAKE_S, 2.0
    port.exclusive = True
    port.dtr, port.rts = line.dtr, line.rts
    try:
        port.open()
        # The lock of `exclusive` is only seen by those who ask; this one turns everybody away.
        fcntl.ioctl(port.fileno(), termios.TIOCEXCL)
    except (OSError, ValueError, termios.error) as error:
        port.close()
        who = holders(path)
        raise LinkError(f"{path}: {error}" + (f"; held by {who}" if who else "")) from error
    return port
