"""`weighpost-sim scale`: what it lists, what it refuses, and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edge.drivers import DRIVERS, indicators
from kernel.errors import ConfigError
from simulators.clock import VirtualClock
from simulators.main import main
from simulators.ptys import PtyPort
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
        (["--protocol", "yaohua-cont12", "--options", "[]"], "options: must be a JSON object"),
        (["--protocol", "yaohua-cont12", "--options", "[" * 100_000], "options: must be JSON"),
        (["--protocol", "yaohua-cont12", "--line", "fast"], "line: must be such as"),
        (["--protocol", "yaohua-cont12", "--line", "000 8N1"], "line: must be such as"),
        (["--protocol", "modbus-tcp"], "tcp: is required: modbus-tcp is spoken over TCP alone"),
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


def test_a_scenario_that_is_no_text_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = tmp_path / "script"
    script.write_bytes(b'says = "\xe9"')
    for verb in (
        ["scale", "--protocol", "yaohua-cont12", "--scenario"],
        ["traffic", "--script"],
        ["demo", "--faults"],
    ):
        assert main([*verb, str(script)]) == 2
        assert f"{script}: must be text in UTF-8" in capsys.readouterr().err


@pytest.mark.parametrize("protocol", ["wim-wj", "wim-jz", "axl1"])
def test_an_axle_that_no_record_can_hold_is_refused(
    protocol: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "heavy.toml"
    script.write_text(SHORT + "[[vehicle]]\nat_ms = 0\naxle_kg = [5000, 800000]\nspacing_mm = [4000]\n")
    assert main(["scale", "--protocol", protocol, "--scenario", str(script)]) == 2
    assert f"scenario.vehicle[0]: no record of {protocol}: " in capsys.readouterr().err


@pytest.mark.wire
def test_a_reader_that_has_had_enough_of_the_list_is_no_fault() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    listing = subprocess.run(
        [sys.executable, "-m", "simulators.main", "scale", "--list"],
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)
    assert (listing.returncode, listing.stderr) == (0, b"")


VERBS = [["scale", "--protocol", "yaohua-cont12", "--pty"], ["replay", __file__, "--path"]]


@pytest.mark.parametrize("verb", VERBS, ids=["scale", "replay"])
def test_what_is_there_is_not_taken_for_a_pty(
    verb: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there, beside, link = tmp_path / "there", tmp_path / ".there.new", tmp_path / "link"
    there.write_text("kept")
    beside.write_text("kept too")
    link.symlink_to(there)
    for path in (there, link):
        assert main([*verb, str(path)]) == 2
        assert f"pty: {path} is there already" in capsys.readouterr().err
    assert (there.read_text(), beside.read_text(), link.readlink()) == ("kept", "kept too", there)


@pytest.mark.parametrize("verb", VERBS, ids=["scale", "replay"])
def test_a_folder_that_is_missing_is_said(
    verb: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*verb, str(tmp_path / "none" / "port")]) == 2
    assert capsys.readouterr().err.endswith("port cannot be made: No such file or directory\n")


def test_a_pty_takes_the_place_of_a_dead_link_and_leaves_that_of_another(tmp_path: Path) -> None:
    path = tmp_path / "scale"
    path.symlink_to(tmp_path / "gone")
    port = PtyPort(path, clock=VirtualClock())
    port.plug()
    assert path.resolve().parent == Path("/dev/pts")
    path.unlink()
    path.symlink_to("/dev/null")
    port.unplug()
    assert path.readlink() == Path("/dev/null")


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
