"""The reader thread of a port: it never holds more than it may, and loses nothing for it."""

from __future__ import annotations

import asyncio
import threading

import pytest

from edge.links.port import PortLink
from kernel.errors import LinkError

CHUNK = 4_096
LIMIT = 1 << 20
BLOCKS = 320_000  # of four bytes: more than may be unread


class Torrent:
    """A port that always has something: numbered blocks, so that a lost or doubled one shows."""

    def __init__(self, blocks: int) -> None:
        self._data = memoryview(b"".join(n.to_bytes(4, "big") for n in range(blocks)))
        self._at = 0
        self.in_waiting = CHUNK

    def read(self, size: int = 1, /) -> bytes:
        piece = bytes(self._data[self._at : self._at + size])
        self._at += len(piece)
        if not piece:
            raise OSError("the end")
        return piece

    def write(self, data: bytes, /) -> int:
        return len(data)

    def close(self) -> None:
        self._data = memoryview(b"")

    @property
    def given(self) -> int:
        return self._at


async def until_full(port: Torrent) -> int:
    """What it has given once no more may be unread, and for so long that it would have gone on if it might."""
    async with asyncio.timeout(20):
        while port.given < LIMIT:
            await asyncio.sleep(0.005)
    await asyncio.sleep(0.1)
    return port.given


async def test_a_loop_that_does_not_read_holds_up_the_port_and_not_the_memory() -> None:
    port = Torrent(BLOCKS)
    link = PortLink(port, name="t", patience_s=1, on_close=lambda: None)
    held = await until_full(port)
    assert LIMIT <= held <= LIMIT + 2 * (CHUNK + 1)
    out = bytearray()
    while len(out) < 4 * BLOCKS:
        data = await link.read()
        assert 0 < len(data) <= LIMIT + 2 * (CHUNK + 1)
        out += data
    assert out == b"".join(n.to_bytes(4, "big") for n in range(BLOCKS))
    await link.close()


async def test_closing_lets_go_of_a_reader_that_waits_for_room() -> None:
    port = Torrent(BLOCKS)
    closed: list[bool] = []
    link = PortLink(port, name="t", patience_s=1, on_close=lambda: closed.append(True))
    await until_full(port)
    await link.close()
    await link.close()
    assert closed == [True]


class Severed(Torrent):
    """A wire that breaks between a byte and what came with it."""

    def read(self, size: int = 1, /) -> bytes:
        if self._at:
            raise OSError("severed")
        return super().read(size)


async def test_what_came_before_the_wire_broke_is_read_before_that_is_said() -> None:
    link = PortLink(Severed(1), name="t", patience_s=1, on_close=lambda: None)
    assert await link.read() == b"\0"
    with pytest.raises(LinkError, match="severed"):
        await link.read()
    await link.close()


class Sluggish(Torrent):
    """A port that takes its time to close."""

    def __init__(self) -> None:
        super().__init__(0)
        self.closing, self.may_close = threading.Event(), threading.Event()

    def close(self) -> None:
        self.closing.set()
        assert self.may_close.wait(40)


async def test_a_closing_that_is_cancelled_closes_all_the_same() -> None:
    port, closed = Sluggish(), list[bool]()
    link = PortLink(port, name="t", patience_s=1, on_close=lambda: closed.append(True))
    closing = asyncio.create_task(link.close())
    await asyncio.to_thread(port.closing.wait, 40)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    port.may_close.set()
    await link.close()
    assert closed == [True]
