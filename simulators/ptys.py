"""A serial cable of a simulated device: a pty with a path that stays the same, paced like its baud rate."""

from __future__ import annotations

import contextlib
import os
import select
import termios
import tty
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from kernel.clock import Clock
from kernel.errors import ConfigError
from simulators.uart import Line, heard, with_parity

_CHUNK = 16
_SPEEDS = {
    getattr(termios, f"B{baud}"): baud
    for baud in (300, 600, 1_200, 2_400, 4_800, 9_600, 19_200, 38_400, 57_600, 115_200)
}


class DevicePort(Protocol):
    """The device's end of a wire, whatever it is made of."""

    bend: Callable[[bytes], bytes]

    async def send(self, data: bytes) -> None: ...
    def receive(self) -> bytes: ...
    def plug(self) -> None: ...
    def unplug(self) -> None: ...


class PacedPort(ABC):
    """What a line's speed does: bytes take their time, even when nobody listens; `bend` spoils what goes out."""

    def __init__(self, *, byte_s: float, clock: Clock) -> None:
        self.bend: Callable[[bytes], bytes] = lambda data: data
        self._clock = clock
        self._byte_s = byte_s

    async def send(self, data: bytes) -> None:
        """Write at the pace of the line."""
        data = self.bend(data)
        for at in range(0, len(data), _CHUNK):
            chunk = data[at : at + _CHUNK]
            await self._clock.sleep(len(chunk) * self._byte_s)
            self._put(chunk)

    @abstractmethod
    def _put(self, chunk: bytes) -> None:
        """Onto the wire, or lost when nobody listens."""


class PtyPort(PacedPort):
    """`path` is a symlink to the pty that is plugged in now.

    With a `line` the device keeps to it, and the host reads what a UART would at the speed that it has set: garbage at
    another one.  A pty has no parity, so seven bits with parity always arrive as eight.
    """

    def __init__(self, path: Path, *, clock: Clock, baud: int = 9_600, line: Line | None = None) -> None:
        super().__init__(byte_s=line.byte_s if line else 10 / baud, clock=clock)
        self.path = path
        self._line = line
        self._master: int | None = None
        self._leads_to = ""

    def plug(self) -> None:
        """ConfigError when the path is taken, by anything but a link that leads nowhere any more, or cannot be made."""
        if self._master is not None:
            return
        master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        leads_to = os.ttyname(slave)
        # Held open, the slave would hide whether anybody listens: like a real line, what nobody reads is gone.
        os.close(slave)
        try:
            self._link(leads_to)
        except BaseException:
            os.close(master)
            raise
        self._master, self._leads_to = master, leads_to

    def _link(self, leads_to: str) -> None:
        try:
            if self.path.is_symlink() and not self.path.exists():
                self.path.unlink()
            self.path.symlink_to(leads_to)
        except FileExistsError as error:
            raise ConfigError.one("pty", f"{self.path} is there already") from error
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise ConfigError.one("pty", f"{self.path} cannot be made: {reason}") from error

    def unplug(self) -> None:
        if self._master is not None:
            if self.path.is_symlink() and str(self.path.readlink()) == self._leads_to:
                self.path.unlink()  # and not what somebody has put there meanwhile
            os.close(self._master)
            self._master = None

    @property
    def heard(self) -> bool:
        """Whether a process has the other end open."""
        if self._master is None:
            return False
        poll = select.poll()
        poll.register(self._master, select.POLLHUP)
        return not poll.poll(0)

    async def send(self, data: bytes) -> None:
        await super().send(self._as_heard(data) if self._line else data)

    def _as_heard(self, data: bytes) -> bytes:
        line, baud = self._line or Line(), self._host_baud()
        if baud is None or baud == line.baud:
            return with_parity(data, line)
        return heard(data, sent=line, read=Line(baud=baud))

    def _host_baud(self) -> int | None:
        """The speed that the other end is set to."""
        if self._master is None:
            return None
        try:
            return _SPEEDS.get(termios.tcgetattr(self._master)[5])
        except termios.error:
            return None

    def _put(self, chunk: bytes) -> None:
        if self._master is not None and self.heard:
            # Nobody reads any more, or the buffer is full: lost on the line.
            with contextlib.suppress(OSError):
                os.write(self._master, chunk)

    def receive(self) -> bytes:
        """What the host has sent since the last call."""
        if self._master is None:
            return b""
        try:
            return os.read(self._master, 4096)
        except OSError:  # nothing there, or nobody at the other end
            return b""
