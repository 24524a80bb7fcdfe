"""What a line once said is played again at its pace, and read again as it was."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from edge.drivers.readings import Display
from edge.drivers.rows import IndicatorOptions
from edge.drivers.scale.yaohua_cont12.protocol import parser, write
from edge.links import SerialSettings, open_link
from journal.clock import SystemClock
from kernel.captures import Capture, CaptureHead, Passed
from kernel.errors import ProtocolError
from simulators.clock import VirtualClock
from simulators.main import main
from simulators.replay import play, timeline
from tests.support.lines import everything

OPTIONS = IndicatorOptions(unit="kg")
WEIGHTS = [0, 0, 4_020, 18_460, 18_480, 18_480, 9_000, 0]
HEAD = CaptureHead(box="s01-lane1", device="scale", url="/dev/ttyS0", line="9600 8N1", begin_ms=1)
SAID = tuple(
    Passed(1_000 + 150 * n, "in", write(Display(mantissa=kg), OPTIONS)) for n, kg in enumerate(WEIGHTS)
)
CAPTURE = Capture(
    head=HEAD, passed=(Passed(0, "note", b"opened"), Passed(900, "out", b"\x02AA00\x03"), *SAID)
).to_bytes()


class Listener:
    """A wire that writes down when it was sent what."""

    heard = True

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._begun = clock.mono_ms()
        self.got: list[tuple[int, bytes]] = []

    async def send(self, data: bytes) -> None:
        self.got.append((self._clock.mono_ms() - self._begun, data))


def test_only_what_the_device_said_is_played() -> None:
    assert timeline(CAPTURE, baud=9_600) == SAID


def test_raw_bytes_are_played_at_the_pace_of_a_line() -> None:
    assert timeline(bytes(40), baud=9_600) == (
        Passed(0, "in", bytes(16)),
        Passed(16, "in", bytes(16)),
        Passed(33, "in", bytes(8)),
    )
    assert timeline(b"", baud=9_600) == ()


def test_a_damaged_capture_is_not_played_as_bytes() -> None:
    with pytest.raises(ProtocolError, match="line 3"):
        timeline(CAPTURE.replace(b'"out"', b'"both"'), baud=9_600)


@pytest.mark.parametrize(("speed", "every_ms"), [(1.0, 150), (10.0, 15), (0.5, 300)])
async def test_every_piece_comes_when_it_came(speed: float, every_ms: int) -> None:
    clock = VirtualClock()
    wire = Listener(clock)
    task = asyncio.create_task(play(SAID, wire, clock=clock, speed=speed))
    await clock.run_for(10)
    await task
    assert wire.got == [(n * every_ms, one.data) for n, one in enumerate(SAID)]


async def test_nothing_to_play_ends_at_once() -> None:
    await play((), Listener(VirtualClock()), clock=VirtualClock())


@asynccontextmanager
async def replaying(file: Path, *arguments: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """`weighpost-sim replay`, and where it plays."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulators.main", "replay", str(file), *arguments, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield process, (await process.stdout.readline()).decode().strip()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.wire
@pytest.mark.timeout(60)
@pytest.mark.parametrize("where", [(), ("--tcp", "0")], ids=["pty", "tcp"])
async def test_a_lane_reads_from_the_program_what_the_line_said(
    tmp_path: Path, where: tuple[str, ...]
) -> None:
    file = tmp_path / "scale.capture"
    file.write_bytes(CAPTURE)
    async with replaying(file, *where) as (process, url):
        begun = SystemClock().mono_ms()
        line = SerialSettings(patience_ms=100)
        link = await open_link(url, line=line, holder="t", locks=tmp_path)
        data = await everything(link, sum(len(one.data) for one in SAID))
        assert SystemClock().mono_ms() - begun >= 150 * (len(SAID) - 1) - 50
        await link.close()
        assert await process.wait() == 0
    assert [getattr(item, "mantissa", None) for item in parser(OPTIONS).feed(data)] == WEIGHTS


@pytest.mark.wire
@pytest.mark.timeout(60)
async def test_it_waits_for_a_listener_and_can_be_stopped(tmp_path: Path) -> None:
    file = tmp_path / "raw"
    file.write_bytes(bytes(10_000))
    async with replaying(file, "--path", str(tmp_path / "port")) as (process, url):
        assert url == str(tmp_path / "port")
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    assert not (tmp_path / "port").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "scale.capture: No such file"),
        (b'{"weighpost_capture":1,"box":"x"}\n', "scale.capture: not a capture"),
        (
            CAPTURE.replace(b'"weighpost_capture":1', b'"weighpost_capture":2'),
            "scale.capture: a capture of version 2",
        ),
        (CAPTURE.splitlines()[0], "scale.capture: nothing to play"),
        (b"", "scale.capture: nothing to play"),
    ],
)
def test_what_cannot_be_played_is_said(
    tmp_path: Path, content: bytes | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "scale.capture"
    if content is not None:
        file.write_bytes(content)
    assert main(["replay", str(file)]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        *(("--speed", speed, "must be a number above 0") for speed in ("0", "-1", "nan", "x", "10000000")),
        *(("--tcp", port, "must be 0 to 65535") for port in ("-1", "99999", "x", "9" * 5_000)),
    ],
)
def test_a_number_that_is_none_is_refused(
    option: str, value: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["replay", "file", f"{option}={value}"])
    assert said in capsys.readouterr().err
