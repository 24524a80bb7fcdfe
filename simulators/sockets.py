"""A serial server on TCP with a simulated device behind it: every host that connects hears the same line."""

from __future__ import annotations

import socket

from kernel.clock import Clock
from kernel.errors import ConfigError
from simulators.ptys import PacedPort
from simulators.uart import Line

_BACKLOG = 4


class TcpPort(PacedPort):
    """Listens on `host` and `port`; port 0 takes a free one, and keeps it when it is plugged in again."""

    def __init__(self, host: str, port: int, *, clock: Clock, line: Line | None = None) -> None:
        super().__init__(byte_s=(line or Line()).byte_s, clock=clock)
        self.host, self.port = host, port
        self._listening: socket.socket | None = None
        self._peers: list[socket.socket] = []

    @property
    def url(self) -> str:
        return f"socket://{self.host}:{self.port}"

    @property
    def heard(self) -> bool:
        """Whether a host is connected."""
        self._accept()
        return bool(self._peers)

    def plug(self) -> None:
        """ConfigError when the address cannot be had."""
        if self._listening is not None:
            return
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((self.host, self.port))
        except (OSError, OverflowError) as error:
            listening.close()
            raise ConfigError.one("tcp", f"{self.host}:{self.port}: {error}") from error
        listening.listen(_BACKLOG)
        listening.setblocking(False)
        self.port = listening.getsockname()[1]
        self._listening = listening

    def unplug(self) -> None:
        for peer in self._peers:
            peer.close()
        self._peers.clear()
        if self._listening is not None:
            self._listening.close()
            self._listening = None

    def receive(self) -> bytes:
        """What the hosts have sent since the last call."""
        self._accept()
        return b"".join(map(self._read, tuple(self._peers)))

    def _put(self, chunk: bytes) -> None:
        self._accept()
        for peer in tuple(self._peers):
            try:
                peer.send(chunk)
            except BlockingIOError:  # it does not read: lost, as on a line
                continue
            except OSError:
                self._drop(peer)

    def _accept(self) -> None:
        while self._listening is not None:
            try:
                peer, _ = self._listening.accept()
            except OSError:
                return
            peer.setblocking(False)
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._peers.append(peer)

    def _read(self, peer: socket.socket) -> bytes:
        try:
            data = peer.recv(4096)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self._drop(peer)
        return data

    def _drop(self, peer: socket.socket) -> None:
        if peer in self._peers:
            self._peers.remove(peer)
        peer.close()
