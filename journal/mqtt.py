"""MQTT 3.1.1 over paho: its own thread, a clean session, and everything handed to the loop."""

from __future__ import annotations

import asyncio
import logging
import ssl
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from journal.transport import Handler, topic_matches

log = logging.getLogger(__name__)

UNDER_WAY = 64  # messages handed over and not yet acknowledged; more would only hide how far behind we are
KEEPALIVE_S = 15


class PahoTransport:
    """journal.transport.Transport.  `url` is mqtt://host:port or mqtts://host:port (certificates by `tls`)."""

    def __init__(
        self,
        url: str,
        *,
        user: str,
        password: str | None = None,
        client_id: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or "127.0.0.1"
        self._port = parts.port or (8883 if parts.scheme == "mqtts" else 1883)
        self._name = f"{user}@{self._host}:{self._port}"
        self._subscriptions: list[tuple[str, Handler]] = []
        self._callbacks: list[Callable[[], None]] = []
        self._under_way: set[int] = set()
        self._connected = False
        self._refused = ""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=client_id or user, clean_session=True)
        self._client.username_pw_set(user, password)
        if parts.scheme == "mqtts":
            self._client.tls_set_context(tls or ssl.create_default_context())
        self._client.reconnect_delay_set(min_delay=1, max_delay=10)
        self._client.on_connect = self._paho_connect
        self._client.on_connect_fail = self._paho_connect_fail
        self._client.on_disconnect = self._paho_disconnect
        self._client.on_message = self._paho_message
        self._client.on_publish = self._paho_publish

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
        self._client.connect_async(self._host, self._port, keepalive=KEEPALIVE_S)
        self._client.loop_start()

    async def stop(self) -> None:
        await asyncio.to_thread(self._stop)
        self._connected = False

    def _stop(self) -> None:
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

    def _paho_disconnect(
        self,
        _client: Client,
        _data: Any,
        _flags: DisconnectFlags,
        code: ReasonCode,
        _props: Properties | None,
    ) -> None:
        self._post(self._down, str(code))

    def _paho_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        self._post(self._deliver, message.topic, bytes(message.payload))

    def _paho_publish(
        self, _client: Client, _data: Any, mid: int, _code: ReasonCode, _props: Properties
    ) -> None:
        self._post(self._under_way.discard, mid)

    # --- the loop ---

    def _up(self) -> None:
        self._connected, self._refused = True, ""
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
