"""A serial port or socket behind a reader thread; no byte is dropped between the wire and the loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Protocol

from kernel.errors import LinkError

# The thread waits for the loop when so much is unread: at 115200 baud this is a minute and a half.
_UNREAD_LIMIT = 1 << 20
_CHUNK = 4096


class Port(Protocol):
    """What we use of an open pyserial port."""

    @property
    def in_waiting(self) -> int: ...
    def read(self, size: int = 1, /) -> bytes: ...
    def write(self, data: bytes, /) -> int | None: ...
    def close(self) -> None: ...


class PortLink:
    """kernel.links.Link over an open pyserial port; owns the port and closes it."""

    def __init__(self, port: Port, *, name: str, patience_s: float, on_close: Callable[[], None]) -> None:
        self._port = port
        self._name = name
        self._patience_s = patience_s
        self._on_close = on_close
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()
        self._unread = bytearray()
        self._room = threading.Event()
        self._room.set()
        self._broken: str | None = None
        self._closing = False
        self._ending: asyncio.Future[None] | None = None
        self._thread = threading.Thread(target=self._pump, name=f"read {name}", daemon=True)
        self._thread.start()

    async def read(self) -> bytes:
        """Wait for bytes and return what is there; b"" when the line was silent for the link's patience."""
        if not self._unread and self._broken is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._patience_s):
                    await self._arrived.wait()
        data = bytes(self._unread)
        self._unread.clear()
        self._arrived.clear()
        self._room.set()
        if not data and self._broken is not None:
            raise LinkError(self._broken)
        return data

    async def write(self, data: bytes) -> None:
        if self._broken is not None:
            raise LinkError(self._broken)
        try:
            await asyncio.to_thread(self._port.write, data)
        except OSError as error:
            raise LinkError(f"{self._name}: {error}") from error

    async def close(self) -> None:
        """Whoever is cancelled while he waits leaves the port closed all the same."""
        if self._ending is None:
            self._closing = True
            self._room.set()
            self._ending = asyncio.ensure_future(asyncio.to_thread(self._end))
        await asyncio.shield(self._ending)

    def _end(self) -> None:
        self._thread.join()
        with contextlib.suppress(OSError):
            self._port.close()
        self._on_close()

    def _pump(self) -> None:
        """In the reader thread: hand every byte to the loop until the wire or the link ends."""
        try:
            while not self._closing:
                if data := self._port.read(1):
                    self._hand_over_with_the_rest(data)
        except (OSError, TypeError) as error:  # pyserial reads a closed port as TypeError
            self._tell(self._break, f"{self._name}: {error}")

    def _hand_over_with_the_rest(self, data: bytes) -> None:
        try:
            data += self._port.read(min(self._port.in_waiting, _CHUNK))
        finally:  # what came before the wire broke is not lost with it
            self._hand_over(bytes(data))

    def _hand_over(self, data: bytes) -> None:
        self._room.wait()
        self._room.clear()
        self._tell(self._take, data)

    def _tell(self, call: Callable[..., None], argument: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is gone, so nobody can be told
            self._loop.call_soon_threadsafe(call, argument)

    def _take(self, data: bytes) -> None:
        self._unread += data
        self._arrived.set()
        if len(self._unread) < _UNREAD_LIMIT:
            self._room.set()

    def _break(self, reason: str) -> None:
        self._broken = reason
        self._arrived.set()
