"""One live socket a page: topics, a snapshot and then deltas, encoded once and fanned out to every browser.

Server to browser, one JSON object a message (binary frames, so that the bytes are made once):
    {"k": "hello", "build": ..., "beat_ms": ...}
    {"k": "snap", "t": topic, "n": 7, "age_ms": ..., "stale_ms": ... or null, "d": ...}
    {"k": "delta", "t": topic, "n": 8, "d": ...}
    {"k": "beat", "at_ms": ...}
Browser to server: {"want": [topics]}.

A topic with a `snapshot` function carries deltas that may be applied twice (rows by id, absolute counts): a delta
that the snapshot already holds may follow it.  A topic without one carries whole values; the newest is its snapshot,
and a slow browser gets only the newest.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec
from starlette.websockets import WebSocketDisconnect

from kernel.clock import Clock
from web.accounts import Role
from web.outbox import Message, Outbox, Resync

log = logging.getLogger(__name__)
Snapshot = Callable[[], Awaitable[object]]
BEAT = ""  # the topic name of heartbeats; no topic of ours is empty
SIGNED_OUT = 4401
BAD_MESSAGE = 1008
FAILED = 1011


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    waiting: int = 256  # messages a browser may be behind
    clients: int = 500
    beat_s: float = 1.0
    recheck_s: float = 30.0  # how often a session is looked at again
    snapshot_ms: int = 500  # a snapshot this young is sent again as it is
    request_bytes: int = 4_096


class Socket(Protocol):
    """What the hub needs of a WebSocket; starlette's is one."""

    async def accept(self) -> None: ...
    async def close(self, code: int = 1000) -> None: ...
    async def send_bytes(self, data: bytes) -> None: ...
    async def receive_text(self) -> str: ...


