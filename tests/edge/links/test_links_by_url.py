"""Links over ptys and sockets: every byte, both ways, and what is said when they are lost or taken."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge.links import SerialSettings, open_link
from edge.links.holding import Claim
from edge.links.opening import check_url
from journal.clock import SystemClock
from kernel.errors import ConfigError, LinkError
from tests.support.lines import cable, everything, to_the_end

LINE = SerialSettings(patience_ms=100)


@pytest.mark.parametrize(
    "url", ["ttyUSB0", "tcp://a:1", "socket://nohost", "socket://h:x", "socket://:80", ""]
)
def test_urls_that_cannot_be_opened_are_refused_at_the_start(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_url(url)
    assert caught.value.faults[0][0] == "url"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/dev/null", "/dev/null is no serial port"),
        (__file__, "is no serial port"),
        ("/tmp", "/tmp is no serial port"),
        ("/dev/" + "a" * 300, "File name too long"),
        ("/dev/not-there", "is not there: unplugged"),
    ],
)
async def test_a_path_that_is_no_port_is_said_to_be_none(path: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(LinkError, match=said):
        await open_link(path, line=SerialSettings(), holder="t", locks=tmp_path)


def test_wrong_line_settings_are_all_named() -> None:
    with pytest.raises(ConfigError) as caught:
        SerialSettings(baud=9601, patience_ms=1)
    assert [path for path, _ in caught.value.faults] == ["baud", "patience_ms"]


def test_a_claim_tells_the_next_one_who_has_the_port(tmp_path: Path) -> None:
    port = tmp_path / "ttyS9"
    port.touch()
    claim = Claim(port, holder="lane1 scale", folder=tmp_path)
    with pytest.raises(LinkError, match=rf"held by process {os.getpid()} \(lane1 scale\)"):
        Claim(port, holder="lane2 scale", folder=tmp_path)
    claim.release()
    Claim(port, holder="lane2 scale", folder=tmp_path).release()


@pytest.mark.wire
@pytest.mark.timeout(60)
async def test_every_byte_crosses_a_pty_both_ways(tmp_path: Path) -> None:
    data = bytes(range(256)) * 20
    async with cable(tmp_path) as port:
        link = await open_link(str(port.path), line=LINE, holder="t", locks=tmp_path)
        sending = asyncio.create_task(port.send(data))
        assert await everything(link, len(data)) == data
        await sending
        await link.write(b"\x00\x11\x13\r\nhost")
        async with asyncio.timeout(20):
            heard = b""
            while len(heard) < 9:
                heard += port.receive()
                await asyncio.sleep(0.01)
        assert heard == b"\x00\x11\x13\r\nhost"
        assert await link.read() == b""
        await link.close()


@pytest.mark.wire
@pytest.mark.timeout(60)
async def test_the_line_is_paced_like_its_baud_rate(tmp_path: Path) -> None:
    async with cable(tmp_path, baud=9_600) as port:
        link = await open_link(str(port.path), line=LINE, holder="t", locks=tmp_path)
        begun = SystemClock().mono_ms()
        sending = asyncio.create_task(port.send(bytes(480)))
        await everything(link, 480)
        assert SystemClock().mono_ms() - begun >= 490
        await sending
        await link.close()


@pytest.mark.wire
@pytest.mark.timeout(60)
async def test_a_pulled_plug_is_a_link_error_and_the_same_path_opens_again(tmp_path: Path) -> None:
    async with cable(tmp_path) as port:
        link = await open_link(str(port.path), line=LINE, holder="t", locks=tmp_path)
        await port.send(b"before")
        assert await everything(link, 6) == b"before"
        port.unplug()
        with pytest.raises(LinkError):
            await to_the_end(link)
        with pytest.raises(LinkError):
            await link.write(b"x")
        await link.close()
        with pytest.raises(LinkError, match="unplugged"):
            await open_link(str(port.path), line=LINE, holder="t", locks=tmp_path)
        port.plug()
        link = await open_link(str(port.path), line=LINE, holder="t", locks=tmp_path)
        await port.send(b"after")
        assert await everything(link, 5) == b"after"
        await link.close()


@pytest.mark.wire
@pytest.mark.timeout(60)
async def test_a_port_of_ours_is_refused_to_a_second_process_of_ours_by_name(tmp_path: Path) -> None:
    async with cable(tmp_path) as port:
        link = await open_link(str(port.path), line=LINE, holder="weighpost-edge lane1", locks=tmp_path)
        with pytest.raises(LinkError, match=rf"process {os.getpid()} \(weighpost-edge lane1\)"):
            await open_link(str(port.path), line=LINE, holder="other", locks=tmp_path)
        await link.close()


@pytest.mark.wire
@pytest.mark.timeout(60)
async def test_a_port_that_a_foreign_program_holds_is_refused_with_its_name(tmp_path: Path) -> None:
    async with cable(tmp_path) as port:
        holding = "import serial, sys; p = serial.Serial(sys.argv[1], exclusive=True); print('open', flush=True); p.read(1)"
        foreign = await asyncio.create_subprocess_exec(
            sys.executable, "-c", holding, str(port.path), stdout=subprocess.PIPE
        )
        try:
            assert foreign.stdout is not None
            assert await foreign.stdout.readline() == b"open\n"
            with pytest.raises(LinkError, match=rf"held by process {foreign.pid} \(python"):
                await open_link(str(port.path), line=LINE, holder="t", locks=tmp_path)
        finally:
            foreign.kill()
            await foreign.wait()


@pytest.mark.wire
@pytest.mark.timeout(60)
async def test_what_nobody_reads_is_gone(tmp_path: Path) -> None:
    async with cable(tmp_path) as port:
        await port.send(b"stale")
        link = await open_link(str(port.path), line=LINE, holder="t", locks=tmp_path)
        await port.send(b"fresh")
        assert await everything(link, 5) == b"fresh"
        await link.close()


@pytest.mark.wire
@pytest.mark.timeout(60)
async def test_a_socket_carries_bytes_is_patient_and_tells_when_the_peer_is_gone() -> None:
    peers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _reader, writer: peers.append(writer), "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    link = await open_link(f"socket://{host}:{port}", line=LINE, holder="t")
    assert await link.read() == b""
    peers[0].write(b"weight")
    assert await everything(link, 6) == b"weight"
    peers[0].close()
    server.close()
    with pytest.raises(LinkError):
        await to_the_end(link)
    await link.close()


@pytest.mark.wire
@pytest.mark.timeout(60)
async def test_a_socket_nobody_listens_on_is_a_link_error() -> None:
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    server.close()
    await server.wait_closed()
    with pytest.raises(LinkError):
        await open_link(f"socket://{host}:{port}", line=LINE, holder="t")
