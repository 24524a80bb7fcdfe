"""The witness over HTTP: few, small, short requests on one address, and who holds the port when it is taken."""

from __future__ import annotations

import errno
import json
import logging
import re
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from verify.witness import MAX_REQUEST, Reply, UnusableError, Witness

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 32
PATIENCE_S = 10.0
LISTENING = "0A"


class Server(ThreadingHTTPServer):
    """One thread a connection, at most MAX_CONNECTIONS; the others are closed at once."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, witness: Witness, host: str, port: int) -> None:
        self.witness = witness
        self._free = threading.BoundedSemaphore(MAX_CONNECTIONS)
        try:
            super().__init__((host, port), Handler)
        except OSError as error:
            raise UnusableError(f"listen: {host}:{port}: {_why(error, port)}") from error

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        log.warning(
            "a request broke off", extra={"client": str(client_address), "reason": repr(sys.exception())}
        )


class Handler(BaseHTTPRequestHandler):
    """POST /v1/cosign, GET /v1/head/JOURNAL, GET /healthz; HTTP/1.0, so a connection is one request."""

    server: Server
    timeout = PATIENCE_S
    server_version = "weighpost-witness"
    sys_version = ""

    def do_POST(self) -> None:
        if self.path != "/v1/cosign":
            self._answer(Reply(status=404, text="unknown\n"))
            return
        refusal, body = self._body()
        self._answer(refusal or self.server.witness.cosign(body))

    def do_GET(self) -> None:
        wanted = re.fullmatch(r"/v1/head/([0-9a-f]{32})", self.path)
        if wanted:
            self._answer(self.server.witness.head(wanted[1]))
        elif self.path == "/healthz":
            self._answer(self.server.witness.health())
        else:
            self._answer(Reply(status=404, text="unknown\n"))

    def _body(self) -> tuple[Reply | None, bytes]:
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch("[0-9]{1,9}", length):
            return Reply(status=411, text="Content-Length is needed\n"), b""
        if int(length) > MAX_REQUEST:
            return Reply(status=413, text=f"at most {MAX_REQUEST} bytes\n"), b""
        body = self._read(int(length))
        return (None, body) if len(body) == int(length) else (Reply(status=400, text="cut short\n"), b"")

    def _read(self, length: int) -> bytes:
        """Up to `length` bytes within PATIENCE_S in all, so that a slow sender holds no thread."""
        end, body = time.monotonic() + PATIENCE_S, bytearray()
        while len(body) < length and (left := end - time.monotonic()) > 0:
            self.connection.settimeout(left)
            try:
                piece = self.rfile.read1(length - len(body))
            except TimeoutError:
                break
            if not piece:
                break
            body += piece
        return bytes(body)

    def _answer(self, reply: Reply) -> None:
        body = reply.text.encode()
        kind = "application/json" if body.startswith(b"{") else "text/plain; charset=utf-8"
        self.send_response(reply.status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        log.debug("request", extra={"client": self.client_address[0], "line": format % args})


def _why(error: OSError, port: int) -> str:
    if error.errno != errno.EADDRINUSE:
        return error.strerror or str(error)
    holder = port_holder(port)
    return f"the port is taken by {holder}" if holder else "the port is taken"


def port_holder(port: int) -> str | None:
    """Name and pid of the process that listens on a TCP port, as far as /proc tells us."""
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for folder in Path("/proc").glob("[0-9]*") if sockets else ():
        try:
            if any(str(link.readlink()) in sockets for link in (folder / "fd").iterdir()):
                return f"{(folder / 'comm').read_text().strip()} (pid {folder.name})"
        except OSError:
            continue  # it ended, or is not ours to look into
    return None


def _listening_inodes(port: int) -> set[str]:
    found = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        try:
            rows = [line.split() for line in table.read_text().splitlines()[1:]]
        except OSError:
            continue
        found |= {
            row[9] for row in rows if row[3] == LISTENING and int(row[1].rpartition(":")[2], 16) == port
        }
    return found


def url(server: Server) -> str:
    host, port = server.server_address[:2]
    shown = host.decode() if isinstance(host, bytes) else str(host)
    return (
        f"http://[{shown}]:{port}" if server.address_family == socket.AF_INET6 else f"http://{shown}:{port}"
    )


class JsonLines(logging.Formatter):
    """One JSON object a line: message, level, and what the call gave in `extra`."""

    known = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}

    def format(self, record: logging.LogRecord) -> str:
        extra = {key: value for key, value in record.__dict__.items() if key not in self.known}
        table = {"at_ms": int(record.created * 1000), "level": record.levelname, "logger": record.name}
        if record.exc_info:
            extra["error"] = self.formatException(record.exc_info)
        return json.dumps({**table, "message": record.getMessage(), **extra}, ensure_ascii=False, default=str)
