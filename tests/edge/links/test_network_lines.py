"""Lines over TCP: adapters that we dial, adapters that dial us, and what is said when one is gone, late, or too many."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from edge.links import PortLink, SerialSettings, open_link
from edge.links.tcp import AdapterPort, Door, Doors, TcpPort
from kernel.errors import LinkError
from tests.support.lines import everything, to_the_end
from tests.support.ports import free_port

pytestmark = [pytest.mark.wire, pytest.mark.timeout(60)]

LINE = SerialSettings(patience_ms=100)


@asynccontextmanager
async def dialling(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """An adapter that dials, and tries again as they do until somebody listens."""
    async with asyncio.timeout(40):
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                break
            except OSError:
                await asyncio.sleep(0.05)
    try:
        yield reader, writer
    finally:
        writer.close()


async def opened(port: int, doors: Doors | None = None) -> PortLink:
    return await open_link(f"tcp-server://127.0.0.1:{port}", line=LINE, holder="t", doors=doors)


async def test_what_a_peer_says_while_it_is_being_dialled_is_kept() -> None:
    async def hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"first words")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hello, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    for _ in range(5):
        link = await open_link(f"socket://{host}:{port}", line=LINE, holder="t")
        await asyncio.sleep(0.05)
        assert await everything(link, 11) == b"first words"
        await link.close()
    server.close()


async def test_a_peer_that_dies_without_a_word_will_be_noticed() -> None:
    server = socket.create_server(("127.0.0.1", 0))
    peer = socket.create_connection(server.getsockname())
    port = TcpPort(peer, wake_s=0.1)
    assert peer.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    idle, every, times = (
        peer.getsockopt(socket.IPPROTO_TCP, option)
        for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
    )
    assert idle + every * times <= 30
    assert peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) <= 30_000
    port.close()
    server.close()


async def test_an_adapter_dials_in_and_bytes_cross_both_ways() -> None:
    port = free_port()
    opening = asyncio.create_task(opened(port))
    async with dialling(port) as (reader, writer):
        writer.write(b"before it was opened, ")
        link = await opening
        writer.write(b"and after")
        assert await everything(link, 31) == b"before it was opened, and after"
        await link.write(b"R\r\n")
        async with asyncio.timeout(20):
            assert await reader.readexactly(3) == b"R\r\n"
        await link.close()


async def test_nobody_dials_and_it_is_said() -> None:
    port = free_port()
    with pytest.raises(LinkError, match=rf"tcp-server://127.0.0.1:{port}: no adapter has connected"):
        await opened(port)


async def test_an_adapter_that_hangs_up_is_said_and_its_next_connection_waits_at_the_door() -> None:
    port, doors = free_port(), Doors()
    opening = asyncio.create_task(opened(port, doors))
    async with dialling(port):
        link = await opening
    with pytest.raises(LinkError, match="has hung up"):
        await to_the_end(link)
    await link.close()
    async with dialling(port) as (_, writer):  # while nothing is open
        writer.write(b"again")
        await writer.drain()
        link = await opened(port, doors)
        assert await everything(link, 5) == b"again"
        await link.close()
    doors.close()


async def test_of_several_that_wait_the_newest_counts() -> None:
    port, doors = free_port(), Doors()
    door = doors.enter("127.0.0.1", port)
    door.held = False
    async with dialling(port) as (_, first), dialling(port) as (_, second):
        first.write(b"old")
        second.write(b"new")
        await asyncio.sleep(0.05)
        link = await opened(port, doors)
        assert await everything(link, 3) == b"new"
        await link.close()
    doors.close()


async def test_a_second_adapter_is_turned_away_while_the_first_is_there(
    caplog: pytest.LogCaptureFixture,
) -> None:
    port = free_port()
    opening = asyncio.create_task(opened(port))
    async with dialling(port) as (_, writer):
        link = await opening
        for _ in range(3):
            reader, second = await asyncio.open_connection("127.0.0.1", port)
            async with asyncio.timeout(20):
                assert await reader.read(1) == b""
            second.close()
        writer.write(b"still here")
        assert await everything(link, 10) == b"still here"
        await link.close()
    said = [record for record in caplog.records if record.message == "second adapter turned away"]
    assert len(said) == 1


def test_a_dead_adapter_makes_room_for_the_next() -> None:
    door = Door("127.0.0.1", 0)
    where = door.socket.getsockname()
    dead = socket.create_connection(where)
    peer, _ = _accepted(door)
    now_s = [0.0]
    port = AdapterPort(peer, address="10.0.0.7:4001", door=door, wake_s=0.001, mono_s=lambda: now_s[0])
    impatient = [_turned_away(port, door) for now_s[0] in (0.5, 4.0, 9.9)]  # each dial is soon after the last
    now_s[0] = 10.0
    alive = socket.create_connection(where)
    with pytest.raises(OSError, match=r"10\.0\.0\.7:4001 is silent and another adapter has connected"):
        port.read()
    port.close()
    waiting, address = _accepted(door)  # at the door, for the next link
    assert address == alive.getsockname()
    for one in (waiting, dead, alive, door.socket, *impatient):
        one.close()


def test_an_adapter_that_still_speaks_is_not_dead_for_one_that_dials() -> None:
    door = Door("127.0.0.1", 0)
    speaking = socket.create_connection(door.socket.getsockname())
    peer, _ = _accepted(door)
    now_s = [0.0]
    port = AdapterPort(peer, address="10.0.0.7:4001", door=door, wake_s=0.5, mono_s=lambda: now_s[0])
    speaking.sendall(b"a")
    now_s[0] = 60.0  # nobody has read meanwhile
    assert port.read() == b"a"
    port._wake_s = 0.001
    other = _turned_away(port, door)
    port.close()
    for one in (speaking, other, door.socket):
        one.close()


def _turned_away(port: AdapterPort, door: Door) -> socket.socket:
    """One that has dialled, and been answered."""
    dialled = socket.create_connection(door.socket.getsockname())
    dialled.settimeout(0.01)
    for _ in range(100):
        assert port.read() == b""
        with contextlib.suppress(TimeoutError):
            assert dialled.recv(1) == b""
            return dialled
    raise AssertionError("never answered")


def _accepted(door: Door) -> tuple[socket.socket, tuple[str, int]]:
    while (found := door.next()) is None:
        pass
    return found


async def test_a_port_that_another_program_listens_on_is_refused_with_its_name() -> None:
    listening = "import socket, sys; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); sys.stdin.read()"
    foreign = await asyncio.create_subprocess_exec(
        sys.executable, "-c", listening, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert foreign.stdout is not None
    port = int(await foreign.stdout.readline())
    with pytest.raises(LinkError, match=rf"held by process {foreign.pid} \(python"):
        await opened(port)
    foreign.kill()
    await foreign.wait()


async def test_two_lines_of_one_lane_cannot_share_a_door() -> None:
    doors = Doors()
    doors.enter("127.0.0.1", port := free_port())
    with pytest.raises(LinkError, match="another link of this process"):
        await opened(port, doors)
    doors.close()


def test_an_address_of_another_machine_is_a_link_error() -> None:
    with pytest.raises(LinkError, match=r"tcp-server://192.0.2.1:4001: .+"):
        Door("192.0.2.1", 4001)
