"""How an uplink is usually made, for comparison: messages in paho's own queue, forgotten when the broker has them.

Files are written without an fsync and removed when the message about them is acknowledged.  The other end takes what
comes, as often as it comes.  The suite of faults must see what this loses.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import signal
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from kernel.evidence.header import file_refs
from tests.support.pictures import picture

TOPIC = "weighpost/v1/up/{box}/naive"
SCHEMA = "CREATE TABLE IF NOT EXISTS message (passage TEXT NOT NULL)"


@dataclass(frozen=True, kw_only=True)
class NaiveBoxOptions:
    ready: Path
    socket: Path
    files: Path
    box: str
    mqtt: str


@dataclass(frozen=True, kw_only=True)
class NaiveCentreOptions:
    ready: Path
    database: Path
    files: Path
    mqtt: str
    user: str = "centre"


class _Box:
    def __init__(self, options: NaiveBoxOptions) -> None:
        self._options = options
        self._under_way: dict[int, list[Path]] = {}
        self._client = _client(options.mqtt, user=options.box)
        self._client.on_publish = lambda _c, _d, mid, _code, _props: self._sent(mid)
        self._client.loop_start()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                asked = json.loads(line)
                answer = self._append(asked) if asked["do"] == "append" else {"waiting": len(self._under_way)}
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        writer.close()

    def _append(self, asked: dict[str, Any]) -> dict[str, Any]:
        passage, die_at = asked["passage"], asked.get("die_at", "")
        pictures = [picture(passage, number, size) for number, size in enumerate(asked["files"])]
        paths = [self._keep(data) for data in pictures]
        if die_at == "after-files":
            os.kill(os.getpid(), signal.SIGKILL)
        files = [base64.b64encode(data).decode() for data in pictures]
        message = json.dumps({"passage": passage, "files": files})
        sent = self._client.publish(TOPIC.format(box=self._options.box), message, qos=1)
        self._under_way[sent.mid] = [path for path in paths if path is not None]
        if die_at == "after-append":
            os.kill(os.getpid(), signal.SIGKILL)
        return {"journal": self._options.box, "seq": sent.mid, "leaf": "", "known": False}

    def _keep(self, data: bytes) -> Path | None:
        [ref] = file_refs([("x.jpg", data)])
        path = self._options.files / ref.sha256
        try:
            path.write_bytes(data)
        except OSError:
            return None
        return path

    def _sent(self, mid: int) -> None:
        for path in self._under_way.pop(mid, []):
            path.unlink(missing_ok=True)


def live_box(options: NaiveBoxOptions) -> int:
    """The process."""
    options.files.mkdir(parents=True, exist_ok=True)
    asyncio.run(_serve(options))
    return 0


async def _serve(options: NaiveBoxOptions) -> None:
    box = _Box(options)
    options.socket.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(box.answer, options.socket)
    options.ready.touch()
    async with server:
        await server.serve_forever()


def live_centre(options: NaiveCentreOptions) -> int:
    """The process: a row a message."""
    options.files.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(options.database, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute(SCHEMA)

    def take(_client: Client, _data: Any, message: MQTTMessage) -> None:
        said = json.loads(message.payload)
        db.execute("INSERT INTO message VALUES (?)", (said["passage"],))
        for text in said["files"]:
            data = base64.b64decode(text)
            [ref] = file_refs([("x.jpg", data)])
            (options.files / ref.sha256).write_bytes(data)

    def listen(client: Client, *_: Any) -> None:
        client.subscribe(TOPIC.format(box="+"), qos=1)

    client = _client(options.mqtt, user=options.user)
    client.on_connect = listen
    client.on_subscribe = lambda *_: options.ready.touch()
    client.on_message = take
    client.suppress_exceptions = True
    client.loop_forever(retry_first_connection=True)
    return 0


def _client(url: str, *, user: str) -> Client:
    parts = urlsplit(url)
    client = Client(CallbackAPIVersion.VERSION2, client_id=user, clean_session=True)
    client.username_pw_set(user, "x")
    client.reconnect_delay_set(min_delay=1, max_delay=2)
    client.max_queued_messages_set(0)
    client.connect_async(parts.hostname or "127.0.0.1", parts.port or 1883)
    return client
