"""The cameras' HTTP server: `/{name}.ts` endless MPEG-TS, `/{name}.mjpeg` stills in a row, `/{name}.jpg` one still."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from types import TracebackType
from typing import Self

from kernel.clock import Clock
from simulators.cameras.camera import Camera, Gop
from simulators.cameras.encoder import FRAME_MS
from simulators.cameras.studio import Reel, Studio

REQUEST_LIMIT = 8_192
REQUEST_TIMEOUT_S = 5
STALLED_BYTES = 4_000_000  # a viewer that far behind is let go, as cameras do
BOUNDARY = "weighpost-frame"


class CameraServer:
    """Serves every camera on one port of 127.0.0.1; `port` is known once it is entered."""

    def __init__(
        self, cameras: tuple[Camera, ...], *, clock: Clock, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self.cameras = {camera.name: camera for camera in cameras}
        self.host, self.port = host, port
        self.studio = Studio(cameras, clock=clock)
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        await self.studio.warm_up()
        self._server = await asyncio.start_server(self._accept, self.host, self.port, limit=REQUEST_LIMIT)
        self.port = self._server.sockets[0].getsockname()[1]
        self._start(self.studio.run(), name="studio")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(self.studio.close)

    def url(self, name: str, *, kind: str = "ts") -> str:
        return f"http://{self.host}:{self.port}/{name}.{kind}"

    def _start(self, work: Coroutine[None, None, None], *, name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        self._start(self._serve(reader, writer), name="viewer")

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                head = await reader.readuntil(b"\r\n\r\n")
            await self._answer(head, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            writer.transport.abort()
        finally:
            writer.close()

    async def _answer(self, head: bytes, writer: StreamWriter) -> None:
        method, _, rest = head.partition(b" ")
        path = rest.partition(b" ")[0].decode("ascii", "replace")
        name, _, kind = path.removeprefix("/").rpartition(".")
        reel, show = self.studio.reels.get(name), SHOWS.get(kind)
        if method != b"GET":
            writer.write(_head("405 Method Not Allowed", "text/plain"))
        elif reel is None or show is None:
            writer.write(_head("404 Not Found", "text/plain"))
        else:
            await show(Viewer(self.studio, reel, writer))


class Viewer:
    """One connection that looks through one camera."""

    def __init__(self, studio: Studio, reel: Reel, writer: StreamWriter) -> None:
        self._studio, self._reel, self._writer = studio, reel, writer
        self._camera = reel.camera

    async def stream(self) -> None:
        """Whole seconds from the next one on, each frame at its time."""
        self._send(_head("200 OK", "video/mp2t"))
        second = self._studio.second_now()
        self._reel.viewers += 1
        try:
            await self._studio.fill(self._reel, upto=second + 1)
            while True:
                gop = await self._reel.next(after=second)
                second = gop.second
                await self._play(gop)
        finally:
            self._reel.viewers -= 1

    async def stills(self) -> None:
        """Frame after frame as JPEG, each at its time."""
        self._send(_head("200 OK", f"multipart/x-mixed-replace; boundary={BOUNDARY}"))
        while True:
            due_ms = self._studio.wall_ms() // FRAME_MS * FRAME_MS + FRAME_MS
            data = await self._studio.draw(partial(self._camera.jpeg, due_ms))
            await self._wait(due_ms)
            part = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            self._send(part.encode() + data + b"\r\n")

    async def still(self) -> None:
        now_ms = self._studio.wall_ms()
        data = await self._studio.draw(partial(self._camera.jpeg, now_ms))
        await self._wait(now_ms)
        self._send(_head("200 OK", "image/jpeg", length=len(data)) + data)

    async def _play(self, gop: Gop) -> None:
        for n, piece in enumerate(gop.pieces):
            await self._wait(gop.starts_ms + n * FRAME_MS)
            self._send(piece.data)

    async def _wait(self, due_ms: int) -> None:
        await self._studio.sleep_until(due_ms + self._camera.late_ms(due_ms))

    def _send(self, data: bytes) -> None:
        transport = self._writer.transport
        if self._camera.is_down(self._studio.wall_ms()):
            raise ConnectionAbortedError("the camera is down")
        if transport.is_closing() or transport.get_write_buffer_size() > STALLED_BYTES:
            raise ConnectionResetError("the viewer is gone or far behind")
        self._writer.write(data)


SHOWS: dict[str, Callable[[Viewer], Awaitable[None]]] = {
    "ts": Viewer.stream,
    "mjpeg": Viewer.stills,
    "jpg": Viewer.still,
}


def _head(status: str, kind: str, *, length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", "Cache-Control: no-store", "Connection: close"]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode()
