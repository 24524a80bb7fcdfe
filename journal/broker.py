"""A broker inside the process, for one-box set-ups: who you are decides where you may speak and listen.

Custody never rests on it: it keeps nothing, and what it loses is sent again.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from amqtt.adapters import ReaderAdapter, StreamReaderAdapter, StreamWriterAdapter, WriterAdapter
from amqtt.broker import Broker, Server
from amqtt.contexts import Action
from amqtt.errors import AMQTTError
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session

from journal.guests import Guests, Listed
from journal.tls import CountyContext, peer_name
from kernel.errors import ConfigError, ProtocolError

log = logging.getLogger(__name__)

UP = "weighpost/v1/up"
DOWN = "weighpost/v1/down"
LARGEST = 256 * 1024  # bytes of one message; a frame is at most 96 kB
CONNECT_S = 10.0  # from the connection to the end of its first packet
GOODBYE_S = 2.0
SILENT_S = 600  # for clients that want no keepalive, or a longer one
STRANGERS = "?"  # in the counts: whoever is nobody of ours


class Identities(BaseAuthPlugin):  # type: ignore[misc]  # amqtt ships no types
    """User name and password, or nothing."""

    @dataclass
    class Config:
        users: dict[str, str] = field(default_factory=dict)

    async def authenticate(self, *, session: Session) -> bool | None:
        user, password = session.username or "", session.password or ""
        wanted = self.config.users.get(user)
        return wanted is not None and hmac.compare_digest(wanted.encode(), password.encode())


class Places(BaseTopicPlugin):  # type: ignore[misc]
    """A box speaks under up/{box}/ and hears down/{box}/; services hear all boxes and answer them."""

    @dataclass
    class Config:
        services: list[str] = field(default_factory=list)

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
    ) -> bool | None:
        if session is None or not session.username or not topic:
            return False
        service = session.username in self.config.services
        return may(session.username, topic, publishes=action == Action.PUBLISH, service=service)


def may(user: str, topic: str, *, publishes: bool, service: bool) -> bool:
    """The whole of the access rules.  `topic` is a topic when publishing and a filter when subscribing."""
    if service:
        return topic.startswith((f"{UP}/", f"{DOWN}/"))
    root = f"{UP}/{user}/" if publishes else f"{DOWN}/{user}/"
    return topic.startswith(root)


class _Bytes(StreamReaderAdapter):  # type: ignore[misc]
    """What a client says, in pieces of a size that is fit to be held."""

    async def read(self, n: int = -1) -> bytes:
        if n > LARGEST:
            raise ProtocolError(f"a message of more than {LARGEST} bytes")
        data: bytes = await super().read(n)
        return data


class _Handler(BrokerProtocolHandler):  # type: ignore[misc]
    """amqtt notices that a client has been silent for too long and does nothing; then a dead line keeps its place.

    It also waits for ever for the end of a reader that it cancels before it has begun, or twice.
    """

    def handle_read_timeout(self) -> None:
        if self.reader is not None:
            self.reader.feed_eof()

    async def stop(self) -> None:
        reader, begun = self._reader_task, self._reader_ready
        if reader is not None and begun is not None and not reader.done():
            reader.add_done_callback(lambda _ended: begun.set())
            reader.add_done_callback(lambda _ended: self._reader_stopped.set())
            await begun.wait()
        await super().stop()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Doorkeeper:
    """Who is let in; with a context it is the name in the certificate that counts, whatever a client calls itself."""

    guests: Guests
    services: tuple[str, ...]
    context: CountyContext | None
    refused: Counter[str]  # connections, publications and subscriptions, by box

    def knows(self, user: str | None) -> bool:
        return user is not None and (user in self.services or self.guests.admits(user))

    def refuse(self, user: str | None) -> None:
        # Names that a stranger makes up are not counted one by one: they would fill the memory.
        self.refused[user if user is not None and self.knows(user) else STRANGERS] += 1


class _StrictBroker(Broker):  # type: ignore[misc]
    """amqtt without what lets one client harm another.

    As it comes it clears the session of a client id before it has asked for the password, publishes wills without
    asking who may, keeps dead connections and forgets those that are not yet, or no longer, sessions.  It also asks
    nobody's certificate for a name.
    """

    def __init__(self, config: dict[str, Any], *, door: _Doorkeeper) -> None:
        super().__init__(config)
        self._door = door
        self._writers: dict[asyncio.StreamWriter, str | None] = {}

    async def stream_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        self._writers[writer] = _certified(writer)
        try:
            await self._client_connected(listener_name, _Bytes(reader), StreamWriterAdapter(writer))
        finally:
            self._writers.pop(writer, None)
            writer.close()

    def expel(self, box: str) -> None:
        """Ends the connections of a box that came by certificate."""
        for writer, name in self._writers.items():
            if name == box:
                writer.transport.abort()

    async def _create_server_instance(
        self, listener_name: str, _type: object, address: str | None, port: int, _ssl: object
    ) -> asyncio.Server:
        """With patience of our own: what asyncio grants to a handshake that does not end is a minute."""
        patience: dict[str, Any] = {"ssl_handshake_timeout": CONNECT_S, "ssl_shutdown_timeout": GOODBYE_S}
        return await asyncio.start_server(
            partial(self.stream_connected, listener_name=listener_name),
            address,
            port,
            reuse_address=True,
            ssl=self._door.context,
            **(patience if self._door.context else {}),
        )

    async def shutdown(self) -> None:
        for writer in self._writers:
            writer.transport.abort()  # TLS would say good-bye, and wait until whoever is gone has said it too
        await super().shutdown()

    async def retain_message(self, *_message: object) -> None:
        """Nothing that matters is retained, and what is retained for ever fills the memory."""

    async def _initialize_client_session(
        self, reader: ReaderAdapter, writer: WriterAdapter, remote_address: str, remote_port: int
    ) -> tuple[BrokerProtocolHandler, Session]:
        """Every session is a new one and has no will; whose it is, is not known yet."""
        try:
            async with asyncio.timeout(CONNECT_S):
                handler, session = await _Handler.init_from_connect(reader, writer, self.plugins_manager)
        except Exception as error:  # whatever the first bytes make of amqtt's parser costs no place
            raise AMQTTError(f"no session for {remote_address}:{remote_port}") from error
        if self._door.context is not None:
            session.username = peer_name(writer.get_ssl_info().getpeercert())
        session.clean_session = True
        session.parent = 0
        session.will_flag = False
        session.keep_alive = (
            min(session.keep_alive * 3 // 2 + 1, SILENT_S) if session.keep_alive else SILENT_S
        )
        return handler, session

    async def _handle_client_session(
        self,
        reader: ReaderAdapter,
        writer: WriterAdapter,
        client_session: Session,
        handler: BrokerProtocolHandler,
        server: Server,
        listener_name: str,
    ) -> None:
        """Who it is comes first; then a client takes the place of nobody but its own earlier connection."""
        session = client_session
        if not await self._authenticate(session, self.listeners_config[listener_name]):
            handler.attach(session, reader, writer)
            await handler.mqtt_connack_authorize(False)
            return
        session.client_id = f"{session.username}/{session.client_id}"
        await self._take_over(session.client_id)
        await super()._handle_client_session(reader, writer, session, handler, server, listener_name)

    async def _authenticate(self, session: Session, listener: object) -> bool:
        if self._door.context is None:
            good = bool(await super()._authenticate(session, listener))
        else:
            good = self._door.knows(session.username)
        if not good:
            self._door.refuse(session.username)
            user, address = (session.username or "")[:40], session.remote_address
            log.warning("broker refused a client", extra={"user": user, "address": address})
        return good

    async def _topic_filtering(self, session: Session, topic: str, action: Action) -> bool:
        good = bool(await super()._topic_filtering(session, topic, action))
        if not good and action != Action.RECEIVE:
            self._door.refuse(session.username)
        return good

    async def _take_over(self, client_id: str) -> None:
        _session, handler = self._sessions.get(client_id, (None, None))
        await self._delete_session(client_id)
        if handler is not None:
            await handler.handle_connection_closed()


class EmbeddedBroker:
    """amqtt on host:port.

    `users` are names and passwords; or, with `context`, whoever shows a certificate that names one of `guests`.
    `services` serve all boxes.  `refused` counts by box.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        services: tuple[str, ...],
        users: Mapping[str, str] | None = None,
        guests: Guests | None = None,
        context: CountyContext | None = None,
        refused: Counter[str] | None = None,
    ) -> None:
        self._address = f"{host}:{port}"
        self.refused: Counter[str] = Counter() if refused is None else refused
        listener = {"type": "tcp", "bind": self._address, "max_connections": 500}
        self._config: dict[str, Any] = {
            "listeners": {"default": listener},
            "timeout_disconnect_delay": 2,
            "plugins": {
                "journal.broker.Identities": {"users": dict(users or {})},
                "journal.broker.Places": {"services": list(services)},
            },
        }
        self._door = _Doorkeeper(
            guests=guests or Listed(users or {}), services=services, context=context, refused=self.refused
        )
        self._door.guests.on_shut_out(self._expel)
        self._broker: _StrictBroker | None = None

    async def start(self) -> None:
        """ConfigError when the port is taken."""
        # amqtt writes a line for every packet; what matters of it we say ourselves.
        for name in ("amqtt", "transitions"):
            logging.getLogger(name).setLevel(logging.ERROR)
        broker = _StrictBroker(self._config, door=self._door)
        try:
            await broker.start()
        except Exception as error:
            raise ConfigError.one("broker.port", f"cannot listen on {self._address}: {error}") from error
        self._broker = broker
        log.info("broker listens", extra={"address": self._address, "tls": self._door.context is not None})

    async def stop(self) -> None:
        broker, self._broker = self._broker, None
        if broker is not None:
            async with asyncio.timeout(5):
                await broker.shutdown()

    def _expel(self, box: str) -> None:
        if self._broker is not None:
            self._broker.expel(box)


def _certified(writer: asyncio.StreamWriter) -> str | None:
    connection = writer.get_extra_info("ssl_object")
    return peer_name(connection.getpeercert()) if connection is not None else None
