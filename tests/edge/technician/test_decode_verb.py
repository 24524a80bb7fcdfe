"""`weighpost-edge scale decode`: the vectors as they are published, through the program itself."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from edge.drivers import DRIVERS, load_driver
from edge.drivers.readings import Display
from edge.main import main
from edge.technician.decode import decode_from
from kernel.captures import Capture, CaptureHead, Passed

VECTORS = json.loads((Path(__file__).parents[1] / "drivers" / "scale" / "vectors.json").read_text())
KNOWN = {name for name in DRIVERS if hasattr(load_driver(name), "describe")}
FRAMES = [frame for frame in VECTORS["frames"] if frame["protocol"] in KNOWN]
STREAMS = [stream for stream in VECTORS["streams"] if stream["protocol"] in KNOWN]


def decode(case: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    path = folder / "bytes"
    path.write_bytes(bytes.fromhex(case["hex"]))
    options = json.dumps(case["options"])
    assert main(["scale", "decode", "--protocol", case["protocol"], "--options", options, str(path)]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def same(got: object, expected: object) -> bool:
    """Weights compare as decimals: 20.0 is 20.00."""
    if isinstance(got, str) and isinstance(expected, str) and got != expected:
        try:
            return Decimal(got) == Decimal(expected)
        except ArithmeticError:
            return False
    return type(got) is type(expected) and got == expected


@pytest.mark.broad
@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: str(frame["id"]))
def test_every_vector(frame: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    got = decode(frame, tmp_path, capsys)
    if "reject" in frame["expect"]:
        assert got == []
        return
    [shown] = got
    assert {
        key: shown.get(key, "absent")
        for key, value in frame["expect"].items()
        if not same(shown.get(key, "absent"), value)
    } == {}


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: str(stream["name"]))
def test_every_stream(stream: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    got = decode(stream, tmp_path, capsys)
    weights = [one.get("weight") or one["gross_kg"] for one in got]
    assert [Decimal(each) for each in weights] == [Decimal(each) for each in stream["expect_weights"]]


def test_errors_are_counted_and_doubts_told_beside_the_readings(capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = b"\x02+001560019\x03", b"\x02+001560018\x03"
    row = load_driver("yaohua-cont12")
    decode_from(io.BytesIO(good + bad + good), row, row.options())
    shown = capsys.readouterr()
    assert [json.loads(line)["weight"] for line in shown.out.splitlines()] == ["1560", "1560"]
    assert "yaohua-cont12: 2 readings, " in shown.err
    assert "1 x wrong checksum" in shown.err
    assert "in doubt, an option: unit: the frame does not send it" in shown.err


def test_what_a_lane_would_make_of_it_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    like, toledo = load_driver("ad-like"), load_driver("toledo-continuous")
    decode_from(io.BytesIO(b"ST,GS,+0018460\r\n" * 2), like, like.options())
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["confirmed"], one["doubt"]) for one in shown] == [(False, "unit"), (True, "unit")]
    decode_from(io.BytesIO(toledo.write(Display(mantissa=40), toledo.options())), toledo, toledo.options())
    [one] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert one["confirmed"]
    assert "doubt" not in one


def test_of_a_capture_the_device_is_read_and_not_the_host(capsys: pytest.CaptureFixture[str]) -> None:
    head = CaptureHead(box="s01-lane1", device="scale", url="/dev/ttyS0", line="9600 8N1", begin_ms=0)
    good = b"\x02+001560019\x03"
    passed = (Passed(0, "in", good[:5]), Passed(3, "out", good), Passed(9, "in", good[5:]))
    row = load_driver("yaohua-cont12")
    decode_from(io.BytesIO(Capture(head=head, passed=passed).to_bytes()), row, row.options())
    assert [json.loads(line)["weight"] for line in capsys.readouterr().out.splitlines()] == ["1560"]


def test_a_damaged_capture_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "line.capture"
    path.write_bytes(b'{"weighpost_capture":1,"box":}')
    assert main(["scale", "decode", "--protocol", "yaohua-cont12", str(path)]) == 2
    assert "FILE: not a capture of a line" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--protocol", "abacus", "-"], "--protocol: unknown 'abacus'; known here: "),
        (["--protocol", "yaohua-cont12", "--options", "{", "-"], "--options: is not JSON"),
        (
            ["--protocol", "yaohua-cont12", "--options", '{"unit":"ft","x":1}', "-"],
            "--options.unit: must be one of",
        ),
        (["--protocol", "yaohua-cont12", "--options", '{"unit":"ft","x":1}', "-"], "--options.x: unknown"),
        (["--protocol", "yaohua-cont12", "--options", "[]", "-"], "--options.top level: must be a table"),
        (["--protocol", "yaohua-cont12", "--options", "[" * 100_000, "-"], "--options: is nested too deep"),
        (
            ["--protocol", "yaohua-cont12", "no-such-file"],
            "FILE: 'no-such-file' cannot be read: No such file",
        ),
        (
            ["--protocol", "yaohua-cont12", "no\0file"],
            "FILE: 'no\\x00file' cannot be read: embedded null byte",
        ),
        (["--protocol", "yaohua-cont12", "/"], "FILE: '/' cannot be read: Is a directory"),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["scale", "decode", *arguments]) == 2
    assert said in capsys.readouterr().err
