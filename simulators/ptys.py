"""A serial cable of a simulated device: a pty with a path that stays the same, paced like its baud rate."""

from __future__ import annotations

import contextlib
import os
import select
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from kernel.clock import Clock

_CHUNK = 16


class DevicePort(Protocol):
    """The device's end of a wire, whatever it is made of."""

    bend: Callable[[bytes], bytes]

    async def send(self, data: bytes) -> None: ...
    def receive(self) -> bytes: ...
    def plug(self) -> None: ...
    def unplug(self) -> None: ...


class PtyPort:
    """`path` is a symlink to the pty that is plugged in now; `bend` spoils what goes out."""

    def __init__(self, path: Path, *, baud: int, clock: Clock) -> None:
        self.path = path
        self.bend: Callable[[bytes], bytes] = lambda data: data
        self._clock = clock
        self._byte_s = 10 / baud
        self._master: int | None = None

    def plug(self) -> None:
        if self._master is not None:
            return
        master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        fresh = self.path.with_name(f".{self.path.name}.new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.ttyname(slave))
        # Held open, the slave would hide whether anybody listens: like a real line, what nobody reads is gone.
        os.close(slave)
        fresh.replace(self.path)
        self._master = master

    def unplug(self) -> None:
        if self._master is not None:
            self.path.unlink(missing_ok=True)
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
        """Write at the pace of the line; the time passes even when nobody listens."""
        data = self.bend(data)
        for at in range(0, len(data), _CHUNK):
            chunk = data[at : at + _CHUNK]
            await self._clock.sleep(len(chunk) * self._byte_s)
            if self._master is not None and self.heard:
                with contextlib.suppress(
                    OSError
                ):  # nobody reads any more, or the buffer is full: lost on the line
                    os.write(self._master, chunk)

    def receive(self) -> bytes:
        """What the host has sent since the last call."""
        if self._master is None:
            return b""
        try:
            return os.read(self._master, 4096)
        except OSError:  # nothing there, or nobody at the other end
            return b""
