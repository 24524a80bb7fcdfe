"""One program a line: whoever comes second is refused and told who has it, whatever path it used and however it asked."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from edge.links import SerialSettings, open_link
from edge.links.holding import Claim, holders
from kernel.errors import LinkError
from tests.support.lines import cable, everything

pytestmark = [pytest.mark.wire, pytest.mark.timeout(60)]

LINE = SerialSettings(patience_ms=100)
# Opens without asking for any lock, as most programs do.
CAREFREE = "import os, sys; os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY); print('open', flush=True); sys.stdin.read()"
LOCKING = (
    "import sys; from pathlib import Path; from edge.links.holding import Claim;"
    "c = Claim(Path(sys.argv[1]), holder='weighpost-edge lane9', folder=Path(sys.argv[2]));"
    "print('held', flush=True); sys.stdin.read()"
)


@asynccontextmanager
async def program(code: str, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Another program; it has done what it does when this is entered."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, *arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline()
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_program_that_took_no_lock_is_found_before_it_steals_bytes(tmp_path: Path) -> None:
    async with cable(tmp_path) as port:
        async with program(CAREFREE, str(port.path)) as foreign:
            with pytest.raises(LinkError, match=rf"held by process {foreign.pid} \(python"):
                await open_link(str(port.path), line=LINE, holder="t", locks=tmp_path)
        link = await open_link(str(port.path), line=LINE, holder="t", locks=tmp_path)
        await port.send(b"all of it")
        assert await everything(link, 9) == b"all of it"
        await link.close()


async def test_a_later_program_that_asks_for_the_lock_does_not_get_it_not_even_roots(tmp_path: Path) -> None:
    async with cable(tmp_path) as port:
        link = await open_link(str(port.path), line=LINE, holder="t", locks=tmp_path)
        asking = "import serial, sys; serial.Serial(sys.argv[1], exclusive=True)"
        other = await asyncio.create_subprocess_exec(
            sys.executable, "-c", asking, str(port.path), stderr=subprocess.PIPE
        )
        _, said = await other.communicate()
        assert other.returncode == 1
        assert b"exclusively lock" in said or b"busy" in said.lower()
        await link.close()


async def test_a_later_program_that_asks_for_nothing_is_turned_away_by_the_kernel(tmp_path: Path) -> None:
    """Root alone is let in, so this is tried as nobody."""
    async with cable(tmp_path) as port:
        link = await open_link(str(port.path), line=LINE, holder="t", locks=tmp_path)
        device = port.path.resolve()
        device.chmod(0o666)
        user = 65_534 if os.getuid() == 0 else None
        other = await asyncio.create_subprocess_exec(
            "dd", f"if={device}", "count=0", stderr=subprocess.PIPE, user=user, cwd="/", env={"LC_ALL": "C"}
        )
        _, said = await other.communicate()
        assert b"Device or resource busy" in said, said
        await link.close()


async def test_two_names_of_one_port_are_one_port(tmp_path: Path) -> None:
    async with cable(tmp_path) as port:
        by_id = tmp_path / "usb-1a86_USB_Serial-if00-port0"
        by_id.symlink_to(port.path)
        link = await open_link(str(by_id), line=LINE, holder="lane1 scale", locks=tmp_path)
        for path in (port.path, port.path.resolve(), by_id):
            with pytest.raises(LinkError, match=rf"held by process {os.getpid()} \(lane1 scale\)"):
                await open_link(str(path), line=LINE, holder="lane2 scale", locks=tmp_path)
        await link.close()


async def test_the_lock_of_a_program_that_was_killed_ends_with_it(tmp_path: Path) -> None:
    async with cable(tmp_path) as port:
        async with program(LOCKING, str(port.path), str(tmp_path)) as other:
            with pytest.raises(LinkError, match=rf"held by process {other.pid} \(weighpost-edge lane9\)"):
                await open_link(str(port.path), line=LINE, holder="t", locks=tmp_path)
            other.kill()
            await other.wait()
            link = await open_link(str(port.path), line=LINE, holder="t", locks=tmp_path)
        with pytest.raises(LinkError, match=rf"held by process {os.getpid()} \(t\)"):
            Claim(port.path, holder="x", folder=tmp_path)
        await link.close()


async def test_a_lock_file_that_another_user_left_behind_is_no_obstacle(tmp_path: Path) -> None:
    """As a technician's tool leaves it in the shared folder; the kernel refuses O_CREAT there."""
    shared = tmp_path / "lock"
    shared.mkdir()
    shared.chmod(0o1777)
    port = tmp_path / "ttyS9"
    port.touch()
    Claim(port, holder="technician", folder=shared).release()
    [left] = shared.iterdir()
    assert stat.S_IMODE(left.stat().st_mode) == 0o666
    if os.getuid() == 0:
        os.chown(left, 65_534, 65_534)
    claim = Claim(port, holder="service", folder=shared)
    assert left.read_text() == f"process {os.getpid()} (service)\n"
    claim.release()


def test_a_link_in_place_of_a_lock_file_is_not_followed(tmp_path: Path) -> None:
    port, secret = tmp_path / "ttyS9", tmp_path / "secret"
    port.touch()
    secret.write_text("keep me")
    (tmp_path / f"weighpost{str(port).replace('/', '.')}.lock").symlink_to(secret)
    with pytest.raises(OSError, match="symbolic link"):
        Claim(port, holder="x", folder=tmp_path)
    assert secret.read_text() == "keep me"


async def test_nobody_is_named_where_nobody_is(tmp_path: Path) -> None:
    async with cable(tmp_path) as port:
        assert holders(port.path) == ""


async def test_an_opening_that_is_given_up_holds_nothing(tmp_path: Path) -> None:
    """As when a process is told to end while it looks for its line."""
    async with cable(tmp_path) as port:
        for _ in range(5):
            opening = asyncio.create_task(open_link(str(port.path), line=LINE, holder="t", locks=tmp_path))
            await asyncio.sleep(0)
            opening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await opening
        async with asyncio.timeout(20):
            while True:
                try:
                    link = await open_link(str(port.path), line=LINE, holder="t", locks=tmp_path)
                    break
                except LinkError:  # the last of them is still being closed
                    await asyncio.sleep(0.01)
        await port.send(b"ours")
        assert await everything(link, 4) == b"ours"
        await link.close()
