"""A camera on 127.0.0.1 for tests: MPEG-TS in real time, pushed stills and polled stills, with faults on request."""

from __future__ import annotations

import io
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av


@dataclass
class Faults:
    """What the camera does wrong; changed while it runs."""

    hung_up: threading.Event = field(
        default_factory=threading.Event
    )  # closes what is open, refuses what comes
    silent: threading.Event = field(default_factory=threading.Event)  # stays open and sends nothing
    switched: threading.Event = field(default_factory=threading.Event)  # shows its other picture
    ended: threading.Event = field(default_factory=threading.Event)


@dataclass
class ServedCamera:
    port: int
    faults: Faults

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"


Chunk = tuple[float, bytes]


class Answers(BaseHTTPRequestHandler):
    """Bound to one camera by a subclass."""

    faults: Faults
    rounds: list[list[Chunk]]
    other: list[Chunk]
    stills: list[bytes]

    def do_GET(self) -> None:
        if self.faults.hung_up.is_set():
            self.send_error(503)
            return
        kinds = (self.ts, self.mjpeg, self.still, self.lying, self.nameless)
        answer = {f"/{kind.__name__}": kind for kind in kinds}.get(self.path)
        try:
            answer() if answer else self.plain("text/html", b"<html>log in first</html>")
        except OSError:
            return  # the other side went

    def ts(self) -> None:
        self.head("video/mp2t")
        for part in self.rounds:
            for wait_s, data in part:
                if not self.pace(wait_s):
                    return
                if self.other and self.faults.switched.is_set():
                    break
                self.wfile.write(data)
        for wait_s, data in self.other:
            if not self.pace(wait_s):
                return
            self.wfile.write(data)

    def mjpeg(self) -> None:
        self.push("Content-Type: image/jpeg\r\n")

    def lying(self) -> None:
        """Every other part claims to be longer or shorter than it is."""
        self.push("Content-Length: 12\r\n", "Content-Length: 900000\r\n")

    def nameless(self) -> None:
        """Its boundary is another than it says."""
        self.push("", mark="other")

    def push(self, *heads: str, mark: str = "cut") -> None:
        self.head('multipart/x-mixed-replace; boundary="cut"')
        for number in itertools.count():
            head = f"--{mark}\r\n{heads[number % len(heads)]}\r\n".encode()
            self.wfile.write(head + self.stills[number % len(self.stills)] + b"\r\n")
            if not self.pace(0.1):
                return

    def still(self) -> None:
        self.plain("image/jpeg", self.stills[0])

    def plain(self, kind: str, data: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def head(self, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()

    def pace(self, wait_s: float) -> bool:
        self.faults.ended.wait(wait_s)
        while self.faults.silent.is_set() and not self.faults.ended.wait(0.02):
            pass
        return not (self.faults.hung_up.is_set() or self.faults.ended.is_set())

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(video: Path, stills: list[bytes], *, other: Path | None = None) -> Iterator[ServedCamera]:
    """/ts repeats the video and then shows the other, /mjpeg pushes the stills, /still is one of them.

    /lying pushes the stills with lengths that are wrong; whatever else is asked for is no camera.
    """
    faults = Faults()
    rounds = timed_chunks(video)
    behind = _round(other, 2 * _length(video)) if other else []
    bound = {"faults": faults, "rounds": rounds, "stills": stills, "other": behind}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Answers,), bound))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield ServedCamera(port=server.server_address[1], faults=faults)
    finally:
        faults.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()


def timed_chunks(video: Path) -> list[list[Chunk]]:
    """Two rounds of MPEG-TS, the second a continuation of the first, as (seconds to wait, bytes)."""
    return [_round(video, start_s) for start_s in (0.0, _length(video))]


def _length(video: Path) -> float:
    with av.open(str(video)) as file:
        return float((file.duration or 0) / av.time_base)


def _round(video: Path, start_s: float) -> list[Chunk]:
    chunks: list[Chunk] = []
    out = io.BytesIO()
    with av.open(str(video)) as source, av.open(out, "w", format="mpegts") as ts:
        stream = source.streams.video[0]
        target = ts.add_stream_from_template(stream)
        last, base = None, stream.time_base
        assert base is not None
        for packet in source.demux(stream):
            if packet.dts is None or packet.pts is None:
                continue
            wait_s = 0.0 if last is None else float((packet.dts - last) * base)
            last = packet.dts
            packet.pts, packet.dts = packet.pts + int(start_s / base), packet.dts + int(start_s / base)
            packet.stream = target
            ts.mux(packet)
            chunks.append((wait_s, _taken(out)))
    chunks.append((0.0, _taken(out)))
    return chunks


def _taken(out: io.BytesIO) -> bytes:
    data = out.getvalue()
    out.seek(0)
    out.truncate()
    return data
