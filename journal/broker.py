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

from amqtt.broker import Broker
from amqtt.contexts import Action
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session

from kernel.errors import ConfigError

log = logging.getLogger(__name__)

UP = "weighpost/v1/up"
DOWN = "weighpost/v1/down"
LARGEST = 256 * 1024  # bytes of one message; a frame is at most 96 kB


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


class _ClosingBroker(Broker):  # type: ignore[misc]
    """amqtt forgets connections that are not yet, or no longer, sessions; at the end we close what is left."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self._writers: set[asyncio.StreamWriter] = set()

    async def stream_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        self._writers.add(writer)
        try:
            await super().stream_connected(reader, writer, listener_name)
        finally:
            self._writers.discard(writer)
            writer.close()

    async def shutdown(self) -> None:
        await super().shutdown()
        for writer in self._writers:
            writer.close()


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
        broker = _ClosingBroker(self._config)
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