class Want(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    want: tuple[str, ...]


class NoSuchTopicError(KeyError):
    """A bug: something is published on a topic nobody declared."""


@dataclass(slots=True, kw_only=True)
class _Topic:
    name: str
    snapshot: Snapshot | None
    stale_ms: int | None
    role: Role
    n: int = 0
    changed_ms: int = 0
    value: object = None
    cached: bytes = b""
    cached_n: int = -1
    cached_ms: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(slots=True, eq=False)
class _Client:
    outbox: Outbox
    topics: set[str] = field(default_factory=set)


class Hub:
    """Everything is called on the loop's thread, except `post`."""

    def __init__(self, *, build: str, clock: Clock, limits: Limits | None = None) -> None:
        self.build = build
        self._clock = clock
        self._limits = limits or Limits()
        self._topics: dict[str, _Topic] = {}
        self._clients: set[_Client] = set()
        self._dropped = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    def topic(
        self,
        name: str,
        *,
        snapshot: Snapshot | None = None,
        stale_ms: int | None = None,
        role: Role = "viewer",
    ) -> None:
        """Declare a topic.  `stale_ms`: silence after which browsers blank it, for values that come at a rate."""
        self._topics[name] = _Topic(name=name, snapshot=snapshot, stale_ms=stale_ms, role=role)

    @property
    def clients(self) -> int:
        return len(self._clients)

    @property
    def dropped(self) -> int:
        """Messages dropped for slow browsers since the start."""
        return self._dropped + sum(client.outbox.dropped for client in self._clients)

    def publish(self, topic: str, data: object) -> None:
        """Encode once and queue for everyone who wants the topic."""
        entry = self._topics.get(topic)
        if entry is None:
            raise NoSuchTopicError(topic)
        entry.n += 1
        entry.changed_ms = self._clock.mono_ms()
        if entry.snapshot is None:
            entry.value = data
        message = msgspec.json.encode({"k": "delta", "t": topic, "n": entry.n, "d": data})
        for client in self._clients:
            if topic in client.topics:
                put = client.outbox.put if entry.snapshot else client.outbox.put_newest
                put(topic, message)

    def post(self, topic: str, data: object) -> None:
        """`publish` from any thread.  Before `run` nobody listens, and nothing is done."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.publish, topic, data)

    async def run(self) -> None:
        """Heartbeat; runs as long as the process."""
        self._loop = asyncio.get_running_loop()
        while True:
            message = msgspec.json.encode({"k": "beat", "at_ms": self._clock.now_ms()})
            for client in self._clients:
                client.outbox.put_newest(BEAT, message)
            await self._clock.sleep(self._limits.beat_s)

    async def serve(
        self, socket: Socket, *, may: Callable[[Role], bool], still: Callable[[], Awaitable[bool]]
    ) -> None:
        """Talk to one browser until it goes or its session ends."""
        await socket.accept()
        if len(self._clients) >= self._limits.clients:
            log.warning("too many browsers", extra={"clients": len(self._clients)})
            await socket.close(1013)
            return
        client = _Client(Outbox(self._limits.waiting))
        self._clients.add(client)
        try:
            code = await self._talk(client, socket, may, still)
        finally:
            self._clients.discard(client)
            self._dropped += client.outbox.dropped
        if code is not None:
            await socket.close(code)

    async def _talk(
        self,
        client: _Client,
        socket: Socket,
        may: Callable[[Role], bool],
        still: Callable[[], Awaitable[bool]],
    ) -> int | None:
        """Ends with the code to close with, or None when the browser is gone."""
        tasks = [
            asyncio.create_task(self._read(client, socket, may), name="live read"),
            asyncio.create_task(self._write(client, socket), name="live write"),
            asyncio.create_task(self._watch(still), name="live session"),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        return _closing_code(ended)

    async def _read(self, client: _Client, socket: Socket, may: Callable[[Role], bool]) -> int:
        while True:
            text = await socket.receive_text()
            wanted = parse_want(text, self._limits.request_bytes)
            if wanted is None:
                return BAD_MESSAGE
            for name in wanted:
                topic = self._topics.get(name)
                if topic is not None and may(topic.role):
                    client.topics.add(name)
                    client.outbox.resync(name)

    async def _write(self, client: _Client, socket: Socket) -> None:
        beat_ms = int(self._limits.beat_s * 1000)
        await socket.send_bytes(msgspec.json.encode({"k": "hello", "build": self.build, "beat_ms": beat_ms}))
        while True:
            item = await client.outbox.take()
            match item:
                case Message(data=data):
                    await socket.send_bytes(data)
                case Resync(topic=name):
                    await socket.send_bytes(await self._snapshot(self._topics[name]))

    async def _watch(self, still: Callable[[], Awaitable[bool]]) -> int:
        while True:
            await self._clock.sleep(self._limits.recheck_s)
            if not await still():
                return SIGNED_OUT

    async def _snapshot(self, topic: _Topic) -> bytes:
        """The topic as it is now.  After a restart of everything all browsers ask at once: they share one."""
        async with topic.lock:
            now_ms = self._clock.mono_ms()
            if topic.cached_n != topic.n or now_ms - topic.cached_ms >= self._limits.snapshot_ms:
                # `n` first: a delta that comes while the snapshot is made is sent again, never missed.
                n = topic.n
                value = await topic.snapshot() if topic.snapshot else topic.value
                topic.cached = _encode_snapshot(topic, n, value, now_ms)
                topic.cached_n, topic.cached_ms = n, now_ms
            return topic.cached


def _closing_code(ended: Sequence[int | BaseException | None]) -> int | None:
    """A browser that went needs none; a fault of ours is told, and the browser comes again by itself."""
    for end in ended:
        if isinstance(end, int):
            return end
        if isinstance(end, Exception) and not isinstance(end, WebSocketDisconnect):
            log.error("a live socket failed", exc_info=end)
            return FAILED
    return None


def _encode_snapshot(topic: _Topic, n: int, value: object, now_ms: int) -> bytes:
    age_ms = now_ms - topic.changed_ms if n else None
    return msgspec.json.encode(
        {"k": "snap", "t": topic.name, "n": n, "age_ms": age_ms, "stale_ms": topic.stale_ms, "d": value}
    )


def parse_want(text: str, longest: int) -> Sequence[str] | None:
    """The topics asked for, or None when it is not such a message."""
    if len(text) > longest:
        return None
    try:
        return msgspec.json.decode(text, type=Want).want
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None
