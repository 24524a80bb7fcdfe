from __future__ import annotations

from typing import Any

import pytest

from edge.drivers.readings import Display, Reading, Reply
from edge.drivers.scale.mt_sics.protocol import INDICATOR, Device, SicsOptions, describe, parser, poll
from kernel.errors import ProtocolError

OPTIONS = SicsOptions()
STILL, MOVING = Display(mantissa=18_460), Display(mantissa=18_440, stable=False)
WEIGHT = b"S S      18460 kg\r\n"


def read(data: bytes, options: SicsOptions = OPTIONS) -> list[Any]:
    return [item for item in parser(options).feed(data) if not isinstance(item, ProtocolError)]


@pytest.mark.parametrize(
    "line",
    [
        b"S S     18460 kg\r\n",  # the column lost a byte
        b"S S       18460 kg\r\n",
        b"S S     18 460 kg\r\n",
        b"S S     -1-460 kg\r\n",
        b"S S      1846. kg\r\n",
        b"S S      18460 kq\r\n",
        b"S A      18460 kg\r\n",
        b"S S      18460kg\r\n",
        b"S S      18460 kg\n",
        b"SR D\r\n",
    ],
)
def test_columns_are_strict(line: bytes) -> None:
    assert read(line) == []


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"S I\r\n", "not-executable"),
        (b"TA I\r\n", "not-executable"),
        (b"TAC A\r\n", "tare-cleared"),
        (b"Z +\r\n", "above-range"),
        (b"T -\r\n", "below-range"),
        (b"ZI D\r\n", "zero-done"),
        (b"ET\r\n", "transmission-error"),
        (b'I4 A "0123456789"\r\n', "restarted"),
    ],
)
def test_answers_that_are_no_weight_have_their_names(line: bytes, status: str) -> None:
    assert [describe(item) for item in read(line)] == [{"status": status}]


@pytest.mark.parametrize(("ask", "sent"), [("SI", b"SI\r\n"), ("S", b"S\r\n"), ("SIR", b"SIR\r\n")])
def test_it_is_asked_as_it_is_set(ask: Any, sent: bytes) -> None:
    assert poll(SicsOptions(ask=ask)) == sent


def test_the_device_answers_now_or_when_it_stands_still() -> None:
    device = Device(OPTIONS)
    assert device.feed(b"S\r", STILL) == WEIGHT
    assert device.feed(b"\nS\r\n", MOVING) == b"S I\r\n"
    assert device.feed(b"SI\r\n", MOVING) == b"S D      18440 kg\r\n"
    assert device.feed(b"SI\r\n", Display(mantissa=0, over_range=True)) == b"S +\r\n"
    assert device.feed(b"SI\r\n", Display(mantissa=0, under_range=True)) == b"S -\r\n"
    assert device.feed(b"XX\r\n", STILL) == b"ES\r\n"


def test_the_device_repeats_on_change_until_it_is_asked_otherwise() -> None:
    device = Device(OPTIONS)
    assert device.feed(b"SIR\r\n", STILL) == WEIGHT
    assert device.feed(b"", STILL) == b""
    assert device.feed(b"", MOVING) == b"S D      18440 kg\r\n"
    assert device.feed(b"@\r\n", STILL) == b'I4 A "0000000001"\r\n'
    assert device.feed(b"", MOVING) == b""


def test_the_device_zeroes_and_tares() -> None:
    device = Device(OPTIONS)
    assert device.feed(b"Z\r\n", Display(mantissa=40)) == b"Z A\r\n"
    assert device.feed(b"ZI\r\nT\r\nTI\r\n", MOVING) == b"ZI I\r\nT I\r\nTI I\r\n"
    assert device.feed(b"T\r\n", Display(mantissa=340)) == b"T S        300 kg\r\n"
    assert device.feed(b"TA\r\n", STILL) == b"TA A        300 kg\r\n"
    assert device.feed(b"SI\r\n", Display(mantissa=1_340)) == b"S S       1000 kg\r\n"
    assert device.feed(b"TAC\r\nSI\r\n", Display(mantissa=1_340)) == b"TAC A\r\nS S       1300 kg\r\n"


def test_what_the_device_answers_to_orders_is_understood() -> None:
    device = Device(OPTIONS)
    sent = b"".join(INDICATOR.orders[order](OPTIONS) for order in ("zero", "tare"))
    zeroed, tared = read(device.feed(sent, Display(mantissa=40)))
    assert zeroed == Reply(status="zero-done", raw=b"Z A\r\n")
    assert isinstance(tared, Reading)
    assert (tared.kind, tared.mantissa, tared.stable) == ("tare", 0, True)


def test_a_lost_k_is_never_confirmed() -> None:
    grams = WEIGHT.replace(b"kg", b"g")
    said = read(WEIGHT * 2 + grams * 3 + WEIGHT * 2)
    assert [each.unit for each in said if each.confirmed] == ["kg", "kg"]


def test_a_weight_is_gross_only_where_there_is_no_tare() -> None:
    bare, tared = b"TA A          0 kg\r\n", b"TA A        300 kg\r\n"
    said = read(WEIGHT + bare + WEIGHT + tared + WEIGHT, SicsOptions(tare="asked"))
    assert [each.kind for each in said if each.kind != "tare"] == ["net", "gross", "net"]
    assert [each.kind for each in read(bare + WEIGHT)] == ["tare", "net"]
    assert [each.kind for each in read(WEIGHT, SicsOptions(tare="never"))] == ["gross"]


def test_weights_confirm_each_other_across_the_answers_about_the_tare() -> None:
    options = SicsOptions(tare="asked")
    assert poll(options) == b"TA\r\nSI\r\n"
    said = read((b"TA A          0 kg\r\n" + b"S S    18460.0 kg\r\n") * 3, options)
    assert [(each.kind, each.confirmed) for each in said if each.kind != "tare"] == [
        ("gross", False),
        ("gross", True),
        ("gross", True),
    ]


def test_a_tare_that_moves_is_no_answer_of_any_paper() -> None:
    assert read(b"T D       1852 kg\r\n" * 3) == []
