"""Which ports and which scale a verb means, and what it refuses."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from edge.main import main
from edge.technician.ports import serial_ports
from edge.technician.target import add_target, target_of
from kernel.errors import ConfigError
from tests.edge.test_lane_program import TABLE, write

PLAIN = "yaohua-cont12"


def test_a_port_is_named_by_its_id_then_by_its_place_then_by_the_kernel(tmp_path: Path) -> None:
    ids, places = tmp_path / "by-id", tmp_path / "by-path"
    for folder in (ids, places):
        folder.mkdir()
    devices = [tmp_path / name for name in ("ttyUSB0", "ttyUSB1", "ttyS0")]
    for device in devices:
        device.touch()
    (ids / "usb-FTDI").symlink_to(devices[0])
    (places / "pci-1").symlink_to(devices[0])
    (places / "pci-2").symlink_to(devices[1])
    found = serial_ports(lasting=(ids, places), known=map(str, devices))
    assert found == [str(ids / "usb-FTDI"), str(places / "pci-2"), str(devices[2])]


def test_without_the_folders_of_udev_there_are_still_the_kernels_names(tmp_path: Path) -> None:
    assert serial_ports(lasting=(tmp_path / "none",), known=["/dev/ttyS9"]) == ["/dev/ttyS9"]


def given(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_target(parser)
    return parser.parse_args(arguments)


def test_a_target_from_arguments() -> None:
    target = target_of(
        given("/dev/ttyS9", "--protocol", PLAIN, "--line", "2400 7E1", "--options", '{"unit":"t"}')
    )
    assert (target.url, target.row.name, target.options.unit) == ("/dev/ttyS9", PLAIN, "t")
    assert (target.line.baud, target.line.bits, target.line.parity) == (2400, 7, "even")
    assert not target.of_a_lane


def test_a_target_from_the_settings_of_a_lane(tmp_path: Path) -> None:
    scale = {"driver": PLAIN, "url": "/dev/ttyS3", "options": {"unit": "kg"}, "serial": {"baud": 1200}}
    target = target_of(given("--settings", str(write(tmp_path, scale=scale))))
    assert (target.url, target.row.name, target.line.baud, target.of_a_lane) == (
        "/dev/ttyS3",
        PLAIN,
        1200,
        True,
    )


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ([], "URL"),
        (["/dev/ttyS9"], "--protocol"),
        (["ttyS9", "--protocol", PLAIN], "url"),
        (["/dev/ttyS9", "--protocol", "abacus"], "--protocol"),
        (["/dev/ttyS9", "--protocol", "text"], "--options.pattern"),
        (["/dev/ttyS9", "--protocol", "wim-wj", "--options", '{"cmd":1}'], "--options.cmd"),
        (["/dev/ttyS9", "--protocol", PLAIN, "--line", "9600 9N9"], "--line"),
        (["/dev/ttyS9", "--protocol", PLAIN, "--options", '{"colour":1}'], "--options.colour"),
    ],
)
def test_a_wrong_call_names_the_argument(arguments: list[str], path: str) -> None:
    with pytest.raises(ConfigError) as refused:
        target_of(given(*arguments))
    assert path in dict(refused.value.faults)


def test_tare_is_refused_on_a_lane_with_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scale = TABLE["scale"] | {"driver": PLAIN, "options": {"unit": "kg"}}
    settings = str(write(tmp_path, scale=scale))
    assert main(["scale", "send", "tare", "--settings", settings, "--yes", "--lang", "en"]) == 2
    assert "tare is refused for enforcement" in capsys.readouterr().err
    assert main(["scale", "send", "tare", "--settings", settings, "--yes"]) == 2
    assert "执法中拒绝去皮" in capsys.readouterr().err


def test_an_order_that_no_paper_documents_is_not_sent(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scale", "send", "zero", "/dev/none", "--protocol", PLAIN, "--yes", "--lang", "en"]) == 2
    assert "yaohua-cont12 has no order zero" in capsys.readouterr().err


def test_a_port_that_is_not_there_is_a_wrong_call(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scale", "detect", "/dev/no-such-port"]) == 2
    assert "URL: /dev/no-such-port is not there" in capsys.readouterr().err


@pytest.mark.parametrize("seconds", ["0.1", "-1", "nan", "inf", "-inf", "1e30"])
@pytest.mark.parametrize("verb", [["detect"], ["monitor", "--protocol", PLAIN]], ids=["detect", "monitor"])
def test_a_time_that_nobody_would_wait_is_refused(
    verb: list[str], seconds: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if (verb[0], seconds) == ("monitor", "0.1"):
        return
    assert main(["scale", *verb, "/dev/null", f"--seconds={seconds}"]) == 2
    assert "--seconds: must be at least 0" in capsys.readouterr().err


@pytest.mark.parametrize(
    "order",
    [
        ["zero", "/dev/none", "--protocol", "sma", "--yes"],
        ["zero", "--protocol", "sma", "--yes", "/dev/none"],
        ["zero", "--protocol", "sma", "/dev/none", "--yes"],
        ["--protocol", "sma", "zero", "--yes", "/dev/none"],
    ],
)
def test_an_order_takes_its_line_wherever_it_stands(
    order: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["scale", "send", *order]) == 2
    assert "URL: /dev/none" in capsys.readouterr().err


def test_an_argument_too_many_is_still_one(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["/dev/none", "/dev/other"], ["/dev/none", "--colour"]):
        with pytest.raises(SystemExit):
            main(["scale", "send", "zero", "--protocol", "sma", "--yes", *words])
        assert f"unrecognized arguments: {words[1]}" in capsys.readouterr().err
