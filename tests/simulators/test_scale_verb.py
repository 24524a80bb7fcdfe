"""`weighpost-sim scale`: what it lists, what it refuses, and how it ends."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

import pytest

from edge.drivers import DRIVERS, indicators
from kernel.errors import ConfigError
from simulators.main import main
from simulators.scale import Play, check, playable
from simulators.scenario import scenario_of, shipped

SHORT = 'says = "nothing"\nfor_ms = 300\n'


def test_every_driver_can_be_played() -> None:
    assert list(playable()) == sorted(DRIVERS)


def test_it_lists_protocols_and_scenarios(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scale", "--list"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in (*playable(), *shipped()))
    assert main(["scale", "--list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert list(listed["protocols"]) == list(playable())
    assert listed["scenarios"]["snow"] == shipped()["snow"].says
    assert all(listed["protocols"].values())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "protocol: is required"),
        (["--protocol", "abacus"], "protocol: no 'abacus'"),
        (["--protocol", "yaohua-cont12", "--options", "{"], "options: must be JSON"),
        (["--protocol", "yaohua-cont12", "--options", '{"wings": 2}'], "options.wings: unknown"),
        (["--protocol", "yaohua-cont12", "--options", '{"unit": "lb"}'], "options.unit: "),
        (["--protocol", "yaohua-cont12", "--line", "fast"], "line: must be such as"),
        (["--protocol", "yaohua-cont12", "--scenario", "never"], "scenario: no file, and none of"),
        (["--protocol", "yaohua-cont12", "--tcp", "here"], "tcp: must be HOST:PORT"),
        (["--protocol", "yaohua-cont12", "--tcp", "127.0.0.1:99999"], "tcp: 127.0.0.1:99999"),
        (["--protocol", "wim-wj", "--scenario", "reboot"], "scenario.fault[0].kind: reboot is no fault"),
    ],
)
def test_what_cannot_be_played_is_refused(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["scale", *arguments]) == 2
    assert says in capsys.readouterr().err


def test_a_file_is_not_taken_for_a_pty(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = tmp_path / "there"
    there.write_text("kept")
    assert main(["scale", "--protocol", "yaohua-cont12", "--pty", str(there)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert there.read_text() == "kept"


def test_a_protocol_that_only_answers_does_not_stream() -> None:
    answers = [row.name for row in indicators() if row.write is None]
    for name in answers:
        with pytest.raises(ConfigError, match="unasked"):
            check(Play(protocol=name, options={}, scenario=scenario_of("normal"), unasked=True))
    assert all(row.poll for row in indicators() if row.name in answers)


@pytest.mark.wire
@pytest.mark.timeout(40)
@pytest.mark.parametrize("protocol", ["yaohua-cont12", "wim-wj"])
async def test_once_it_ends_with_its_scenario_and_leaves_no_port_behind(
    protocol: str, tmp_path: Path
) -> None:
    script, pty = tmp_path / "short.toml", tmp_path / "scale"
    script.write_text(SHORT)
    command = ["--protocol", protocol, "--pty", str(pty), "--scenario", str(script), "--once"]
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulators.main", "scale", *command, stdout=asyncio.subprocess.PIPE
    )
    assert program.stdout is not None
    assert (await program.stdout.readline()).decode().strip() == str(pty)
    with pty.open("rb", buffering=0):
        assert await program.wait() == 0
    assert not pty.is_symlink()


@pytest.mark.wire
@pytest.mark.timeout(40)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_is_stopped_cleanly(number: signal.Signals, tmp_path: Path) -> None:
    pty = tmp_path / "scale"
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "simulators.main", "scale", "--protocol", "yaohua-cont12", "--pty", str(pty)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert program.stdout is not None
    await program.stdout.readline()
    program.send_signal(number)
    _, err = await program.communicate()
    assert (program.returncode, err) == (0, b"")
    assert not pty.is_symlink()
