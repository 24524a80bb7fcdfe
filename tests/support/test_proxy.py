"""The link that tests and benches put between two programs does what it says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.support.proxy import Link, Proxy, Way

pytestmark = pytest.mark.wire


@asynccontextmanager
async def echo() -> AsyncIterator[tuple[str, int]]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()
    finally:
        server.close()


async def round_trip(port: int, data: bytes) -> float:
    """Seconds until all of it has come back, the same."""
    loop = asyncio.get_running_loop()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    start = loop.time()
    writer.write(data)
    writer.write_eof()
    assert await reader.read(-1) == data
    writer.close()
    return loop.time() - start


async def test_bytes_come_through_as_they_were() -> None:
    async with echo() as target, Proxy(target) as proxy:
        await round_trip(proxy.port, bytes(range(256)) * 4_000)
        await round_trip(proxy.port, b"")
    assert (proxy.link.up.carried, proxy.link.resets) == (256 * 4_000, 0)


async def test_the_rate_is_one_for_all_connections() -> None:
    link = Link(up=Way(bit_s=1_600_000))
    async with echo() as target, Proxy(target, link=link) as one, Proxy(target, link=link) as other:
        took = await asyncio.gather(
            round_trip(one.port, bytes(50_000)), round_trip(other.port, bytes(50_000))
        )
    assert 0.49 < max(took) < 1.5


async def test_each_way_has_its_delay() -> None:
    link = Link(up=Way(delay_ms=60), down=Way(delay_ms=90))
    async with echo() as target, Proxy(target, link=link) as proxy:
        assert 0.15 <= await round_trip(proxy.port, b"x") < 1


async def test_cut_and_mended() -> None:
    async with echo() as target, Proxy(target) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"x")
        assert await reader.read(1) == b"x"
        proxy.link.cut()
        with pytest.raises(ConnectionResetError):
            await reader.read(1)
        with pytest.raises(ConnectionResetError):
            await round_trip(proxy.port, b"x")
        proxy.link.mend()
        await round_trip(proxy.port, b"x")
        assert proxy.link.resets == 1
        writer.close()


async def test_stalled_is_silent_and_loses_nothing() -> None:
    async with echo() as target, Proxy(target) as proxy:
        proxy.link.stall()
        waiting = asyncio.create_task(round_trip(proxy.port, b"x" * 10_000))
        done, _ = await asyncio.wait([waiting], timeout=0.3)
        assert not done
        proxy.link.mend()
        await waiting


async def test_pieces_that_are_struck_reset() -> None:
    link = Link(down=Way(reset_permille=200), seed=3)
    async with echo() as target, Proxy(target, link=link) as proxy:
        ended = await asyncio.gather(
            *(round_trip(proxy.port, bytes(20_000)) for _ in range(20)), return_exceptions=True
        )
    struck = [each for each in ended if isinstance(each, ConnectionError)]
    assert 0 < len(struck) < 20
    assert link.resets == len(struck)
