"""MQTT 3.1.1 over paho: its own thread, a clean session, and everything handed to the loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import socket
import ssl
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from journal.hosts import Hosts
from journal.settings import listed
from journal.transport import Handler, topic_matches

log = logging.getLogger(__name__)

UNDER_WAY = 64  # messages handed over and not yet acknowledged; more would only hide how far behind we are
KEEPALIVE_S = 15
LONGEST_WAIT_S = 10  # between two tries
BACK_S = 60.0  # with another broker than the first, until the first is tried again
PROBE_S = 5.0


class PahoTransport:
    """journal.transport.Transport.  `url` is mqtt://host:port or mqtts://host:port (certificates by `tls`).

    Several, with commas between them, are brokers of one destination: after a failure the next is tried, and the first
    again once it answers.
    """

    def __init__(
        self,
        url: str,
        *,
        user: str,
        password: str | None = None,
        client_id: str | None = None,
        tls: ssl.SSLContext | None = None,
        back_s: float = BACK_S,
    ) -> None:
        self._hosts = Hosts(listed(url))
        self._user = user
        self._back_s = back_s
        self._returning = False
        self._stopping = False
        self._failures = 0
        self._coming_back: asyncio.Task[None] | None = None
        self._subscriptions: list[tuple[str, Handler]] = []
        self._callbacks: list[Callable[[], None]] = []
        self._under_way: set[int] = set()
        self._connected = False
        self._refused = ""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=client_id or user, clean_session=True)
        self._client.username_pw_set(user, password)
        if url.startswith("mqtts:"):
            self._client.tls_set_context(tls or ssl.create_default_context())
        self._client.on_connect = self._paho_connect
        self._client.on_connect_fail = self._paho_connect_fail
        self._client.on_disconnect = self._paho_disconnect
        self._client.on_message = self._paho_message
        self._client.on_publish = self._paho_publish

    @property
    def _name(self) -> str:
        return f"{self._user}@{self._hosts.now}"

    @property
    def connected(self) -> bool:
        return self._connected

    def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> bool:
        if not self._connected or (qos and len(self._under_way) >= UNDER_WAY):
            return False
        sent = self._client.publish(topic, payload, qos=qos)
        if qos:
            self._under_way.add(sent.mid)  # also when it was not sent: paho keeps it for the next connection
        return sent.rc is MQTTErrorCode.MQTT_ERR_SUCCESS

    def subscribe(self, pattern: str, handler: Handler) -> None:
        self._subscriptions.append((pattern, handler))
        if self._connected:
            self._client.subscribe(pattern, qos=1)

    def on_connected(self, callback: Callable[[], None]) -> None:
        self._callbacks.append(callback)
        if self._connected:
            callback()

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._client.connect_async(*_place(self._hosts.now), keepalive=KEEPALIVE_S)
        self._client.loop_start()
        if self._hosts.several:
            self._coming_back = asyncio.create_task(self._come_back(), name=f"first broker of {self._user}")

    async def stop(self) -> None:
        if self._coming_back is not None:
            self._coming_back.cancel()
            await asyncio.gather(self._coming_back, return_exceptions=True)
        await asyncio.to_thread(self._stop)
        self._connected = False

    def _stop(self) -> None:
        self._stopping = True
        self._client.disconnect()
        self._client.loop_stop()

    def _post(self, call: Callable[..., None], *args: Any) -> None:
        """Onto the loop; a loop that has ended listens to nobody."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call, *args)

    # --- paho's thread ---

    def _paho_connect(
        self, _client: Client, _data: Any, _flags: ConnectFlags, code: ReasonCode, _props: Properties | None
    ) -> None:
        if code.is_failure:
            self._post(self._refusal, str(code))
            return
        self._post(self._up)

    def _paho_connect_fail(self, _client: Client, _data: Any) -> None:
        """Called where paho catches it; one that is only away is waited for without a word."""
        error = sys.exception()
        if isinstance(error, ssl.SSLError):
            self._post(self._refusal, f"TLS: {error}")
        self._try_again()

    def _paho_disconnect(
        self,
        _client: Client,
        _data: Any,
        _flags: DisconnectFlags,
        code: ReasonCode,
        _props: Properties | None,
    ) -> None:
        self._post(self._down, str(code))
        self._try_again()

    def _try_again(self) -> None:
        """Where and when: waits are spread, so that a thousand boxes do not come back in step."""
        if self._stopping:
            return
        self._failures += 1
        wait_s = random.randint(1, min(2**self._failures, LONGEST_WAIT_S))  # noqa: S311
        self._client.reconnect_delay_set(wait_s, wait_s)
        if self._hosts.several:
            url = self._hosts.back() if self._returning else self._hosts.failed()
            self._returning = False
            self._client.connect_async(*_place(url), keepalive=KEEPALIVE_S)

    def _paho_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        self._post(self._deliver, message.topic, bytes(message.payload))

    def _paho_publish(
        self, _client: Client, _data: Any, mid: int, _code: ReasonCode, _props: Properties
    ) -> None:
        self._post(self._under_way.discard, mid)

    # --- the loop ---

    def _up(self) -> None:
        self._connected, self._refused, self._failures = True, "", 0
        self._hosts.answered()
        # Here and not in paho's thread: what is subscribed to while the connection comes up would be missed.
        if self._subscriptions:
            self._client.subscribe([(pattern, 1) for pattern, _ in self._subscriptions])
        log.info("broker connected", extra={"broker": self._name})
        for callback in self._callbacks:
            callback()

    def _down(self, reason: str) -> None:
        if self._connected:
            log.warning("broker lost", extra={"broker": self._name, "reason": reason})
        self._connected = False

    def _refusal(self, reason: str) -> None:
        if reason != self._refused:
            log.error("no session with the broker", extra={"broker": self._name, "reason": reason})
        self._refused = reason

    def _deliver(self, topic: str, payload: bytes) -> None:
        for pattern, handler in self._subscriptions:
            if topic_matches(pattern, topic):
                handler(topic, payload)

    async def _come_back(self) -> None:
        """For ever: to the first broker, once something answers there."""
        while True:
            spread = random.uniform(0.75, 1.25)  # noqa: S311
            await asyncio.sleep(self._back_s * self._hosts.patience * spread)
            if self._connected and self._hosts.is_away and await _answers(self._hosts.first):
                log.info("first broker answers again", extra={"broker": self._hosts.first})
                self._returning = True
                self._hang_up()

    def _hang_up(self) -> None:
        """So that paho's thread notices a lost connection, and makes the next one."""
        line = self._client.socket()
        with contextlib.suppress(OSError):
            if isinstance(line, socket.socket):
                line.shutdown(socket.SHUT_RDWR)


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "127.0.0.1", parts.port or (8883 if parts.scheme == "mqtts" else 1883)


async def _answers(url: str) -> bool:
    try:
        async with asyncio.timeout(PROBE_S):
            _, writer = await asyncio.open_connection(*_place(url))
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
