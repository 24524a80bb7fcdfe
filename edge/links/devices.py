"""Serial ports of this machine and of RFC 2217 servers: set before they are opened, and never flushed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import socket
import stat
import termios
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from typing import Literal, TypeVar

import serial
from serial import rfc2217
from serial.tools import list_ports

from edge.links.holding import holders
from edge.links.port import Port
from edge.links.tcp import keep_alive
from edge.links.urls import Address
from kernel.errors import ConfigError, LinkError

Opened = TypeVar("Opened", serial.Serial, rfc2217.Serial)

_PARITY = {"none": serial.PARITY_NONE, "even": serial.PARITY_EVEN, "odd": serial.PARITY_ODD}
_WRITE_S = 2.0
_MEMORY = 1  # major number of /dev/null and its like
_UNREAD_LIMIT = 1 << 16  # bytes of an RFC 2217 server; the rest waits in the kernel and at the server


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialSettings:
    """Line settings.  Some indicators reset when DTR or RTS rise at open, some adapters are powered by them.

    `seven_bit`: a 7E1 line opened as 8N1 shows parity in the eighth bit: found out and taken off, always, or never.
    """

    baud: int = 9600
    bits: Literal[7, 8] = 8
    parity: Literal["none", "even", "odd"] = "none"
    stop: Literal[1, 2] = 1
    dtr: bool = False
    rts: bool = False
    patience_ms: int = 500
    seven_bit: Literal["auto", "yes", "no"] = "auto"

    def __post_init__(self) -> None:
        faults = []
        if self.baud not in serial.Serial.BAUDRATES:
            faults.append(("baud", f"must be a usual line speed, is {self.baud}"))
        if self.patience_ms < 10:
            faults.append(("patience_ms", f"must be at least 10, is {self.patience_ms}"))
        if faults:
            raise ConfigError(faults)

    @property
    def words(self) -> str:
        """As technicians say it: 9600 8N1."""
        return f"{self.baud} {self.bits}{_PARITY[self.parity]}{self.stop}"


class _Device(serial.Serial):
    """What arrives while a port is being opened belongs to the stream: pyserial would throw it away."""

    def _reset_input_buffer(self) -> None:
        """Keep it."""


class _Remote(rfc2217.Serial):
    """As above, and with an end: pyserial reads a server into a queue without one, and never asks a silent peer."""

    _socket: socket.socket | None
    _read_buffer: Queue[bytes | None] | None
    _thread: threading.Thread | None

    def reset_input_buffer(self) -> None:
        """Keep it."""
        if self._read_buffer is not None:
            self._read_buffer.maxsize = _UNREAD_LIMIT
        if self._socket is not None:
            keep_alive(self._socket)

    def read(self, size: int = 1, /) -> bytes:
        """Waits for the first byte alone.  pyserial forgets what is still unread when the server hangs up."""
        unread, reader = self._read_buffer, self._thread
        if not self.is_open or unread is None or reader is None:
            raise serial.PortNotOpenError()
        data = bytearray()
        with contextlib.suppress(Empty):
            while len(data) < size and (byte := unread.get(not data, self.timeout)) is not None:
                data += byte
        if size and not data and not reader.is_alive() and unread.empty():
            raise serial.SerialException("the server has hung up")
        return bytes(data)

    def close(self) -> None:
        self.is_open = False
        peer = self._socket
        if self._read_buffer is not None:  # let go of a reader that waits for room
            _empty(self._read_buffer)
        super().close()
        if peer is not None:  # pyserial forgets one that the other end has closed
            peer.close()


def _empty(queue: Queue[bytes | None]) -> None:
    try:
        while True:
            queue.get_nowait()
    except Empty:
        return


def is_terminal(found: os.stat_result) -> bool:
    """Whether it can be a serial port; it is not opened for that, since opening may reset an indicator."""
    return stat.S_ISCHR(found.st_mode) and os.major(found.st_rdev) != _MEMORY


def open_device(path: Path, line: SerialSettings, *, wake_s: float) -> Port:
    """Blocking.  LinkError with the reason, and who has the port if somebody does."""
    if who := holders(path):  # without a lock of its own, it would still take half of the bytes
        raise LinkError(f"{path}: held by {who}")
    port = _set(_Device(), str(path), line, wake_s)
    port.write_timeout = _WRITE_S
    port.exclusive = True
    try:
        port.open()
        # The lock of `exclusive` is only seen by those who ask; this one turns everybody away.
        fcntl.ioctl(port.fileno(), termios.TIOCEXCL)
        if line.dtr or line.rts:
            _keep_raised(port.fileno())
    except (OSError, ValueError, termios.error) as error:
        port.close()
        who = holders(path)
        raise LinkError(f"{path}: {error}" + (f"; held by {who}" if who else "")) from error
    return port


def _keep_raised(fd: int) -> None:
    """Adapters that live on DTR or RTS keep their power while the port is opened anew."""
    attributes = termios.tcgetattr(fd)
    attributes[2] &= ~termios.HUPCL
    termios.tcsetattr(fd, termios.TCSANOW, attributes)


def open_remote(url: str, line: SerialSettings, *, wake_s: float) -> Port:
    """Blocking.  The server is told the line settings; one that does not take them is a LinkError."""
    port = _set(_Remote(), url, line, wake_s)  # write_timeout stays unset: pyserial would refuse to open
    try:
        port.open()
    except (OSError, ValueError) as error:
        # What servers do that cannot set DTR and RTS, such as those of a pty.
        hint = "; try ?ign_set_control" if "'control'" in str(error) else ""
        raise LinkError(f"{url}: {error}{hint}") from error
    return port


def _set(port: Opened, name: str, line: SerialSettings, wake_s: float) -> Opened:
    port.port = name
    port.baudrate, port.bytesize, port.stopbits = line.baud, line.bits, line.stop
    port.parity = _PARITY[line.parity]
    port.timeout = wake_s
    port.dtr, port.rts = line.dtr, line.rts
    return port


def find_device(address: Address) -> Path:
    """The one port of this machine that hwgrep's expression fits; LinkError: none, or several."""
    ports = list_ports.comports()
    return only_one(address.pattern, [(port.device, port.description, port.hwid) for port in ports])


def only_one(pattern: str, ports: Iterable[tuple[str, ...]]) -> Path:
    """`ports` are (path, description, USB ids)."""
    fitting = re.compile(pattern, re.IGNORECASE)
    found = sorted({port[0] for port in ports if any(fitting.search(text) for text in port)})
    if len(found) != 1:
        raise LinkError(f"hwgrep://{pattern} fits {' and '.join(found) or 'no port: unplugged?'}")
    return Path(found[0])
