"""`dock --once` needs no station and no settings, says one line a file, and can be run again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from journal.lock import FolderLock
from simulators.demo.clock import RealClock
from simulators.recorders.recorder import Recorder
from station.commands.docking import bars
from station.docking.board import Board
from station.main import main

pytestmark = [pytest.mark.broad, pytest.mark.timeout(30)]
WANTED = {
    "name",
    "digest",
    "device",
    "officer",
    "start_own",
    "start_true",
    "error_ms",
    "duration_ms",
    "status",
}


def once(capsys: pytest.CaptureFixture[str], *arguments: object) -> list[dict[str, Any]]:
    assert main(["dock", "--once", *map(str, arguments), "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_one_line_a_file_and_the_second_time_nothing_new(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recorder = Recorder(tmp_path / "state", clock=RealClock())
    made = recorder.record(1_780_279_200_000, 2_000)
    (recorder.volume / "DCIM" / "3700123_100001_20260601110000_0002.mp4").touch()
    (recorder.volume / "link.mp4").symlink_to("/etc/passwd")
    rows = {row["status"]: row for row in once(capsys, recorder.volume)}
    assert all(set(row) >= WANTED for row in rows.values())
    assert rows["imported"]["digest"] == made.sha256
    assert rows["imported"]["start_own"] == "2026-06-01T10:00:00.000+08:00"
    assert (rows["imported"]["device"], rows["imported"]["officer"]) == ("3700123", "100001")
    assert set(rows) == {"imported", "empty", "refused"}
    assert (tmp_path / "build" / "dock" / "originals" / made.sha256[:2] / made.sha256).exists()
    again = [row["status"] for row in once(capsys, recorder.volume)]
    assert sorted(again) == ["duplicate", "empty", "refused"]


def test_several_at_once_and_names_of_several_models(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("DSJ_370099_20260601_100000.avi", "2026-06-01 10-00-00@Z-17.mp4", "没有时间 的名字.mp4")
    for number, name in enumerate(names):
        (tmp_path / f"card{number % 2}").mkdir(exist_ok=True)
        (tmp_path / f"card{number % 2}" / name).write_bytes(b"film %d" % number)
    rows = {
        row["name"]: row
        for row in once(capsys, tmp_path / "card0", tmp_path / "card1", "--data", tmp_path / "d")
    }
    assert rows[names[0]]["device"] == "370099"
    assert rows[names[1]]["start_own"] == "2026-06-01T10:00:00.000+08:00"
    assert "start_uncertain" in rows[names[2]]["problems"]
    assert {row["status"] for row in rows.values()} == {"damaged"}  # none of them plays


def test_what_cannot_be_done_is_said_and_ends_with_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dock", "--once", str(tmp_path / "nowhere"), "--data", str(tmp_path / "d")]) == 2
    assert "is no folder" in capsys.readouterr().err
    (tmp_path / "d").mkdir()
    lock = FolderLock(tmp_path / "d")
    assert main(["dock", "--once", str(tmp_path), "--data", str(tmp_path / "d")]) == 2
    lock.release()
    assert "in use by process" in capsys.readouterr().err


def test_every_dock_has_a_bar_of_its_own() -> None:
    said: list[str] = []
    board = Board.of(["dock1", "dock2"])
    show = bars(said.append)
    board.change("dock1", state="importing", size=4 << 20, done=1 << 20, files=3, done_files=1, name="a.mp4")
    show(board)
    show(board)
    told = "".join(said)
    assert told.count("dock1 - ███████░") == 2
    assert "1/4 MB 1/3 importing a.mp4" in told
    assert "\x1b[2A" in told
    board.change("dock1", name="\x1b[2J\n张三.mp4")
    show(board)
    assert "importing \\x1b[2J\\n张三.mp4\n" in said[-1]


def test_a_model_that_nobody_described_is_a_clear_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dock", "--once", str(tmp_path), "--model", "h8", "--data", str(tmp_path / "to")]) == 2
    assert "--model: 'h8' is none of" in capsys.readouterr().err
