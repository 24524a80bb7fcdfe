from __future__ import annotations

from typing import Any

import pytest

from edge.drivers.readings import Display, Reply
from edge.drivers.rows import IndicatorOptions
from edge.drivers.scale.sma.protocol import INDICATOR, SIZE, Device, SmaReading, describe, parser, poll, write
from kernel.errors import ProtocolError

OPTIONS = IndicatorOptions()
STILL, MOVING = Display(mantissa=18_460), Display(mantissa=18_440, stable=False)


def frame(head: bytes, number: bytes, unit: bytes = b"kg ") -> bytes:
    return b"\n" + head + number.rjust(10) + unit + b"\r"


def read(data: bytes) -> list[Any]:
    return [item for item in parser(OPTIONS).feed(data) if not isinstance(item, ProtocolError)]


@pytest.mark.parametrize(("status", "error"), [(b"E", "zero"), (b"T", "tare")])
def test_dashes_are_no_weight_and_the_status_says_why(status: bytes, error: str) -> None:
    [item] = read(frame(status + b"1G  ", b"----------"))
    told = describe(item)
    assert (told["weight"], told["valid"], told["stable"], told["error"]) == (None, False, None, error)


@pytest.mark.parametrize(
    "spoiled",
    [
        frame(b" 1G  ", b"18460")[:-6] + b"kg \r",  # lost a digit
        frame(b" 1G  ", b"1846 "),
        frame(b" 1G  ", b"18460").replace(b"\r", b"\n"),
        frame(b" 1G  ", b"---------0"),
        frame(b" 1X  ", b"18460"),
        frame(b" 0G  ", b"18460"),
        frame(b" 1G  ", b"-  18460"),
        frame(b" 1G  ", b"18460", b"kq "),
    ],
)
def test_columns_are_strict(spoiled: bytes) -> None:
    assert read(spoiled) == []


def test_center_of_zero_and_a_second_range_are_read() -> None:
    [item] = read(frame(b"Z2G  ", b"0"))
    assert (describe(item)["zero"], item.valid, item.mantissa) == (True, True, 0)


def test_line_feed_begins_the_frame_so_that_no_reader_of_lines_can_split_it() -> None:
    sent = write(STILL, OPTIONS)
    assert (len(sent), sent[:1], sent[-1:]) == (SIZE, b"\n", b"\r")
    [first] = read(sent)  # at its CR: the LF of the next is not waited for
    assert first.mantissa == 18_460


def test_the_device_answers_its_commands() -> None:
    device = Device(OPTIONS)
    assert device.feed(poll(OPTIONS), STILL) == frame(b" 1G  ", b"18460")
    assert device.feed(b"\nW", MOVING) + device.feed(b"\r", MOVING) == frame(b" 1GM ", b"18440")
    assert device.feed(b"\nH\r", STILL) == frame(b" 1g  ", b"18460.0")
    assert device.feed(b"\nQ\r", STILL) == b"\n?\r"
    assert device.feed(b"\nW\r", Display(mantissa=60_000, over_range=True)) == frame(b"O1G  ", b"60000")
    assert device.feed(b"\nW\r", Display(mantissa=-40, under_range=True)) == frame(b"U1G  ", b"-40")


def test_the_device_zeroes_and_tares_and_says_when_it_cannot() -> None:
    device = Device(OPTIONS)
    assert device.feed(INDICATOR.orders["zero"](OPTIONS), MOVING) == frame(b"E1GM ", b"----------")
    assert device.feed(INDICATOR.orders["zero"](OPTIONS), Display(mantissa=40)) == frame(b"Z1G  ", b"0")
    assert device.feed(INDICATOR.orders["tare"](OPTIONS), Display(mantissa=340)) == frame(b" 1N  ", b"0")
    assert device.feed(b"\nM\r", STILL) == frame(b" 1T  ", b"300")
    assert device.feed(INDICATOR.orders["tare"](OPTIONS), MOVING) == frame(b"T1NM ", b"----------")
    assert device.feed(b"\nC\r", Display(mantissa=340)) == frame(b" 1G  ", b"300")


def test_the_device_repeats_on_change_until_escape() -> None:
    device = Device(OPTIONS)
    assert device.feed(b"\nR\r", STILL) == write(STILL, OPTIONS)
    assert device.feed(b"", STILL) == b""
    assert device.feed(b"", MOVING) == write(MOVING, OPTIONS)
    assert device.feed(b"\n\x1b\r", STILL) == b""
    assert device.feed(b"", MOVING) == b""


def test_what_the_device_cannot_understand_is_told() -> None:
    unknown, noise = read(b"\n?\r\n!\r")
    assert [unknown, noise] == [
        Reply(status="unrecognized-command", raw=b"\n?\r"),
        Reply(status="communication-error", raw=b"\n!\r"),
    ]


def test_high_resolution_is_told() -> None:
    [item] = read(frame(b" 1n  ", b"18460.5"))
    assert isinstance(item, SmaReading)
    assert (describe(item)["high_resolution"], item.kind, item.exponent) == (True, "net", -1)
