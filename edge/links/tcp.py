"""Ports over TCP: a peer that we dial, or one that dials us; a peer that has died without a word is noticed."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import logging
import select
import socket
import struct
import termios
import time
from collections.abc import Callable

from edge.links.holding import listeners
from kernel.errors import LinkError

log = logging.getLogger(__name__)

_CONNECT_S = 5.0
_WRITE_S = 2.0
_DIAL_S = 5.0  # how long an opening waits for an adapter before it is said that none has come
_DEAD_S = 10.0  # so long without a byte, and the next adapter takes over

# A peer without power sends no FIN: after 10 s of silence it is asked every 5 s, and gone after three times.
_KEEPALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 20_000),
)


def keep_alive(peer: socket.socket) -> None:
    for level, option, value in _KEEPALIVE:
        peer.setsockopt(level, option, value)


class TcpPort:
    """edge.links.port.Port over a connected socket; it keeps every byte that came since the connection was made."""

    def __init__(self, peer: socket.socket, *, wake_s: float) -> None:
        keep_alive(peer)
        peer.settimeout(_WRITE_S)
        self._peer = peer
        self._wake_s = wake_s

    @property
    def in_waiting(self) -> int:
        told: int = struct.unpack("i", fcntl.ioctl(self._peer, termios.FIONREAD, bytes(4)))[0]
        return told

    def read(self, size: int = 1, /) -> bytes:
        if size == 0 or not self._is_ready():
            return b""
        data = self._peer.recv(size)
        if not data:
            raise OSError(errno.ECONNRESET, "the other end has hung up")
        return data

    def write(self, data: bytes, /) -> int | None:
        self._peer.sendall(data)
        return len(data)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._peer.shutdown(socket.SHUT_RDWR)
        self._peer.close()

    def _is_ready(self) -> bool:
        return bool(select.select([self._peer], [], [], self._wake_s)[0])


def dial(host: str, port: int, *, wake_s: float) -> TcpPort:
    """Blocking; OSError."""
    return TcpPort(socket.create_connection((host, port), timeout=_CONNECT_S), wake_s=wake_s)


class Door:
    """A listening socket, held by one link at a time."""

    def __init__(self, host: str, port: int) -> None:
        """LinkError: the port is taken, and by whom if that can be seen."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.name = f"tcp-server://{f'[{host}]' if ':' in host else host}:{port}"
        self.held = False
        try:
            self.socket = socket.create_server((host, port), family=family, backlog=4)
        except OSError as error:
            who = listeners(port) if error.errno == errno.EADDRINUSE else ""
            raise LinkError(f"{self.name}: {f'held by {who}' if who else error.strerror}") from error
        self.socket.setblocking(False)

    async def newest(self) -> tuple[socket.socket, str]:
        """The adapter that has connected last, and its address; LinkError when none has."""
        try:
            async with asyncio.timeout(_DIAL_S):
                peer, address = await asyncio.get_running_loop().sock_accept(self.socket)
        except TimeoutError as error:
            raise LinkError(f"{self.name}: no adapter has connected") from error
        while (other := self.next()) is not None:
            peer.close()
            peer, address = other
        return peer, f"{address[0]}:{address[1]}"

    def next(self) -> tuple[socket.socket, tuple[str, int]] | None:
        try:
            return self.socket.accept()
        except OSError:  # none, or it has gone again
            return None


class Doors:
    """Stay open from one link to the next: an adapter that dials meanwhile is not turned away."""

    def __init__(self) -> None:
        self._doors: dict[tuple[str, int], Door] = {}

    def enter(self, host: str, port: int) -> Door:
        """LinkError: another link of this process, or another process, has it."""
        door = self._doors.get((host, port))
        if door is None:
            door = self._doors[host, port] = Door(host, port)
        if door.held:
            raise LinkError(f"{door.name}: held by another link of this process")
        door.held = True
        return door

    def close(self) -> None:
        for door in self._doors.values():
            door.socket.close()
        self._doors.clear()


class AdapterPort(TcpPort):
    """One adapter that has dialled in.  The next one takes over from a dead one and is turned away by a live one."""

    def __init__(
        self,
        peer: socket.socket,
        *,
        address: str,
        door: Door,
        wake_s: float,
        mono_s: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(peer, wake_s=wake_s)
        self._address = address
        self._door = door
        self._mono_s = mono_s
        self._heard_s = mono_s()
        self._turned_away = ""

    def _is_ready(self) -> bool:
        ready, _, _ = select.select([self._peer, self._door.socket], [], [], self._wake_s)
        if self._peer in ready:
            self._heard_s = self._mono_s()
        if self._door.socket in ready:
            self._answer_the_door()
        return self._peer in ready

    def _answer_the_door(self) -> None:
        if self._mono_s() - self._heard_s >= _DEAD_S:  # it stays in the queue, for the next link
            raise OSError(errno.ETIMEDOUT, f"{self._address} is silent and another adapter has connected")
        other = self._door.next()
        if other is None:
            return
        peer, (host, *_) = other
        peer.close()
        if host != self._turned_away:
            self._turned_away = host
            log.warning(
                "second adapter turned away",
                extra={"link": self._door.name, "from": host, "connected": self._address},
            )
