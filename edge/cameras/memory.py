"""The last seconds of one camera, undecoded, and who waits for the next ones."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from dataclasses import dataclass

from edge.cameras.stream import Coded, Session

MAX_BYTES = 64 * 1024 * 1024
MAX_GROUP_MS = 60_000  # a camera that sends no key frame for longer gives no pictures until its next one
PACKET_BYTES = 1_000  # of each packet besides its data


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    session: Session
    packet: Coded

    @property
    def at_ms(self) -> int:
        return self.session.at_ms(self.packet)


class Memory:
    """Written by the camera's thread, read and awaited by the loop."""

    def __init__(self, *, keep_ms: int) -> None:
        self._keep_ms = keep_ms
        self._lock = threading.Lock()
        self._groups: deque[list[Held]] = deque()  # each begins with a key frame
        self._bytes = 0
        self._newest_ms = 0
        self._waiting: list[tuple[int, asyncio.AbstractEventLoop, asyncio.Future[bool]]] = []

    def push(self, session: Session, packet: Coded) -> None:
        with self._lock:
            if packet.key:
                self._groups.append([])
            if not self._groups:
                return  # before the first key frame nothing can be decoded
            self._groups[-1].append(Held(session=session, packet=packet))
            self._bytes += _size(packet)
            self._newest_ms = session.at_ms(packet)
            self._forget()
            done, self._waiting = _split(self._waiting, self._newest_ms)
        _answer(done, reached=True)

    def lost(self) -> None:
        """No more packets for now: nobody waits for them."""
        with self._lock:
            done, self._waiting = self._waiting, []
        _answer(done, reached=False)

    def around(self, from_ms: int, to_ms: int) -> list[Held]:
        """Packets from the last key frame at or before `from_ms` on, up to `to_ms`, of one connection."""
        with self._lock:
            groups = [list(group) for group in self._groups]
        begun = [group[0].at_ms for group in groups]
        first = max((n for n, at in enumerate(begun) if at <= from_ms), default=0)
        wanted = [group for group, at in zip(groups[first:], begun[first:], strict=True) if at <= to_ms]
        if not wanted:
            return []
        # A new connection has another head; a burst over both would need two decoders.
        session = wanted[-1][0].session
        return [held for group in wanted for held in group if held.session is session]

    async def reached(self, at_ms: int, *, patience_s: float) -> bool:
        """Wait until a packet of that time has come; False when it did not."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        with self._lock:
            if self._newest_ms >= at_ms:
                return True
            self._waiting.append((at_ms, future.get_loop(), future))
        try:
            async with asyncio.timeout(patience_s):
                return await future
        except TimeoutError:
            return False

    def _forget(self) -> None:
        """Drop whole groups that nobody can ask for any more; the one that reaches into the window stays."""
        horizon = self._newest_ms - self._keep_ms
        while len(self._groups) > 1 and (self._groups[1][0].at_ms <= horizon or self._bytes > MAX_BYTES):
            self._drop()
        (only, *more) = self._groups
        too_long = self._newest_ms - only[0].at_ms > max(self._keep_ms, MAX_GROUP_MS)
        if not more and (too_long or self._bytes > MAX_BYTES):
            self._drop()

    def _drop(self) -> None:
        self._bytes -= sum(_size(held.packet) for held in self._groups.popleft())


def _size(packet: Coded) -> int:
    return PACKET_BYTES + len(packet.data)


Waiting = list[tuple[int, asyncio.AbstractEventLoop, asyncio.Future[bool]]]


def _split(waiting: Waiting, newest_ms: int) -> tuple[Waiting, Waiting]:
    live = [entry for entry in waiting if not entry[2].done()]
    return [e for e in live if e[0] <= newest_ms], [e for e in live if e[0] > newest_ms]


def _answer(waiting: Waiting, *, reached: bool) -> None:
    for _, loop, future in waiting:
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle, future, reached)


def _settle(future: asyncio.Future[bool], reached: bool) -> None:
    if not future.done():
        future.set_result(reached)
