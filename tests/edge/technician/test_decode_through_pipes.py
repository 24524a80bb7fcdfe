"""`scale decode` between other programs: frames are told as they come, and whoever stops reading ends it quietly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.wire, pytest.mark.timeout(60)]

DECODE = [sys.executable, "-m", "edge.main", "scale", "decode", "--protocol", "yaohua-cont12"]
FRAME = b"\x02+001560019\x03"


def test_a_frame_is_told_before_the_next_comes() -> None:
    with subprocess.Popen([*DECODE, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as decode:
        assert decode.stdin is not None
        assert decode.stdout is not None
        for _ in range(2):
            decode.stdin.write(FRAME)
            decode.stdin.flush()
            assert b'"weight": "1560"' in decode.stdout.readline()
        decode.stdin.close()
        assert decode.wait() == 0


def test_who_has_read_enough_ends_it_without_a_word(tmp_path: Path) -> None:
    path = tmp_path / "bytes"
    path.write_bytes(FRAME * 20_000)
    with subprocess.Popen([*DECODE, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as decode:
        assert decode.stdout is not None
        assert decode.stderr is not None
        assert b"1560" in decode.stdout.readline()
        decode.stdout.close()
        assert (decode.wait(), decode.stderr.read()) == (0, b"")


def test_an_output_that_takes_nothing_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bytes"
    path.write_bytes(FRAME)
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*DECODE, str(path)], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 2
    assert done.stderr.decode().splitlines() == [
        "weighpost-edge: standard output: cannot be written: No space left on device"
    ]


def test_an_input_that_is_closed_is_named() -> None:
    done = subprocess.run(["sh", "-c", 'exec "$@" <&-', "sh", *DECODE, "-"], capture_output=True, check=False)
    assert done.returncode == 2
    assert b"FILE: standard input is closed" in done.stderr
