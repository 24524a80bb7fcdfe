"""A broker inside the process, for one-box set-ups: who you are decides where you may speak and listen.

Custody never rests on it: it keeps nothing, and what it loses is sent again.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from amqtt.adapters import ReaderAdapter, StreamReaderAdapter, StreamWriterAdapter, WriterAdapter
from amqtt.broker import Broker, Server
from amqtt.contexts import Action
from amqtt.errors import AMQTTError
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session

from kernel.errors import ConfigError, ProtocolError

log = logging.getLogger(__name__)

UP = "weighpost/v1/up"
DOWN = "weighpost/v1/down"
LARGEST = 256 * 1024  # bytes of one message; a frame is at most 96 kB
CONNECT_S = 10.0  # from the connection to the end of its first packet
SILENT_S = 600  # for clients that want no keepalive, or a longer one


class Identities(BaseAuthPlugin):  # type: ignore[misc]  # amqtt ships no types
    """User name and password, or nothing."""

    @dataclass
    class Config:
        users: dict[str, str] = field(default_factory=dict)

    async def authenticate(self, *, session: Session) -> bool | None:
        user, password = session.username or "", session.password or ""
        wanted = self.config.users.get(user)
        good = wanted is not None and hmac.compare_digest(wanted.encode(), password.encode())
        if not good:
            log.warning(
                "broker refused a client", extra={"user": user[:40], "address": session.remote_address}
            )
        return good


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
    """amqtt notices that a client has been silent for too long and does nothing; then a dead line keeps its place."""

    def handle_read_timeout(self) -> None:
        if self.reader is not None:
            self.reader.feed_eof()


class _StrictBroker(Broker):  # type: ignore[misc]
    """amqtt without what lets one client harm another.

    As it comes it clears the session of a client id before it has asked for the password, publishes wills without
    asking who may, keeps dead connections and forgets those that are not yet, or no longer, sessions.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self._writers: set[asyncio.StreamWriter] = set()

    async def stream_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        self._writers.add(writer)
        try:
            await self._client_connected(listener_name, _Bytes(reader), StreamWriterAdapter(writer))
        finally:
            self._writers.discard(writer)
            writer.close()

    async def shutdown(self) -> None:
        await super().shutdown()
        for writer in self._writers:
            writer.close()

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

    async def _take_over(self, client_id: str) -> None:
        _session, handler = self._sessions.get(client_id, (None, None))
        await self._delete_session(client_id)
        if handler is not None:
            await handler.handle_connection_closed()


class EmbeddedBroker:
    """amqtt on host:port.  `users` are names and passwords; `services` those of them that serve all boxes."""

    def __init__(self, *, host: str, port: int, users: Mapping[str, str], services: tuple[str, ...]) -> None:
        self._address = f"{host}:{port}"
        self._config: dict[str, Any] = {
            "listeners": {"default": {"type": "tcp", "bind": self._address, "max_connections": 500}},
            "timeout_disconnect_delay": 2,
            "plugins": {
                "journal.broker.Identities": {"users": dict(users)},
                "journal.broker.Places": {"services": list(services)},
            },
        }
        self._broker: Broker | None = None

    async def start(self) -> None:
        """ConfigError when the port is taken."""
        # amqtt writes a line for every packet; what matters of it we say ourselves.
        for name in ("amqtt", "transitions"):
            logging.getLogger(name).setLevel(logging.ERROR)
        broker = _StrictBroker(self._config)
        try:
            await broker.start()
        except Exception as error:
            raise ConfigError.one("broker.port", f"cannot listen on {self._address}: {error}") from error
        self._broker = broker
        log.info("broker listens", extra={"address": self._address})

    async def stop(self) -> None:
        broker, self._broker = self._broker, None
        if broker is not None:
            async with asyncio.timeout(5):
                await broker.shutdown()
