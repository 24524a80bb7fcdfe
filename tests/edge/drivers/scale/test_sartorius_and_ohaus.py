"""Lines whose columns alone tell where they begin: Sartorius SBI, Ohaus and their like."""

from __future__ import annotations

from typing import Any

import pytest

from edge.drivers.readings import Display
from edge.drivers.rows import Indicator
from edge.drivers.scale.ohaus_like.protocol import INDICATOR as OHAUS
from edge.drivers.scale.ohaus_like.protocol import OhausOptions
from edge.drivers.scale.sartorius_sbi.protocol import INDICATOR as SBI
from edge.drivers.scale.sartorius_sbi.protocol import Device, SbiOptions, poll
from kernel.errors import ConfigError, ProtocolError

STILL = Display(mantissa=18_460)


def read(row: Indicator, data: bytes, **options: Any) -> list[Any]:
    items = row.parser(row.options(**options)).feed(data)
    return [item for item in items if not isinstance(item, ProtocolError)]


def sent(row: Indicator, shown: Display, **options: Any) -> bytes:
    assert row.write is not None
    return row.write(shown, row.options(**options))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"      H       \r\n", {"overload": True, "valid": False, "weight": None}),
        (b"      L       \r\n", {"underload": True, "valid": False, "weight": None}),
        (b"Err 021       \r\n", {"error": "Err 021", "valid": False, "weight": None}),
        (b"     E 054    \r\n", {"error": "E 054", "valid": False, "weight": None}),
    ],
)
def test_sbi_status_lines_are_no_weights(line: bytes, told: dict[str, object]) -> None:
    [item] = read(SBI, line)
    assert told.items() <= dict(SBI.describe(item)).items()


def test_sbi_says_while_it_is_adjusted() -> None:
    [item] = read(SBI, b"      C       \r\n")
    assert (item.valid, item.words) == (False, ("being_adjusted",))


@pytest.mark.parametrize(
    ("name", "kind"), [(b"N     ", "net"), (b"G#    ", "gross"), (b"G     ", "gross"), (b"T1    ", "tare")]
)
def test_sbi_names_what_it_shows(name: bytes, kind: str) -> None:
    [item] = read(SBI, name + b"+    18460 kg \r\n", chars=22)
    assert (item.kind, item.mantissa) == (kind, 18_460)


def test_sbi_reads_no_other_names() -> None:
    assert read(SBI, b"Setp  +    18460 kg \r\n", chars=22) == []


def test_a_digit_that_is_not_verified_is_told() -> None:
    [item] = read(SBI, b"+ 123.4[5] kg \r\n")
    assert (item.mantissa, item.exponent, item.words) == (12_345, -2, ("unverified_digit",))
    [last] = read(SBI, b"+ 1846.[0] kg \r\n")
    assert (last.mantissa, last.exponent) == (18_460, -1)


@pytest.mark.parametrize(
    "line",
    [
        b"+   18460 kg \r\n",
        b"+     18460 kg \r\n",
        b"+    18 60 kg \r\n",
        b"+    1846. kg \r\n",
        b"+    18460  kg\r\n",
        b"+    18460 kq \r\n",
        b"*    18460 kg \r\n",
    ],
)
def test_sbi_columns_are_strict(line: bytes) -> None:
    assert read(SBI, line) == []


def test_the_sbi_device_prints_when_asked_and_knows_its_keys() -> None:
    options = SbiOptions(ask=True)
    device = Device(options)
    assert (poll(options), poll(SbiOptions())) == (b"\x1bP\r\n", b"")
    assert device.feed(b"\x1b", STILL) == b""
    assert device.feed(b"P\r\n", STILL) == b"+    18460 kg \r\n"
    assert device.feed(SBI.orders["zero"](options) + b"\x1bP", Display(mantissa=40)) == b"+        0 kg \r\n"
    assert device.feed(SBI.orders["tare"](options) + b"\x1bP", Display(mantissa=340)) == b"+        0 kg \r\n"
    assert device.feed(b"\x1bP", Display(mantissa=0, over_range=True)) == b"      H       \r\n"
    assert sent(SBI, Display(mantissa=0, under_range=True), chars=22) == b"Stat        L       \r\n"


@pytest.mark.parametrize(
    ("line", "options", "expect"),
    [
        (b"    20.0 kg    G\r\n", {}, ("gross", True)),
        (b"   -20.0 kg   ?N\r\n", {}, ("net", False)),
        (b"-    20.0 kg    NET\r\n", {"weight_chars": 9, "legend_chars": 3}, ("net", True)),
        (b"     20.0 kg   ?   \r\n", {"weight_chars": 9, "legend_chars": 3}, ("displayed", False)),
        (b"    20.0 kg    T\r\n", {}, ("tare", True)),
    ],
)
def test_ohaus_lines_of_several_models(
    line: bytes, options: dict[str, int], expect: tuple[str, bool]
) -> None:
    [item] = read(OHAUS, line, **options)
    assert (item.kind, item.stable) == expect
    assert (item.mantissa, item.exponent, item.unit) == (-200 if b"-" in line else 200, -1, "kg")


@pytest.mark.parametrize(
    "line",
    [
        b"\n   20.0 kg    G\r\n",  # lost a blank: the line before would have to lend one
        b"    20.0 kg   G\r\n",
        b"    20.0 kg     G\r\n",
        b"    20.0 kg    X\r\n",
        b"    20.0  kg   G\r\n",
        b"    2 .0 kg    G\r\n",
        b"   20.0- kg    G\r\n",
    ],
)
def test_ohaus_columns_are_strict(line: bytes) -> None:
    assert read(OHAUS, line) == []


@pytest.mark.parametrize("weight_chars", [8, 9, 10])
def test_the_last_columns_of_a_wider_number_are_no_number_of_their_own(weight_chars: int) -> None:
    wide = b"-      123.4 kg    G\r\n"
    narrow = b" " * (weight_chars - 4) + b"20.0 kg    G\r\n"
    assert read(OHAUS, wide * 3, weight_chars=weight_chars) == []
    assert read(OHAUS, wide[:1] + wide[12 - weight_chars :], weight_chars=weight_chars) == []
    assert len(read(OHAUS, narrow + wide + narrow * 2, weight_chars=weight_chars)) == 3


@pytest.mark.parametrize("step", [1, 5, 200])
def test_an_sbi_line_with_a_blank_too_much_is_no_weight_in_any_split(step: int) -> None:
    data, parser = b"-     18.52 kg \r\n" * 6, SBI.parser(SBI.options())
    items = [item for at in range(0, len(data), step) for item in parser.feed(data[at : at + step])]
    assert items
    assert all(isinstance(item, ProtocolError) for item in items)


def test_ohaus_columns_that_no_model_has_are_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        OhausOptions(weight_chars=20, legend_chars=0)
    assert [path for path, _ in caught.value.faults] == ["weight_chars", "legend_chars"]


def test_ohaus_prints_nothing_out_of_its_range() -> None:
    with pytest.raises(ValueError, match="out of its range"):
        sent(OHAUS, Display(mantissa=0, over_range=True))
