"""A port of another machine (RFC 2217): its line settings are ours to set, and its loss is said."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from edge.links import PortLink, SerialSettings, open_link
from edge.links.devices import open_remote
from kernel.errors import LinkError
from simulators.ptys import PtyPort
from tests.support.lines import cable, everything, to_the_end
from tests.support.ports import free_port

pytestmark = [pytest.mark.wire, pytest.mark.timeout(60)]

LINE = SerialSettings(baud=4_800, patience_ms=100)

CONFIG = """\
connection: &scale
  accepter: telnet(rfc2217),tcp,127.0.0.1,{port}
  connector: serialdev,{device},9600n81,local
  options:
    kickolduser: true
"""


@asynccontextmanager
async def served(folder: Path, port: PtyPort) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """The cable at another machine's ser2net."""
    tcp = free_port()
    config = folder / "ser2net.yaml"
    config.write_text(CONFIG.format(port=tcp, device=port.path.resolve()))
    server = await asyncio.create_subprocess_exec(
        "ser2net", "-n", "-u", "-c", str(config), stderr=subprocess.DEVNULL
    )
    try:
        yield f"rfc2217://127.0.0.1:{tcp}?ign_set_control", server
    finally:
        if server.returncode is None:
            server.kill()
        await server.wait()


async def opened(url: str, line: SerialSettings = LINE) -> PortLink:
    async with asyncio.timeout(15):
        while True:
            try:
                return await open_link(url, line=line, holder="t")
            except LinkError:  # the server is still starting
                await asyncio.sleep(0.1)


def speed_of(port: PtyPort) -> int:
    fd = os.open(port.path, os.O_RDWR | os.O_NOCTTY)
    try:
        return int(termios.tcgetattr(fd)[4])
    finally:
        os.close(fd)


async def test_line_settings_reach_the_far_port_and_bytes_cross_both_ways(tmp_path: Path) -> None:
    data = bytes(range(256)) * 4
    async with cable(tmp_path) as port, served(tmp_path, port) as (url, _):
        link = await opened(url)
        assert speed_of(port) == termios.B4800
        sending = asyncio.create_task(port.send(data))
        assert await everything(link, len(data)) == data
        await sending
        await link.write(b"\xff\x00SIR\r\n")
        heard = b""
        async with asyncio.timeout(20):
            while len(heard) < 7:
                heard += port.receive()
                await asyncio.sleep(0.01)
        assert heard == b"\xff\x00SIR\r\n"
        assert await link.read() == b""
        await link.close()


async def test_a_server_that_cannot_set_dtr_and_rts_is_told_from_one_that_is_not_there(
    tmp_path: Path,
) -> None:
    """As that of a pty cannot."""
    async with cable(tmp_path) as port, served(tmp_path, port) as (url, _):
        await (await opened(url)).close()
        with pytest.raises(LinkError, match=r"try \?ign_set_control"):
            await open_link(url.partition("?")[0], line=LINE, holder="t")


async def test_a_server_that_goes_away_is_a_link_error_and_is_opened_again(tmp_path: Path) -> None:
    async with cable(tmp_path) as port:
        async with served(tmp_path, port) as (url, server):
            link = await opened(url)
            server.kill()
            with pytest.raises(LinkError):
                await to_the_end(link)
            await link.close()
            with pytest.raises(LinkError, match=r"rfc2217://127\.0\.0\.1"):
                await open_link(url, line=LINE, holder="t")
        async with served(tmp_path, port) as (url, _):
            link = await opened(url)
            await port.send(b"back")
            assert await everything(link, 4) == b"back"
            await link.close()


async def test_a_peer_that_does_not_speak_rfc2217_is_said_to_be_none(tmp_path: Path) -> None:
    server = await asyncio.start_server(_silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(LinkError, match="does not seem to support RFC2217"):
        await open_link(f"rfc2217://127.0.0.1:{port}", line=LINE, holder="t")
    server.close()


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def test_a_far_port_that_nobody_reads_fills_no_memory_and_loses_nothing(tmp_path: Path) -> None:
    data = b"".join(n.to_bytes(4, "big") for n in range(25_000))
    async with cable(tmp_path) as port, served(tmp_path, port) as (url, _):
        await (await opened(url)).close()
        remote = await asyncio.to_thread(open_remote, url, LINE, wake_s=0.2)
        await pour(port, data)
        held = remote._read_buffer  # type: ignore[attr-defined]
        async with asyncio.timeout(40):
            while not held.full():
                await asyncio.sleep(0.01)
        assert held.qsize() == 1 << 16
        got = b""
        async with asyncio.timeout(40):
            while len(got) < len(data):
                got += await asyncio.to_thread(remote.read, 4_096)
        assert got == data
        await pour(port, data)
        await asyncio.to_thread(remote.close)  # though its reader waits for room


async def pour(port: PtyPort, data: bytes) -> None:
    """As fast as the other end takes it."""
    assert port._master is not None
    while data:
        try:
            data = data[os.write(port._master, data[:2_048]) :]
        except BlockingIOError:
            await asyncio.sleep(0.005)


LAST_WORDS = b"0123456789" * 300


async def test_what_a_server_said_before_it_hung_up_is_read_to_its_end() -> None:
    server = await asyncio.start_server(_says_and_hangs_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    link = await open_link(f"rfc2217://127.0.0.1:{port}", line=LINE, holder="t")
    assert await everything(link, len(LAST_WORDS)) == LAST_WORDS
    with pytest.raises(LinkError, match="the server has hung up"):
        await to_the_end(link)
    await link.close()
    server.close()


async def _says_and_hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Agrees to whatever is asked, and speaks once nothing has been asked for a while."""
    with contextlib.suppress(TimeoutError):
        while True:
            async with asyncio.timeout(2):
                _iac, verb = await reader.readexactly(2)
                if verb == 0xFA:
                    asked = await reader.readuntil(b"\xff\xf0")
                    writer.write(bytes((0xFF, 0xFA, asked[0], asked[1] + 100)) + asked[2:])
                else:
                    agreed = {0xFB: 0xFD, 0xFD: 0xFB}.get(verb, 0xFE)
                    writer.write(bytes((0xFF, agreed)) + await reader.readexactly(1))
    writer.write(LAST_WORDS)
    writer.close()
