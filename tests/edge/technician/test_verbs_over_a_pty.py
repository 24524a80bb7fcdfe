"""The technician's verbs as processes, against a simulated indicator behind a real pty."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge.drivers import indicators
from edge.drivers.readings import Display
from journal.clock import SystemClock
from kernel.settings import read
from simulators.ptys import PtyPort

pytestmark = [pytest.mark.wire, pytest.mark.timeout(120)]

ROWS = {row.name: row for row in indicators()}
SCALE = [sys.executable, "-m", "edge.main", "scale"]


@contextlib.asynccontextmanager
async def speaking(folder: Path, name: str) -> AsyncIterator[str]:
    """The path of a port at which this indicator shows 17 000 kg and more, ten times a second."""
    row = ROWS[name]
    assert row.write is not None
    port = PtyPort(folder / "cable", baud=9600, clock=SystemClock())
    port.plug()
    options = read(row.options, {})

    async def speak() -> None:
        for n in range(10_000):
            assert row.write is not None
            await port.send(row.write(Display(mantissa=17_000 + 20 * (n // 5 % 40)), options))
            await asyncio.sleep(0.08)

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(speak())
        yield str(port.path)
        task.cancel()
    port.unplug()


@contextlib.asynccontextmanager
async def answering(folder: Path, name: str) -> AsyncIterator[str]:
    """The path of a port at which this indicator answers, and says nothing unasked."""
    row = ROWS[name]
    assert row.serve is not None
    server = row.serve(read(row.options, {}))
    port = PtyPort(folder / "cable", baud=9600, clock=SystemClock())
    port.plug()

    async def serve() -> None:
        while True:
            asked = port.receive()
            if asked:
                await port.send(server.feed(asked, Display(mantissa=18_460)))
            await asyncio.sleep(0.02)

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(serve())
        yield str(port.path)
        task.cancel()
    port.unplug()


async def scale(*arguments: str, answer: bytes = b"") -> subprocess.CompletedProcess[str]:
    process = await asyncio.create_subprocess_exec(
        *SCALE,
        *arguments,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = await process.communicate(answer)
    return subprocess.CompletedProcess(arguments, process.returncode or 0, out.decode(), err.decode())


async def test_a_speaking_indicator_is_found_with_its_evidence(tmp_path: Path) -> None:
    async with speaking(tmp_path, "yaohua-cont12") as url:
        done = await scale("detect", url, "--json", "--lang", "en")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["found"]
    [candidate] = [one for one in found["candidates"] if one["protocol"] == "yaohua-cont12"]
    assert candidate["line"] == "9600 8N1"
    assert candidate["checksums_right"] == candidate["frames"] >= 10
    assert candidate["explained_percent"] >= 90
    assert "unit" in [one["option"] for one in candidate["settings"]]
    assert "listening: 9600 8N1" in done.stderr


async def test_a_silent_port_is_said_to_be_silent_and_ends_with_one(tmp_path: Path) -> None:
    port = PtyPort(tmp_path / "cable", baud=9600, clock=SystemClock())
    port.plug()
    done = await scale("detect", str(port.path), "--seconds", "0.5", "--lang", "en")
    port.unplug()
    assert done.returncode == 1
    assert "not a byte came at any setting" in done.stdout


async def test_an_indicator_that_only_answers_is_found_by_asking(tmp_path: Path) -> None:
    async with answering(tmp_path, "mt-sics") as url:
        done = await scale("detect", url, "--json", "--seconds", "0.5")
    assert done.returncode == 0, done.stderr
    [candidate] = json.loads(done.stdout)["candidates"]
    assert (candidate["protocol"], candidate["asked"], candidate["line"]) == ("mt-sics", True, "9600 8N1")


async def test_zero_is_sent_after_a_yes_and_its_answer_told(tmp_path: Path) -> None:
    order = ("send", "zero")
    async with answering(tmp_path, "mt-sics") as url:
        refused = await scale(*order, url, "--protocol", "mt-sics", "--lang", "en", answer=b"\n")
        done = await scale(*order, url, "--protocol", "mt-sics", "--lang", "en", answer=b"y\n")
    assert (refused.returncode, refused.stdout) == (1, "not sent\n")
    assert done.returncode == 0, done.stderr
    assert "the platform must be empty" in done.stderr
    assert done.stdout.startswith('answer: {"status": "zero')


async def test_without_an_answer_the_display_is_shown_as_the_monitor_shows_it(tmp_path: Path) -> None:
    order = ("send", "zero")
    async with speaking(tmp_path, "toledo-continuous") as url:
        done = await scale(*order, url, "--protocol", "toledo-continuous", "--yes", "--lang", "en")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("no answer in 2 s\ndisplay: 17")
    assert " kg  gross, stable" in done.stdout


async def test_a_terminal_is_drawn_over_in_place(tmp_path: Path) -> None:
    master, slave = os.openpty()
    async with speaking(tmp_path, "yaohua-cont12") as url:
        process = await asyncio.create_subprocess_exec(
            *SCALE, "monitor", url, "--protocol", "yaohua-cont12", "--seconds", "1.5", stdout=slave
        )
        assert await process.wait() == 0
    os.close(slave)
    drawn = os.read(master, 1 << 16).decode()
    os.close(master)
    assert "\x1b[2K" in drawn
    assert "\x1b[6A" in drawn
    assert "单位未发送" in drawn


async def test_the_monitor_shows_what_the_scale_says(tmp_path: Path) -> None:
    async with speaking(tmp_path, "yaohua-cont12") as url:
        done = await scale("monitor", url, "--protocol", "yaohua-cont12", "--seconds", "2.5", "--lang", "en")
    assert done.returncode == 0, done.stderr
    last = done.stdout.splitlines()[-1]
    assert last.startswith("17")
    assert "(unit not sent)" in last
    assert "up" in last
    assert "errors 0" in last


async def test_ctrl_c_ends_the_monitor_cleanly(tmp_path: Path) -> None:
    async with speaking(tmp_path, "yaohua-cont12") as url:
        process = await asyncio.create_subprocess_exec(
            *SCALE,
            "monitor",
            url,
            "--protocol",
            "yaohua-cont12",
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout is not None
        async with asyncio.timeout(30):
            await process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _out, err = await process.communicate()
    assert process.returncode == 0
    assert b"Traceback" not in err


async def test_raw_bytes_come_from_standard_input_too() -> None:
    good, bad = b"\x02+001560019\x03", b"\x02+001560018\x03"
    done = await scale("decode", "--protocol", "yaohua-cont12", "-", answer=good + bad + good)
    assert done.returncode == 0
    assert [json.loads(line)["weight"] for line in done.stdout.splitlines()] == ["1560", "1560"]
    assert "1 x wrong checksum" in done.stderr
